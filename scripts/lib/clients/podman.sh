# shellcheck shell=bash
# shellcheck disable=SC2154 # set by scripts/clients: what a client is told about the registry

client_podman() {
    local one=$host/podman/one only=(--tls-verify=false) credentials=(--authfile "$home/auth.json")
    [[ -z $ca ]] || only=(--cert-dir "$certificates")
    if [[ -n $user ]]; then
        check_fails "login is refused with a wrong password" \
            podman_here login "${only[@]}" --authfile "$home/wrong.json" -u "$user" -p wrong "$host"
        check "login" podman_here login "${only[@]}" "${credentials[@]}" -u "$user" -p "$password" "$host"
    else
        credentials=()
    fi
    check "load an image" podman_load
    check "push an image" podman_push v1
    check "push again" podman_push v1
    check "the registry has the digest of the push" podman_pushed v1
    check "remove the image" podman_here rmi --all --force
    check "pull by tag" podman_here pull "${credentials[@]}" "${only[@]}" "$one:v1"
    check "pulled configuration is exact" podman_config "$one:v1"
    check "pulled files are exact" podman_files "$one:v1"
    check "remove the image" podman_here rmi --all --force
    check "pull by digest" podman_pull_digest
    check "push an index" podman_push_list
    check "pushed index is complete" podman_list_complete
    check "copy to another repository" podman_copy
    check "list tags" podman_lists
    check "list repositories" podman_catalog
    check "remove all images" podman_here rmi --all --force
}

# Podman with a storage of its own, without an engine, an overlay file system or a user's settings.
podman_here() {
    podman --root "$home/storage" --runroot "$home/run" --storage-driver vfs --cgroup-manager cgroupfs "$@"
}

# The image is named after the path, which a name's grammar may not allow.
podman_load() {
    (cd "$home" && podman_here pull oci:layout:one)
}

podman_push() {
    local id
    id=$(podman_here images --quiet | head -n 1)
    podman_here push "${credentials[@]}" "${only[@]}" --format oci --digestfile "$home/$1.digest" "$id" "$one:$1"
}

podman_pushed() {
    [[ $(remote_digest podman/one "$1") == "$(<"$home/$1.digest")" ]]
}

# An image's id in podman is the digest of its configuration.
podman_config() {
    local id wanted
    id=$(podman_here image inspect --format '{{.Id}}' "$1")
    wanted=$(image_blobs "$layout" "$one_digest" | head -n 1)
    [[ $id == "${wanted#sha256:}" ]]
}

podman_files() {
    local mounted layer
    layer=$(image_blobs "$layout" "$one_digest" | tail -n 1)
    mounted=$(podman_here image mount "$1")
    tar --extract --gzip --to-stdout --file "$(layout_blob "$layout" "$layer")" data | cmp - "$mounted/data"
    podman_here image unmount "$1"
}

podman_pull_digest() {
    podman_here pull "${credentials[@]}" "${only[@]}" "$one@$(<"$home/v1.digest")"
    podman_files "$one@$(<"$home/v1.digest")"
}

podman_push_list() {
    podman_here manifest create list
    podman_here manifest add "${credentials[@]}" "${only[@]}" --arch arm64 list "docker://$one@$(<"$home/v1.digest")"
    podman_here manifest push "${credentials[@]}" "${only[@]}" --all list "docker://$one:list"
    podman_here manifest rm list
}

podman_list_complete() {
    local child
    child=$(remote_manifest podman/one list | jq -er '.manifests[0].digest')
    remote_manifest podman/one "$child" | cmp - <(remote_manifest podman/one v1)
}

podman_copy() {
    podman_here tag "$one@$(<"$home/v1.digest")" "$one/copy:v1"
    podman_here push "${credentials[@]}" "${only[@]}" "$one/copy:v1"
    remote_manifest podman/one/copy v1 | jq -e '.layers | length == 3'
}

podman_lists() {
    [[ $(podman_search --list-tags --format json "$one" | jq -r '.[].Tags[]' | sort) == $'list\nv1' ]]
}

podman_catalog() {
    podman_search --format '{{.Name}}' "$host/podman" | grep -Fx "$one/copy"
}

# The search takes no directory of certificates.
podman_search() {
    if [[ -n $ca ]]; then
        SSL_CERT_FILE=$ca podman_here search "${credentials[@]}" "$@"
    else
        podman_here search "${credentials[@]}" "${only[@]}" "$@"
    fi
}
