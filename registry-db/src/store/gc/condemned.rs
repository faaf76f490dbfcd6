//! Blobs that are due, condemned and forgotten.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use diesel::dsl::exists;
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use registry_core::protocol::digest::Digest;
use registry_core::protocol::reference::RepositoryName;
use registry_core::store::gc::{CondemnedBlob, ReviewedBlobs};
use registry_core::store::{BlobLocation, Timestamp};

use super::super::blob::CONDEMNED;
use super::super::dialect::{self, Connection, lock, lock_next};
use super::super::{replication, rows};
use crate::prepared::{PreparedDsl, lists};
use crate::schema::{blobs, gc_blob_holds, gc_blob_reviews, manifest_blobs, repositories, repository_blobs};
use crate::stored::Stored;

pub(super) async fn due_blobs(connection: &mut Connection, now: Timestamp, limit: usize) -> QueryResult<Vec<Digest>> {
    let due: Vec<Stored<Digest>> = gc_blob_reviews::table
        .inner_join(blobs::table)
        .filter(gc_blob_reviews::review_after.le(now.as_micros()))
        .order((gc_blob_reviews::review_after, gc_blob_reviews::blob_id))
        .limit(rows(limit))
        .select(blobs::digest)
        .load(connection)
        .await?;
    Ok(due.into_iter().map(|Stored(digest)| digest).collect())
}

pub(super) struct Condemn {
    pub(super) digests: Vec<Digest>,
    pub(super) now: Timestamp,
    pub(super) lease_end: Timestamp,
}

impl Condemn {
    pub(super) async fn run(&self, connection: &mut Connection) -> QueryResult<ReviewedBlobs> {
        let mut reviewed = ReviewedBlobs::default();
        let mut digests: Vec<String> = self.digests.iter().map(Digest::to_string).collect();
        digests.sort_unstable();
        for digests in lists(&digests) {
            let found = blobs::table.filter(blobs::digest.eq_any(&digests)).order(blobs::digest);
            let found = found.select((blobs::id, blobs::digest, blobs::size_bytes, blobs::location));
            let mut found: Vec<(i64, Stored<Digest>, i64, String)> =
                lock_next!(found).prepared().load(connection).await?;
            let ids = |found: &[(i64, Stored<Digest>, i64, String)]| found.iter().map(|row| row.0).collect::<Vec<_>>();

            let due = self.due(connection, &ids(&found)).await?;
            let held = self.held(connection, &digests).await?;
            found.retain(|(id, digest, ..)| due.contains_key(id) && !held.contains(&digest.0));
            let referenced = referenced(connection, &ids(&found)).await?;
            reviewed.kept += referenced.len() as u64;
            found.retain(|(id, ..)| !referenced.contains(id));

            leave_queue(connection, &referenced.into_iter().collect::<Vec<_>>()).await?;
            let mut repositories = repositories_of(connection, &ids(&found)).await?;
            self.condemn(connection, &ids(&found)).await?;
            reviewed.condemned.extend(found.into_iter().map(|(id, digest, size_bytes, location)| CondemnedBlob {
                digest: digest.0,
                size_bytes: size_bytes.cast_unsigned(),
                location: BlobLocation::new(location),
                lease_end: self.lease_end,
                failures: due[&id].cast_unsigned(),
                repositories: repositories.remove(&id).unwrap_or_default(),
            }));
        }
        Ok(reviewed)
    }

    /// Locks the reviews of locked blobs, and returns the blobs that are still due, and how often their deletion failed.
    async fn due(&self, connection: &mut Connection, ids: &[i64]) -> QueryResult<BTreeMap<i64, i32>> {
        let mut due = BTreeMap::new();
        for ids in lists(ids) {
            let reviews = gc_blob_reviews::table
                .filter(gc_blob_reviews::blob_id.eq_any(ids))
                .filter(gc_blob_reviews::review_after.le(self.now.as_micros()))
                .order(gc_blob_reviews::blob_id)
                .select((gc_blob_reviews::blob_id, gc_blob_reviews::review_count));
            let found: Vec<(i64, i32)> = lock!(reviews).prepared().load(connection).await?;
            due.extend(found);
        }
        Ok(due)
    }

    /// Returns the blobs that somebody is about to put in place.
    async fn held(&self, connection: &mut Connection, digests: &[String]) -> QueryResult<HashSet<Digest>> {
        if !dialect::IS_SHARED {
            return Ok(HashSet::new());
        }
        let held: Vec<Stored<Digest>> = gc_blob_holds::table
            .filter(gc_blob_holds::digest.eq_any(digests))
            .select(gc_blob_holds::digest)
            .prepared()
            .load(connection)
            .await?;
        Ok(held.into_iter().map(|Stored(digest)| digest).collect())
    }

    async fn condemn(&self, connection: &mut Connection, ids: &[i64]) -> QueryResult<()> {
        for ids in lists(ids) {
            diesel::update(blobs::table.filter(blobs::id.eq_any(&ids)))
                .set(blobs::state.eq(CONDEMNED))
                .prepared()
                .execute(connection)
                .await?;
            diesel::delete(repository_blobs::table.filter(repository_blobs::blob_id.eq_any(&ids)))
                .prepared()
                .execute(connection)
                .await?;
            diesel::update(gc_blob_reviews::table.filter(gc_blob_reviews::blob_id.eq_any(&ids)))
                .set(gc_blob_reviews::review_after.eq(self.lease_end.as_micros()))
                .prepared()
                .execute(connection)
                .await?;
        }
        Ok(())
    }
}

/// Returns the repositories that have some blobs, by name.
async fn repositories_of(connection: &mut Connection, ids: &[i64]) -> QueryResult<HashMap<i64, Vec<RepositoryName>>> {
    let mut repositories = HashMap::<i64, Vec<RepositoryName>>::new();
    for ids in lists(ids) {
        let found: Vec<(i64, Stored<RepositoryName>)> = repository_blobs::table
            .inner_join(repositories::table)
            .filter(repository_blobs::blob_id.eq_any(ids))
            .order((repository_blobs::blob_id, repositories::name))
            .select((repository_blobs::blob_id, repositories::name))
            .prepared()
            .load(connection)
            .await?;
        for (id, name) in found {
            repositories.entry(id).or_default().push(name.0);
        }
    }
    Ok(repositories)
}

/// Returns those of some blobs that a manifest refers to.
pub(super) async fn referenced(connection: &mut Connection, ids: &[i64]) -> QueryResult<BTreeSet<i64>> {
    let mut referenced = BTreeSet::new();
    for ids in lists(ids) {
        let found: Vec<i64> = blobs::table
            .filter(blobs::id.eq_any(ids))
            .filter(exists(manifest_blobs::table.filter(manifest_blobs::blob_id.eq(blobs::id))))
            .select(blobs::id)
            .prepared()
            .load(connection)
            .await?;
        referenced.extend(found);
    }
    Ok(referenced)
}

/// Takes blobs out of the review queue.
pub(in super::super) async fn leave_queue(connection: &mut Connection, ids: &[i64]) -> QueryResult<()> {
    for ids in lists(ids) {
        diesel::delete(gc_blob_reviews::table.filter(gc_blob_reviews::blob_id.eq_any(ids)))
            .prepared()
            .execute(connection)
            .await?;
    }
    Ok(())
}

pub(super) async fn forget(
    connection: &mut Connection,
    gone: &[CondemnedBlob],
    failed: &[(CondemnedBlob, Timestamp)],
) -> QueryResult<()> {
    let still = still_condemned(connection, gone.iter().chain(failed.iter().map(|(blob, _)| blob))).await?;
    let gone: Vec<&CondemnedBlob> = gone.iter().filter(|blob| still.contains_key(&blob.digest)).collect();
    let mut ids: Vec<i64> = gone.iter().map(|blob| still[&blob.digest]).collect();
    ids.sort_unstable();
    leave_queue(connection, &ids).await?;
    for ids in lists(&ids) {
        diesel::delete(blobs::table.filter(blobs::id.eq_any(ids))).prepared().execute(connection).await?;
    }
    let mut put_off = BTreeMap::<Timestamp, BTreeSet<i64>>::new();
    for (blob, review_after) in failed {
        put_off.entry(*review_after).or_default().extend(still.get(&blob.digest));
    }
    for (review_after, ids) in put_off {
        for ids in lists(&ids.into_iter().collect::<Vec<_>>()) {
            diesel::update(gc_blob_reviews::table.filter(gc_blob_reviews::blob_id.eq_any(ids)))
                .set((
                    gc_blob_reviews::review_after.eq(review_after.as_micros()),
                    gc_blob_reviews::review_count.eq(gc_blob_reviews::review_count + 1),
                ))
                .prepared()
                .execute(connection)
                .await?;
        }
    }
    replication::leave(connection, &gone).await
}

/// Locks condemned blobs, and returns those that nobody has revived or condemned anew.
async fn still_condemned(
    connection: &mut Connection,
    condemned: impl Iterator<Item = &CondemnedBlob> + Send,
) -> QueryResult<HashMap<Digest, i64>> {
    let (mut digests, leases): (Vec<String>, HashSet<i64>) =
        condemned.map(|blob| (blob.digest.to_string(), blob.lease_end.as_micros())).unzip();
    digests.sort_unstable();
    let mut still = HashMap::new();
    for digests in lists(&digests) {
        let found = blobs::table.filter(blobs::digest.eq_any(digests)).filter(blobs::state.eq(CONDEMNED));
        let found = found.order(blobs::digest).select((blobs::id, blobs::digest));
        let found: Vec<(i64, Stored<Digest>)> = lock!(found).prepared().load(connection).await?;
        let ids: Vec<i64> = found.iter().map(|(id, _)| *id).collect();
        let mut leased = HashSet::new();
        for ids in lists(&ids) {
            let reviews: Vec<(i64, i64)> = gc_blob_reviews::table
                .filter(gc_blob_reviews::blob_id.eq_any(ids))
                .select((gc_blob_reviews::blob_id, gc_blob_reviews::review_after))
                .prepared()
                .load(connection)
                .await?;
            leased.extend(reviews.into_iter().filter(|(_, lease_end)| leases.contains(lease_end)).map(|(id, _)| id));
        }
        still.extend(found.into_iter().filter(|(id, _)| leased.contains(id)).map(|(id, digest)| (digest.0, id)));
    }
    Ok(still)
}
