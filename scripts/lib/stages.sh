# shellcheck shell=bash
# Named, timed stages of a longer run.

# stage NAME COMMAND... - runs the command under a heading and says how long it took.
# The first stage that fails ends the script with its name.
stage() {
    local name=$1 started=$SECONDS
    shift
    printf '\n== %s\n' "$name"
    if ! "$@"; then
        printf '== %s FAILED after %d s\n' "$name" $((SECONDS - started)) >&2
        exit 1
    fi
    printf '== %s passed in %d s\n' "$name" $((SECONDS - started))
}
