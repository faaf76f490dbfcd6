# shellcheck shell=bash
# shellcheck disable=SC2154 # set by scripts/clients: what a client is told about the registry

client_buildah() {
    local one=$host/buildah/one only=(--tls-verify=false) credentials=(--authfile "$home/auth.json")
    [[ -z $ca ]] || only=(--cert-dir "$certificates")
    head -c 100000 /dev/urandom >"$home/data"
    if [[ -n $user ]]; then
        check_fails "login is refused with a wrong password" \
            buildah_here login "${only[@]}" --authfile "$home/wrong.json" -u "$user" -p wrong "$host"
        check "login" buildah_here login "${only[@]}" "${credentials[@]}" -u "$user" -p "$password" "$host"
    else
        credentials=()
    fi
    check "build an image" buildah_build
    check "push an image" buildah_push v1
    check "push again" buildah_push v1
    check "the registry has the digest of the push" buildah_pushed v1
    check "push as Docker schema 2" buildah_push docker --format v2s2
    check "the registry has the digest of the push" buildah_pushed docker
    check "push an index" buildah_push_index
    check "pushed index is complete" buildah_index_complete
    check "remove the images" buildah_here rmi --all --force
    check "pull by tag" buildah_here pull "${credentials[@]}" "${only[@]}" "$one:v1"
    check "pulled files are exact" buildah_files "$one:v1"
    check "remove the images" buildah_here rmi --all --force
    check "pull by digest" buildah_pull_digest
}

# Buildah with a storage of its own, without namespaces of any kind.
buildah_here() {
    buildah --root "$home/storage" --runroot "$home/run" --storage-driver vfs "$@"
}

buildah_build() {
    local container
    container=$(buildah_here from scratch)
    buildah_here copy "$container" "$home/data" /data
    buildah_here config --label made=here "$container"
    buildah_here commit --rm "$container" built
}

buildah_push() {
    local tag=$1
    shift
    buildah_here push "${credentials[@]}" "${only[@]}" "$@" --digestfile "$home/$tag.digest" built "docker://$one:$tag"
}

buildah_pushed() {
    [[ $(remote_digest buildah/one "$1") == "$(<"$home/$1.digest")" ]]
}

buildah_push_index() {
    buildah_here manifest create list
    buildah_here manifest add "${credentials[@]}" "${only[@]}" --arch arm64 list "docker://$one@$(<"$home/v1.digest")"
    buildah_here manifest push "${credentials[@]}" "${only[@]}" --all list "docker://$one:list"
}

buildah_index_complete() {
    [[ $(remote_manifest buildah/one list | jq -er '.manifests[0].digest') == "$(<"$home/v1.digest")" ]]
}

buildah_files() {
    local container mounted
    container=$(buildah_here from --pull-never "$1")
    mounted=$(buildah_here mount "$container")
    cmp "$mounted/data" "$home/data"
    buildah_here rm "$container"
}

buildah_pull_digest() {
    buildah_here pull "${credentials[@]}" "${only[@]}" "$one@$(<"$home/v1.digest")"
    buildah_files "$one@$(<"$home/v1.digest")"
}
