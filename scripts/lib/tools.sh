# shellcheck shell=bash
# Where the tests' own tools live. scripts/tools/go.mod pins them with their checksums.

tools_dir=${TOOLS_DIR:-${XDG_CACHE_HOME:-$HOME/.cache}/registry-tools}
export PATH="$tools_dir/bin:$PATH"

# need COMMAND... - fails with the names of the commands that are not installed.
need() {
    local name missing=()
    for name in "$@"; do
        command -v "$name" >/dev/null || missing+=("$name")
    done
    if ((${#missing[@]})); then
        printf 'missing: %s; scripts/setup installs what the tests need\n' "${missing[*]}" >&2
        return 1
    fi
}
