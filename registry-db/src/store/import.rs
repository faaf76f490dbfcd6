//! What imports record. Whether a repository is open is looked at under the lock of its row, by which everything that is
//! done to the repository later waits.

use async_trait::async_trait;
use diesel::dsl::exists;
use diesel::prelude::*;
use diesel::result::Error;
use diesel_async::RunQueryDsl;
use futures::FutureExt;
use registry_core::protocol::digest::Digest;
use registry_core::protocol::reference::{RepositoryName, Tag};
use registry_core::store::gc::BlobHold;
use registry_core::store::import::{AdoptBlob, AdoptOutcome, AdoptTag, ImportState, ImportStore};
use registry_core::store::metadata::{PutManifest, PutManifestOutcome};
use registry_core::store::{BlobLocation, ClaimToken, StoreResult, Timestamp};

use super::blob::{self, LIVE};
use super::dialect::{Connection, Store, conflict_key, lock, share};
use super::manifest::Put;
use super::usage::{Change, Repository};
use super::{gc, history, repository, review, tag};
use crate::cache::Subject;
use crate::error::{Failure, during};
use crate::prepared::PreparedDsl;
use crate::schema::{blobs, imported_repositories, imports, manifests, repository_blobs, tags};

/// The id of the one row of `imports`.
const IMPORT: i16 = 1;

#[async_trait]
impl ImportStore for Store {
    async fn import_state(&self) -> StoreResult<ImportState> {
        let import = self.read((), |connection, ()| import(connection).boxed()).await;
        Ok(match import.map_err(during("look up the import"))? {
            None => ImportState::Never,
            Some((_, None)) => ImportState::Unfinished,
            Some((_, Some(_))) => ImportState::Finished,
        })
    }

    async fn begin_import(&self, afresh: bool) -> StoreResult<()> {
        self.write([], afresh, |connection, afresh| begin(connection, *afresh).boxed())
            .await
            .map_err(during("begin an import"))
    }

    async fn is_imported(&self, repository: &RepositoryName) -> StoreResult<bool> {
        self.read(repository.clone(), |connection, repository| is_closed(connection, repository.as_str()).boxed())
            .await
            .map_err(during(format_args!("look up the import of repository `{repository}`")))
    }

    async fn finish_repository_import(&self, repository: &RepositoryName) -> StoreResult<()> {
        self.write([], repository.clone(), |connection, repository| {
            finish_repository(connection, repository.as_str()).boxed()
        })
        .await
        .map_err(during(format_args!("finish the import of repository `{repository}`")))
    }

    async fn finish_import(&self) -> StoreResult<()> {
        self.write([], (), |connection, ()| finish(connection).boxed()).await.map_err(during("finish an import"))
    }

    async fn adopt_blob(&self, blob: AdoptBlob<'_>) -> StoreResult<AdoptOutcome> {
        let adopt = Blob {
            repository: blob.repository.clone(),
            digest: *blob.digest,
            size_bytes: blob.size_bytes,
            location: blob.location.clone(),
            hold: blob.hold.and_then(BlobHold::token),
            review_after: blob.review_after,
        };
        let adopted =
            self.write([Subject::Blob(blob.digest)], adopt, |connection, adopt| adopt.run(connection).boxed()).await;
        closed_if_undone(adopted)
            .map_err(during(format_args!("adopt blob `{}` into repository `{}`", blob.digest, blob.repository)))
    }

    async fn adopt_manifest(&self, manifest: PutManifest<'_>) -> StoreResult<AdoptOutcome> {
        let changed = [Subject::Manifest(manifest.repository, manifest.digest)];
        let arguments = (manifest.repository.clone(), *manifest.digest, Put::from(&manifest));
        let adopted = self
            .write(changed, arguments, |connection, (repository, digest, put)| {
                adopt_manifest(connection, repository.as_str(), *digest, put).boxed()
            })
            .await;
        closed_if_undone(adopted).map_err(during(format_args!(
            "adopt manifest `{}` into repository `{}`",
            manifest.digest, manifest.repository
        )))
    }

    async fn adopt_tag(&self, adopt: AdoptTag<'_>) -> StoreResult<AdoptOutcome> {
        let tag = AdoptedTag {
            repository: adopt.repository.clone(),
            tag: adopt.tag.clone(),
            target: *adopt.target,
            overwrite: adopt.overwrite,
            review_after: adopt.review_after,
        };
        let changed = [Subject::Tag(adopt.repository, adopt.tag)];
        self.write(changed, tag, |connection, tag| tag.run(connection).boxed())
            .await
            .map_err(during(format_args!("adopt tag `{}` into repository `{}`", adopt.tag, adopt.repository)))
    }
}

/// A transaction that finds the repository closed in the middle undoes what it has done.
fn closed_if_undone(adopted: Result<AdoptOutcome, Failure>) -> Result<AdoptOutcome, Failure> {
    match adopted {
        Err(failure) if failure.source().downcast_ref() == Some(&Error::RollbackTransaction) => {
            Ok(AdoptOutcome::Closed)
        }
        adopted => adopted,
    }
}

/// Returns the round of the import, and when it was finished.
async fn import(connection: &mut Connection) -> QueryResult<Option<(i64, Option<i64>)>> {
    imports::table.find(IMPORT).select((imports::round, imports::finished_at)).get_result(connection).await.optional()
}

async fn begin(connection: &mut Connection, afresh: bool) -> QueryResult<()> {
    let now = Timestamp::now().as_micros();
    diesel::insert_into(imports::table)
        .values((imports::id.eq(IMPORT), imports::round.eq(0), imports::started_at.eq(now)))
        .on_conflict_do_nothing()
        .execute(connection)
        .await?;
    diesel::update(imports::table.find(IMPORT))
        .set((
            imports::round.eq(imports::round + i64::from(afresh)),
            imports::started_at.eq(now),
            imports::finished_at.eq(None::<i64>),
        ))
        .prepared()
        .execute(connection)
        .await?;
    Ok(())
}

async fn finish(connection: &mut Connection) -> QueryResult<()> {
    diesel::update(imports::table.find(IMPORT))
        .set(imports::finished_at.eq(Timestamp::now().as_micros()))
        .prepared()
        .execute(connection)
        .await?;
    Ok(())
}

async fn is_closed(connection: &mut Connection, name: &str) -> QueryResult<bool> {
    let round = match import(connection).await? {
        Some((_, Some(_))) => return Ok(true),
        Some((round, None)) => round,
        None => 0,
    };
    let finished = imported_repositories::table.find(name).filter(imported_repositories::round.eq(round));
    diesel::select(exists(finished)).get_result(connection).await
}

async fn finish_repository(connection: &mut Connection, name: &str) -> QueryResult<()> {
    // Whoever adopts into it at this moment is done before, or finds it closed.
    repository::lock(connection, name).await?;
    let round = import(connection).await?.map_or(0, |(round, _)| round);
    let finished =
        (imported_repositories::round.eq(round), imported_repositories::finished_at.eq(Timestamp::now().as_micros()));
    diesel::insert_into(imported_repositories::table)
        .values((imported_repositories::name.eq(name), finished))
        .on_conflict(conflict_key(imported_repositories::name))
        .do_update()
        .set(finished)
        .prepared()
        .execute(connection)
        .await?;
    Ok(())
}

/// An [`AdoptBlob`] that any thread can carry out.
struct Blob {
    repository: RepositoryName,
    digest: Digest,
    size_bytes: u64,
    location: BlobLocation,
    hold: Option<ClaimToken>,
    review_after: Timestamp,
}

impl Blob {
    async fn run(&self, connection: &mut Connection) -> QueryResult<AdoptOutcome> {
        if let Some(token) = self.hold
            && !gc::end_hold(connection, token).await?
        {
            return Ok(AdoptOutcome::Missing);
        }
        let name = self.repository.as_str();
        // Most that are closed are found here, before anything was written.
        if is_closed(connection, name).await? {
            return Ok(AdoptOutcome::Closed);
        }
        let digest = self.digest.to_string();
        blob::record_if_unknown(connection, &digest, self.size_bytes, &self.location).await?;
        let live = blobs::table.filter(blobs::digest.eq(&digest)).filter(blobs::state.eq(LIVE)).select(blobs::id);
        let Some(blob_id) = share!(live).get_result::<i64>(connection).await.optional()? else {
            return Ok(AdoptOutcome::Missing);
        };
        let repository_id = repository::lock_or_create(connection, name).await?;
        if is_closed(connection, name).await? {
            return Err(Error::RollbackTransaction);
        }
        let link = repository_blobs::table.find((repository_id, blob_id));
        if diesel::select(exists(link)).get_result(connection).await? {
            return Ok(AdoptOutcome::Kept);
        }
        blob::link(connection, repository_id, blob_id).await?;
        review::blob(connection, blob_id, self.review_after).await?;
        Ok(AdoptOutcome::Adopted)
    }
}

async fn adopt_manifest(
    connection: &mut Connection,
    name: &str,
    digest: Digest,
    put: &Put,
) -> QueryResult<AdoptOutcome> {
    if is_closed(connection, name).await? {
        return Ok(AdoptOutcome::Closed);
    }
    if let Some(repository_id) = repository::find(connection, name).await?
        && find_manifest(connection, repository_id, digest).await?.is_some()
    {
        return Ok(AdoptOutcome::Kept);
    }
    if let PutManifestOutcome::Missing(_) = put.run(connection).await? {
        return Ok(AdoptOutcome::Missing);
    }
    // Now the repository is locked.
    if is_closed(connection, name).await? { Err(Error::RollbackTransaction) } else { Ok(AdoptOutcome::Adopted) }
}

async fn find_manifest(connection: &mut Connection, repository_id: i64, digest: Digest) -> QueryResult<Option<i64>> {
    let found = manifests::table
        .filter(manifests::repository_id.eq(repository_id))
        .filter(manifests::digest.eq(digest.to_string()))
        .filter(history::visible())
        .select(manifests::id);
    lock!(found).get_result(connection).await.optional()
}

/// An [`AdoptTag`] that any thread can carry out.
struct AdoptedTag {
    repository: RepositoryName,
    tag: Tag,
    target: Digest,
    overwrite: bool,
    review_after: Timestamp,
}

impl AdoptedTag {
    async fn run(&self, connection: &mut Connection) -> QueryResult<AdoptOutcome> {
        let name = self.repository.as_str();
        let repository_id = repository::lock(connection, name).await?;
        if is_closed(connection, name).await? {
            return Ok(AdoptOutcome::Closed);
        }
        let Some(repository_id) = repository_id else { return Ok(AdoptOutcome::Missing) };
        let tag = tags::table.find((repository_id, self.tag.as_str()));
        let previous: Option<i64> = tag.select(tags::manifest_id).get_result(connection).await.optional()?;
        if previous.is_some() && !self.overwrite {
            return Ok(AdoptOutcome::Kept);
        }
        let Some(target) = find_manifest(connection, repository_id, self.target).await? else {
            return Ok(AdoptOutcome::Missing);
        };
        if previous == Some(target) {
            return Ok(AdoptOutcome::Kept);
        }
        let tags = std::slice::from_ref(&self.tag);
        let pointed = tag::point(connection, repository_id, tags, target, None).await?;
        let counted = Repository { id: repository_id, name: &self.repository };
        Change::of(0, pointed.added).record(connection, counted).await?;
        let left = pointed.left;
        if !left.is_empty() {
            let left = manifests::table.filter(manifests::id.eq_any(left)).into_boxed();
            review::manifests(connection, left, self.review_after).await?;
        }
        Ok(AdoptOutcome::Adopted)
    }
}
