//! Blobs, and the repositories that may serve them.

use async_trait::async_trait;
use diesel::dsl::exists;
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use futures::FutureExt;
use registry_core::protocol::digest::Digest;
use registry_core::protocol::reference::RepositoryName;
use registry_core::store::gc::BlobHold;
use registry_core::store::metadata::{BlobLinkStore, BlobRecord, CommitBlob};
use registry_core::store::{BlobLocation, ClaimToken, StoreError, StoreErrorKind, StoreResult, Timestamp};

use super::dialect::{Connection, Store, conflict_key, lock, share};
use super::upload::{self, Session};
use super::{displaced, gc, replication, repository, review};
use crate::begun::NotHeld;
use crate::cache::Subject;
use crate::error::during;
use crate::prepared::PreparedDsl;
use crate::schema::{blobs, gc_blob_reviews, repositories, repository_blobs};

/// The state of a blob that readers see.
pub(super) const LIVE: i16 = 0;
/// The state of a blob whose bytes are being deleted.
pub(super) const CONDEMNED: i16 = 1;
/// The state of a blob whose bytes are damaged or gone.
pub(super) const QUARANTINED: i16 = 2;

#[async_trait]
impl BlobLinkStore for Store {
    async fn blob(&self, repository: &RepositoryName, digest: &Digest) -> StoreResult<Option<BlobRecord>> {
        if let Some(known) = self.cache.blob(repository, digest) {
            return Ok(Some(known));
        }
        let ticket = self.cache.ticket();
        let found = self
            .read_once((repository.clone(), *digest), |connection, (repository, digest)| {
                find(connection, repository, *digest).boxed()
            })
            .await
            .map_err(during(format_args!("look up blob `{digest}` in repository `{repository}`")))?;
        if let Some(blob) = &found {
            self.cache.keep_blob(ticket, repository, blob);
        }
        Ok(found)
    }

    async fn commit_blob(&self, blob: CommitBlob<'_>) -> StoreResult<()> {
        let (ending, upload) = match blob.upload {
            Some((id, claim)) => match self.begun.end(id, claim) {
                Some(Ok(ending)) => (Some(ending), Some(Session::Begun(id))),
                Some(Err(NotHeld)) if !blob.is_displaced => return Err(upload::not_held(id)),
                // A transaction finds out, or only notes the displaced bytes.
                Some(Err(NotHeld)) | None => (None, Some(Session::Recorded(id, claim))),
            },
            None => (None, None),
        };
        let commit = Commit {
            repository: blob.repository.clone(),
            digest: *blob.digest,
            size_bytes: blob.size_bytes,
            location: blob.location.clone(),
            is_displaced: blob.is_displaced,
            is_replicated: blob.is_replicated,
            upload,
            hold: blob.hold.and_then(BlobHold::token),
            review_after: blob.review_after,
        };
        let committed =
            self.write([Subject::Blob(blob.digest)], commit, |connection, commit| commit.run(connection).boxed()).await;
        match (committed, blob.upload) {
            (Ok(Committed::Recorded), _) => {
                if let Some(ending) = ending {
                    ending.confirm();
                }
                Ok(())
            }
            (Ok(Committed::UploadLost), Some((id, _))) => Err(upload::not_held(id)),
            (Ok(_), _) => {
                let context = format!("blob `{}` took too long to be recorded, and its bytes may be gone", blob.digest);
                Err(StoreError::new(StoreErrorKind::Conflict, context))
            }
            (Err(failure), _) => {
                let what = format_args!("record blob `{}` in repository `{}`", blob.digest, blob.repository);
                Err(during(what)(failure))
            }
        }
    }

    async fn mount_blob(
        &self,
        into: &RepositoryName,
        digest: &Digest,
        from: Option<&RepositoryName>,
        review_after: Timestamp,
    ) -> StoreResult<Option<BlobRecord>> {
        let mount = Mount { into: into.clone(), digest: *digest, from: from.cloned(), review_after };
        self.write([Subject::Blob(digest)], mount, |connection, mount| mount.run(connection).boxed())
            .await
            .map_err(during(format_args!("mount blob `{digest}` into repository `{into}`")))
    }

    async fn unlink_blob(
        &self,
        repository: &RepositoryName,
        digest: &Digest,
        review_after: Timestamp,
    ) -> StoreResult<bool> {
        self.write(
            [Subject::Blob(digest)],
            (repository.clone(), *digest, review_after),
            |connection, (repository, digest, review_after)| {
                unlink(connection, repository, *digest, *review_after).boxed()
            },
        )
        .await
        .map_err(during(format_args!("take blob `{digest}` out of repository `{repository}`")))
    }

    async fn postpone_blob_review(&self, digest: &Digest, review_after: Timestamp) -> StoreResult<bool> {
        self.write([Subject::Blob(digest)], (*digest, review_after), |connection, (digest, review_after)| {
            review::postpone_blob(connection, *digest, *review_after).boxed()
        })
        .await
        .map_err(during(format_args!("postpone the review of blob `{digest}`")))
    }
}

/// A [`CommitBlob`] that any thread can carry out.
struct Commit {
    repository: RepositoryName,
    digest: Digest,
    size_bytes: u64,
    location: BlobLocation,
    is_displaced: bool,
    is_replicated: bool,
    upload: Option<Session>,
    hold: Option<ClaimToken>,
    review_after: Timestamp,
}

/// What became of a blob that was to be recorded.
enum Committed {
    Recorded,
    /// The upload was not held by the claim; nothing has changed.
    UploadLost,
    /// The blob is no longer held; nothing has changed.
    HoldLost,
    /// Its displaced bytes were deleted; nothing has changed.
    BytesLost,
}

impl Commit {
    async fn run(&self, connection: &mut Connection) -> QueryResult<Committed> {
        let digest = self.digest.to_string();
        if self.is_displaced && !displaced::record(connection, self.location.as_str(), &digest).await? {
            return Ok(Committed::BytesLost);
        }
        if let Some(token) = self.hold
            && !gc::end_hold(connection, token).await?
        {
            return Ok(Committed::HoldLost);
        }
        if let Some(session) = self.upload
            && !session.end(connection).await?
        {
            return Ok(Committed::UploadLost);
        }
        let recorded = (
            blobs::size_bytes.eq(self.size_bytes.cast_signed()),
            blobs::location.eq(self.location.as_str()),
            blobs::state.eq(LIVE),
            blobs::created_at.eq(Timestamp::now().as_micros()),
        );
        diesel::insert_into(blobs::table)
            .values((blobs::digest.eq(&digest), recorded))
            .on_conflict(conflict_key(blobs::digest))
            .do_update()
            .set(recorded)
            .prepared()
            .execute(connection)
            .await?;
        let blob_id = blobs::table.filter(blobs::digest.eq(&digest)).select(blobs::id).get_result(connection).await?;
        let repository_id = repository::lock_or_create(connection, self.repository.as_str()).await?;
        link(connection, repository_id, blob_id).await?;
        review::blob(connection, blob_id, self.review_after).await?;
        if self.is_replicated {
            replication::record(connection, &digest, self.size_bytes.cast_signed()).await?;
        }
        Ok(Committed::Recorded)
    }
}

struct Mount {
    into: RepositoryName,
    digest: Digest,
    from: Option<RepositoryName>,
    review_after: Timestamp,
}

impl Mount {
    async fn run(&self, connection: &mut Connection) -> QueryResult<Option<BlobRecord>> {
        let digest = self.digest.to_string();
        let live = blobs::table.filter(blobs::digest.eq(&digest)).filter(blobs::state.eq(LIVE)).select(blobs::id);
        let Some(blob_id) = share!(live).get_result::<i64>(connection).await.optional()? else { return Ok(None) };
        let links = repository_blobs::table.filter(repository_blobs::blob_id.eq(blob_id));
        let offered: bool = match &self.from {
            Some(from) => {
                let links = links.inner_join(repositories::table).filter(repositories::name.eq(from.as_str()));
                diesel::select(exists(links)).get_result(connection).await?
            }
            None => diesel::select(exists(links)).get_result(connection).await?,
        };
        if !offered {
            return Ok(None);
        }
        let repository_id = repository::lock_or_create(connection, self.into.as_str()).await?;
        link(connection, repository_id, blob_id).await?;
        review::postpone_blob(connection, self.digest, self.review_after).await?;
        find(connection, &self.into, self.digest).await
    }
}

async fn find(
    connection: &mut Connection,
    repository: &RepositoryName,
    digest: Digest,
) -> QueryResult<Option<BlobRecord>> {
    let found: Option<(i64, String, Option<i64>)> = repositories::table
        .inner_join(repository_blobs::table.inner_join(blobs::table.left_join(gc_blob_reviews::table)))
        .filter(repositories::name.eq(repository.as_str()))
        .filter(blobs::digest.eq(digest.to_string()))
        .filter(blobs::state.eq(LIVE))
        .select((blobs::size_bytes, blobs::location, gc_blob_reviews::review_after.nullable()))
        .get_result(connection)
        .await
        .optional()?;
    Ok(found.map(|(size_bytes, location, review_after)| BlobRecord {
        digest,
        size_bytes: size_bytes.cast_unsigned(),
        location: BlobLocation::new(location),
        review_after: review_after.map(Timestamp::from_micros),
    }))
}

/// Records a live blob, unless there is a record of it, in whatever state.
pub(super) async fn record_if_unknown(
    connection: &mut Connection,
    digest: &str,
    size_bytes: u64,
    location: &BlobLocation,
) -> QueryResult<()> {
    diesel::insert_into(blobs::table)
        .values((
            blobs::digest.eq(digest),
            blobs::size_bytes.eq(size_bytes.cast_signed()),
            blobs::location.eq(location.as_str()),
            blobs::state.eq(LIVE),
            blobs::created_at.eq(Timestamp::now().as_micros()),
        ))
        .on_conflict_do_nothing()
        .execute(connection)
        .await?;
    Ok(())
}

pub(super) async fn link(connection: &mut Connection, repository_id: i64, blob_id: i64) -> QueryResult<()> {
    diesel::insert_into(repository_blobs::table)
        .values((repository_blobs::repository_id.eq(repository_id), repository_blobs::blob_id.eq(blob_id)))
        .on_conflict_do_nothing()
        .execute(connection)
        .await?;
    Ok(())
}

async fn unlink(
    connection: &mut Connection,
    repository: &RepositoryName,
    digest: Digest,
    review_after: Timestamp,
) -> QueryResult<bool> {
    let blob = blobs::table.filter(blobs::digest.eq(digest.to_string())).select(blobs::id);
    let Some(blob_id) = lock!(blob).get_result::<i64>(connection).await.optional()? else { return Ok(false) };
    let Some(repository_id) = repository::lock(connection, repository.as_str()).await? else { return Ok(false) };
    let unlinked =
        diesel::delete(repository_blobs::table.find((repository_id, blob_id))).execute(connection).await? > 0;
    if unlinked {
        review::blob(connection, blob_id, review_after).await?;
    }
    Ok(unlinked)
}
