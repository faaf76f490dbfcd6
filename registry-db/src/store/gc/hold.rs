//! Who is about to put a blob in place, where other processes collect as well.

use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use registry_core::protocol::digest::Digest;
use registry_core::store::{ClaimToken, Timestamp};

use super::super::blob::CONDEMNED;
use super::super::dialect::{Connection, share};
use super::super::rows;
use crate::prepared::PreparedDsl;
use crate::schema::{blobs, gc_blob_holds, gc_blob_reviews};
use crate::stored::Stored;

/// Ends a hold, and returns whether it still counted.
pub(in super::super) async fn end_hold(connection: &mut Connection, token: ClaimToken) -> QueryResult<bool> {
    Ok(diesel::delete(gc_blob_holds::table.find(token.to_string())).execute(connection).await? > 0)
}

/// Ends the holds that are over. Whoever has one learns of it as soon as it is to be ended.
pub(super) async fn end_old_holds(connection: &mut Connection, now: Timestamp) -> QueryResult<()> {
    diesel::delete(gc_blob_holds::table.filter(gc_blob_holds::held_until.le(now.as_micros())))
        .prepared()
        .execute(connection)
        .await?;
    Ok(())
}

/// Returns the blobs of holds that are over.
pub(super) async fn expired_holds(
    connection: &mut Connection,
    now: Timestamp,
    limit: usize,
) -> QueryResult<Vec<Digest>> {
    let expired: Vec<Stored<Digest>> = gc_blob_holds::table
        .filter(gc_blob_holds::held_until.le(now.as_micros()))
        .order(gc_blob_holds::held_until)
        .limit(rows(limit))
        .select(gc_blob_holds::digest)
        .load(connection)
        .await?;
    Ok(expired.into_iter().map(|Stored(digest)| digest).collect())
}

pub(super) async fn record_hold(
    connection: &mut Connection,
    token: ClaimToken,
    digest: Digest,
    until: Timestamp,
) -> QueryResult<()> {
    diesel::insert_into(gc_blob_holds::table)
        .values((
            gc_blob_holds::token.eq(token.to_string()),
            gc_blob_holds::digest.eq(digest.to_string()),
            gc_blob_holds::held_until.eq(until.as_micros()),
        ))
        .on_conflict_do_nothing()
        .execute(connection)
        .await?;
    Ok(())
}

/// Tells whether a blob whose hold is recorded is not being deleted, and takes the hold back if it is. Waits for whoever
/// is about to condemn it.
pub(super) async fn is_free(
    connection: &mut Connection,
    token: ClaimToken,
    digest: Digest,
    now: Timestamp,
) -> QueryResult<bool> {
    let blob = blobs::table.filter(blobs::digest.eq(digest.to_string())).select((blobs::id, blobs::state));
    let is_free = match share!(blob).get_result::<(i64, i16)>(connection).await.optional()? {
        Some((id, CONDEMNED)) => {
            let lease = gc_blob_reviews::table.find(id).select(gc_blob_reviews::review_after);
            lease.get_result::<i64>(connection).await.optional()?.is_none_or(|lease_end| lease_end <= now.as_micros())
        }
        _ => true,
    };
    if !is_free {
        end_hold(connection, token).await?;
    }
    Ok(is_free)
}
