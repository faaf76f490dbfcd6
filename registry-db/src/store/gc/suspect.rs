//! What a collection would take, to be shown.

use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use registry_core::protocol::digest::Digest;
use registry_core::protocol::reference::RepositoryName;
use registry_core::store::Timestamp;
use registry_core::store::gc::Suspect;
use registry_core::store::metadata::ReviewSubject;

use super::super::dialect::Connection;
use super::super::rows;
use super::condemned::referenced;
use super::orphan::{Orphans, orphans};
use crate::schema::{blobs, gc_blob_reviews, gc_manifest_reviews, manifests, repositories};
use crate::stored::Stored;

pub(super) async fn suspect_blobs(
    connection: &mut Connection,
    now: Timestamp,
    cursor: i64,
    limit: usize,
) -> QueryResult<Vec<Suspect>> {
    let found: Vec<(i64, Stored<Digest>, i64)> = gc_blob_reviews::table
        .inner_join(blobs::table)
        .filter(gc_blob_reviews::blob_id.gt(cursor))
        .filter(gc_blob_reviews::review_after.le(now.as_micros()))
        .order(gc_blob_reviews::blob_id)
        .limit(rows(limit))
        .select((blobs::id, blobs::digest, blobs::size_bytes))
        .load(connection)
        .await?;
    let referenced = referenced(connection, &found.iter().map(|(id, ..)| *id).collect::<Vec<_>>()).await?;
    let suspect = |(id, digest, size_bytes): (i64, Stored<Digest>, i64)| Suspect {
        subject: ReviewSubject::Blob(digest.0),
        size_bytes: size_bytes.cast_unsigned(),
        is_referenced: referenced.contains(&id),
        cursor: id.cast_unsigned(),
    };
    Ok(found.into_iter().map(suspect).collect())
}

/// A manifest, its repository, their names, and the manifest's size.
type SuspectRow = (i64, i64, Stored<RepositoryName>, Stored<Digest>, i64);

pub(super) async fn suspect_manifests(
    connection: &mut Connection,
    now: Timestamp,
    cursor: i64,
    limit: usize,
) -> QueryResult<Vec<Suspect>> {
    let found: Vec<SuspectRow> = gc_manifest_reviews::table
        .inner_join(manifests::table.inner_join(repositories::table))
        .filter(gc_manifest_reviews::manifest_id.gt(cursor))
        .filter(gc_manifest_reviews::review_after.le(now.as_micros()))
        .order(gc_manifest_reviews::manifest_id)
        .limit(rows(limit))
        .select((manifests::id, repositories::id, repositories::name, manifests::digest, manifests::size_bytes))
        .load(connection)
        .await?;
    let mut suspects = Vec::with_capacity(found.len());
    for (id, repository_id, repository, digest, size_bytes) in found {
        suspects.push(Suspect {
            subject: ReviewSubject::Manifest(repository.0, digest.0),
            size_bytes: size_bytes.cast_unsigned(),
            is_referenced: !matches!(orphans(connection, repository_id, id, now).await?, Orphans::Due(_)),
            cursor: id.cast_unsigned(),
        });
    }
    Ok(suspects)
}
