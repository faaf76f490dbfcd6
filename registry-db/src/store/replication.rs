//! Second copies of blobs.
//!
//! A transaction locks their rows last, after all that the blobs themselves need.

use std::collections::HashSet;

use async_trait::async_trait;
use diesel::dsl::{count_star, min, sql};
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Bool, Nullable};
use diesel_async::RunQueryDsl;
use futures::FutureExt;
use registry_core::protocol::digest::Digest;
use registry_core::store::gc::CondemnedBlob;
use registry_core::store::replication::{
    FailedReplication, NotedBlobs, Replication, ReplicationEnd, ReplicationStatus, ReplicationStore, ReplicationTask,
};
use registry_core::store::{StoreResult, Timestamp};

use super::blob::LIVE;
use super::dialect::{Connection, Store, insert_all, lock, lock_next};
use super::rows;
use crate::error::during;
use crate::prepared::{PreparedDsl, lists};
use crate::schema::{blobs, replicated_blobs};
use crate::stored::Stored;

/// The state of a blob that is not known to have a second copy.
pub(crate) const BEHIND: i16 = 0;
/// The state of one that has it.
const COPIED: i16 = 1;
/// The state of one that was collected.
const LEFT: i16 = 2;
/// The state of one that was collected and whose copy somebody may be deleting.
const ENDING: i16 = 3;
/// The turn of what nothing is to be done about.
pub(crate) const NEVER: i64 = i64::MAX;
/// What something is to be done about: that has its turn before `NEVER`. A database that plans without values would not expect
/// that to be few.
const TO_DO: &str = "turn_after < 9223372036854775807";

diesel::define_sql_function! {
    /// The sum of all, of a type that can be cast on every database.
    #[aggregate]
    #[sql_name = "sum"]
    fn total(value: BigInt) -> Nullable<diesel::sql_types::Double>;
}

#[async_trait]
impl ReplicationStore for Store {
    async fn note_unreplicated(&self, after: Option<&Digest>, limit: usize) -> StoreResult<NotedBlobs> {
        let failed = || during("note blobs without a second copy");
        // Nothing is less than the empty text.
        let after = after.map_or_else(String::new, Digest::to_string);
        let (last, unknown) = self
            .read((after, limit), |connection, (after, limit)| find_unknown(connection, after, *limit).boxed())
            .await
            .map_err(failed())?;
        let noted = unknown.len();
        if noted > 0 {
            self.write([], unknown, |connection, unknown| note(connection, unknown).boxed()).await.map_err(failed())?;
        }
        Ok(NotedBlobs { noted, last })
    }

    async fn take_replication(&self, now: Timestamp, turn_end: Timestamp) -> StoreResult<Option<Replication>> {
        let failed = || during("take a blob without a second copy");
        let now = now.as_micros().min(NEVER - 1);
        // Most of the time there is nothing to do, and looking takes no lock.
        if !self.read_once(now, |connection, now| is_due(connection, *now).boxed()).await.map_err(failed())? {
            return Ok(None);
        }
        self.write([], (now, turn_end), |connection, (now, turn_end)| take(connection, *now, *turn_end).boxed())
            .await
            .map_err(failed())
    }

    async fn keep_replication(&self, taken: &Replication, turn_end: Timestamp) -> StoreResult<bool> {
        self.write([], (taken.clone(), turn_end), |connection, (taken, turn_end)| {
            keep(connection, taken, *turn_end).boxed()
        })
        .await
        .map_err(during(format_args!("keep the turn to copy blob `{}`", taken.digest)))
    }

    async fn end_replication(&self, taken: &Replication, end: &ReplicationEnd) -> StoreResult<bool> {
        self.write([], (taken.clone(), end.clone()), |connection, (taken, ended)| {
            end_turn(connection, taken, ended).boxed()
        })
        .await
        .map_err(during(format_args!("record what became of the second copy of blob `{}`", taken.digest)))
    }

    async fn replication_status(&self) -> StoreResult<ReplicationStatus> {
        self.read((), |connection, ()| status(connection).boxed())
            .await
            .map_err(during("look how far second copies are behind"))
    }

    async fn failed_replications(&self, limit: usize) -> StoreResult<Vec<FailedReplication>> {
        self.read_once(limit, |connection, limit| list_failed(connection, *limit).boxed())
            .await
            .map_err(during("list what failed of second copies"))
    }
}

/// Notes that a blob is recorded that is to have a second copy.
pub(super) async fn record(connection: &mut Connection, digest: &str, size_bytes: i64) -> QueryResult<()> {
    let behind = (
        replicated_blobs::size_bytes.eq(size_bytes),
        replicated_blobs::state.eq(BEHIND),
        replicated_blobs::noted_at.eq(Timestamp::now().as_micros()),
        replicated_blobs::failures.eq(0),
        replicated_blobs::error.eq(""),
    );
    diesel::insert_into(replicated_blobs::table)
        .values((replicated_blobs::digest.eq(digest), behind, replicated_blobs::turn_after.eq(0)))
        .on_conflict_do_nothing()
        .execute(connection)
        .await?;
    // Not every database tells whether that has inserted a row.
    let known = replicated_blobs::table.find(digest);
    let known = lock!(known.select((replicated_blobs::state, replicated_blobs::turn_after)));
    let turn_after = match known.get_result::<(i16, i64)>(connection).await? {
        (LEFT, _) => 0,
        // Not before whoever deletes the copy has come to his end.
        (ENDING, turn_end) => turn_end,
        _ => return Ok(()),
    };
    diesel::update(replicated_blobs::table.find(digest))
        .set((behind, replicated_blobs::turn_after.eq(turn_after)))
        .prepared()
        .execute(connection)
        .await?;
    Ok(())
}

/// Notes that blobs are gone.
pub(super) async fn leave(connection: &mut Connection, gone: &[&CondemnedBlob]) -> QueryResult<()> {
    let mut digests: Vec<String> = gone.iter().map(|blob| blob.digest.to_string()).collect();
    digests.sort_unstable();
    let left = (replicated_blobs::state.eq(LEFT), replicated_blobs::failures.eq(0), replicated_blobs::error.eq(""));
    for digests in lists(&digests) {
        let among = || replicated_blobs::table.filter(replicated_blobs::digest.eq_any(&digests));
        diesel::update(among().filter(replicated_blobs::state.eq(COPIED)))
            .set((left, replicated_blobs::turn_after.eq(0)))
            .prepared()
            .execute(connection)
            .await?;
        // Somebody may be making the copy until its turn.
        diesel::update(among().filter(replicated_blobs::state.eq(BEHIND)))
            .set(left)
            .prepared()
            .execute(connection)
            .await?;
    }
    Ok(())
}

/// A blob and its size in bytes.
type Unknown = (String, i64);

/// Looks at a page of blobs. Returns the last, and those that are served and of which nothing is known.
async fn find_unknown(
    connection: &mut Connection,
    after: &str,
    limit: usize,
) -> QueryResult<(Option<Digest>, Vec<Unknown>)> {
    let mut page: Vec<(Stored<Digest>, i64, i16)> = blobs::table
        .filter(blobs::digest.gt(after))
        .order(blobs::digest)
        .limit(rows(limit))
        .select((blobs::digest, blobs::size_bytes, blobs::state))
        .load(connection)
        .await?;
    let last = page.last().map(|(digest, ..)| digest.0);
    page.retain(|(.., state)| *state == LIVE);
    let served: Vec<Unknown> =
        page.into_iter().map(|(digest, size_bytes, _)| (digest.0.to_string(), size_bytes)).collect();
    let digests: Vec<String> = served.iter().map(|(digest, _)| digest.clone()).collect();
    let mut known = HashSet::new();
    for digests in lists(&digests) {
        let among = replicated_blobs::table.filter(replicated_blobs::digest.eq_any(digests));
        known.extend(among.select(replicated_blobs::digest).prepared().load::<String>(connection).await?);
    }
    Ok((last, served.into_iter().filter(|(digest, _)| !known.contains(digest)).collect()))
}

async fn note(connection: &mut Connection, unknown: &[Unknown]) -> QueryResult<()> {
    let now = Timestamp::now().as_micros();
    let row = |(digest, size_bytes): &Unknown| {
        (
            replicated_blobs::digest.eq(digest.clone()),
            replicated_blobs::size_bytes.eq(*size_bytes),
            replicated_blobs::state.eq(BEHIND),
            replicated_blobs::turn_after.eq(0),
            replicated_blobs::noted_at.eq(now),
            replicated_blobs::failures.eq(0),
            replicated_blobs::error.eq(""),
        )
    };
    let behind: Vec<_> = unknown.iter().map(row).collect();
    insert_all!(connection, replicated_blobs::table, behind);
    Ok(())
}

async fn is_due(connection: &mut Connection, now: i64) -> QueryResult<bool> {
    let due = replicated_blobs::table
        .filter(replicated_blobs::turn_after.le(now))
        .order((replicated_blobs::turn_after, replicated_blobs::digest))
        .limit(1)
        .select(replicated_blobs::state);
    Ok(due.get_result::<i16>(connection).await.optional()?.is_some())
}

async fn take(connection: &mut Connection, now: i64, turn_end: Timestamp) -> QueryResult<Option<Replication>> {
    let due = replicated_blobs::table
        .filter(replicated_blobs::turn_after.le(now))
        .order((replicated_blobs::turn_after, replicated_blobs::digest))
        .limit(1)
        .select((replicated_blobs::digest, replicated_blobs::state, replicated_blobs::failures));
    let found: Option<(Stored<Digest>, i16, i32)> = lock_next!(due).get_result(connection).await.optional()?;
    let Some((Stored(digest), state, failures)) = found else { return Ok(None) };
    let state = if state == LEFT { ENDING } else { state };
    diesel::update(replicated_blobs::table.find(digest.to_string()))
        .set((replicated_blobs::state.eq(state), replicated_blobs::turn_after.eq(turn_end.as_micros())))
        .prepared()
        .execute(connection)
        .await?;
    Ok(Some(Replication { digest, task: task(state), failures: failures.cast_unsigned(), turn_end }))
}

async fn keep(connection: &mut Connection, taken: &Replication, turn_end: Timestamp) -> QueryResult<bool> {
    let kept = diesel::update(
        replicated_blobs::table
            .filter(replicated_blobs::digest.eq(taken.digest.to_string()))
            .filter(replicated_blobs::state.eq(state(taken.task)))
            .filter(replicated_blobs::turn_after.eq(taken.turn_end.as_micros())),
    );
    let kept = kept.set(replicated_blobs::turn_after.eq(turn_end.as_micros())).prepared();
    Ok(kept.execute(connection).await? > 0)
}

async fn end_turn(connection: &mut Connection, taken: &Replication, end: &ReplicationEnd) -> QueryResult<bool> {
    let found = replicated_blobs::table
        .filter(replicated_blobs::digest.eq(taken.digest.to_string()))
        .filter(replicated_blobs::state.eq(state(taken.task)))
        .filter(replicated_blobs::turn_after.eq(taken.turn_end.as_micros()));
    let ended = match end {
        ReplicationEnd::Copied => {
            let copied = (
                replicated_blobs::state.eq(COPIED),
                replicated_blobs::turn_after.eq(NEVER),
                replicated_blobs::failures.eq(0),
                replicated_blobs::error.eq(""),
            );
            diesel::update(found).set(copied).prepared().execute(connection).await?
        }
        ReplicationEnd::Forgotten => diesel::delete(found).prepared().execute(connection).await?,
        ReplicationEnd::Failed { next_turn, error } => {
            let failed = (
                replicated_blobs::turn_after.eq(next_turn.as_micros()),
                replicated_blobs::failures.eq(replicated_blobs::failures + 1),
                replicated_blobs::error.eq(error),
            );
            diesel::update(found).set(failed).prepared().execute(connection).await?
        }
    };
    Ok(ended > 0)
}

/// Tells how far second copies are behind.
pub(crate) async fn status(connection: &mut Connection) -> QueryResult<ReplicationStatus> {
    let to_do = || replicated_blobs::table.filter(sql::<Bool>(TO_DO));
    let bytes = total(replicated_blobs::size_bytes).cast::<Nullable<BigInt>>();
    let behind = to_do().filter(replicated_blobs::state.eq(BEHIND)).select((
        count_star(),
        bytes,
        min(replicated_blobs::noted_at),
    ));
    let (blobs, bytes, since): (i64, Option<i64>, Option<i64>) = behind.prepared().get_result(connection).await?;
    let failing = to_do().filter(replicated_blobs::failures.gt(0)).select(count_star());
    let failing: i64 = failing.prepared().get_result(connection).await?;
    Ok(ReplicationStatus {
        behind_blobs: blobs.cast_unsigned(),
        behind_bytes: bytes.unwrap_or_default().cast_unsigned(),
        behind_since: since.map(Timestamp::from_micros),
        failing: failing.cast_unsigned(),
    })
}

/// Lists what failed.
pub(crate) async fn list_failed(connection: &mut Connection, limit: usize) -> QueryResult<Vec<FailedReplication>> {
    let found: Vec<(Stored<Digest>, i64, i16, i32, i64, String)> = replicated_blobs::table
        .filter(replicated_blobs::turn_after.lt(NEVER))
        .filter(replicated_blobs::failures.gt(0))
        .order((replicated_blobs::turn_after, replicated_blobs::digest))
        .limit(rows(limit))
        .select((
            replicated_blobs::digest,
            replicated_blobs::size_bytes,
            replicated_blobs::state,
            replicated_blobs::failures,
            replicated_blobs::turn_after,
            replicated_blobs::error,
        ))
        .load(connection)
        .await?;
    let failed = |(Stored(digest), size_bytes, state, failures, turn_after, error): (_, i64, _, i32, _, _)| {
        let (size_bytes, failures) = (size_bytes.cast_unsigned(), failures.cast_unsigned());
        let next_turn = Timestamp::from_micros(turn_after);
        FailedReplication { digest, size_bytes, task: task(state), failures, next_turn, error }
    };
    Ok(found.into_iter().map(failed).collect())
}

fn task(state: i16) -> ReplicationTask {
    if state == BEHIND || state == COPIED { ReplicationTask::Copy } else { ReplicationTask::Forget }
}

/// Returns the state of what was taken.
fn state(task: ReplicationTask) -> i16 {
    match task {
        ReplicationTask::Copy => BEHIND,
        ReplicationTask::Forget => ENDING,
    }
}
