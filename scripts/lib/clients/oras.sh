# shellcheck shell=bash
# shellcheck disable=SC2154 # set by scripts/clients: what a client is told about the registry

client_oras() {
    local repository=$host/oras/one only from to plain=() artifact_type=application/vnd.example.sbom
    local accounts=$home/oras.json
    [[ -n $ca ]] || plain=(--plain-http)
    only=(--registry-config "$accounts" "${plain[@]}")
    from=(--from-registry-config "$accounts" "${plain[@]/#--/--from-}")
    to=(--to-registry-config "$accounts" "${plain[@]/#--/--to-}")
    if [[ -n $ca ]]; then
        only+=(--ca-file "$ca") from+=(--from-ca-file "$ca") to+=(--to-ca-file "$ca")
    fi
    printf '{}' >"$accounts"
    printf 'a bill of materials\n' >"$home/sbom.txt"
    if [[ -n $user ]]; then
        check_fails "login is refused with a wrong password" oras login "${only[@]}" -u "$user" -p wrong "$host"
        check "login" oras login "${only[@]}" -u "$user" -p "$password" "$host"
    fi
    check "push an image" oras cp --from-oci-layout "$layout:one" "${to[@]}" "$repository:v1"
    check "pushed bytes are exact" same_image oras/one v1 "$layout" "$one_digest"
    check "push an index" oras cp --from-oci-layout "$layout:multi" "${to[@]}" "$repository:multi"
    check "pushed index is exact" same_index oras/one multi "$layout" "$multi_digest"
    check "push again" oras cp --from-oci-layout "$layout:one" "${to[@]}" "$repository:v1"
    check "pull by tag" oras cp "${from[@]}" "$repository:v1" --to-oci-layout "$home/tag:v1"
    check "pulled bytes are exact" holds_image "$home/tag/blobs/sha256" "$layout" "$one_digest"
    check "pull by digest" oras cp "${from[@]}" "$repository@$one_digest" --to-oci-layout "$home/digest:v1"
    check "pulled bytes are exact" holds_image "$home/digest/blobs/sha256" "$layout" "$one_digest"
    check "copy between repositories" oras cp "${from[@]}" "$repository:multi" "${to[@]}" "$repository/copy:v1"
    check "copied index is exact" same_index oras/one/copy v1 "$layout" "$multi_digest"
    check "push files" oras_in_home push "${only[@]}" --artifact-type "$artifact_type" "$repository:files" sbom.txt:text/plain
    check "pull files" oras_in_home pull "${only[@]}" --output files "$repository:files"
    check "pulled file is exact" cmp "$home/files/sbom.txt" "$home/sbom.txt"
    check "attach" oras_in_home attach "${only[@]}" --artifact-type "$artifact_type" "$repository:v1" sbom.txt:text/plain
    check "attach another type" oras_in_home attach "${only[@]}" --artifact-type application/vnd.example.signature \
        --annotation key=value "$repository:v1" sbom.txt:text/plain
    check "discover referrers" oras_referrers 2
    check "discover referrers of a type" oras_referrers 1 --artifact-type "$artifact_type"
    check "copy with referrers" oras cp --recursive "${from[@]}" "$repository:v1" "${to[@]}" "$repository/graph:v1"
    check "copied referrers" oras_graph
    check "push a blob" oras blob push "${only[@]}" "$repository" "$home/sbom.txt"
    check "fetch a blob" oras_blob
    check "delete a blob" oras blob delete --force "${only[@]}" "$repository@$(digest_of "$home/sbom.txt")"
    check "deleted blob is gone" gone "oras/one/blobs/$(digest_of "$home/sbom.txt")"
    check "tag" oras tag "${only[@]}" "$repository:v1" v2 v3
    check "list tags" oras_lists
    check "list repositories" oras_catalog
    check "delete by digest" oras manifest delete --force "${only[@]}" "$repository@$one_digest"
    check "deleted manifest is gone" gone "oras/one/manifests/$one_digest"
    check "its tags are gone" gone oras/one/manifests/v3
}

# File names in an artifact are relative.
oras_in_home() {
    (cd "$home" && oras "$@")
}

oras_referrers() {
    local wanted=$1
    shift
    [[ $(oras discover "${only[@]}" --format json "$@" "$repository:v1" | jq '.manifests | length') == "$wanted" ]]
}

oras_graph() {
    [[ $(oras discover "${only[@]}" --format json "$repository/graph:v1" | jq '.manifests | length') == 2 ]]
}

oras_blob() {
    oras blob fetch "${only[@]}" --output - "$repository@$(digest_of "$home/sbom.txt")" | cmp - "$home/sbom.txt"
}

oras_lists() {
    [[ $(oras repo tags "${only[@]}" --exclude-digest-tags "$repository" | sort) == $'files\nmulti\nv1\nv2\nv3' ]]
}

oras_catalog() {
    oras repo ls "${only[@]}" "$host" | grep -Fx oras/one/copy
}
