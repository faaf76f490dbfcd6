//! Garbage collection.
//!
//! A transaction that condemns locks the blob before its review, and then looks for references: whoever stores a manifest
//! locks its blobs first, so that one of the two sees the other. Whoever puts bytes in place says so in a transaction of
//! its own, and only then looks at the blob; a collector locks the blob, and only then looks who has said so.

mod condemned;
mod hold;
mod orphan;
mod suspect;

use std::collections::HashSet;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use futures::FutureExt;
use registry_core::protocol::digest::Digest;
use registry_core::protocol::reference::RepositoryName;
use registry_core::store::gc::{
    BlobHold, CollectionStore, CondemnedBlob, Explanation, FailedManifest, ReviewedBlobs, ReviewedManifests, Suspect,
    SuspectKind,
};
use registry_core::store::{ClaimToken, StoreError, StoreErrorKind, StoreResult, Timestamp};

pub(super) use self::condemned::leave_queue;
use self::condemned::{Condemn, due_blobs, forget};
pub(super) use self::hold::end_hold;
use self::hold::{end_old_holds, expired_holds, is_free, record_hold};
use self::orphan::{DueManifest, Found, put_off};
use self::suspect::{suspect_blobs, suspect_manifests};
use super::dialect::{self, Store};
use super::explanation;
use crate::cache::Subject;
use crate::error::{Failure, during};

/// For how long somebody waits who is to put a blob in place while it is being deleted.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long after the first look comes the second; each that follows comes later.
const FIRST_PAUSE: Duration = Duration::from_millis(2);
const LONGEST_PAUSE: Duration = Duration::from_millis(200);
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

    async fn end_hold(&self, hold: BlobHold) -> StoreResult<bool> {
        hold.settle();
        let Some(token) = hold.token() else { return Ok(true) };
        self.write_relaxed(token, |connection, token| end_hold(connection, *token).boxed())
            .await
            .map_err(during("end the hold of a blob"))
    }

    async fn expired_holds(&self, now: Timestamp, limit: usize) -> StoreResult<Vec<Digest>> {
        if !dialect::IS_SHARED {
            return Ok(Vec::new());
        }
        self.read_once((now, limit), |connection, (now, limit)| expired_holds(connection, *now, *limit).boxed())
            .await
            .map_err(during("list blobs whose holds have run out"))
    }

    async fn forgotten_holds(&self) -> StoreResult<Option<u64>> {
        Ok(if dialect::IS_SHARED { None } else { self.holds.forgotten() })
    }

    async fn end_forgotten_holds(&self, seen: u64) -> StoreResult<()> {
        self.holds.end_forgotten(seen);
        Ok(())
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
        let done = found.due.len() < limit;
        if found.due.is_empty() {
            return Ok(ReviewedManifests { done, ..ReviewedManifests::default() });
        }
        let reviewed = match self.collect(found.clone(), now, review_after).await {
            Err(failure) if !concerns_all(&failure) => self.collect_one_by_one(found, now, review_after).await,
            reviewed => reviewed,
        };
        reviewed.map(|reviewed| ReviewedManifests { done, ..reviewed }).map_err(failed())
    }

    async fn put_off_manifests(&self, failed: &[(RepositoryName, Digest, Timestamp)]) -> StoreResult<()> {
        self.write([], failed.to_vec(), |connection, failed| put_off(connection, failed).boxed())
            .await
            .map_err(during("put off the review of manifests"))
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

    async fn forget_blobs(&self, gone: &[CondemnedBlob], failed: &[(CondemnedBlob, Timestamp)]) -> StoreResult<()> {
        self.write([], (gone.to_vec(), failed.to_vec()), |connection, (gone, failed)| {
            forget(connection, gone, failed).boxed()
        })
        .await
        .map_err(during("forget deleted blobs"))?;
        let over = gone.iter().chain(failed.iter().map(|(blob, _)| blob));
        over.for_each(|blob| self.holds.end_deletion(&blob.digest));
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
    /// Collects what was found, in one transaction.
    async fn collect(
        &self,
        found: Found,
        now: Timestamp,
        review_after: Timestamp,
    ) -> Result<ReviewedManifests, Failure> {
        let named = found.orphans.clone();
        let subjects = named.iter().map(|(repository, digest)| Subject::Manifest(repository, digest));
        // Their blobs lose a reference, and with that their review may be set anew.
        let subjects = subjects.chain((!named.is_empty()).then_some(Subject::EveryBlob));
        self.write(subjects, (found, now, review_after), |connection, (found, now, review_after)| {
            found.collect(connection, *now, *review_after).boxed()
        })
        .await
    }

    /// Collects what was found, each in a transaction of its own, so that one that fails does not keep the others.
    async fn collect_one_by_one(
        &self,
        found: Found,
        now: Timestamp,
        review_after: Timestamp,
    ) -> Result<ReviewedManifests, Failure> {
        let mut reviewed = ReviewedManifests::default();
        for (at, due) in found.due.iter().enumerate() {
            let alone = Found { due: vec![due.clone()], orphans: found.orphans.clone() };
            match self.collect(alone, now, review_after).await {
                Ok(one) => {
                    reviewed.deleted.extend(one.deleted);
                    reviewed.kept += one.kept;
                }
                Err(failure) if concerns_all(&failure) && at == 0 => return Err(failure),
                // What was deleted by now has to be told of. The rest is still due.
                Err(failure) if concerns_all(&failure) => break,
                Err(failure) => {
                    let DueManifest { repository, digest, failures, .. } = due.clone();
                    let error =
                        during(format_args!("collect manifest `{digest}` of repository `{repository}`"))(failure);
                    reviewed.failed.push(FailedManifest { repository, digest, failures, error });
                }
            }
        }
        Ok(reviewed)
    }

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

/// Tells whether a failure has to do with the database and not with what was to be done.
fn concerns_all(failure: &Failure) -> bool {
    matches!(failure.kind(), StoreErrorKind::Unavailable | StoreErrorKind::OutOfSpace)
}
