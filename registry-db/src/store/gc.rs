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
use registry_core::store::gc::{
    BlobHold, CollectionStore, CondemnedBlob, Explanation, ReviewedBlobs, ReviewedManifests, Suspect, SuspectKind,
};
use registry_core::store::{ClaimToken, StoreError, StoreErrorKind, StoreResult, Timestamp};

pub(super) use self::condemned::leave_queue;
use self::condemned::{Condemn, due_blobs, forget};
pub(super) use self::hold::end_hold;
use self::hold::{end_old_holds, is_free, record_hold};
use self::orphan::Found;
use self::suspect::{suspect_blobs, suspect_manifests};
use super::dialect::{self, Store};
use super::explanation;
use crate::cache::Subject;
use crate::error::during;

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
