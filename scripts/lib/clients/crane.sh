# shellcheck shell=bash
# shellcheck disable=SC2154 # set by scripts/clients: what a client is told about the registry

client_crane() {
    local one=$host/crane/one multi=$host/crane/multi
    local -x DOCKER_CONFIG=$home/docker
    if [[ -n $ca ]]; then
        local -x SSL_CERT_FILE=$ca
    fi
    single_layout "$layout" one "$home/one"
    # As an index, crane pushes the one that lists the layout.
    single_layout "$layout" multi "$home/multi"
    cp "$(layout_blob "$layout" "$multi_digest")" "$home/multi/index.json"
    if [[ -n $user ]]; then
        check_fails "push is refused without a login" crane push "$home/one" "$one:v1"
        check "store a wrong password" crane auth login "$host" -u "$user" -p wrong
        check_fails "push is refused with a wrong password" crane push "$home/one" "$one:v1"
        check "login" crane auth login "$host" -u "$user" -p "$password"
    fi
    check "push an image" crane push "$home/one" "$one:v1"
    check "pushed bytes are exact" same_image crane/one v1 "$layout" "$one_digest"
    check "push an index" crane push --index "$home/multi" "$multi:v1"
    check "pushed index is exact" same_index crane/multi v1 "$layout" "$multi_digest"
    check "push again" crane push "$home/one" "$one:v1"
    check "HEAD by tag" crane_digest "$one:v1"
    check "HEAD by digest" crane_digest "$one@$one_digest"
    check "pull by tag" crane pull --format oci "$one:v1" "$home/tag"
    check "pulled bytes are exact" holds_image "$home/tag/blobs/sha256" "$layout" "$one_digest"
    check "pull by digest" crane pull --format oci "$one@$one_digest" "$home/digest"
    check "pulled bytes are exact" holds_image "$home/digest/blobs/sha256" "$layout" "$one_digest"
    check "pull a blob" crane_blob
    check "copy between repositories" crane copy "$multi:v1" "$multi/copy:v1"
    check "copied index is exact" same_index crane/multi/copy v1 "$layout" "$multi_digest"
    check "append a layer" crane append --base "$one:v1" --new_layer "$home/one/oci-layout" --new_tag "$one:appended"
    check "make an index" crane index append --manifest "$one@$one_digest" --tag "$one:index"
    check "validate an index" crane validate --remote "$multi:v1"
    check "tag" crane tag "$one:v1" v2
    check "list tags" crane_lists ls "$one" $'appended\nindex\nv1\nv2'
    check "list repositories" crane_catalog
    check "delete" crane delete "$one@$one_digest"
    check "deleted manifest is gone" gone "crane/one/manifests/$one_digest"
    check "its tags are gone" gone crane/one/manifests/v2
    check "other tags stay" crane manifest "$one:appended"
}

crane_digest() {
    [[ $(crane digest "$1") == "$one_digest" ]]
}

crane_blob() {
    local digest
    digest=$(image_blobs "$layout" "$one_digest" | tail -n 1)
    crane blob "$one@$digest" | cmp - "$(layout_blob "$layout" "$digest")"
}

crane_lists() {
    [[ $(crane "$1" "$2" | sort) == "$3" ]]
}

crane_catalog() {
    crane catalog "$host" | grep -Fx crane/multi/copy
}
