# shellcheck shell=bash
# An Azurite on a free loopback port, which speaks Azure Blob Storage, with its data below one directory.
#
# Needs cleanup.sh, server.sh, tools.sh.

azurite_pid=

# azurite_start DIR - starts a server below DIR with a container `registry`, and exports for the tests that want one
# where it is and who they are.
azurite_start() {
    local dir=$1 azurite=${tools_dir:?}/azurite/node_modules/.bin/azurite-blob port
    [[ -x $azurite ]] || { printf 'Azurite is missing: run scripts/setup\n' >&2; return 1; }
    mkdir -p "$dir/data"
    port=$(free_port)
    export TEST_AZURE_ACCOUNT=testaccount TEST_AZURE_KEY=dGVzdHNlY3JldA== TEST_AZURE_CONTAINER=registry
    export TEST_AZURE_ENDPOINT=http://127.0.0.1:$port/$TEST_AZURE_ACCOUNT
    AZURITE_ACCOUNTS=$TEST_AZURE_ACCOUNT:$TEST_AZURE_KEY "$azurite" --location "$dir/data" \
        --blobHost 127.0.0.1 --blobPort "$port" --disableTelemetry --silent >"$dir/output" 2>&1 </dev/null &
    azurite_pid=$!
    defer server_end "$azurite_pid"
    TEST_AZURE_SAS=$(azurite_sas) && export TEST_AZURE_SAS
    azurite_wait || { tail -n 20 "$dir/output" >&2; return 1; }
}

# azurite_wait - waits for at most 60 seconds until the container can be made.
azurite_wait() {
    for _ in {1..600}; do
        azurite_make_container && return
        kill -0 "$azurite_pid" 2>/dev/null || break
        sleep 0.1
    done
    printf 'Azurite does not answer; its output ends:\n' >&2
    return 1
}

# azurite_hmac TEXT - prints the text's signature by the account's key, in base64.
azurite_hmac() {
    local key
    key=$(base64 --decode <<<"$TEST_AZURE_KEY" | od -An -tx1 | tr -d ' \n')
    printf '%s' "$1" | openssl dgst -sha256 -mac HMAC -macopt "hexkey:$key" -binary | base64
}

# azurite_sas - prints a shared access signature for the container that is valid for an hour.
azurite_sas() {
    local expiry version=2020-12-06 allowed=racwdl to_sign signature
    expiry=$(date --utc --date='+1 hour' '+%Y-%m-%dT%H:%M:%SZ')
    # After the container nothing is said of an identifier, addresses and a protocol; at the end, of headers of answers.
    printf -v to_sign '%s\n\n%s\n/blob/%s/%s\n\n\n\n%s\nc\n\n\n\n\n\n\n' \
        "$allowed" "$expiry" "$TEST_AZURE_ACCOUNT" "$TEST_AZURE_CONTAINER" "$version"
    signature=$(azurite_hmac "$to_sign" | sed 's/+/%2B/g; s,/,%2F,g; s/=/%3D/g')
    printf 'sv=%s&sr=c&sp=%s&se=%s&sig=%s' "$version" "$allowed" "${expiry//:/%3A}" "$signature"
}

# azurite_make_container - makes the container, by a request signed with the account's key.
azurite_make_container() {
    local date version=2021-12-02 to_sign signature
    date=$(TZ=GMT LC_ALL=C date '+%a, %d %b %Y %H:%M:%S GMT')
    # Eleven headers that are not sent, those that are, and the path, which here begins with the account once more.
    printf -v to_sign 'PUT\n\n\n\n\n\n\n\n\n\n\n\nx-ms-date:%s\nx-ms-version:%s\n/%s/%s/%s\nrestype:container' \
        "$date" "$version" "$TEST_AZURE_ACCOUNT" "$TEST_AZURE_ACCOUNT" "$TEST_AZURE_CONTAINER"
    signature=$(azurite_hmac "$to_sign")
    curl --silent --fail --output /dev/null --max-time 5 --request PUT --header 'Content-Length: 0' \
        --header "x-ms-date: $date" --header "x-ms-version: $version" \
        --header "Authorization: SharedKey $TEST_AZURE_ACCOUNT:$signature" \
        "$TEST_AZURE_ENDPOINT/$TEST_AZURE_CONTAINER?restype=container"
}
