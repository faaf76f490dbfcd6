# shellcheck shell=bash
# OpenStack's object store of Debian's packages on free loopback ports, with its data below one directory: one server of
# each kind behind two proxies, one that knows its users itself (TempAuth), and one that asks Keystone.
#
# Needs cleanup.sh, server.sh.

keystone_port=
swift_memcached=

# swift_start DIR - starts the servers and the proxy with TempAuth below DIR, and exports for the tests that want one where
# to log in, and who they are.
swift_start() {
    local dir=$1 kind port proxy
    for kind in proxy account container object; do
        command -v "swift-$kind-server" >/dev/null || { printf 'Swift is missing: run scripts/setup\n' >&2; return 1; }
    done
    mkdir -p "$dir"/{devices/one,cache,log}
    printf '[swift-hash]\nswift_hash_path_suffix = tests\n' >"$dir/swift.conf"
    swift_memcached=127.0.0.1:$(free_port)
    swift_run "$dir" memcached -u "$(id -un)" -l 127.0.0.1 -p "${swift_memcached#*:}" -m 16
    for kind in account container object; do
        port=$(free_port)
        swift_ring "$dir" "$kind" "$port"
        swift_server_config "$dir" "$kind" "$port" >"$dir/$kind-server.conf"
        swift_run "$dir" "swift-$kind-server" "$dir/$kind-server.conf"
    done
    proxy=$(free_port)
    swift_proxy_config "$dir" "$proxy" tempauth >"$dir/proxy-server.conf"
    swift_run "$dir" swift-proxy-server "$dir/proxy-server.conf"
    export TEST_SWIFT_AUTH_URL=http://127.0.0.1:$proxy/auth/v1.0
    export TEST_SWIFT_USERNAME=test:tester TEST_SWIFT_PASSWORD=testing TEST_SWIFT_CONTAINER=registry
    swift_wait "http://127.0.0.1:$proxy/healthcheck" "$dir"
}

# keystone_start DIR - starts a Keystone below DIR/keystone and a second proxy for the servers that swift_start has started
# in DIR, and exports where to log in; the project, the user and the password are `admin`, `admin` and `secret`.
keystone_start() {
    local dir=$1 proxy manage
    command -v keystone-wsgi-public >/dev/null || { printf 'Keystone is missing: run scripts/setup\n' >&2; return 1; }
    mkdir -p "$dir/keystone"/{fernet,credentials,log}
    keystone_port=$(free_port) proxy=$(free_port)
    cat >"$dir/keystone/keystone.conf" <<CONF
[DEFAULT]
log_dir = $dir/keystone/log
[database]
connection = sqlite:///$dir/keystone/keystone.db
[fernet_tokens]
key_repository = $dir/keystone/fernet
[credential]
key_repository = $dir/keystone/credentials
[token]
provider = fernet
CONF
    manage=(keystone-manage --config-file "$dir/keystone/keystone.conf")
    {
        "${manage[@]}" db_sync
        "${manage[@]}" fernet_setup --keystone-user "$(id -un)" --keystone-group "$(id -gn)"
        "${manage[@]}" bootstrap --bootstrap-username admin --bootstrap-password secret --bootstrap-project-name admin \
            --bootstrap-role-name admin --bootstrap-service-name keystone --bootstrap-region-id RegionOne \
            --bootstrap-public-url "http://127.0.0.1:$keystone_port/v3" \
            --bootstrap-internal-url "http://127.0.0.1:$keystone_port/v3"
    } >"$dir/keystone/log/setup" 2>&1 || { tail -n 20 "$dir/keystone/log/setup" >&2; return 1; }
    export TEST_KEYSTONE_URL=http://127.0.0.1:$keystone_port/v3
    OS_KEYSTONE_CONFIG_DIR=$dir/keystone OS_KEYSTONE_CONFIG_FILES=$dir/keystone/keystone.conf \
        swift_run "$dir" keystone-wsgi-public --host 127.0.0.1 --port "$keystone_port"
    swift_wait "$TEST_KEYSTONE_URL" "$dir"
    keystone_register_swift "$proxy"
    swift_proxy_config "$dir" "$proxy" 'authtoken keystoneauth' >"$dir/proxy-of-keystone.conf"
    swift_run "$dir" swift-proxy-server "$dir/proxy-of-keystone.conf"
    swift_wait "http://127.0.0.1:$proxy/healthcheck" "$dir"
}

# keystone_register_swift PORT - enters the proxy at PORT into the catalog.
keystone_register_swift() {
    local token service interface
    token=$(keystone_ask /auth/tokens --dump-header - --output /dev/null --data '{"auth": {
        "identity": {"methods": ["password"], "password": {"user": {"name": "admin", "domain": {"id": "default"}, "password": "secret"}}},
        "scope": {"project": {"name": "admin", "domain": {"id": "default"}}}}}' |
        sed -n 's/^x-subject-token: \(.*\)\r$/\1/Ip')
    service=$(keystone_ask /services --header "X-Auth-Token: $token" \
        --data '{"service": {"type": "object-store", "name": "swift"}}' | jq --raw-output .service.id)
    for interface in public internal; do
        keystone_ask /endpoints --header "X-Auth-Token: $token" --output /dev/null --data '{"endpoint": {
            "service_id": "'"$service"'", "interface": "'"$interface"'", "region_id": "RegionOne",
            "url": "http://127.0.0.1:'"$1"'/v1/AUTH_%(project_id)s"}}'
    done
}

# keystone_ask PATH [OPTION...] - asks Keystone; its SQLite now and then refuses what it takes a moment later.
keystone_ask() {
    local path=$1
    shift
    curl --silent --show-error --fail --retry 5 --retry-all-errors --retry-delay 1 --max-time 20 \
        --header 'Content-Type: application/json' "$@" "$TEST_KEYSTONE_URL$path"
}

# swift_ring DIR KIND PORT - makes the ring of one kind of server: a single device.
swift_ring() {
    local ring=$1/$2.builder
    {
        swift-ring-builder "$ring" create 4 1 0
        swift-ring-builder "$ring" add "r1z1-127.0.0.1:$3/one" 1
        swift-ring-builder "$ring" rebalance
    } >>"$1/log/rings" 2>&1 || { tail -n 20 "$1/log/rings" >&2; return 1; }
}

# swift_server_config DIR KIND PORT - prints the configuration of an account, container or object server.
swift_server_config() {
    cat <<CONF
[DEFAULT]
bind_ip = 127.0.0.1
bind_port = $3
user = $(id -un)
swift_dir = $1
devices = $1/devices
mount_check = false
workers = 0
log_address = $1/no-syslog
recon_cache_path = $1/cache
fallocate_reserve = 0
[pipeline:main]
pipeline = $2-server
[app:$2-server]
use = egg:swift#$2
CONF
}

# swift_proxy_config DIR PORT AUTH - prints the configuration of a proxy with these filters for authentication.
swift_proxy_config() {
    cat <<CONF
[DEFAULT]
bind_ip = 127.0.0.1
bind_port = $2
user = $(id -un)
swift_dir = $1
workers = 0
log_address = $1/no-syslog
[pipeline:main]
pipeline = catch_errors gatekeeper healthcheck cache listing_formats bulk tempurl $3 copy slo dlo proxy-server
[app:proxy-server]
use = egg:swift#proxy
account_autocreate = true
[filter:tempauth]
use = egg:swift#tempauth
user_test_tester = testing .admin
user_test_guest = guest
[filter:authtoken]
paste.filter_factory = keystonemiddleware.auth_token:filter_factory
www_authenticate_uri = http://127.0.0.1:$keystone_port
auth_url = http://127.0.0.1:$keystone_port
auth_type = password
username = admin
password = secret
project_name = admin
user_domain_id = default
project_domain_id = default
delay_auth_decision = true
cache = swift.cache
[filter:keystoneauth]
use = egg:swift#keystoneauth
operator_roles = admin
[filter:cache]
use = egg:swift#memcache
memcache_servers = $swift_memcached
[filter:tempurl]
use = egg:swift#tempurl
$(printf '[filter:%s]\nuse = egg:swift#%s\n' catch_errors catch_errors gatekeeper gatekeeper healthcheck healthcheck \
        listing_formats listing_formats bulk bulk copy copy slo slo dlo dlo)
CONF
}

# swift_run DIR COMMAND... - runs a server in the background until the script ends.
swift_run() {
    local log=$1/log/${2##*/}
    shift
    "$@" >>"$log" 2>&1 </dev/null &
    defer server_end "$!"
}

# swift_wait URL DIR - waits for at most 60 seconds until a server answers.
swift_wait() {
    for _ in {1..600}; do
        curl --silent --fail --output /dev/null --max-time 5 "$1" && return
        sleep 0.1
    done
    printf 'nobody answers at %s; the servers say:\n' "$1" >&2
    tail -n 5 "$2"/log/* >&2
    return 1
}
