//! The review queue.
//!
//! Whatever loses a reference is put here by an insert that also writes a row that is there already, even if its date
//! stays: so a review that is at work on that row, and holds it locked, cannot miss the event.

use async_trait::async_trait;
use diesel::prelude::*;
use diesel::sql_types::BigInt;
use diesel_async::RunQueryDsl;
use futures::FutureExt;
use registry_core::protocol::digest::Digest;
use registry_core::protocol::reference::RepositoryName;
use registry_core::store::metadata::{Review, ReviewStore, ReviewSubject};
use registry_core::store::{StoreResult, Timestamp};

use super::blob::LIVE;
use super::dialect::{Backend, Connection, Store, conflict_key, later, share};
use super::rows;
use crate::error::during;
use crate::prepared::PreparedDsl;
use crate::schema::{blobs, gc_blob_reviews, gc_manifest_reviews, manifests, repositories};
use crate::stored::Stored;

#[async_trait]
impl ReviewStore for Store {
    async fn due_reviews(&self, now: Timestamp, limit: usize) -> StoreResult<Vec<Review>> {
        self.read((now, limit), |connection, (now, limit)| due(connection, *now, *limit).boxed())
            .await
            .map_err(during("list due reviews"))
    }
}

/// Has one blob reviewed, no earlier than `date`.
pub(super) async fn blob(connection: &mut Connection, id: i64, date: Timestamp) -> QueryResult<()> {
    blobs(connection, blobs::table.find(id).into_boxed(), date).await
}

/// Has blobs reviewed, no earlier than `date`.
pub(super) async fn blobs(
    connection: &mut Connection,
    which: blobs::BoxedQuery<'_, Backend>,
    date: Timestamp,
) -> QueryResult<()> {
    let date = date.as_micros();
    diesel::insert_into(gc_blob_reviews::table)
        .values(which.order(blobs::id).select((blobs::id, date.into_sql::<BigInt>())))
        .into_columns((gc_blob_reviews::blob_id, gc_blob_reviews::review_after))
        .on_conflict(conflict_key(gc_blob_reviews::blob_id))
        .do_update()
        .set(gc_blob_reviews::review_after.eq(later(gc_blob_reviews::review_after, date)))
        .prepared()
        .execute(connection)
        .await?;
    Ok(())
}

/// Has manifests reviewed, no earlier than `date`.
pub(super) async fn manifests(
    connection: &mut Connection,
    which: manifests::BoxedQuery<'_, Backend>,
    date: Timestamp,
) -> QueryResult<()> {
    let date = date.as_micros();
    diesel::insert_into(gc_manifest_reviews::table)
        .values(which.order(manifests::id).select((manifests::id, date.into_sql::<BigInt>())))
        .into_columns((gc_manifest_reviews::manifest_id, gc_manifest_reviews::review_after))
        .on_conflict(conflict_key(gc_manifest_reviews::manifest_id))
        .do_update()
        .set(gc_manifest_reviews::review_after.eq(later(gc_manifest_reviews::review_after, date)))
        .prepared()
        .execute(connection)
        .await?;
    Ok(())
}

/// Moves a blob's review to `date`, if it stands in the queue with an earlier one. Returns whether the blob is there, and
/// not being deleted; it is not until the transaction ends.
pub(super) async fn postpone_blob(connection: &mut Connection, digest: Digest, date: Timestamp) -> QueryResult<bool> {
    let blob = blobs::table.filter(blobs::digest.eq(digest.to_string())).filter(blobs::state.eq(LIVE));
    let Some(id) = share!(blob.select(blobs::id)).get_result::<i64>(connection).await.optional()? else {
        return Ok(false);
    };
    diesel::update(gc_blob_reviews::table.find(id))
        .filter(gc_blob_reviews::review_after.lt(date.as_micros()))
        .set(gc_blob_reviews::review_after.eq(date.as_micros()))
        .prepared()
        .execute(connection)
        .await?;
    Ok(true)
}

async fn due(connection: &mut Connection, now: Timestamp, limit: usize) -> QueryResult<Vec<Review>> {
    let of_blobs: Vec<(Stored<Digest>, i64)> = gc_blob_reviews::table
        .inner_join(blobs::table)
        .filter(gc_blob_reviews::review_after.le(now.as_micros()))
        .order((gc_blob_reviews::review_after, gc_blob_reviews::blob_id))
        .limit(rows(limit))
        .select((blobs::digest, gc_blob_reviews::review_after))
        .load(connection)
        .await?;
    let of_manifests: Vec<(Stored<RepositoryName>, Stored<Digest>, i64)> = gc_manifest_reviews::table
        .inner_join(manifests::table.inner_join(repositories::table))
        .filter(gc_manifest_reviews::review_after.le(now.as_micros()))
        .order((gc_manifest_reviews::review_after, gc_manifest_reviews::manifest_id))
        .limit(rows(limit))
        .select((repositories::name, manifests::digest, gc_manifest_reviews::review_after))
        .load(connection)
        .await?;

    let of_blobs = of_blobs.into_iter().map(|(digest, date)| (ReviewSubject::Blob(digest.0), date));
    let of_manifests = of_manifests
        .into_iter()
        .map(|(repository, digest, date)| (ReviewSubject::Manifest(repository.0, digest.0), date));
    let mut due: Vec<Review> = of_blobs
        .chain(of_manifests)
        .map(|(subject, date)| Review { subject, review_after: Timestamp::from_micros(date) })
        .collect();
    due.sort_by_key(|review| review.review_after);
    due.truncate(limit);
    Ok(due)
}
