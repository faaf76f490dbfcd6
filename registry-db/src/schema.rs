//! The tables as diesel sees them, the same for every database. The truth is in `migrations/`.

diesel::table! {
    repositories (id) { id -> BigInt, name -> Text, listed -> Bool, created_at -> BigInt, }
}
diesel::table! {
    blobs (id) { id -> BigInt, digest -> Text, size_bytes -> BigInt, location -> Text, state -> SmallInt, created_at -> BigInt, }
}
diesel::table! {
    repository_blobs (repository_id, blob_id) { repository_id -> BigInt, blob_id -> BigInt, }
}
diesel::table! {
    manifests (id) {
        id -> BigInt,
        repository_id -> BigInt,
        digest -> Text,
        media_type -> Text,
        artifact_type -> Nullable<Text>,
        subject -> Nullable<Text>,
        size_bytes -> BigInt,
        created_at -> BigInt,
        annotations -> Text,
        payload -> Binary,
    }
}
diesel::table! {
    manifest_blobs (manifest_id, blob_id) { manifest_id -> BigInt, blob_id -> BigInt, repository_id -> BigInt, }
}
diesel::table! {
    manifest_children (manifest_id, digest) { manifest_id -> BigInt, repository_id -> BigInt, digest -> Text, }
}
diesel::table! {
    tags (repository_id, name) { repository_id -> BigInt, name -> Text, manifest_id -> BigInt, updated_at -> BigInt, }
}
diesel::table! {
    uploads (id) {
        id -> Text,
        repository -> Text,
        staged -> Text,
        offset_bytes -> BigInt,
        algorithm -> Text,
        digester_state -> Binary,
        started_at -> BigInt,
        expires_at -> BigInt,
        claim -> Nullable<Text>,
        claimed_until -> Nullable<BigInt>,
    }
}
diesel::table! {
    gc_blob_reviews (blob_id) { blob_id -> BigInt, review_after -> BigInt, review_count -> Integer, }
}
diesel::table! {
    gc_manifest_reviews (manifest_id) { manifest_id -> BigInt, review_after -> BigInt, review_count -> Integer, }
}
diesel::table! {
    settings (name) { name -> Text, value -> Text, }
}
diesel::table! {
    imports (id) { id -> SmallInt, round -> BigInt, started_at -> BigInt, finished_at -> Nullable<BigInt>, }
}
diesel::table! {
    imported_repositories (name) { name -> Text, round -> BigInt, finished_at -> BigInt, }
}
diesel::table! {
    gc_blob_holds (token) { token -> Text, digest -> Text, held_until -> BigInt, }
}
diesel::table! {
    displaced_blobs (location) { location -> Text, digest -> Nullable<Text>, state -> SmallInt, turn_after -> BigInt, }
}
diesel::table! {
    replicated_blobs (digest) {
        digest -> Text,
        size_bytes -> BigInt,
        state -> SmallInt,
        turn_after -> BigInt,
        noted_at -> BigInt,
        failures -> Integer,
        error -> Text,
    }
}
diesel::table! {
    tag_history (repository_id, name, ended_at, manifest_id) {
        repository_id -> BigInt,
        name -> Text,
        ended_at -> BigInt,
        manifest_id -> BigInt,
        set_at -> BigInt,
        restorable_until -> BigInt,
    }
}
diesel::table! {
    withdrawn_manifests (manifest_id) { manifest_id -> BigInt, }
}
diesel::table! {
    repository_usage (repository_id) {
        repository_id -> BigInt,
        namespace -> Text,
        name -> Text,
        manifest_count -> BigInt,
        tag_count -> BigInt,
        logical_bytes -> BigInt,
        unique_bytes -> BigInt,
    }
}
diesel::table! {
    namespace_usage (namespace, stripe) {
        namespace -> Text,
        stripe -> SmallInt,
        manifest_count -> BigInt,
        tag_count -> BigInt,
        logical_bytes -> BigInt,
        unique_bytes -> BigInt,
    }
}
diesel::table! {
    namespace_blobs (namespace, blob_id) { namespace -> Text, blob_id -> BigInt, repository_count -> BigInt, }
}

diesel::joinable!(repository_blobs -> repositories (repository_id));
diesel::joinable!(repository_blobs -> blobs (blob_id));
diesel::joinable!(manifests -> repositories (repository_id));
diesel::joinable!(manifest_blobs -> manifests (manifest_id));
diesel::joinable!(manifest_blobs -> blobs (blob_id));
diesel::joinable!(manifest_children -> manifests (manifest_id));
diesel::joinable!(tags -> repositories (repository_id));
diesel::joinable!(tags -> manifests (manifest_id));
diesel::joinable!(gc_blob_reviews -> blobs (blob_id));
diesel::joinable!(gc_manifest_reviews -> manifests (manifest_id));
diesel::joinable!(tag_history -> repositories (repository_id));
diesel::joinable!(tag_history -> manifests (manifest_id));
diesel::allow_tables_to_appear_in_same_query!(
    repositories,
    blobs,
    repository_blobs,
    manifests,
    manifest_blobs,
    manifest_children,
    tags,
    gc_blob_reviews,
    gc_manifest_reviews,
    tag_history,
    withdrawn_manifests,
    repository_usage,
    namespace_blobs,
);
