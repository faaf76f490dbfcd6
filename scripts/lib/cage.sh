# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154 # `cage` is for the scripts; `scratch` is set by cleanup.sh
# A control group that ends a process which takes more memory than it may. The page cache counts, and gives way.

cage=

# cage_make BYTES - makes a control group and sets `cage` to its directory. Fails where none can be made.
cage_make() {
    local parent=/sys/fs/cgroup limit=memory.max
    if [[ -d $parent/memory ]]; then
        parent=$parent/memory
        limit=memory.limit_in_bytes
    elif ! printf '+memory' 2>/dev/null >"$parent/cgroup.subtree_control"; then
        return 1
    fi
    cage=$parent/registry-test.$$
    if ! mkdir "$cage" 2>/dev/null; then
        cage=
        return 1
    fi
    defer cage_remove "$cage"
    if ! printf '%d' "$1" 2>/dev/null >"$cage/$limit"; then
        cage=
        return 1
    fi
    [[ ! -e $cage/memory.swap.max ]] || printf 0 >"$cage/memory.swap.max"
}

# cage_launcher FILE - writes a program that runs its arguments in the control group.
cage_launcher() {
    printf '#!/bin/sh\necho $$ >"%s/cgroup.procs"\nexec "$@"\n' "$cage" >"$1"
    chmod +x "$1"
}

# cage_kills - prints how many processes the control group has ended.
cage_kills() {
    sed -n 's/^oom_kill \([0-9]*\)$/\1/p' "$cage/memory.oom_control" "$cage/memory.events" 2>/dev/null
}

# cage_remove DIR - removes an empty control group; the kernel may take a moment to see that it is empty.
cage_remove() {
    for _ in {1..50}; do
        rmdir "$1" 2>/dev/null && return
        sleep 0.1
    done
}
