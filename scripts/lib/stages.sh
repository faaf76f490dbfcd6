# shellcheck shell=bash
# Named, timed stages of a longer run.

# stage NAME COMMAND... - runs the command under a heading and says how long it took.
# The first stage that fails ends the script with its name. Status 3 says that it could not be run here.
stage() {
    local name=$1 started=$SECONDS status=0
    shift
    printf '\n== %s\n' "$name"
    "$@" || status=$?
    case $status in
        0) printf '== %s passed in %d s\n' "$name" $((SECONDS - started)) ;;
        3) printf '== %s NOT RUN\n' "$name" ;;
        *)
            printf '== %s FAILED after %d s\n' "$name" $((SECONDS - started)) >&2
            exit 1
            ;;
    esac
}
