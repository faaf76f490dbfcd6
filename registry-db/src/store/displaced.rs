//! Bytes that are not in the place of a blob.
//!
//! Their rows are locked before any other, and looked at again under that lock: of a push that records its bytes and a
//! mover that is about to delete them, the second sees the first.

use async_trait::async_trait;
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use futures::FutureExt;
use registry_core::protocol::digest::Digest;
use registry_core::store::displaced::{DisplacedBlob, Displacement, DisplacementStore};
use registry_core::store::inventory::RecordedBlob;
use registry_core::store::{BlobLocation, StoreResult, Timestamp};

use super::blob::LIVE;
use super::dialect::{Connection, Store, lock, lock_next};
use super::rows;
use crate::cache::Subject;
use crate::error::during;
use crate::prepared::{PreparedDsl, lists};
use crate::schema::{blobs, displaced_blobs};
use crate::stored::Stored;

/// The state of bytes that were recorded as those of a blob.
const RECORDED: i16 = 0;
/// The state of bytes that are to be deleted.
const LEFT: i16 = 1;
/// The state of bytes that were deleted, and of which nobody can record any until they are forgotten.
const DELETED: i16 = 2;

#[async_trait]
impl DisplacementStore for Store {
    async fn take_displaced(
        &self,
        now: Timestamp,
        next_turn: Timestamp,
        limit: usize,
    ) -> StoreResult<Vec<DisplacedBlob>> {
        let failed = || during("take blobs that are not in their place");
        let due = self
            .read_once((now, limit), |connection, (now, limit)| due(connection, *now, *limit).boxed())
            .await
            .map_err(failed())?;
        if due.is_empty() {
            return Ok(Vec::new());
        }
        let take = Take { locations: due, now, next_turn };
        self.write([], take, |connection, take| take.run(connection).boxed()).await.map_err(failed())
    }

    async fn relocate_blob(
        &self,
        blob: &RecordedBlob,
        location: &BlobLocation,
        delete_after: Timestamp,
    ) -> StoreResult<bool> {
        let relocate = Relocate { blob: blob.clone(), location: location.clone(), delete_after };
        self.write([Subject::Blob(&blob.digest)], relocate, |connection, relocate| relocate.run(connection).boxed())
            .await
            .map_err(during(format_args!("record that blob `{}` was moved", blob.digest)))
    }

    async fn leave_displaced(&self, location: &BlobLocation, delete_after: Timestamp) -> StoreResult<()> {
        self.write([], (location.clone(), delete_after), |connection, (location, delete_after)| {
            leave_unless_recorded(connection, location.as_str(), *delete_after).boxed()
        })
        .await
        .map_err(during(format_args!("leave `{location}`")))
    }

    async fn note_displaced(&self, found: &[BlobLocation], delete_after: Timestamp) -> StoreResult<usize> {
        let found: Vec<String> = found.iter().map(BlobLocation::to_string).collect();
        if found.is_empty() {
            return Ok(0);
        }
        self.write([], (found, delete_after), |connection, (found, delete_after)| {
            note(connection, found, *delete_after).boxed()
        })
        .await
        .map_err(during("note bytes that are not in the place of a blob"))
    }

    async fn forget_displaced(&self, gone: &[BlobLocation]) -> StoreResult<()> {
        let gone: Vec<String> = gone.iter().map(BlobLocation::to_string).collect();
        self.write([], gone, |connection, gone| forget(connection, gone).boxed())
            .await
            .map_err(during("forget deleted bytes"))
    }
}

/// Notes that a blob is about to get displaced bytes, whose turn is at once. Returns whether they are there: not if they
/// were deleted.
pub(super) async fn record(connection: &mut Connection, location: &str, digest: &str) -> QueryResult<bool> {
    let recorded = (
        displaced_blobs::digest.eq(Some(digest)),
        displaced_blobs::state.eq(RECORDED),
        displaced_blobs::turn_after.eq(0),
    );
    diesel::insert_into(displaced_blobs::table)
        .values((displaced_blobs::location.eq(location), recorded))
        .on_conflict_do_nothing()
        .execute(connection)
        .await?;
    // Not every database tells whether that has inserted a row.
    let known = displaced_blobs::table.find(location);
    if lock!(known.select(displaced_blobs::state)).get_result(connection).await.optional()? == Some(DELETED) {
        return Ok(false);
    }
    diesel::update(known).set(recorded).prepared().execute(connection).await?;
    Ok(true)
}

async fn due(connection: &mut Connection, now: Timestamp, limit: usize) -> QueryResult<Vec<String>> {
    displaced_blobs::table
        .filter(displaced_blobs::turn_after.le(now.as_micros()))
        .order((displaced_blobs::turn_after, displaced_blobs::location))
        .limit(rows(limit))
        .select(displaced_blobs::location)
        .load(connection)
        .await
}

struct Take {
    locations: Vec<String>,
    now: Timestamp,
    next_turn: Timestamp,
}

impl Take {
    async fn run(&self, connection: &mut Connection) -> QueryResult<Vec<DisplacedBlob>> {
        let mut taken = Vec::with_capacity(self.locations.len());
        for locations in lists(&self.locations) {
            let due = displaced_blobs::table
                .filter(displaced_blobs::location.eq_any(locations))
                .filter(displaced_blobs::turn_after.le(self.now.as_micros()))
                .order(displaced_blobs::location)
                .select((displaced_blobs::location, displaced_blobs::digest, displaced_blobs::state));
            let due: Vec<(String, Option<Stored<Digest>>, i16)> = lock_next!(due).prepared().load(connection).await?;
            taken.extend(due);
        }
        for (location, _, state) in &taken {
            let next = if *state == LEFT { DELETED } else { *state };
            diesel::update(displaced_blobs::table.find(location))
                .set((displaced_blobs::state.eq(next), displaced_blobs::turn_after.eq(self.next_turn.as_micros())))
                .prepared()
                .execute(connection)
                .await?;
        }
        let blob = |(location, digest, state): (String, Option<Stored<Digest>>, i16)| DisplacedBlob {
            location: BlobLocation::new(location),
            state: match (state, digest) {
                (RECORDED, Some(Stored(digest))) => Displacement::Recorded(digest),
                (DELETED, _) => Displacement::Deleted,
                _ => Displacement::Left,
            },
        };
        Ok(taken.into_iter().map(blob).collect())
    }
}

struct Relocate {
    blob: RecordedBlob,
    location: BlobLocation,
    delete_after: Timestamp,
}

impl Relocate {
    async fn run(&self, connection: &mut Connection) -> QueryResult<bool> {
        let RecordedBlob { digest, location, changed_at, .. } = &self.blob;
        let left = displaced_blobs::table.find(location.as_str()).select(displaced_blobs::state);
        lock!(left).get_result::<i16>(connection).await.optional()?;
        // A clock that stands still, or goes back, must not make a later record look like this one.
        let now = Timestamp::now().as_micros().max(changed_at.as_micros() + 1);
        let seen = blobs::table
            .filter(blobs::digest.eq(digest.to_string()))
            .filter(blobs::state.eq(LIVE))
            .filter(blobs::location.eq(location.as_str()))
            .filter(blobs::created_at.eq(changed_at.as_micros()));
        let moved = diesel::update(seen).set((blobs::location.eq(self.location.as_str()), blobs::created_at.eq(now)));
        if moved.prepared().execute(connection).await? == 0 {
            return Ok(false);
        }
        leave(connection, location.as_str(), self.delete_after).await?;
        Ok(true)
    }
}

async fn leave(connection: &mut Connection, location: &str, delete_after: Timestamp) -> QueryResult<()> {
    diesel::update(displaced_blobs::table.find(location))
        .set((displaced_blobs::state.eq(LEFT), displaced_blobs::turn_after.eq(delete_after.as_micros())))
        .prepared()
        .execute(connection)
        .await?;
    Ok(())
}

async fn leave_unless_recorded(
    connection: &mut Connection,
    location: &str,
    delete_after: Timestamp,
) -> QueryResult<()> {
    let known = displaced_blobs::table.find(location).filter(displaced_blobs::state.eq(RECORDED));
    let digest = lock!(known.select(displaced_blobs::digest)).get_result::<Option<String>>(connection).await;
    let Some(Some(digest)) = digest.optional()? else { return Ok(()) };
    let blob = blobs::table.filter(blobs::digest.eq(digest)).select(blobs::location);
    if blob.get_result::<String>(connection).await.optional()?.as_deref() != Some(location) {
        leave(connection, location, delete_after).await?;
    }
    Ok(())
}

async fn note(connection: &mut Connection, found: &[String], delete_after: Timestamp) -> QueryResult<usize> {
    let mut known = Vec::new();
    for locations in lists(found) {
        let some = displaced_blobs::table.filter(displaced_blobs::location.eq_any(locations));
        known.extend(some.select(displaced_blobs::location).prepared().load::<String>(connection).await?);
    }
    let mut noted = 0;
    for location in found.iter().filter(|location| !known.contains(location)) {
        noted += diesel::insert_into(displaced_blobs::table)
            .values((
                displaced_blobs::location.eq(location),
                displaced_blobs::digest.eq(None::<String>),
                displaced_blobs::state.eq(LEFT),
                displaced_blobs::turn_after.eq(delete_after.as_micros()),
            ))
            .on_conflict_do_nothing()
            .execute(connection)
            .await?;
    }
    Ok(noted)
}

async fn forget(connection: &mut Connection, gone: &[String]) -> QueryResult<()> {
    for locations in lists(gone) {
        let gone = displaced_blobs::table
            .filter(displaced_blobs::location.eq_any(locations))
            .filter(displaced_blobs::state.eq(DELETED));
        diesel::delete(gone).prepared().execute(connection).await?;
    }
    Ok(())
}
