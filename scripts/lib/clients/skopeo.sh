# shellcheck shell=bash
# shellcheck disable=SC2154 # set by scripts/clients: what a client is told about the registry

client_skopeo() {
    local one=docker://$host/skopeo/one multi=docker://$host/skopeo/multi from=() to=() only=()
    local credentials=(--authfile "$home/auth.json")
    if [[ -n $ca ]]; then
        from=(--src-cert-dir "$certificates") to=(--dest-cert-dir "$certificates") only=(--cert-dir "$certificates")
    else
        from=(--src-tls-verify=false) to=(--dest-tls-verify=false) only=(--tls-verify=false)
    fi
    if [[ -n $user ]]; then
        check_fails "login is refused with a wrong password" \
            skopeo login "${only[@]}" --authfile "$home/wrong.json" -u "$user" -p wrong "$host"
        check "login" skopeo login "${only[@]}" "${credentials[@]}" -u "$user" -p "$password" "$host"
        check_fails "push is refused without a login" \
            skopeo copy "${to[@]}" --authfile "$home/none.json" "oci:$layout:one" "$one:v1"
    else
        credentials=()
    fi
    check "push an image" skopeo copy "${credentials[@]}" "${to[@]}" "oci:$layout:one" "$one:v1"
    check "pushed bytes are exact" same_image skopeo/one v1 "$layout" "$one_digest"
    check "push an index" skopeo copy "${credentials[@]}" "${to[@]}" --all "oci:$layout:multi" "$multi:v1"
    check "pushed index is exact" same_index skopeo/multi v1 "$layout" "$multi_digest"
    check "push again" skopeo copy "${credentials[@]}" "${to[@]}" "oci:$layout:one" "$one:v1"
    check "pull by tag" skopeo copy "${credentials[@]}" "${from[@]}" "$one:v1" "oci:$home/tag:v1"
    check "pulled bytes are exact" holds_image "$home/tag/blobs/sha256" "$layout" "$one_digest"
    check "pull by digest" skopeo copy "${credentials[@]}" "${from[@]}" "$one@$one_digest" "oci:$home/digest:v1"
    check "pulled bytes are exact" holds_image "$home/digest/blobs/sha256" "$layout" "$one_digest"
    check "copy between repositories" skopeo copy "${credentials[@]}" "${from[@]}" "${to[@]}" --all "$multi:v1" "$multi/copy:v1"
    check "copied index is exact" same_index skopeo/multi/copy v1 "$layout" "$multi_digest"
    check "copy to another tag" skopeo copy "${credentials[@]}" "${from[@]}" "${to[@]}" "$one:v1" "$one:v2"
    check "list tags" skopeo_lists '["v1","v2"]'
    check "inspect" skopeo_inspects
    check "delete" skopeo delete "${credentials[@]}" "${only[@]}" "$one:v1"
    check "deleted manifest is gone" gone "skopeo/one/manifests/$one_digest"
    check "its tags are gone" gone skopeo/one/manifests/v2
}

skopeo_lists() {
    [[ $(skopeo list-tags "${credentials[@]}" "${only[@]}" "$one" | jq -c .Tags) == "$1" ]]
}

skopeo_inspects() {
    skopeo inspect "${credentials[@]}" "${only[@]}" --raw "$multi:v1" | cmp - "$(layout_blob "$layout" "$multi_digest")"
    [[ $(skopeo inspect "${credentials[@]}" "${only[@]}" "$one:v1" | jq -r .Digest) == "$one_digest" ]]
}
