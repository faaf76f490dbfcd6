# shellcheck shell=bash
# A registry on a free loopback port, with its data below one directory and its log beside that.
#
# SERVER names the command that is given a configuration file, so that another registry can be
# put to the same tests: SERVER='docker-registry serve' scripts/clients. STORE puts an object store behind it.

# shellcheck source=scripts/lib/stores.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/stores.sh"

server_pid=
server_port=
server_url=

# server_command - sets the array `server` to the command line to start.
server_command() {
    local target=${CARGO_TARGET_DIR:-target} binary
    if [[ -n ${SERVER-} ]]; then
        read -ra server <<<"$SERVER"
        return
    fi
    for binary in "$target/release/registry" "$target/debug/registry"; do
        if [[ -x $binary ]]; then
            server=("$(realpath "$binary")" serve)
            return
        fi
    done
    printf 'there is no registry binary below %s: run cargo build --release first\n' "$target" >&2
    return 1
}

# free_port - prints a loopback port on which nobody listens and that no other call has printed in the last ten minutes:
# what is printed is listened on later. It is below those that the system gives to connections.
free_port() {
    local port given=${TMPDIR:-/tmp}/registry-ports
    mkdir -p "$given"
    find "$given" -mindepth 1 -mmin +10 -exec rmdir {} + 2>/dev/null || true
    for _ in {1..100}; do
        port=$((20000 + RANDOM % 12000))
        if mkdir "$given/$port" 2>/dev/null && ! (: </dev/tcp/127.0.0.1/$port) 2>/dev/null; then
            printf '%d\n' "$port"
            return
        fi
    done
    printf 'no free port was found\n' >&2
    return 1
}

# server_config DIR PORT [htpasswd FILE] [tls CERTIFICATE KEY] [storage DIR] [storage-key YAML] [database URL CA]
# - prints a configuration. An empty CA leaves the connection to the database unencrypted.
server_config() {
    local dir=$1 port=$2 auth='' tls='' storage=$1/storage database='' store keys=''
    # What is not on the file system has its database elsewhere.
    [[ -z ${STORE-} ]] || database=$'\ndatabase:\n  url: "sqlite:'$dir'/registry.db"'
    shift 2
    while (($#)); do
        case $1 in
            htpasswd)
                auth=$'\nauth:\n  htpasswd: {realm: registry, path: "'$2'"}'
                shift 2
                ;;
            tls)
                tls=$'\n  tls: {certificate: "'$2'", key: "'$3'"}'
                shift 3
                ;;
            storage)
                storage=$2
                shift 2
                ;;
            storage-key)
                keys+=$'\n  '$2
                shift 2
                ;;
            database)
                database=$'\ndatabase:\n  url: "'$2'"'
                [[ -z $3 ]] || database+=$'\n  tls: {enabled: true, cas: ["'$3'"]}'
                shift 3
                ;;
        esac
    done
    store=$(store_config "$storage") || return
    cat <<YAML
version: 0.1
log: {level: warn}
storage:
  $store
  delete: {enabled: true}$keys$database$auth
http:
  addr: 127.0.0.1:$port$tls
YAML
}

# server_start DIR [OPTION...] - starts a registry below DIR with the options of server_config, waits
# until it answers, and sets server_pid, server_port and server_url.
server_start() {
    local dir=$1 scheme=http
    shift
    server_command
    mkdir -p "$dir"
    server_port=$(free_port)
    [[ " $* " == *' tls '* ]] && scheme=https
    server_url=$scheme://127.0.0.1:$server_port
    server_config "$dir" "$server_port" "$@" >"$dir/config.yml"
    (cd "$dir" && exec "${server[@]}" config.yml) >>"$dir.log" 2>&1 </dev/null &
    server_pid=$!
    defer server_end "$server_pid"
    server_wait "$server_url" || {
        printf 'the registry does not answer at %s; its log ends:\n' "$server_url" >&2
        tail -n 20 "$dir.log" >&2
        return 1
    }
}

# server_wait URL - waits until a registry answers, for at most 30 seconds.
server_wait() {
    local status
    for _ in {1..300}; do
        status=$(curl --silent --insecure --output /dev/null --write-out '%{http_code}' "$1/v2/") || true
        [[ $status == 200 || $status == 401 ]] && return
        [[ -z $server_pid ]] || kill -0 "$server_pid" 2>/dev/null || return 1
        sleep 0.1
    done
    return 1
}

# server_stop - ends the server that server_start started last.
server_stop() {
    server_end "$server_pid"
    server_pid=
}

# server_end PID - asks a child to stop, ends it after ten seconds, and waits for it.
server_end() {
    kill -TERM "$1" 2>/dev/null || return 0
    for _ in {1..100}; do
        kill -0 "$1" 2>/dev/null || break
        sleep 0.1
    done
    kill -KILL "$1" 2>/dev/null || true
    wait "$1" 2>/dev/null || true
}
