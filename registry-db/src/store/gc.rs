//! Garbage collection.
//!
//! A transaction that condemns locks the blob before its review, and then looks for references: whoever stores a manifest
//! locks its blobs first, so that one of the two sees the other. Whoever puts bytes in place says so in a transaction of
//! its own, and only then looks at the blob; a collector locks the blob, and only then looks who has said so.

use std::collections::{BTreeSet, HashSet};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use diesel::dsl::exists;
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use futures::FutureExt;
use registry_core::protocol::digest::Digest;
use registry_core::protocol::reference::RepositoryName;
use registry_core::store::gc::{
    BlobHold, CollectionStore, CondemnedBlob, Explanation, ReviewedBlobs, ReviewedManifests, Suspect, SuspectKind,
};
use registry_core::store::metadata::ReviewSubject;
use registry_core::store::{BlobLocation, ClaimToken, StoreError, StoreErrorKind, StoreResult, Timestamp};

use super::blob::CONDEMNED;
use super::dialect::{self, Connection, Store, lock, lock_next, share};
use super::{explanation, manifest, repository, review, rows};
use crate::cache::Subject;
use crate::error::during;
use crate::prepared::{PreparedDsl, lists};
use crate::schema::{
    blobs, gc_blob_holds, gc_blob_reviews, gc_manifest_reviews, manifest_blobs, manifest_children, manifests,
    repositories, repository_blobs, tags,
};
use crate::stored::Stored;

/// For how long somebody waits who is to put a blob in place while it is being deleted.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long after the first look comes the second; each that follows comes later.
const FIRST_PAUSE: Duration = Duration::from_millis(2);
const LONGEST_PAUSE: Duration = Duration::from_millis(200);
/// How many manifests that hold on to each other are looked at together. More than that keep each other; as soon as one
/// of them goes by itself, the others are looked at again.
const GROUP_MAX: usize = 100;

#[async_trait]
impl CollectionStore for Store {
    async fn hold_blob(&self, digest: &Digest, now: Timestamp, until: Timestamp) -> StoreResult<BlobHold> {
        let (began, mut pause) = (Instant::now(), FIRST_PAUSE);
        loop {
            if let Some(hold) = self.hold(digest, now.plus(began.elapsed()), until).await? {
                return Ok(hold);
            }
            if began.elapsed() > PATIENCE {
                let context = format!("blob `{digest}` is being deleted");
                return Err(StoreError::new(StoreErrorKind::Unavailable, context));
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    async fn collect_manifests(
        &self,
        now: Timestamp,
        review_after: Timestamp,
        limit: usize,
    ) -> StoreResult<ReviewedManifests> {
        let failed = || during("collect manifests");
        let found = self
            .read((now, limit), |connection, (now, limit)| Found::look(connection, *now, *limit).boxed())
            .await
            .map_err(failed())?;
        if found.due.is_empty() {
            return Ok(ReviewedManifests { done: true, ..ReviewedManifests::default() });
        }
        let named = found.orphans.clone();
        let subjects = named.iter().map(|(repository, digest)| Subject::Manifest(repository, digest));
        // Their blobs lose a reference, and with that their review may be set anew.
        let subjects = subjects.chain((!named.is_empty()).then_some(Subject::EveryBlob));
        self.write(subjects, (found, now, review_after, limit), |connection, (found, now, review_after, limit)| {
            found.collect(connection, *now, *review_after, *limit).boxed()
        })
        .await
        .map_err(failed())
    }

    async fn condemn_blobs(&self, now: Timestamp, lease_end: Timestamp, limit: usize) -> StoreResult<ReviewedBlobs> {
        let failed = || during("condemn blobs");
        if dialect::IS_SHARED {
            self.write_relaxed(now, |connection, now| end_old_holds(connection, *now).boxed())
                .await
                .map_err(failed())?;
        }
        let due = self
            .read_once((now, limit), |connection, (now, limit)| due_blobs(connection, *now, *limit).boxed())
            .await
            .map_err(failed())?;
        let done = due.len() < limit;
        let free: Vec<Digest> =
            due.into_iter().filter(|digest| self.holds.begin_deletion(digest, now, lease_end)).collect();
        if free.is_empty() {
            return Ok(ReviewedBlobs { done, ..ReviewedBlobs::default() });
        }
        let condemn = Condemn { digests: free.clone(), now, lease_end };
        let subjects = free.iter().map(Subject::Blob);
        let condemned = self.write(subjects, condemn, |connection, condemn| condemn.run(connection).boxed()).await;
        // If nobody knows what became of it, no bytes are deleted now.
        let ours: HashSet<Digest> =
            condemned.iter().flat_map(|reviewed| &reviewed.condemned).map(|blob| blob.digest).collect();
        free.iter().filter(|digest| !ours.contains(digest)).for_each(|digest| self.holds.end_deletion(digest));
        condemned.map(|reviewed| ReviewedBlobs { done, ..reviewed }).map_err(failed())
    }

    async fn forget_blobs(
        &self,
        gone: &[CondemnedBlob],
        failed: &[CondemnedBlob],
        review_after: Timestamp,
    ) -> StoreResult<()> {
        self.write([], (gone.to_vec(), failed.to_vec(), review_after), |connection, (gone, failed, review_after)| {
            forget(connection, gone, failed, *review_after).boxed()
        })
        .await
        .map_err(during("forget deleted blobs"))?;
        gone.iter().chain(failed).for_each(|blob| self.holds.end_deletion(&blob.digest));
        Ok(())
    }

    async fn suspects(
        &self,
        kind: SuspectKind,
        now: Timestamp,
        cursor: u64,
        limit: usize,
    ) -> StoreResult<Vec<Suspect>> {
        let page = (now, cursor.cast_signed(), limit);
        let found = match kind {
            SuspectKind::Blobs => {
                self.read(page, |connection, (now, cursor, limit)| {
                    suspect_blobs(connection, *now, *cursor, *limit).boxed()
                })
                .await
            }
            SuspectKind::Manifests => {
                self.read(page, |connection, (now, cursor, limit)| {
                    suspect_manifests(connection, *now, *cursor, *limit).boxed()
                })
                .await
            }
        };
        found.map_err(during("look at the review queue"))
    }

    async fn explain(&self, digest: &Digest, limit: usize) -> StoreResult<Explanation> {
        self.read((*digest, limit), |connection, (digest, limit)| {
            explanation::find(connection, *digest, *limit).boxed()
        })
        .await
        .map_err(during(format_args!("find out what refers to `{digest}`")))
    }
}

impl Store {
    /// Holds a blob, unless it is being deleted.
    async fn hold(&self, digest: &Digest, now: Timestamp, until: Timestamp) -> StoreResult<Option<BlobHold>> {
        let Some(hold) = self.holds.hold(digest, now) else { return Ok(None) };
        if !dialect::IS_SHARED {
            return Ok(Some(hold));
        }
        let what = format!("hold blob `{digest}`");
        let token = ClaimToken::random();
        self.write_relaxed((token, *digest, until), |connection, (token, digest, until)| {
            record_hold(connection, *token, *digest, *until).boxed()
        })
        .await
        .map_err(during(&what))?;
        let is_free = self
            .write_relaxed((token, *digest, now), |connection, (token, digest, now)| {
                is_free(connection, *token, *digest, *now).boxed()
            })
            .await
            .map_err(during(&what))?;
        Ok(is_free.then(|| hold.recorded_as(token)))
    }
}

/// Ends a hold, and returns whether it still counted.
pub(super) async fn end_hold(connection: &mut Connection, token: ClaimToken) -> QueryResult<bool> {
    Ok(diesel::delete(gc_blob_holds::table.find(token.to_string())).execute(connection).await? > 0)
}

/// Ends the holds that are over. Whoever has one learns of it as soon as it is to be ended.
async fn end_old_holds(connection: &mut Connection, now: Timestamp) -> QueryResult<()> {
    diesel::delete(gc_blob_holds::table.filter(gc_blob_holds::held_until.le(now.as_micros())))
        .prepared()
        .execute(connection)
        .await?;
    Ok(())
}

async fn record_hold(
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
async fn is_free(connection: &mut Connection, token: ClaimToken, digest: Digest, now: Timestamp) -> QueryResult<bool> {
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

async fn due_blobs(connection: &mut Connection, now: Timestamp, limit: usize) -> QueryResult<Vec<Digest>> {
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

struct Condemn {
    digests: Vec<Digest>,
    now: Timestamp,
    lease_end: Timestamp,
}

impl Condemn {
    async fn run(&self, connection: &mut Connection) -> QueryResult<ReviewedBlobs> {
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
            found.retain(|(id, digest, ..)| due.contains(id) && !held.contains(&digest.0));
            let referenced = referenced(connection, &ids(&found)).await?;
            reviewed.kept += referenced.len() as u64;
            found.retain(|(id, ..)| !referenced.contains(id));

            leave_queue(connection, &referenced.into_iter().collect::<Vec<_>>()).await?;
            self.condemn(connection, &ids(&found)).await?;
            reviewed.condemned.extend(found.into_iter().map(|(_, digest, size_bytes, location)| CondemnedBlob {
                digest: digest.0,
                size_bytes: size_bytes.cast_unsigned(),
                location: BlobLocation::new(location),
                lease_end: self.lease_end,
            }));
        }
        Ok(reviewed)
    }

    /// Locks the reviews of locked blobs, and returns the blobs that are still due.
    async fn due(&self, connection: &mut Connection, ids: &[i64]) -> QueryResult<BTreeSet<i64>> {
        let mut due = BTreeSet::new();
        for ids in lists(ids) {
            let reviews = gc_blob_reviews::table
                .filter(gc_blob_reviews::blob_id.eq_any(ids))
                .filter(gc_blob_reviews::review_after.le(self.now.as_micros()))
                .order(gc_blob_reviews::blob_id)
                .select(gc_blob_reviews::blob_id);
            let found: Vec<i64> = lock!(reviews).prepared().load(connection).await?;
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

/// Returns those of some blobs that a manifest refers to.
async fn referenced(connection: &mut Connection, ids: &[i64]) -> QueryResult<BTreeSet<i64>> {
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
pub(super) async fn leave_queue(connection: &mut Connection, ids: &[i64]) -> QueryResult<()> {
    for ids in lists(ids) {
        diesel::delete(gc_blob_reviews::table.filter(gc_blob_reviews::blob_id.eq_any(ids)))
            .prepared()
            .execute(connection)
            .await?;
    }
    Ok(())
}

async fn forget(
    connection: &mut Connection,
    gone: &[CondemnedBlob],
    failed: &[CondemnedBlob],
    review_after: Timestamp,
) -> QueryResult<()> {
    let gone = still_condemned(connection, gone).await?;
    leave_queue(connection, &gone).await?;
    for ids in lists(&gone) {
        diesel::delete(blobs::table.filter(blobs::id.eq_any(ids))).prepared().execute(connection).await?;
    }
    let failed = still_condemned(connection, failed).await?;
    for ids in lists(&failed) {
        diesel::update(gc_blob_reviews::table.filter(gc_blob_reviews::blob_id.eq_any(ids)))
            .set((
                gc_blob_reviews::review_after.eq(review_after.as_micros()),
                gc_blob_reviews::review_count.eq(gc_blob_reviews::review_count + 1),
            ))
            .prepared()
            .execute(connection)
            .await?;
    }
    Ok(())
}

/// Locks condemned blobs, and returns those that nobody has revived or condemned anew.
async fn still_condemned(connection: &mut Connection, condemned: &[CondemnedBlob]) -> QueryResult<Vec<i64>> {
    let mut digests: Vec<String> = condemned.iter().map(|blob| blob.digest.to_string()).collect();
    digests.sort_unstable();
    let leases: HashSet<i64> = condemned.iter().map(|blob| blob.lease_end.as_micros()).collect();
    let mut still = Vec::new();
    for digests in lists(&digests) {
        let found = blobs::table.filter(blobs::digest.eq_any(digests)).filter(blobs::state.eq(CONDEMNED));
        let found = found.order(blobs::digest).select(blobs::id);
        let ids: Vec<i64> = lock!(found).prepared().load(connection).await?;
        for ids in lists(&ids) {
            let reviews: Vec<(i64, i64)> = gc_blob_reviews::table
                .filter(gc_blob_reviews::blob_id.eq_any(ids))
                .select((gc_blob_reviews::blob_id, gc_blob_reviews::review_after))
                .prepared()
                .load(connection)
                .await?;
            still.extend(reviews.into_iter().filter(|(_, lease_end)| leases.contains(lease_end)).map(|(id, _)| id));
        }
    }
    still.sort_unstable();
    Ok(still)
}

/// A manifest that is due.
struct DueManifest {
    id: i64,
    repository: RepositoryName,
    digest: Digest,
}

/// What a look at the queue has found, to be looked at again under a lock.
struct Found {
    due: Vec<DueManifest>,
    /// Those, and what goes with them, that nobody refers to.
    orphans: BTreeSet<(RepositoryName, Digest)>,
}

impl Found {
    async fn look(connection: &mut Connection, now: Timestamp, limit: usize) -> QueryResult<Self> {
        let due: Vec<(i64, i64, Stored<RepositoryName>, Stored<Digest>)> = gc_manifest_reviews::table
            .inner_join(manifests::table.inner_join(repositories::table))
            .filter(gc_manifest_reviews::review_after.le(now.as_micros()))
            .order((gc_manifest_reviews::review_after, gc_manifest_reviews::manifest_id))
            .limit(rows(limit))
            .select((manifests::id, repositories::id, repositories::name, manifests::digest))
            .load(connection)
            .await?;
        let mut found = Self { due: Vec::with_capacity(due.len()), orphans: BTreeSet::new() };
        for (id, repository_id, repository, digest) in due {
            if let Orphans::Due(group) = orphans(connection, repository_id, id, now).await? {
                found.orphans.extend(group.into_iter().map(|orphan| (repository.0.clone(), orphan.digest)));
            }
            found.due.push(DueManifest { id, repository: repository.0, digest: digest.0 });
        }
        // One order for all who lock.
        found.due.sort_unstable_by(|one, other| (&one.repository, one.digest).cmp(&(&other.repository, other.digest)));
        Ok(found)
    }

    async fn collect(
        &self,
        connection: &mut Connection,
        now: Timestamp,
        review_after: Timestamp,
        limit: usize,
    ) -> QueryResult<ReviewedManifests> {
        let mut reviewed = ReviewedManifests { done: self.due.len() < limit, ..ReviewedManifests::default() };
        for DueManifest { id, repository, .. } in &self.due {
            let Some(repository_id) = repository::lock(connection, repository.as_str()).await? else { continue };
            let review = gc_manifest_reviews::table.find(*id).select(gc_manifest_reviews::review_after);
            let date: Option<i64> = review.get_result(connection).await.optional()?;
            if date.is_none_or(|date| date > now.as_micros()) {
                // It went together with another one of these, or something has happened to it since.
                continue;
            }
            let group = match orphans(connection, repository_id, *id, now).await? {
                Orphans::Due(group) => group,
                Orphans::Waiting(ids) => {
                    let waiting = manifests::table.filter(manifests::id.eq_any(ids)).into_boxed();
                    review::manifests(connection, waiting, review_after).await?;
                    reviewed.kept += 1;
                    continue;
                }
                Orphans::Kept => {
                    diesel::delete(gc_manifest_reviews::table.find(*id)).execute(connection).await?;
                    reviewed.kept += 1;
                    continue;
                }
            };
            if !group.iter().all(|orphan| self.orphans.contains(&(repository.clone(), orphan.digest))) {
                // Nobody was told that these change; the next look will find them.
                continue;
            }
            for Orphan { digest, size_bytes, .. } in group {
                manifest::delete(connection, repository, digest, review_after).await?;
                reviewed.deleted.push((repository.clone(), digest, size_bytes));
            }
        }
        Ok(reviewed)
    }
}

/// A manifest that nothing living refers to.
struct Orphan {
    id: i64,
    digest: Digest,
    size_bytes: u64,
}

/// What a look at a manifest and all that hold on to it finds.
enum Orphans {
    /// One of them has a tag or is not due.
    Kept,
    /// None of them is kept, but some are not in the queue, because they were kept by others when they were looked at.
    Waiting(Vec<i64>),
    /// None of them is kept, and all are due.
    Due(Vec<Orphan>),
}

/// Looks at a manifest and all that hold on to it.
async fn orphans(connection: &mut Connection, repository_id: i64, id: i64, now: Timestamp) -> QueryResult<Orphans> {
    let (mut group, mut ahead, mut all_queued) = (Vec::<Orphan>::new(), vec![id], true);
    while let Some(id) = ahead.pop() {
        if group.iter().any(|orphan| orphan.id == id) {
            continue;
        }
        let review = gc_manifest_reviews::table.find(id).select(gc_manifest_reviews::review_after);
        let date: Option<i64> = review.get_result(connection).await.optional()?;
        if group.len() >= GROUP_MAX || date.is_some_and(|date| date > now.as_micros()) {
            return Ok(Orphans::Kept);
        }
        all_queued &= date.is_some();
        let of_manifest = tags::table.filter(tags::manifest_id.eq(id));
        if diesel::select(exists(of_manifest)).get_result(connection).await? {
            return Ok(Orphans::Kept);
        }
        let (digest, subject, size_bytes): (Stored<Digest>, Option<String>, i64) = manifests::table
            .find(id)
            .select((manifests::digest, manifests::subject, manifests::size_bytes))
            .get_result(connection)
            .await?;
        let parents: Vec<i64> = manifest_children::table
            .filter(manifest_children::repository_id.eq(repository_id))
            .filter(manifest_children::digest.eq(digest.0.to_string()))
            .order(manifest_children::manifest_id)
            .limit(rows(GROUP_MAX + 1))
            .select(manifest_children::manifest_id)
            .load(connection)
            .await?;
        ahead.extend(parents);
        if let Some(subject) = subject {
            let subject = manifests::table
                .filter(manifests::repository_id.eq(repository_id))
                .filter(manifests::digest.eq(subject))
                .select(manifests::id);
            ahead.extend(subject.get_result::<i64>(connection).await.optional()?);
        }
        group.push(Orphan { id, digest: digest.0, size_bytes: size_bytes.cast_unsigned() });
    }
    if all_queued {
        return Ok(Orphans::Due(group));
    }
    Ok(Orphans::Waiting(group.into_iter().map(|orphan| orphan.id).collect()))
}

async fn suspect_blobs(
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

async fn suspect_manifests(
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
