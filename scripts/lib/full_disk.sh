# shellcheck shell=bash
# shellcheck disable=SC2154 # set by the other parts of scripts/lib
# A registry whose file system is full.
#
# Blob N goes to repository `full` with a manifest that has it as configuration and the tag tN.

test_full_disk() {
    local disk=$scratch/full-$1 ballast=$scratch/full-$1/ballast refused=''
    check_group "full of $1"
    if ((EUID != 0)); then
        check "mounting a file system needs root" false
        return
    fi
    mkdir "$disk"
    mount -t tmpfs -o "$2" tmpfs "$disk"
    defer umount --lazy "$disk"
    make_ballast "$1"
    server_start "$disk"
    base=$server_url
    # What was acknowledged, and the sizes whose push the full disk is to refuse.
    acknowledged=()
    sessions=()
    pushes=0
    rm -rf "$scratch/pushes"
    mkdir "$scratch/pushes"

    if [[ $1 == bytes ]]; then
        push_until_refused 3000000
        push_until_refused 200000
        push_until_refused 20000
    else
        push_until_refused 1000
    fi
    refused=$scratch/pushes/$pushes
    check "a push is refused" test -n "$refusal"
    check "the status of the refusal is 507" test "$refusal" = 507
    check "its body says UNAVAILABLE" \
        jq -e '.errors | length == 1 and .[0].code == "UNAVAILABLE" and (.[0].message | length > 0)' "$refused.body"
    check "${#acknowledged[@]} earlier pushes pull while the disk is full" all_pull
    check "nothing refused is visible" none_visible
    check "the registry still answers" test "$(remote_status '')" = 200

    rm -rf -- "$ballast"
    check "the refused push succeeds when there is room" push_refused "$refused"
    check "everything pulls" all_pull
    check "an abandoned session can be cancelled" cancel_sessions
    check "no file of an upload remains" no_upload_files "$disk"
    server_stop
    server_start "$disk"
    base=$server_url
    check "everything pulls after a restart" all_pull
    server_stop
}

# Room that can be given back: bytes, or files.
make_ballast() {
    local n
    mkdir "$ballast"
    if [[ $1 == bytes ]]; then
        head -c 20M /dev/zero >"$ballast/bytes"
    else
        for ((n = 0; n < 100; n++)); do
            : >"$ballast/$n"
        done
    fi
}

# push_until_refused SIZE - pushes images with a blob of SIZE until one is refused; sets `refusal` to the status.
push_until_refused() {
    local size=$1 file digest
    refusal=''
    for _ in {1..400}; do
        pushes=$((pushes + 1))
        file=$scratch/pushes/$pushes
        head -c "$size" /dev/urandom >"$file"
        digest=$(digest_of "$file")
        printf '{"schemaVersion":2,"mediaType":"%s","config":{"mediaType":"application/octet-stream","digest":"%s","size":%d},"layers":[]}' \
            "$media_manifest" "$digest" "$size" >"$file.manifest"
        push_image "$file"
        if [[ $status != 201 ]]; then
            refusal=$status
            cp "$scratch/answer.body" "$file.body"
            return
        fi
        acknowledged+=("$pushes")
    done
}

push_image() {
    push_blob full "$1" "$(digest_of "$1")"
    if [[ $status != 201 ]]; then
        [[ -z $location ]] || sessions+=("$location")
        return
    fi
    push_manifest full "t${1##*/}" "$1.manifest"
}

all_pull() {
    local n
    ((${#acknowledged[@]} > 0))
    for n in "${acknowledged[@]}"; do
        remote_manifest full "t$n" | cmp - "$scratch/pushes/$n.manifest"
        remote "$base/v2/full/blobs/$(digest_of "$scratch/pushes/$n")" | cmp - "$scratch/pushes/$n"
    done
}

# A tag that was not acknowledged is not there, and a blob that is there is whole.
none_visible() {
    local n digest
    [[ $(remote "$base/v2/full/tags/list" | jq -r '.tags[]' | sort) == "$(printf 't%s\n' "${acknowledged[@]}" | sort)" ]]
    for ((n = 1; n <= pushes; n++)); do
        digest=$(digest_of "$scratch/pushes/$n")
        [[ $(remote_status "full/blobs/$digest") == 404 ]] ||
            remote "$base/v2/full/blobs/$digest" | cmp - "$scratch/pushes/$n"
    done
}

push_refused() {
    push_image "$1"
    expect_status 201
    remote_manifest full "t${1##*/}" | cmp - "$1.manifest"
}

cancel_sessions() {
    local session
    for session in "${sessions[@]}"; do
        ask --request DELETE "$session"
        [[ $status == 204 || $status == 404 ]]
        ask "$session"
        expect_status 404
    done
}

# Prints the files of uploads that are left below a directory; there must be none.
no_upload_files() {
    local left
    left=$(find "$1/storage" -type f \( -path '*uploads/*' -o -name '*.tmp' \))
    printf '%s\n' "$left"
    [[ -z $left ]]
}
