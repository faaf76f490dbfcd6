# shellcheck shell=bash
# shellcheck disable=SC2154 # the directory `scratch` is set by cleanup.sh
# Named checks that are counted: one line each, and the output of those that fail.

checks_passed=0
checks_failed=0
check_prefix=

# check_group NAME - the checks from here on are of that group.
check_group() {
    check_prefix="$1: "
}

# check NAME COMMAND... - passes when the command succeeds.
check() {
    run_check 0 "$@"
}

# check_fails NAME COMMAND... - passes when the command fails.
check_fails() {
    run_check 1 "$@"
}

run_check() {
    local wanted=$1 name=$2 output status
    shift 2
    output=$(mktemp "$scratch/check.XXXXXX")
    # Apart from any condition, for the shell ignores `set -e` inside one.
    set +e
    (set -e && "$@") >"$output" 2>&1 </dev/null
    status=$?
    set -e
    if (((status != 0) == wanted)); then
        checks_passed=$((checks_passed + 1))
        printf 'ok    %s\n' "$check_prefix$name"
    else
        checks_failed=$((checks_failed + 1))
        printf 'FAIL  %s (exit status %d)\n' "$check_prefix$name" "$status"
        tail -n 20 "$output" | sed 's/^/        /'
    fi
    rm -f "$output"
}

# checks_summary - prints the counts; succeeds only when something was checked and nothing failed.
checks_summary() {
    printf '%d passed, %d failed\n' "$checks_passed" "$checks_failed"
    ((checks_passed > 0 && checks_failed == 0))
}
