# shellcheck shell=bash
# shellcheck disable=SC2154 # set by the other parts of scripts/lib
# 100 uploads, 100 pulls and 20 pushes of the largest manifests at once, in little memory.
#
# Half of the blobs go slowly, so that all transfers are under way together.

crowd_limit_kib=131072
crowd_blob_bytes=3145728
crowd_blobs=100
crowd_manifests=20
crowd_slow_rate=400k

test_little_memory() {
    local SERVER=${SERVER-}
    check_group memory
    if [[ $(stat --file-system --format %T "$scratch") == tmpfs ]]; then
        printf '      TMPDIR is in memory, which would count as the registry'"'"'s: only the peak is checked\n'
    elif cage_make $((crowd_limit_kib * 1024)); then
        server_command
        cage_launcher "$scratch/caged"
        SERVER="$scratch/caged ${server[*]}"
    else
        printf '      no control group can be made here: only the peak is checked\n'
    fi
    server_start "$scratch/memory"
    base=$server_url
    mkdir "$scratch/crowd"
    crowd_content
    check "push $((crowd_blobs / 2)) blobs to pull" crowd_push_first
    crowd_run
    check "all $crowd_blobs pulls have the right digests" crowd_pulled_all
    check "all $crowd_blobs uploads are acknowledged" crowd_acknowledged uploads $crowd_blobs
    check "all $crowd_manifests manifests are acknowledged" crowd_acknowledged manifests $crowd_manifests
    check "every upload pulls with the right digest" crowd_pull_uploads
    check "every manifest pulls as it was pushed" crowd_pull_manifests
    check "the registry was not ended" kill -0 "$server_pid"
    [[ -z $cage ]] || check "the control group has ended nothing" test "$(cage_kills)" = 0
    printf '      peak memory of the registry: %s KiB\n' "$(peak_memory_kib || printf unknown)"
    check "peak memory is below $((crowd_limit_kib / 1024)) MiB" crowd_memory_is_low
    server_stop
    rm -rf -- "$scratch/memory" "$scratch/crowd"
}

# Blobs 0 to 49 are there to be pulled, by two clients each; the next 100 are uploaded. Manifests are indexes that are
# nothing but annotations.
crowd_content() {
    local n filler
    large_bytes 03 $((crowd_blob_bytes * crowd_blobs * 3 / 2)) |
        (cd "$scratch/crowd" && split --bytes $crowd_blob_bytes --numeric-suffixes=0 --suffix-length 3 - blob.)
    (cd "$scratch/crowd" && sha256sum blob.* >sums)
    filler=$(head -c 4000 /dev/zero | tr '\0' x)
    for ((n = 0; n < crowd_manifests; n++)); do
        awk -v n="$n" -v filler="$filler" 'BEGIN {
            printf "{\"schemaVersion\":2,\"mediaType\":\"application/vnd.oci.image.index.v1+json\",\"manifests\":[],\"annotations\":{\"n\":\"%d\"", n
            for (i = 0; i < 1040; i++) printf ",\"filler.%d\":\"%s\"", i, filler
            printf "}}"
        }' >"$scratch/crowd/manifest.$n"
    done
}

# crowd_digest N - prints the digest of a blob.
crowd_digest() {
    sed -n "$(($1 + 1))s/ .*//p" "$scratch/crowd/sums" | sed 's/^/sha256:/'
}

crowd_file() {
    printf '%s/crowd/blob.%03d\n' "$scratch" "$1"
}

crowd_push_first() {
    local n
    for ((n = 0; n < crowd_blobs / 2; n++)); do
        push_blob crowd "$(crowd_file "$n")" "$(crowd_digest "$n")"
        expect_status 201
    done
}

# crowd_curl NAME OPTION... - runs all requests of a list at once and keeps the statuses and errors.
crowd_curl() {
    local name=$1
    shift
    curl --no-progress-meter --parallel --parallel-immediate --parallel-max 120 --max-time 50 \
        --write-out '%{http_code}\n' --config "$scratch/crowd/$name.list" "$@" \
        >"$scratch/crowd/$name.statuses" 2>"$scratch/crowd/$name.errors" || true
}

# Lists every request beforehand and then sends them together: even ones slowly, odd ones as fast as they go.
crowd_run() {
    local n speed jobs=() pace=(--limit-rate "$crowd_slow_rate")
    rm -f "$scratch"/crowd/*.list
    for ((n = 0; n < crowd_blobs; n++)); do
        speed=$((n % 2))
        printf 'url = "%s"\noutput = "%s"\n' "$base/v2/crowd/blobs/$(crowd_digest $((n / 2)))" \
            "$scratch/crowd/pulled.$n" >>"$scratch/crowd/pulls.$speed.list"
        start_upload "crowd/upload$((n % 7))"
        printf 'url = "%s"\nupload-file = "%s"\noutput = "/dev/null"\n' \
            "$(at_digest "$(crowd_digest $((n + crowd_blobs / 2)))")" "$(crowd_file $((n + crowd_blobs / 2)))" \
            >>"$scratch/crowd/uploads.$speed.list"
    done
    for ((n = 0; n < crowd_manifests; n++)); do
        printf 'url = "%s"\nupload-file = "%s"\noutput = "/dev/null"\n' "$base/v2/crowd/manifests/t$n" \
            "$scratch/crowd/manifest.$n" >>"$scratch/crowd/manifests.list"
    done
    for speed in 0 1; do
        crowd_curl pulls.$speed "${pace[@]}" &
        jobs+=($!)
        crowd_curl uploads.$speed --request PUT --header 'Content-Type: application/octet-stream' "${pace[@]}" &
        jobs+=($!)
        pace=()
    done
    crowd_curl manifests --request PUT --header "Content-Type: $media_index" --retry 5 &
    jobs+=($!)
    wait "${jobs[@]}"
}

# crowd_acknowledged NAME COUNT - so many requests were answered 201.
crowd_acknowledged() {
    sort "$scratch"/crowd/"$1"*.errors | uniq -c
    sort "$scratch"/crowd/"$1"*.statuses | uniq -c
    (($(cat "$scratch"/crowd/"$1"*.statuses | grep -cx 201) == $2))
}

crowd_pulled_all() {
    local n
    for ((n = 0; n < crowd_blobs; n++)); do
        cmp "$scratch/crowd/pulled.$n" "$(crowd_file $((n / 2)))"
    done
}

crowd_pull_uploads() {
    local n
    for ((n = 0; n < crowd_blobs; n++)); do
        remote "$base/v2/crowd/upload$((n % 7))/blobs/$(crowd_digest $((n + crowd_blobs / 2)))" |
            cmp - "$(crowd_file $((n + crowd_blobs / 2)))"
    done
}

crowd_pull_manifests() {
    local n
    for ((n = 0; n < crowd_manifests; n++)); do
        same_manifest crowd "t$n" "$scratch/crowd/manifest.$n"
    done
}

crowd_memory_is_low() {
    local peak
    peak=$(peak_memory_kib)
    ((peak < crowd_limit_kib))
}
