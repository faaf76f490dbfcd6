# shellcheck shell=bash
# shellcheck disable=SC2154 # `scratch` is set by cleanup.sh, `base` by the script
# What a registry holds, asked for with curl alone, so that no client vouches for itself.
#
# Uses: base (URL of the registry), remote_curl (array of options for curl: credentials, certificates).

remote_curl=()

accept_manifests='application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json,
application/vnd.docker.distribution.manifest.list.v2+json, application/vnd.docker.distribution.manifest.v2+json'

remote() {
    curl --silent --show-error --fail --location "${remote_curl[@]}" "$@"
}

# remote_manifest REPOSITORY REFERENCE - prints the bytes of a manifest.
remote_manifest() {
    remote --header "Accept: ${accept_manifests//$'\n'/ }" "$base/v2/$1/manifests/$2"
}

# remote_digest REPOSITORY REFERENCE - prints the digest of the bytes of a manifest.
remote_digest() {
    local file
    file=$(mktemp "$scratch/manifest.XXXXXX")
    remote_manifest "$1" "$2" >"$file" && digest_of "$file"
}

# remote_status PATH - prints the status of a HEAD request.
remote_status() {
    curl --silent --head "${remote_curl[@]}" --header "Accept: ${accept_manifests//$'\n'/ }" \
        --output /dev/null --write-out '%{http_code}\n' "$base/v2/$1"
}

# same_manifest REPOSITORY REFERENCE FILE - the registry serves exactly the bytes of a file.
same_manifest() {
    remote_manifest "$1" "$2" | cmp - "$3"
}

# same_image REPOSITORY REFERENCE LAYOUT DIGEST - the manifest and all its blobs are those of the layout.
same_image() {
    local digest
    same_manifest "$1" "$2" "$(layout_blob "$3" "$4")"
    for digest in $(image_blobs "$3" "$4"); do
        remote "$base/v2/$1/blobs/$digest" | cmp - "$(layout_blob "$3" "$digest")"
    done
}

# same_index REPOSITORY REFERENCE LAYOUT DIGEST - the index and all its images are those of the layout.
same_index() {
    local child
    same_manifest "$1" "$2" "$(layout_blob "$3" "$4")"
    for child in $(jq -r '.manifests[].digest' "$(layout_blob "$3" "$4")"); do
        same_image "$1" "$child" "$3" "$child"
    done
}

# gone PATH - the registry answers 404.
gone() {
    [[ $(remote_status "$1") == 404 ]]
}
