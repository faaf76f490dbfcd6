# shellcheck shell=bash
# shellcheck disable=SC2154 # set by scripts/clients: what a client is told about the registry

client_regctl() {
    local repository=$host/regctl/one artifact_type=application/vnd.example.sbom
    local -x REGCTL_CONFIG=$home/regctl.json DOCKER_CONFIG=$home/docker
    printf 'a bill of materials\n' >"$home/sbom.txt"
    if [[ -n $ca ]]; then
        check "set the certificate" regctl registry set --skip-check --tls enabled --cacert "$(<"$ca")" "$host"
    else
        check "set plain HTTP" regctl registry set --skip-check --tls disabled "$host"
    fi
    if [[ -n $user ]]; then
        check_fails "login is refused with a wrong password" regctl registry login "$host" -u "$user" -p wrong
        check "login" regctl registry login "$host" -u "$user" -p "$password"
    fi
    check "push an image" regctl image copy "ocidir://$layout:one" "$repository:v1"
    check "pushed bytes are exact" same_image regctl/one v1 "$layout" "$one_digest"
    check "push an index" regctl image copy "ocidir://$layout:multi" "$repository:multi"
    check "pushed index is exact" same_index regctl/one multi "$layout" "$multi_digest"
    check "push again" regctl image copy --force-recursive "ocidir://$layout:one" "$repository:v1"
    check "push in chunks" regctl_chunked
    check "chunked bytes are exact" same_image regctl/chunked v1 "$layout" "$one_digest"
    check "HEAD" regctl_digest
    check "pull by tag" regctl image copy "$repository:v1" "ocidir://$home/tag:v1"
    check "pulled bytes are exact" holds_image "$home/tag/blobs/sha256" "$layout" "$one_digest"
    check "pull by digest" regctl image copy "$repository@$one_digest" "ocidir://$home/digest:v1"
    check "pulled bytes are exact" holds_image "$home/digest/blobs/sha256" "$layout" "$one_digest"
    check "copy between repositories" regctl image copy "$repository:multi" "$repository/copy:v1"
    check "copied index is exact" same_index regctl/one/copy v1 "$layout" "$multi_digest"
    check "make an index" regctl index create "$repository:index" --ref "$repository:v1"
    check "put an artifact" regctl artifact put --artifact-type "$artifact_type" --file "$home/sbom.txt" "$repository:artifact"
    check "put a referrer" regctl artifact put --artifact-type "$artifact_type" --file "$home/sbom.txt" --subject "$repository:v1"
    check "put another referrer" regctl artifact put --artifact-type application/vnd.example.signature \
        --annotation key=value --file "$home/sbom.txt" --subject "$repository:v1"
    check "list referrers" regctl_referrers 2
    check "list referrers of a type" regctl_referrers 1 --filter-artifact-type "$artifact_type"
    check "copy with referrers" regctl image copy --referrers "$repository:v1" "$repository/graph:v1"
    check "get an artifact" regctl_artifact
    check "get a blob" regctl_blob
    check "copy to other tags" regctl_tags
    check "list tags" regctl_lists
    check "list repositories" regctl_catalog
    check "delete a tag" regctl tag delete "$repository:v2"
    check "deleted tag is gone" gone regctl/one/manifests/v2
    check "its manifest stays" same_image regctl/one v1 "$layout" "$one_digest"
    check "delete by digest" regctl manifest delete "$repository@$one_digest"
    check "deleted manifest is gone" gone "regctl/one/manifests/$one_digest"
    check "its tags are gone" gone regctl/one/manifests/v3
}

regctl_chunked() {
    regctl --host "reg=$host,blobmax=10000,blobchunk=20000" image copy "ocidir://$layout:one" "$host/regctl/chunked:v1"
}

regctl_digest() {
    [[ $(regctl image digest "$repository:v1") == "$one_digest" ]]
    regctl manifest head "$repository@$one_digest"
}

regctl_referrers() {
    local wanted=$1
    shift
    [[ $(regctl artifact list --format '{{json .Descriptors}}' "$@" "$repository:v1" | jq length) == "$wanted" ]]
}

regctl_artifact() {
    regctl artifact get "$repository:artifact" | cmp - "$home/sbom.txt"
}

regctl_blob() {
    local digest
    digest=$(image_blobs "$layout" "$one_digest" | tail -n 1)
    regctl blob get "$repository" "$digest" | cmp - "$(layout_blob "$layout" "$digest")"
}

regctl_tags() {
    regctl image copy "$repository:v1" "$repository:v2"
    regctl image copy "$repository:v1" "$repository:v3"
}

regctl_lists() {
    [[ $(regctl tag ls "$repository" | grep -v '^sha256-' | sort) == $'artifact\nindex\nmulti\nv1\nv2\nv3' ]]
}

regctl_catalog() {
    regctl repo ls "$host" | grep -Fx regctl/one/copy
}
