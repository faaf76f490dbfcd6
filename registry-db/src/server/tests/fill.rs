//! Many rows, beside the few that the calls have left.

use registry_core::protocol::digest::{Algorithm, Digest};

/// What is inserted, in the words that both servers have. `{i}` counts from 1; the repository with the id 1 is the large
/// one. Rows that are there already stay.
const ROWS: [(&str, u32, &str); 19] = [
    ("repositories (id, name, listed, created_at)", 3_000, "{i}, {name}, TRUE, {i}"),
    (
        "blobs (id, digest, size_bytes, location, state, created_at)",
        30_000,
        "{i}, CONCAT('sha256:', MD5(CONCAT('a', {i})), MD5(CONCAT('b', {i}))), {i}, CONCAT('blobs/', {i}), 0, {i}",
    ),
    ("repository_blobs (repository_id, blob_id)", 30_000, "{owner}, {i}"),
    (
        "manifests (id, repository_id, digest, media_type, artifact_type, subject, size_bytes, created_at, annotations, payload)",
        30_000,
        "{i}, {owner}, CONCAT('sha256:', MD5(CONCAT('c', {i})), MD5(CONCAT('d', {i}))), \
         'application/vnd.oci.image.manifest.v1+json', CASE WHEN {i} % 4 = 0 THEN 'type/a' END, \
         CASE WHEN {i} % 4 = 0 THEN '{subject}' END, \
         {i}, {i}, '{}', '0123456789'",
    ),
    ("manifest_blobs (manifest_id, blob_id, repository_id)", 30_000, "{i}, {i}, {owner}"),
    ("manifest_blobs (manifest_id, blob_id, repository_id)", 30_000, "{i}, {i} % 300 + 1, {owner}"),
    (
        "manifest_children (manifest_id, repository_id, digest)",
        10_000,
        "{i}, {owner}, CONCAT('sha256:', MD5(CONCAT('c', {i} + 1)), MD5(CONCAT('d', {i} + 1)))",
    ),
    ("tags (repository_id, name, manifest_id, updated_at)", 30_000, "{owner}, CONCAT('v', {i}), {i}, {i}"),
    (
        "tag_history (repository_id, name, ended_at, manifest_id, set_at, restorable_until)",
        30_000,
        "{owner}, CONCAT('v', {i} % 10000), {i}, {i}, {i}, {i} + 1000000",
    ),
    (
        "uploads (id, repository, staged, offset_bytes, algorithm, digester_state, started_at, expires_at)",
        10_000,
        "CONCAT('upload', {i}), CONCAT('n/r', {i}), 'staged', {i}, 'sha256', '0123456789', {i}, {i} + 1000000",
    ),
    ("gc_blob_reviews (blob_id, review_after)", 20_000, "{i}, {i} + 1000000"),
    ("gc_manifest_reviews (manifest_id, review_after)", 20_000, "{i}, {i} + 1000000"),
    (
        "gc_blob_holds (token, digest, held_until)",
        5_000,
        "CONCAT('token', {i}), CONCAT('sha256:', MD5(CONCAT('a', {i})), MD5(CONCAT('b', {i}))), {i} + 1000000",
    ),
    (
        "displaced_blobs (location, digest, state, turn_after)",
        10_000,
        "CONCAT('uploads/', {i}), CONCAT('sha256:', MD5(CONCAT('a', {i})), MD5(CONCAT('b', {i}))), 0, {i} + 1000000",
    ),
    (
        "replicated_blobs (digest, size_bytes, state, turn_after, noted_at, failures, error)",
        30_000,
        "CONCAT('sha256:', MD5(CONCAT('a', {i})), MD5(CONCAT('b', {i}))), {i}, CASE WHEN {i} % 100 = 0 THEN 0 ELSE 1 END, \
         CASE WHEN {i} % 100 = 0 THEN {i} + 1000000 ELSE 9223372036854775807 END, {i}, {i} % 100, ''",
    ),
    ("withdrawn_manifests (manifest_id)", 5_000, "{i} * 4 + 1"),
    (
        "repository_usage (repository_id, namespace, name, manifest_count, tag_count, logical_bytes, unique_bytes)",
        3_000,
        "{i}, {namespace}, {name}, 10, 10, {i}, {i}",
    ),
    (
        "namespace_usage (namespace, stripe, manifest_count, tag_count, logical_bytes, unique_bytes)",
        4_000,
        "CONCAT('n', {i} % 500), {i} % 8, 10, 10, {i}, {i}",
    ),
    ("namespace_blobs (namespace, blob_id, repository_count)", 30_000, "{namespace}, {i}, 1"),
];
const IMPORTED: (&str, u32, &str) = ("imported_repositories (name, round, finished_at)", 3_000, "{name}, 1, {i}");

/// Two of three rows belong to the large repository.
const OWNER: &str = "(CASE WHEN {i} % 3 > 0 THEN 1 ELSE {i} % 2900 + 4 END)";
/// Two of three repositories belong to the namespace without a name.
const NAMESPACE: &str = "(CASE WHEN {i} % 3 > 0 THEN '' ELSE CONCAT('n', {i} % 500) END)";
const NAME: &str = "(CASE WHEN {i} % 3 > 0 THEN CONCAT('r', {i}) ELSE CONCAT('n', {i} % 500, '/r', {i}) END)";

/// Returns the statements that insert. `insert` makes one of a table with its columns, of how many rows there are, and of
/// what is selected for `i`.
pub(super) fn statements(insert: impl Fn(&str, u32, &str) -> String) -> impl Iterator<Item = String> {
    // Whose referrers the calls ask for.
    let subject = Digest::of(Algorithm::Sha256, b"index").to_string();
    ROWS.into_iter().chain([IMPORTED]).map(move |(table, count, row)| {
        let row =
            [("{owner}", OWNER), ("{namespace}", NAMESPACE), ("{name}", NAME), ("{subject}", &subject), ("{i}", "i")]
                .into_iter()
                .fold(row.to_owned(), |row, (word, meaning)| row.replace(word, meaning));
        insert(table, count, &row)
    })
}
