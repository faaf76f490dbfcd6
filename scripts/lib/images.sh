# shellcheck shell=bash
# shellcheck disable=SC2154 # the directory `scratch` is set by cleanup.sh
# Images for the tests, made without a network or an engine: OCI image layouts written by hand, so that
# every digest is known before a client touches it.

media_manifest=application/vnd.oci.image.manifest.v1+json
media_index=application/vnd.oci.image.index.v1+json

# digest_of FILE - prints the digest of a file.
digest_of() {
    local sum
    sum=$(sha256sum <"$1")
    printf 'sha256:%s\n' "${sum%% *}"
}

# put_blob LAYOUT FILE - moves a file into a layout and prints its descriptor without a media type.
put_blob() {
    local digest size
    digest=$(digest_of "$2")
    size=$(stat -c %s "$2")
    mv -- "$2" "$1/blobs/sha256/${digest#sha256:}"
    jq -nc --arg digest "$digest" --argjson size "$size" '{digest: $digest, size: $size}'
}

# new_layout LAYOUT - makes an empty layout.
new_layout() {
    mkdir -p "$1/blobs/sha256"
    printf '{"imageLayoutVersion":"1.0.0"}' >"$1/oci-layout"
    printf '{"schemaVersion":2,"manifests":[]}' >"$1/index.json"
}

# name_in_layout LAYOUT TAG DESCRIPTOR - tags a manifest of the layout.
name_in_layout() {
    local index
    index=$(jq -c --arg tag "$2" --argjson descriptor "$3" \
        '.manifests += [$descriptor + {annotations: {"org.opencontainers.image.ref.name": $tag}}]' "$1/index.json")
    printf '%s' "$index" >"$1/index.json"
}

# add_image LAYOUT ARCHITECTURE LAYERS - adds an image with that many layers; prints its descriptor.
add_image() {
    local layout=$1 architecture=$2 layers='[]' diffs='[]' config descriptor work n
    work=$(mktemp -d "$scratch/image.XXXXXX")
    for ((n = 0; n < $3; n++)); do
        printf '%s layer %d\n' "$architecture" "$n" >"$work/name"
        head -c $((4096 + 65536 * n)) /dev/urandom >"$work/data"
        tar --create --file "$work/layer.tar" --directory "$work" --owner 0 --group 0 name data
        diffs=$(jq -c --arg diff "$(digest_of "$work/layer.tar")" '. + [$diff]' <<<"$diffs")
        gzip --no-name --fast "$work/layer.tar"
        descriptor=$(put_blob "$layout" "$work/layer.tar.gz")
        layers=$(jq -c --argjson layer "$descriptor" \
            '. + [{mediaType: "application/vnd.oci.image.layer.v1.tar+gzip"} + $layer]' <<<"$layers")
    done
    jq -nc --arg architecture "$architecture" --argjson diffs "$diffs" \
        '{architecture: $architecture, os: "linux", config: {}, rootfs: {type: "layers", diff_ids: $diffs}}' >"$work/config"
    config=$(put_blob "$layout" "$work/config")
    jq -nc --arg media "$media_manifest" --argjson config "$config" --argjson layers "$layers" \
        '{schemaVersion: 2, mediaType: $media,
          config: ({mediaType: "application/vnd.oci.image.config.v1+json"} + $config), layers: $layers}' >"$work/manifest"
    descriptor=$(put_blob "$layout" "$work/manifest")
    rm -r "$work"
    jq -c --arg media "$media_manifest" '{mediaType: $media} + .' <<<"$descriptor"
}

# make_layout LAYOUT - makes a layout with the image `one` and the index `multi` of two architectures.
make_layout() {
    local layout=$1 amd64 arm64 descriptor
    new_layout "$layout"
    amd64=$(add_image "$layout" amd64 3)
    arm64=$(add_image "$layout" arm64 1)
    jq -nc --arg media "$media_index" --argjson amd64 "$amd64" --argjson arm64 "$arm64" \
        '{schemaVersion: 2, mediaType: $media, manifests: [
            $amd64 + {platform: {os: "linux", architecture: "amd64"}},
            $arm64 + {platform: {os: "linux", architecture: "arm64"}}]}' >"$layout/index"
    descriptor=$(put_blob "$layout" "$layout/index" | jq -c --arg media "$media_index" '{mediaType: $media} + .')
    name_in_layout "$layout" one "$amd64"
    name_in_layout "$layout" multi "$descriptor"
}

# layout_digest LAYOUT TAG - prints the digest that a tag of a layout names.
layout_digest() {
    jq -er --arg tag "$2" \
        '.manifests[] | select(.annotations["org.opencontainers.image.ref.name"] == $tag) | .digest' "$1/index.json"
}

# layout_blob LAYOUT DIGEST - prints the path of a blob or manifest.
layout_blob() {
    printf '%s/blobs/sha256/%s\n' "$1" "${2#sha256:}"
}

# image_blobs LAYOUT DIGEST - prints the digests of the configuration and the layers of an image.
image_blobs() {
    jq -r '.config.digest, .layers[].digest' "$(layout_blob "$1" "$2")"
}

# single_layout LAYOUT TAG DIRECTORY - copies one tag of a layout into a layout of its own.
single_layout() {
    cp -r -- "$1" "$3"
    jq -c --arg tag "$2" \
        '.manifests |= map(select(.annotations["org.opencontainers.image.ref.name"] == $tag))' "$1/index.json" >"$3/index.json"
}

# holds_image DIRECTORY LAYOUT DIGEST - a directory of blobs named by their hex digests, such as the
# one of a pulled layout, holds exactly the manifest and the blobs of an image.
holds_image() {
    local digest
    for digest in "$3" $(image_blobs "$2" "$3"); do
        cmp "$1/${digest#sha256:}" "$(layout_blob "$2" "$digest")"
    done
}
