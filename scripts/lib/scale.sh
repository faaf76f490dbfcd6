# shellcheck shell=bash
# shellcheck disable=SC2154 # the parts that this one needs set what is not set here
# What single requests cost in a repository with very many manifests and tags.
#
# Needs cleanup.sh, databases.sh, push.sh, server.sh.

SCALE_MANIFESTS=${SCALE_MANIFESTS:-1000000}
SCALE_TAGS=${SCALE_TAGS:-100000}
SCALE_REPOSITORIES=${SCALE_REPOSITORIES:-100000}
# How often each request is made.
SCALE_REQUESTS=${SCALE_REQUESTS:-200}

# scale_sql - runs the statements on stdin in the database `kind`, and prints rows without decoration.
scale_sql() {
    case $kind in
        sqlite) sqlite3 -batch "$scale_dir/registry.db" ;;
        postgres) psql --no-psqlrc --quiet --tuples-only --no-align --set ON_ERROR_STOP=1 "$postgres_url" ;;
        mariadb)
            local port=${mariadb_url##*:}
            mariadb --batch --skip-column-names --host=127.0.0.1 --port="${port%/*}" --user=registry --password=secret registry
            ;;
    esac
}

# scale_fill - fills the database, which the registry has open no more.
scale_fill() {
    local before after digest one="(SELECT id FROM repositories WHERE name = 'scale/one')" payload payload_digest series text
    payload="'{\"schemaVersion\":2,\"number\":' || i || '}'"
    case $kind in
        sqlite)
            # SQLite has no function for it.
            scale_payload_digests >"$scratch/digests"
            before="CREATE TEMP TABLE digests (i INTEGER PRIMARY KEY, digest TEXT);
.import --csv --schema temp $scratch/digests digests
PRAGMA synchronous = OFF; BEGIN;"
            after='COMMIT; ANALYZE;'
            digest="'sha256:' || lower(hex(randomblob(32)))" payload="CAST($payload AS BLOB)"
            payload_digest="(SELECT digest FROM temp.digests AS d WHERE d.i = s.i)"
            series='(SELECT value AS i FROM generate_series(1, N)) AS s'
            ;;
        postgres)
            before='SET session_replication_role = replica;' after='VACUUM ANALYZE;'
            digest="'sha256:' || md5(i::text) || md5((-i)::text)" payload="convert_to($payload, 'UTF8')"
            payload_digest="'sha256:' || encode(sha256($payload), 'hex')"
            series='(SELECT i FROM generate_series(1, N) AS g(i)) AS s'
            ;;
        mariadb)
            before="SET sql_mode = 'PIPES_AS_CONCAT'; SET foreign_key_checks = 0; SET unique_checks = 0;"
            after='ANALYZE TABLE blobs, repository_blobs, manifests, manifest_blobs, tags, repositories, repository_usage;'
            digest="'sha256:' || MD5(i) || MD5(-i)" payload_digest="'sha256:' || SHA2($payload, 256)"
            series='(SELECT seq AS i FROM seq_1_to_N) AS s'
            ;;
    esac
    text=$(<benches/scale/fill.sql)
    text=${text//'{manifests}'/"${series/N/$SCALE_MANIFESTS}"}
    text=${text//'{tags}'/"${series/N/$SCALE_TAGS}"}
    text=${text//'{repositories}'/"${series/N/$SCALE_REPOSITORIES}"}
    text=${text//'{digest}'/"$digest"}
    text=${text//'{payload_digest}'/"$payload_digest"}
    text=${text//'{payload}'/"$payload"}
    text=${text//'{one}'/"$one"}
    text=${text//'{subject}'/"'$scale_subject'"}
    text=${text//'{referrers}'/"$((1000000 + SCALE_MANIFESTS * 9 / 10))"}
    printf '%s\n' "$before" "$text" "$after" | scale_sql >/dev/null
}

# scale_payload_digests - prints the number and the digest of each manifest.
scale_payload_digests() {
    python3 - "$SCALE_MANIFESTS" <<'CODE'
import hashlib, sys

for i in range(1, int(sys.argv[1]) + 1):
    payload = b'{"schemaVersion":2,"number":%d}' % i
    print(f"{i},sha256:{hashlib.sha256(payload).hexdigest()}")
CODE
}

# scale_statements - prints how many statements the database has carried out that read or write rows, or nothing where it
# does not count them.
scale_statements() {
    case $kind in
        sqlite) ;;
        postgres)
            scale_sql <<<"SELECT sum(calls) FROM pg_stat_statements WHERE query ~* '^(select|insert|update|delete|with)';"
            ;;
        mariadb)
            scale_sql <<<"SELECT SUM(VARIABLE_VALUE) FROM information_schema.GLOBAL_STATUS WHERE VARIABLE_NAME IN
                ('COM_SELECT', 'COM_INSERT', 'COM_UPDATE', 'COM_DELETE', 'COM_INSERT_SELECT', 'COM_DELETE_MULTI');"
            ;;
    esac
}

# scale_measure NAME STATUS FILE - makes the requests of a configuration file for curl on one connection. Prints a row of the
# table. Every answer must have the status.
scale_measure() {
    local name=$1 expected=$2 file=$3 before after each=
    before=$(scale_statements)
    curl --silent --config "$file" >"$scratch/times"
    after=$(scale_statements)
    # The question itself is counted once.
    [[ -z $before ]] || each=$(awk -v n="$((after - before - 1))" -v r="$(wc -l <"$scratch/times")" 'BEGIN { printf "%.1f", n / r }')
    awk -v expected="$expected" '$1 != expected { print "status " $1 " instead of " expected > "/dev/stderr"; exit 1 }' "$scratch/times"
    sort --key=2 --numeric-sort "$scratch/times" | awk -v name="$name" -v kind="$kind" -v each="${each:-}" '
        { time[NR] = $2 * 1000 }
        END { printf "| %s | %s | %.2f | %.2f | %s |\n", name, kind, time[int((NR + 1) / 2)], time[int(NR * 0.99 + 0.5)], each }'
}

# scale_requests OPTION... - prints the configuration for a request to each of the paths on stdin, with the options.
scale_requests() {
    local path first=1 option
    while read -r path; do
        ((first)) || printf 'next\n'
        first=0
        printf 'url = "%s%s"\noutput = /dev/null\nwrite-out = "%%{http_code} %%{time_total}\\n"\n' "$base" "$path"
        for option; do printf '%s\n' "$option"; done
    done
}

# scale_pick FROM COUNT - prints numbers below COUNT, far apart from each other, beginning with the FROMth.
scale_pick() {
    local i
    for ((i = $1; i < $1 + SCALE_REQUESTS; i++)); do printf '%d\n' $((i * 7919 % $2)); done
}

# scale_calls - measures every call on the registry at `base`.
scale_calls() {
    local one=/v2/scale/one requests=$scratch/requests
    scale_pick 0 "$SCALE_TAGS" | awk -v one="$one" '{ printf "%s/tags/list?n=100&last=v%d\n", one, 1000000 + $1 }' |
        scale_requests >"$requests" && scale_measure 'tags page (100)' 200 "$requests"
    scale_pick 0 "$SCALE_REPOSITORIES" | awk '{ printf "/v2/_catalog?n=100&last=many/%d\n", 1000000 + $1 }' |
        scale_requests >"$requests" && scale_measure 'catalog page (100)' 200 "$requests"
    scale_pick 0 "$SCALE_TAGS" | awk -v one="$one" '{ printf "%s/manifests/v%d\n", one, 1000001 + $1 }' >"$scratch/by-tag"
    scale_requests <"$scratch/by-tag" >"$requests" && scale_measure 'manifest GET by tag' 200 "$requests"
    scale_requests head <"$scratch/by-tag" >"$requests" && scale_measure 'manifest HEAD by tag' 200 "$requests"
    scale_digests manifests $((SCALE_MANIFESTS / 2)) | sed "s|^|$one/manifests/|" >"$scratch/by-digest"
    scale_requests <"$scratch/by-digest" >"$requests" && scale_measure 'manifest GET by digest' 200 "$requests"
    scale_digests blobs $((SCALE_MANIFESTS / 2)) | sed "s|^|$one/blobs/|" | scale_requests head >"$requests" && scale_measure 'blob HEAD' 200 "$requests"
    scale_requests <<<"$(yes "$one/referrers/$scale_subject" | head -n "$SCALE_REQUESTS")" >"$requests"
    scale_measure 'referrers (1000)' 200 "$requests"
    scale_puts new | scale_requests_of_puts >"$requests" && scale_measure 'manifest PUT, new tag' 201 "$requests"
    scale_puts v1000777 | scale_requests_of_puts >"$requests" && scale_measure 'manifest PUT, moved tag' 201 "$requests"
    scale_pick 300 "$SCALE_TAGS" | awk -v one="$one" '{ printf "%s/manifests/v%d\n", one, 1000001 + $1 }' |
        scale_requests 'request = DELETE' >"$requests" && scale_measure 'tag DELETE' 202 "$requests"
    scale_digests manifests $((SCALE_MANIFESTS / 20)) | sed "s|^|$one/manifests/|" |
        scale_requests 'request = DELETE' >"$requests" && scale_measure 'manifest DELETE' 202 "$requests"
}

# scale_digests TABLE FROM - prints digests of the table, from that number on.
scale_digests() {
    scale_sql <<<"SELECT digest FROM $1 WHERE id > 1000000 + $2 AND id <= 1000000 + $2 + $SCALE_REQUESTS;"
}

# scale_puts TAG - writes a manifest for each request, each another, and prints the paths with their files. `new` is a tag for
# each.
scale_puts() {
    local i tag
    for ((i = 0; i < SCALE_REQUESTS; i++)); do
        tag=$1
        [[ $tag != new ]] || tag=new-$i
        printf '{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[],"annotations":{"n":"%s %d"}}' \
            "$1" "$i" >"$scratch/put-$1-$i"
        printf '%s\t%s\n' "/v2/scale/one/manifests/$tag" "$scratch/put-$1-$i"
    done
}

# scale_requests_of_puts - prints the configuration for the PUT of each path and file on stdin.
scale_requests_of_puts() {
    local path file first=1
    while IFS=$'\t' read -r path file; do
        ((first)) || printf 'next\n'
        first=0
        scale_requests 'request = PUT' 'header = "Content-Type: application/vnd.oci.image.index.v1+json"' \
            "data-binary = \"@$file\"" <<<"$path"
    done
}

# scale_run KIND... - fills a database of each kind, and measures the registry on it.
scale_run() {
    local url kind scale_dir scale_subject
    printf '| request | database | p50 ms | p99 ms | statements |\n|---|---|---|---|---|\n'
    for kind; do
        scale_dir=$scratch/scale-$kind
        mkdir -p "$scale_dir"
        case $kind in
            sqlite) url=sqlite:$scale_dir/registry.db ;;
            postgres)
                postgres_start "$scratch/database-postgres" -c shared_preload_libraries=pg_stat_statements -c shared_buffers=256MB
                url=$postgres_url
                scale_sql <<<'CREATE EXTENSION pg_stat_statements;'
                ;;
            mariadb)
                mariadb_start "$scratch/database-mariadb" --innodb-buffer-pool-size=512M
                url=$mariadb_url
                ;;
        esac
        server_start "$scale_dir/server" database "$url" ''
        base=$server_url
        printf '{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]}' >"$scratch/subject"
        scale_subject=sha256:$(sha256sum "$scratch/subject" | cut -d ' ' -f 1)
        ask --request PUT --header 'Content-Type: application/vnd.oci.image.index.v1+json' --data-binary "@$scratch/subject" \
            "$base/v2/scale/one/manifests/subject"
        [[ $status == 201 ]]
        server_stop
        local began=$SECONDS
        scale_fill
        printf '%s: filled in %d s\n' "$kind" $((SECONDS - began)) >&2
        server_start "$scale_dir/server" database "$url" ''
        base=$server_url
        scale_calls
        server_stop
    done
}
