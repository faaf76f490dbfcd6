# shellcheck shell=bash
# The object store behind a registry: STORE names one that scripts/object-stores has started, of those in store_names.
# Without it the file system is meant.

store_names=(s3 ceph azure gcs swift)

# store_config ROOT - prints the storage of a configuration. ROOT is a directory; an object store has the data of each
# below its own prefix. Clients are sent there by another name of this machine, as credentials for the one are not for the
# other.
store_config() {
    local root=${1//[^[:alnum:]]/-} redirect
    redirect=", redirectendpoint: \"$(store_endpoint)\""
    case ${STORE-} in
        '') printf 'filesystem: {rootdirectory: "%s"}\n' "$1" ;;
        s3)
            printf 's3: {regionendpoint: "%s", region: us-east-1, forcepathstyle: true, bucket: "%s", accesskey: "%s", secretkey: "%s", rootdirectory: "/%s"%s}\n' \
                "$TEST_S3_ENDPOINT" "$TEST_S3_BUCKET" "$TEST_S3_ACCESS_KEY" "$TEST_S3_SECRET_KEY" "$root" "$redirect"
            ;;
        ceph)
            printf 's3: {regionendpoint: "%s", region: us-east-1, forcepathstyle: true, bucket: "%s", accesskey: "%s", secretkey: "%s", rootdirectory: "/%s"}\n' \
                "$TEST_CEPH_ENDPOINT" "$TEST_CEPH_BUCKET" "$TEST_CEPH_ACCESS_KEY" "$TEST_CEPH_SECRET_KEY" "$root"
            ;;
        azure)
            printf 'azure: {serviceurl: "%s", container: "%s", accountname: "%s", accountkey: "%s", rootdirectory: "/%s"%s}\n' \
                "$TEST_AZURE_ENDPOINT" "$TEST_AZURE_CONTAINER" "$TEST_AZURE_ACCOUNT" "$TEST_AZURE_KEY" "$root" "$redirect"
            ;;
        gcs)
            printf 'gcs: {endpoint: "%s", bucket: "%s", rootdirectory: "/%s"}\n' \
                "$TEST_GCS_ENDPOINT" "$TEST_GCS_BUCKET" "$root"
            ;;
        swift)
            printf 'swift: {authurl: "%s", container: "%s", username: "%s", password: "%s", secretkey: tests, prefix: "%s"%s}\n' \
                "$TEST_SWIFT_AUTH_URL" "$TEST_SWIFT_CONTAINER" "$TEST_SWIFT_USERNAME" "$TEST_SWIFT_PASSWORD" "$root" "$redirect"
            ;;
        *)
            printf 'STORE is %s, expected one of: %s\n' "$STORE" "${store_names[*]}" >&2
            return 1
            ;;
    esac
}

# store_endpoint - prints where clients are sent for blobs; nothing if they get them from the registry.
store_endpoint() {
    local url
    case ${STORE-} in
        s3) url=$TEST_S3_ENDPOINT ;;
        azure) url=$TEST_AZURE_ENDPOINT ;;
        swift) url=${TEST_SWIFT_AUTH_URL%/auth/*} ;;
        *) return ;;
    esac
    printf '%s\n' "${url/127.0.0.1/localhost}"
}

# store_empty ROOT PATH - leaves a file of the storage without content.
store_empty() {
    if [[ -z ${STORE-} ]]; then : >"$1/$2"; else store_ask "$1/$2" --request PUT --data-binary ''; fi
}

# store_delete ROOT PATH - deletes a file of the storage, and its directory if that is empty then.
store_delete() {
    if [[ -z ${STORE-} ]]; then
        (cd "$1" && rm "$2" && rmdir --ignore-fail-on-non-empty --parents "${2%/*}")
    else
        store_ask "$1/$2" --request DELETE
    fi
}

# store_ask FILE CURL_ARGUMENT... - asks the bucket for something to be done to what a file is there.
store_ask() {
    [[ $STORE == s3 ]] || { printf 'files are changed by hand on s3 alone\n' >&2; return 1; }
    local root=${1%%/docker/*}
    curl --silent --show-error --fail --aws-sigv4 aws:amz:us-east-1:s3 --user "$TEST_S3_ACCESS_KEY:$TEST_S3_SECRET_KEY" "${@:2}" \
        "$TEST_S3_ENDPOINT/$TEST_S3_BUCKET/${root//[^[:alnum:]]/-}/${1#"$root"/}"
}
