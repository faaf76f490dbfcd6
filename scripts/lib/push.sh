# shellcheck shell=bash
# shellcheck disable=SC2154 # `scratch` is set by cleanup.sh, `base` by the script
# Pushes by curl, for tests that need the answer of every single request.
#
# Each function sets `status`; the last answer is in the files answer.headers and answer.body of `scratch`.

status=

# ask OPTION... - sends a request and keeps its answer. A connection that breaks has the status 000.
ask() {
    status=$(curl --silent --dump-header "$scratch/answer.headers" --output "$scratch/answer.body" \
        --write-out '%{http_code}' "$@") || true
}

# answer_header NAME - prints a header of the last answer.
answer_header() {
    sed -n "s/^$1: *\(.*\)\r$/\1/Ip" "$scratch/answer.headers"
}

# start_upload REPOSITORY - starts a session and sets `location` to its absolute address.
start_upload() {
    ask --request POST --header 'Content-Length: 0' "$base/v2/$1/blobs/uploads/"
    location=$(answer_header Location)
    [[ $location == /* ]] && location=$base$location
    return 0
}

# at_digest DIGEST - prints the address of the session for the request that ends it.
at_digest() {
    if [[ $location == *\?* ]]; then
        printf '%s&digest=%s\n' "$location" "$1"
    else
        printf '%s?digest=%s\n' "$location" "$1"
    fi
}

# push_blob REPOSITORY FILE DIGEST - pushes a blob by POST and PUT. Stops at the first refusal.
push_blob() {
    start_upload "$1"
    [[ $status == 202 ]] || return 0
    ask --request PUT --header 'Content-Type: application/octet-stream' --data-binary "@$2" "$(at_digest "$3")"
}

# push_manifest REPOSITORY TAG FILE - pushes an OCI image manifest.
push_manifest() {
    ask --request PUT --header 'Content-Type: application/vnd.oci.image.manifest.v1+json' --data-binary "@$3" \
        "$base/v2/$1/manifests/$2"
}
