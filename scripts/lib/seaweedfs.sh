# shellcheck shell=bash
# shellcheck disable=SC2034 # the variables are for the scripts that source this file
# A SeaweedFS on free loopback ports, which speaks S3, with its data below one directory.
#
# Needs cleanup.sh, server.sh, tools.sh.

seaweedfs_pid=
seaweedfs_url=

# seaweedfs_start DIR - starts a server below DIR with a bucket `registry`, and exports for the tests that want one
# where it is and who they are.
seaweedfs_start() {
    local dir=$1 weed=${tools_dir:?}/seaweedfs/bin/weed port
    [[ -x $weed ]] || { printf 'SeaweedFS is missing: run scripts/setup\n' >&2; return 1; }
    mkdir -p "$dir/data" "$dir/log"
    port=$(free_port)
    cat >"$dir/s3.json" <<'JSON'
{"identities": [{"name": "tests", "actions": ["Admin", "Read", "Write", "List", "Tagging"],
  "credentials": [{"accessKey": "testaccess", "secretKey": "testsecret"}]}]}
JSON
    GOMEMLIMIT=200MiB "$weed" -logdir="$dir/log" server -dir="$dir/data" -ip=127.0.0.1 -ip.bind=127.0.0.1 \
        -master.telemetry=false -master.port="$(free_port)" -master.port.grpc="$(free_port)" \
        -master.volumeSizeLimitMB=512 -volume.port="$(free_port)" -volume.port.grpc="$(free_port)" -volume.max=80 \
        -filer -filer.port="$(free_port)" -filer.port.grpc="$(free_port)" \
        -s3 -s3.port="$port" -s3.port.grpc="$(free_port)" -s3.config="$dir/s3.json" -s3.port.iceberg=0 -s3.port.lance=0 -s3.iam=false \
        >"$dir/output" 2>&1 </dev/null &
    seaweedfs_pid=$!
    defer server_end "$seaweedfs_pid"
    seaweedfs_url=http://127.0.0.1:$port
    export TEST_S3_ENDPOINT=$seaweedfs_url TEST_S3_BUCKET=registry
    export TEST_S3_ACCESS_KEY=testaccess TEST_S3_SECRET_KEY=testsecret
    seaweedfs_wait || { tail -n 20 "$dir/output" >&2; return 1; }
}

# seaweedfs_wait - waits for at most 60 seconds until the bucket can be made.
seaweedfs_wait() {
    for _ in {1..600}; do
        if curl --silent --fail --output /dev/null --max-time 5 --request PUT \
            --aws-sigv4 aws:amz:us-east-1:s3 --user "$TEST_S3_ACCESS_KEY:$TEST_S3_SECRET_KEY" \
            "$TEST_S3_ENDPOINT/$TEST_S3_BUCKET"; then
            return
        fi
        kill -0 "$seaweedfs_pid" 2>/dev/null || break
        sleep 0.1
    done
    printf 'SeaweedFS does not answer; its output ends:\n' >&2
    return 1
}
