# shellcheck shell=bash
# A Ceph of Debian's packages on free loopback ports that speaks S3 by its RADOS Gateway: one monitor and one device, whose
# data is in memory.
#
# Needs cleanup.sh, server.sh.

ceph_conf=

# ceph_start DIR - starts the servers below DIR with a bucket `registry`, and exports for the tests that want one where it
# is and who they are.
ceph_start() {
    local dir=$1 program monitor port
    for program in ceph-mon ceph-osd radosgw radosgw-admin; do
        command -v "$program" >/dev/null || { printf 'Ceph is missing: run scripts/setup\n' >&2; return 1; }
    done
    mkdir -p "$dir"/{mon,osd,rgw,log}
    ceph_conf=$dir/ceph.conf monitor=$(free_port) port=$(free_port)
    ceph_config "$dir" "$monitor" "$port" >"$ceph_conf"
    monmaptool --create --fsid "$(sed -n 's/^fsid = //p' "$ceph_conf")" \
        --addv one "[v2:127.0.0.1:$monitor]" "$dir/monmap" >"$dir/log/monmap"
    ceph-mon --conf "$ceph_conf" --mkfs --id one --monmap "$dir/monmap" >"$dir/log/mon-mkfs" 2>&1
    ceph_run "$dir" ceph-mon --id one
    ceph_ask osd new "$(<"$dir/osd-uuid")" >"$dir/log/osd-new" || {
        printf "Ceph's monitor does not answer; its log ends:\n" >&2
        tail -n 20 "$dir/log/mon.one" "$dir/log/ceph-mon.output" >&2
        return 1
    }
    ceph-osd --conf "$ceph_conf" --mkfs --id 0 --osd-uuid "$(<"$dir/osd-uuid")" >"$dir/log/osd-mkfs" 2>&1
    ceph_run "$dir" ceph-osd --id 0
    ceph_run "$dir" radosgw --name client.gateway
    export TEST_CEPH_ENDPOINT=http://127.0.0.1:$port TEST_CEPH_BUCKET=registry
    export TEST_CEPH_ACCESS_KEY=testaccess TEST_CEPH_SECRET_KEY=testsecret
    radosgw-admin --conf "$ceph_conf" --name client.gateway user create --uid tests --display-name tests \
        --access-key "$TEST_CEPH_ACCESS_KEY" --secret-key "$TEST_CEPH_SECRET_KEY" >"$dir/log/user" 2>&1
    ceph_wait || { tail -n 5 "$dir"/log/* >&2; return 1; }
}

# ceph_config DIR MONITOR_PORT GATEWAY_PORT - prints the configuration of all servers, who trust each other.
ceph_config() {
    cat /proc/sys/kernel/random/uuid >"$1/osd-uuid"
    cat <<CONF
[global]
fsid = $(</proc/sys/kernel/random/uuid)
mon host = [v2:127.0.0.1:$2]
public addr = 127.0.0.1
cluster addr = 127.0.0.1
auth cluster required = none
auth service required = none
auth client required = none
run dir = $1
admin socket = $1/\$name.\$pid.asok
log file = $1/log/\$name
log to stderr = false
mon cluster log file = $1/log/cluster
ms bind ipv6 = false
ms mon client mode = crc
mon allow pool size one = true
mon warn on pool no redundancy = false
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 1
osd pool default pg autoscale mode = off
osd crush chooseleaf type = 0
[mon.one]
mon data = $1/mon
[osd]
osd data = $1/osd
osd objectstore = memstore
memstore device bytes = 4294967296
[client.gateway]
rgw data = $1/rgw
rgw frontends = beast endpoint=127.0.0.1:$3
CONF
}

# ceph_run DIR PROGRAM OPTION... - starts a server that ends with the script.
ceph_run() {
    local dir=$1 program=$2
    shift 2
    "$program" --conf "$ceph_conf" --foreground "$@" >"$dir/log/$program.output" 2>&1 </dev/null &
    defer server_end "$!"
}

# ceph_ask COMMAND... - asks the monitor, for at most five minutes: it syncs to a disk that may be busy.
ceph_ask() {
    ceph --conf "$ceph_conf" --connect-timeout 300 "$@"
}

# ceph_wait - waits for at most 60 seconds until the bucket can be made.
ceph_wait() {
    local nothing=e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855
    for _ in {1..600}; do
        if curl --silent --fail --output /dev/null --max-time 5 --request PUT \
            --header "x-amz-content-sha256: $nothing" --aws-sigv4 aws:amz:us-east-1:s3 --user "$TEST_CEPH_ACCESS_KEY:$TEST_CEPH_SECRET_KEY" \
            "$TEST_CEPH_ENDPOINT/$TEST_CEPH_BUCKET"; then
            return
        fi
        sleep 0.1
    done
    printf 'Ceph does not answer; its servers say:\n' >&2
    return 1
}
