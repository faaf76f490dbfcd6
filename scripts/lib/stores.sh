# shellcheck shell=bash
# The object store behind a registry: STORE names one that scripts/object-stores has started, of those in store_names.
# Without it the file system is meant.

store_names=(s3 ceph azure gcs swift)

# store_config ROOT - prints the storage of a configuration. ROOT is a directory; an object store has the data of each
# below its own prefix.
store_config() {
    local root=${1//[^[:alnum:]]/-}
    case ${STORE-} in
        '') printf 'filesystem: {rootdirectory: "%s"}\n' "$1" ;;
        s3)
            printf 's3: {regionendpoint: "%s", region: us-east-1, forcepathstyle: true, bucket: "%s", accesskey: "%s", secretkey: "%s", rootdirectory: "/%s"}\n' \
                "$TEST_S3_ENDPOINT" "$TEST_S3_BUCKET" "$TEST_S3_ACCESS_KEY" "$TEST_S3_SECRET_KEY" "$root"
            ;;
        ceph)
            printf 's3: {regionendpoint: "%s", region: us-east-1, forcepathstyle: true, bucket: "%s", accesskey: "%s", secretkey: "%s", rootdirectory: "/%s"}\n' \
                "$TEST_CEPH_ENDPOINT" "$TEST_CEPH_BUCKET" "$TEST_CEPH_ACCESS_KEY" "$TEST_CEPH_SECRET_KEY" "$root"
            ;;
        azure)
            printf 'azure: {serviceurl: "%s", container: "%s", accountname: "%s", accountkey: "%s", rootdirectory: "/%s"}\n' \
                "$TEST_AZURE_ENDPOINT" "$TEST_AZURE_CONTAINER" "$TEST_AZURE_ACCOUNT" "$TEST_AZURE_KEY" "$root"
            ;;
        gcs)
            printf 'gcs: {endpoint: "%s", bucket: "%s", rootdirectory: "/%s"}\n' \
                "$TEST_GCS_ENDPOINT" "$TEST_GCS_BUCKET" "$root"
            ;;
        swift)
            printf 'swift: {authurl: "%s", container: "%s", username: "%s", password: "%s", prefix: "%s"}\n' \
                "$TEST_SWIFT_AUTH_URL" "$TEST_SWIFT_CONTAINER" "$TEST_SWIFT_USERNAME" "$TEST_SWIFT_PASSWORD" "$root"
            ;;
        *)
            printf 'STORE is %s, expected one of: %s\n' "$STORE" "${store_names[*]}" >&2
            return 1
            ;;
    esac
}
