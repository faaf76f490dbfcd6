# shellcheck shell=bash
# shellcheck disable=SC2034 # the URLs are for the scripts that source this file
# PostgreSQL and MariaDB servers of Debian's packages on free loopback ports, with their data below one directory, in
# which is also ca.pem, the certificate of the authority that proves who they are.
#
# Needs cleanup.sh, server.sh.

postgres_pid=
postgres_url=
mariadb_pid=
mariadb_url=

# as_nobody - sets the array `nobody` to what a command line begins with so that the command is not run by root, which
# the servers refuse.
as_nobody() {
    nobody=()
    ((EUID != 0)) || nobody=(setpriv --reuid=nobody --regid=nogroup --clear-groups --)
}

# database_dir DIR - makes a directory that the servers may use.
database_dir() {
    mkdir -p "$1"
    ((EUID != 0)) || chown nobody:nogroup "$1"
}

# database_certificate DIR - makes a certificate for 127.0.0.1 in server.pem, its key in server.key, and that of the
# authority that issued it in ca.pem.
database_certificate() {
    local dir=$1
    {
        openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj '/CN=authority' \
            -keyout "$dir/ca.key" -out "$dir/ca.pem"
        openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj '/CN=database' \
            -keyout "$dir/server.key" -out "$dir/server.csr"
        openssl x509 -req -days 2 -in "$dir/server.csr" -CA "$dir/ca.pem" -CAkey "$dir/ca.key" -CAcreateserial \
            -extfile <(printf 'subjectAltName=IP:127.0.0.1') -out "$dir/server.pem"
    } >"$dir/log" 2>&1 || { tail -n 20 "$dir/log" >&2; return 1; }
    chmod 600 "$dir/server.key"
    ((EUID != 0)) || chown nobody:nogroup "$dir/server.key"
}

# postgres_bin - prints the directory of the newest PostgreSQL's programs, which is in no PATH.
postgres_bin() {
    local initdb
    initdb=$(printf '%s\n' /usr/lib/postgresql/*/bin/initdb | sort --version-sort | tail -n 1)
    [[ -x $initdb ]] || { printf 'PostgreSQL is missing: run scripts/setup\n' >&2; return 1; }
    dirname "$initdb"
}

# postgres_start DIR [OPTION...] - starts a server below DIR, or again there, on the port that it had; sets postgres_pid
# and postgres_url. Its text sorts as people sort, so that nothing rests on that.
postgres_start() {
    local dir=$1 bin port
    shift
    bin=$(postgres_bin)
    as_nobody
    if [[ ! -e $dir/port ]]; then
        database_dir "$dir"
        database_certificate "$dir"
        printf 'secret' >"$dir/password"
        "${nobody[@]}" "$bin/initdb" --pgdata="$dir/data" --username=registry --pwfile="$dir/password" \
            --auth=scram-sha-256 --encoding=UTF8 --locale=C.UTF-8 --locale-provider=icu --icu-locale=en-US >"$dir/log" 2>&1 ||
            { tail -n 20 "$dir/log" >&2; return 1; }
        free_port >"$dir/port"
    fi
    port=$(<"$dir/port")
    "${nobody[@]}" "$bin/postgres" -D "$dir/data" -p "$port" -c listen_addresses=127.0.0.1 -c unix_socket_directories= \
        -c max_connections=400 -c ssl=on -c ssl_cert_file="$dir/server.pem" -c ssl_key_file="$dir/server.key" "$@" >>"$dir/log" 2>&1 </dev/null &
    postgres_pid=$!
    defer database_end "$postgres_pid" INT
    postgres_url=postgres://registry:secret@127.0.0.1:$port/postgres
    database_wait "$port" "$postgres_pid" "$dir/log"
}

# mariadb_start DIR [OPTION...] - starts a server below DIR, or again there, on the port that it had; sets mariadb_pid
# and mariadb_url. Its user `encrypted`, with the same password, is refused in clear text.
mariadb_start() {
    local dir=$1 port options
    shift
    as_nobody
    command -v mariadbd >/dev/null || { printf 'MariaDB is missing: run scripts/setup\n' >&2; return 1; }
    options=(--no-defaults --datadir="$dir/data" --innodb-buffer-pool-size=64M)
    if [[ ! -e $dir/port ]]; then
        database_dir "$dir"
        database_dir "$dir/data"
        database_certificate "$dir"
        "${nobody[@]}" mariadb-install-db "${options[@]}" --auth-root-authentication-method=normal --skip-test-db \
            >"$dir/log" 2>&1 || { tail -n 20 "$dir/log" >&2; return 1; }
        cat >"$dir/init.sql" <<'SQL'
CREATE USER IF NOT EXISTS registry@'%' IDENTIFIED BY 'secret';
GRANT ALL ON *.* TO registry@'%';
CREATE USER IF NOT EXISTS encrypted@'%' IDENTIFIED BY 'secret' REQUIRE SSL;
GRANT ALL ON *.* TO encrypted@'%';
CREATE DATABASE IF NOT EXISTS registry;
SQL
        free_port >"$dir/port"
    fi
    port=$(<"$dir/port")
    "${nobody[@]}" mariadbd "${options[@]}" --port="$port" --bind-address=127.0.0.1 --socket="$dir/data/socket" \
        --pid-file="$dir/data/pid" --init-file="$dir/init.sql" --max-connections=400 \
        --ssl-cert="$dir/server.pem" --ssl-key="$dir/server.key" "$@" >>"$dir/log" 2>&1 </dev/null &
    mariadb_pid=$!
    defer database_end "$mariadb_pid" TERM
    mariadb_url=mysql://registry:secret@127.0.0.1:$port/registry
    database_wait "$port" "$mariadb_pid" "$dir/log"
}

# databases_start DIR - starts both below DIR, and exports their URLs and authorities for the tests that want
# servers.
databases_start() {
    mkdir -p "$1"
    chmod a+x "$1"
    postgres_start "$1/postgres"
    mariadb_start "$1/mariadb"
    export TEST_POSTGRES_URL=$postgres_url TEST_POSTGRES_CA=$1/postgres/ca.pem
    export TEST_MYSQL_URL=$mariadb_url TEST_MYSQL_CA=$1/mariadb/ca.pem
}

# database_wait PORT PID LOG - waits until a server listens, for at most 60 seconds.
database_wait() {
    for _ in {1..600}; do
        if (: </dev/tcp/127.0.0.1/"$1") 2>/dev/null; then return; fi
        kill -0 "$2" 2>/dev/null || break
        sleep 0.1
    done
    printf 'the database does not listen; its log ends:\n' >&2
    tail -n 20 "$3" >&2
    return 1
}

# database_end PID SIGNAL - asks a child to stop, ends it after thirty seconds, and waits for it.
database_end() {
    kill -"$2" "$1" 2>/dev/null || return 0
    for _ in {1..300}; do
        kill -0 "$1" 2>/dev/null || break
        sleep 0.1
    done
    kill -KILL "$1" 2>/dev/null || true
    wait "$1" 2>/dev/null || true
}
