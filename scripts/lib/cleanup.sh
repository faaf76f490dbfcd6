# shellcheck shell=bash
# What a script leaves behind: nothing. Registered commands run when it ends, the last registered first.

deferred=()
scratch=

# defer COMMAND... - runs the command when the script ends, however it ends.
defer() {
    deferred+=("$(printf '%q ' "$@")")
}

run_deferred() {
    local status=$? i
    set +e
    for ((i = ${#deferred[@]} - 1; i >= 0; i--)); do
        eval "${deferred[i]}"
    done
    exit "$status"
}
trap run_deferred EXIT
# Without these a signal would end the shell before its children are stopped.
trap 'exit 130' INT
trap 'exit 143' TERM HUP

# scratch_dir - sets `scratch` to a new directory that is removed at the end.
scratch_dir() {
    scratch=$(mktemp -d "${TMPDIR:-/tmp}/registry-test.XXXXXX")
    defer rm -rf -- "$scratch"
}
