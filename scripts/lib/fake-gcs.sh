# shellcheck shell=bash
# A fake-gcs-server on a free loopback port, which speaks the JSON API of Google Cloud Storage, with its data in memory.
#
# Needs cleanup.sh, server.sh, tools.sh.

fake_gcs_pid=

# fake_gcs_start DIR - starts a server with its output below DIR and a bucket `registry`, and exports for the tests that
# want one where it is.
fake_gcs_start() {
    local dir=$1 port server
    server=$(find "${tools_dir:?}/fake-gcs" -name "fake-gcs-server-linux-$(dpkg --print-architecture)" -type f 2>/dev/null | head -n 1)
    [[ -x $server ]] || { printf 'fake-gcs-server is missing: run scripts/setup\n' >&2; return 1; }
    mkdir -p "$dir"
    port=$(free_port)
    export TEST_GCS_ENDPOINT=http://127.0.0.1:$port TEST_GCS_BUCKET=registry
    "$server" -backend memory -scheme http -host 127.0.0.1 -port "$port" -log-level warn \
        -external-url "$TEST_GCS_ENDPOINT" -public-host "127.0.0.1:$port" >"$dir/output" 2>&1 </dev/null &
    fake_gcs_pid=$!
    defer server_end "$fake_gcs_pid"
    fake_gcs_wait || { tail -n 20 "$dir/output" >&2; return 1; }
}

# fake_gcs_wait - waits for at most 60 seconds until the bucket can be made.
fake_gcs_wait() {
    for _ in {1..600}; do
        if curl --silent --fail --output /dev/null --max-time 5 --json "{\"name\": \"$TEST_GCS_BUCKET\"}" \
            "$TEST_GCS_ENDPOINT/storage/v1/b?project=tests"; then
            return
        fi
        kill -0 "$fake_gcs_pid" 2>/dev/null || break
        sleep 0.1
    done
    printf 'fake-gcs-server does not answer; its output ends:\n' >&2
    return 1
}
