# shellcheck shell=bash
# The registries and the web server that ours is compared with. Needs tools.sh.
#
# bench-peers/*/go.mod pins those that come as Go modules with their checksums, each with the versions of its own
# dependencies.

# tools.sh sets it.
peers_dir=${tools_dir:?}/peers
peers_packages=(docker-registry nginx)
# It has no file of its own here: its module is not everywhere to be had.
zot_module=zotregistry.dev/zot/v2/cmd/zot@v2.1.8

# peers_install - installs what is missing. Fails if one cannot be had that the comparison is about.
peers_install() {
    peers_install_packages "${peers_packages[@]}"
    peers_install_go scripts/lib/bench-peers/distribution registry
    peers_install_go scripts/lib/bench-peers/olareg olareg
    [[ -x $peers_dir/zot ]] || GOTOOLCHAIN=local GOBIN=$peers_dir nice go install "$zot_module" ||
        printf 'zot cannot be installed here: the comparison goes on without it\n' >&2
}

# peers_install_packages NAME... - installs Debian packages of servers.
# Debian starts a server as soon as it is installed, unless policy-rc.d forbids it.
peers_install_packages() {
    local name missing=() sudo=() policy=/usr/sbin/policy-rc.d made=
    for name in "$@"; do
        [[ $(dpkg-query --show --showformat='${db:Status-Status}' "$name" 2>/dev/null) == installed ]] || missing+=("$name")
    done
    ((${#missing[@]})) || return 0
    ((EUID == 0)) || sudo=(sudo)
    if [[ ! -e $policy ]]; then
        printf '#!/bin/sh\nexit 101\n' | "${sudo[@]}" tee "$policy" >/dev/null
        "${sudo[@]}" chmod +x "$policy"
        made=$policy
    fi
    "${sudo[@]}" apt-get update --quiet &&
        "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install --yes --quiet --no-install-recommends "${missing[@]}"
    local status=$?
    [[ -z $made ]] || "${sudo[@]}" rm -f -- "$made"
    return $status
}

# peers_install_go MODULE_DIR PROGRAM - builds a program at the pinned versions, unless it is there.
peers_install_go() {
    local stamp=$peers_dir/.$2.installed pins
    pins=$(cat "$1/go.mod" "$1/go.sum" | sha256sum)
    [[ -x $peers_dir/$2 && -f $stamp && $(<"$stamp") == "$pins" ]] && return
    mkdir -p "$peers_dir"
    GOTOOLCHAIN=local GOFLAGS='-mod=readonly -p=1' GOBIN=$peers_dir nice go -C "$1" install tool
    printf '%s\n' "$pins" >"$stamp"
}
