# shellcheck shell=bash
# shellcheck disable=SC2154 # set by the other parts of scripts/lib
# A very large blob up and down, with the memory of the process measured.

# An object store is given parts, two of which are held in memory.
memory_limit_kib=65536
[[ -z ${STORE-} ]] || memory_limit_kib=131072

test_large_blob() {
    local size=$1 digest key
    # The bytes are to come from the registry, whatever is behind it.
    local -x REGISTRY_STORAGE_REDIRECT_DISABLE=true
    check_group large
    server_start "$scratch/large"
    base=$server_url
    for key in 01 02; do
        large_bytes "$key" "$size" | sha256sum | sed 's/^\([0-9a-f]*\) .*/sha256:\1/' >"$scratch/digest.$key" &
    done
    wait %- %+
    digest=$(<"$scratch/digest.01")
    check "push by one streamed PATCH" large_patch 01 "$size" "$digest"
    check "pull it with the same digest" large_pull "$size" "$digest"
    digest=$(<"$scratch/digest.02")
    check "push by one PUT" large_put 02 "$size" "$digest"
    check "pull it with the same digest" large_pull "$size" "$digest"
    printf '      peak memory of the registry: %d KiB\n' "$(peak_memory_kib)"
    check "peak memory is below $((memory_limit_kib / 1024)) MiB" memory_is_low
    server_stop
    rm -rf -- "$scratch/large"
}

# large_bytes KEY SIZE - prints bytes that do not compress and are the same for the same key.
large_bytes() {
    head -c "$2" /dev/zero | openssl enc -aes-128-ctr -K "$1" -iv 00 2>/dev/null
}

large_patch() {
    start_upload large/streamed
    ask --request PATCH --header 'Content-Type: application/octet-stream' --upload-file - "$location" \
        < <(large_bytes "$1" "$2")
    expect_status 202
    location=$(answer_header Location)
    [[ $location == /* ]] && location=$base$location
    ask --request PUT --header 'Content-Length: 0' "$(at_digest "$3")"
    expect_status 201
}

large_put() {
    start_upload large/put
    ask --request PUT --header 'Content-Type: application/octet-stream' --header "Content-Length: $2" \
        --header 'Transfer-Encoding:' --upload-file - "$(at_digest "$3")" < <(large_bytes "$1" "$2")
    expect_status 201
}

expect_status() {
    [[ $status == "$1" ]] || {
        printf 'the status is %s, not %s: %s\n' "$status" "$1" "$(<"$scratch/answer.body")"
        return 1
    }
}

large_pull() {
    local repository sum
    for repository in streamed put; do
        [[ $(remote_status "large/$repository/blobs/$2") == 404 ]] || break
    done
    sum=$(remote "$base/v2/large/$repository/blobs/$2" | sha256sum)
    [[ sha256:${sum%% *} == "$2" ]]
}

peak_memory_kib() {
    awk '/^VmHWM:/ { print $2 }' "/proc/$server_pid/status"
}

memory_is_low() {
    (($(peak_memory_kib) < memory_limit_kib))
}
