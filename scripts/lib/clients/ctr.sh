# shellcheck shell=bash
# shellcheck disable=SC2154 # set by scripts/clients: what a client is told about the registry

client_ctr() {
    local one=$host/ctr/one:one only=(--plain-http) pid
    if [[ -n $ca ]]; then
        containerd_host
        only=(--hosts-dir "$home/hosts")
    fi
    containerd_config >"$home/config.toml"
    containerd --config "$home/config.toml" >"$home/log" 2>&1 </dev/null &
    pid=$!
    defer server_end "$pid"
    check "start containerd" containerd_wait
    if [[ -n $user ]]; then
        check "import for a refused push" containerd_import "$host/ctr/one"
        check_fails "push is refused with a wrong password" ctr_here images push "${only[@]}" --user "$user:wrong" "$one"
        only+=(--user "$user:$password")
    fi
    check "import an image" containerd_import "$host/ctr/one"
    check "push an image" ctr_push "${only[@]}" "$one"
    check "pushed bytes are exact" same_image ctr/one one "$layout" "$one_digest"
    check "push an index" ctr_push "${only[@]}" "$host/ctr/one:multi"
    check "pushed index is exact" same_index ctr/one multi "$layout" "$multi_digest"
    check "push again" ctr_push "${only[@]}" "$one"
    check "copy to another repository" ctr_copy
    check "copied bytes are exact" same_image ctr/copy v1 "$layout" "$one_digest"
    check "remove the images" ctr_forget
    check "fetch an index" ctr_here content fetch "${only[@]}" --all-platforms "$host/ctr/one:multi"
    check "fetched bytes are exact" ctr_holds "$multi_digest"
    check "remove the images" ctr_forget
    check "pull by tag" ctr_here images pull "${only[@]}" --snapshotter native --platform linux/amd64 "$one"
    check "pulled bytes are exact" ctr_holds_image
    check "remove the images" ctr_forget
    check "pull by digest" ctr_here images pull "${only[@]}" --snapshotter native --platform linux/amd64 "$host/ctr/one@$one_digest"
    check "pulled bytes are exact" ctr_holds_image
    server_end "$pid"
}

# A containerd of our own, with nothing but what stores and transfers images.
containerd_config() {
    cat <<TOML
version = 2
root = "$home/root"
state = "$home/state"
disabled_plugins = ["io.containerd.grpc.v1.cri", "io.containerd.internal.v1.opt"]
[grpc]
  address = "$home/socket"
[ttrpc]
  address = "$home/socket.ttrpc"
TOML
}

# For a loopback address it takes TLS only from a file that says so.
containerd_host() {
    mkdir -p "$home/hosts/$host"
    cat >"$home/hosts/$host/hosts.toml" <<TOML
server = "https://$host"
[host."https://$host"]
  ca = "$ca"
TOML
}

ctr_here() {
    ctr --address "$home/socket" "$@"
}

# ctr_push ARGUMENT... - pushes. Once in some dozens of times ctr loses what it reads from containerd, which has nothing to
# do with a registry (github.com/containerd/containerd/issues/5734): then once more.
ctr_push() {
    local output status=0
    output=$(ctr_here images push "$@" 2>&1) || status=$?
    printf '%s\n' "$output"
    if ((status)) && [[ $output == *'rpc error: code = Internal desc = unexpected EOF'* ]]; then
        ctr_here images push "$@"
        return
    fi
    return "$status"
}

containerd_wait() {
    for _ in {1..100}; do
        ! ctr_here version >/dev/null 2>&1 || return 0
        sleep 0.1
    done
    tail -n 20 "$home/log"
    return 1
}

containerd_import() {
    tar --create --directory "$layout" . | ctr_here images import --all-platforms --no-unpack --base-name "$1" -
}

ctr_copy() {
    ctr_here images tag --force "$one" "$host/ctr/copy:v1"
    ctr_push "${only[@]}" "$host/ctr/copy:v1"
}

# Without images nothing refers to the content any more, and a synchronous removal collects it.
ctr_forget() {
    ctr_here images list --quiet | xargs --no-run-if-empty ctr --address "$home/socket" images remove --sync
    [[ -z $(ctr_here content list --quiet) ]]
}

ctr_holds() {
    ctr_here content get "$1" | cmp - "$(layout_blob "$layout" "$1")"
}

ctr_holds_image() {
    local digest
    for digest in "$one_digest" $(image_blobs "$layout" "$one_digest"); do
        ctr_holds "$digest"
    done
}
