//! Manifests and what they refer to.

mod put;

use async_trait::async_trait;
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use futures::FutureExt;
use registry_core::protocol::digest::Digest;
use registry_core::protocol::reference::{Reference, RepositoryName, Tag};
use registry_core::store::metadata::{
    ManifestRecord, ManifestStore, Page, PutManifest, PutManifestOutcome, Referrer, ReferrersQuery,
};
use registry_core::store::{StoreError, StoreErrorKind, StoreResult, Timestamp};

pub(super) use self::put::Put;
use super::dialect::{self, Connection, Store, lock};
use super::usage::{Change, Repository};
use super::{history, referrer, repository, review, rows, tag};
use crate::cache::Subject;
use crate::error::during;
use crate::schema::{blobs, gc_manifest_reviews, manifest_blobs, manifest_children, manifests, repositories, tags};
use crate::stored::Stored;

#[async_trait]
impl ManifestStore for Store {
    async fn manifest(
        &self,
        repository: &RepositoryName,
        reference: &Reference,
    ) -> StoreResult<Option<ManifestRecord>> {
        if let Some(known) = self.cache.manifest(repository, reference) {
            return Ok(Some(known));
        }
        let ticket = self.cache.ticket();
        let found = self
            .read_once((repository.clone(), reference.clone()), |connection, (repository, reference)| {
                find(connection, repository, reference).boxed()
            })
            .await
            .map_err(during(format_args!("look up manifest `{reference}` in repository `{repository}`")))?;
        if let Some(manifest) = &found {
            ensure_whole(repository, manifest)?;
            self.cache.keep_manifest(ticket, repository, reference, manifest);
        }
        Ok(found)
    }

    async fn put_manifest(&self, manifest: PutManifest<'_>) -> StoreResult<PutManifestOutcome> {
        let put = Put::from(&manifest);
        let tags = manifest.tags.iter().map(|tag| Subject::Tag(manifest.repository, tag));
        // They leave the review queue.
        let blobs = manifest.blobs.iter().chain(manifest.optional_blobs).map(Subject::Blob);
        let changed = tags.chain(blobs).chain([Subject::Manifest(manifest.repository, manifest.digest)]);
        self.write(changed, put, |connection, put| put.run(connection).boxed()).await.map_err(during(format_args!(
            "store manifest `{}` in repository `{}`",
            manifest.digest, manifest.repository
        )))
    }

    async fn delete_manifest(
        &self,
        repository: &RepositoryName,
        digest: &Digest,
        review_after: Timestamp,
        restorable_until: Option<Timestamp>,
    ) -> StoreResult<bool> {
        // Its blobs lose a reference, and with that their review may be set anew.
        let changed = [Subject::Manifest(repository, digest), Subject::EveryBlob];
        self.write(
            changed,
            (repository.clone(), *digest, review_after, restorable_until),
            |connection, (repository, digest, review_after, restorable_until)| {
                delete(connection, repository, *digest, *review_after, *restorable_until).boxed()
            },
        )
        .await
        .map_err(during(format_args!("delete manifest `{digest}` from repository `{repository}`")))
    }

    async fn delete_tag(
        &self,
        repository: &RepositoryName,
        tag: &Tag,
        review_after: Timestamp,
        restorable_until: Option<Timestamp>,
    ) -> StoreResult<bool> {
        let removal = tag::Removal {
            repository: repository.clone(),
            tag: tag.clone(),
            unchanged: None,
            review_after,
            restorable_until,
        };
        self.write([Subject::Tag(repository, tag)], removal, |connection, removal| removal.run(connection).boxed())
            .await
            .map_err(during(format_args!("delete tag `{tag}` from repository `{repository}`")))
    }

    async fn tags(&self, repository: &RepositoryName, after: Option<&str>, limit: usize) -> StoreResult<Vec<Tag>> {
        let page = (repository.clone(), after.unwrap_or_default().to_owned(), rows(limit));
        self.read_once(page, |connection, (repository, after, limit)| {
            tag::list(connection, repository, after, *limit).boxed()
        })
        .await
        .map_err(during(format_args!("list the tags of repository `{repository}`")))
    }

    async fn referrers(&self, query: ReferrersQuery<'_>) -> StoreResult<Page<Referrer>> {
        let search = referrer::Search {
            repository: query.repository.clone(),
            subject: query.subject.to_string(),
            artifact_type: query.artifact_type.map(str::to_owned),
            after: query.after.map(Digest::to_string).unwrap_or_default(),
            limit: query.limit,
            limit_bytes: query.limit_bytes,
        };
        self.read(search, |connection, search| search.run(connection).boxed()).await.map_err(during(format_args!(
            "list the referrers of `{}` in repository `{}`",
            query.subject, query.repository
        )))
    }
}

/// Makes sure that what the database has of a manifest is what was pushed. What is in memory was looked at before.
fn ensure_whole(repository: &RepositoryName, manifest: &ManifestRecord) -> StoreResult<()> {
    let ManifestRecord { digest, payload, .. } = manifest;
    if Digest::of(digest.algorithm(), payload) == *digest {
        return Ok(());
    }
    let context = format!("manifest `{digest}` in repository `{repository}` is damaged in the database");
    Err(StoreError::new(StoreErrorKind::Corrupt, context))
}

async fn find(
    connection: &mut Connection,
    repository: &RepositoryName,
    reference: &Reference,
) -> QueryResult<Option<ManifestRecord>> {
    let columns = (manifests::digest, manifests::media_type, manifests::payload);
    let found: Option<(Stored<Digest>, String, Vec<u8>)> = match reference {
        Reference::Tag(tag) => tags::table
            .inner_join(repositories::table)
            .inner_join(manifests::table)
            .filter(repositories::name.eq(repository.as_str()))
            .filter(tags::name.eq(tag.as_str()))
            .select(columns)
            .get_result(connection)
            .await
            .optional()?,
        Reference::Digest(digest) => manifests::table
            .inner_join(repositories::table)
            .filter(repositories::name.eq(repository.as_str()))
            .filter(manifests::digest.eq(digest.to_string()))
            .filter(history::visible())
            .select(columns)
            .get_result(connection)
            .await
            .optional()?,
    };
    Ok(found.map(|(digest, media_type, payload)| ManifestRecord {
        digest: digest.0,
        media_type: media_type.into(),
        payload: payload.into(),
    }))
}

pub(super) async fn delete(
    connection: &mut Connection,
    name: &RepositoryName,
    digest: Digest,
    review_after: Timestamp,
    restorable_until: Option<Timestamp>,
) -> QueryResult<bool> {
    let Some(repository_id) = repository::lock(connection, name.as_str()).await? else { return Ok(false) };
    let found = manifests::table
        .filter(manifests::repository_id.eq(repository_id))
        .filter(manifests::digest.eq(digest.to_string()))
        .select(manifests::id);
    let Some(id) = lock!(found).get_result::<i64>(connection).await.optional()? else { return Ok(false) };
    let repository = Repository { id: repository_id, name };
    if restorable_until.is_none() {
        let was_visible = !history::reinstate(connection, id).await?;
        remove(connection, repository, id, was_visible, review_after).await?;
        return Ok(true);
    }

    if !history::withdraw(connection, id).await? {
        return Ok(false);
    }
    let removed = history::remove_tags(connection, id, restorable_until).await?;
    if removed > 0 || history::refers_to(connection, id).await? {
        let change = Change::of(-1, -rows(removed));
        change.record(connection, repository).await?;
    } else {
        history::reinstate(connection, id).await?;
        remove(connection, repository, id, true, review_after).await?;
    }
    Ok(true)
}

/// Deletes a manifest of a locked repository for good, with its tags and past tags, and has what it referred to reviewed.
/// It must not be withdrawn any more; `was_visible` says whether it is counted.
pub(super) async fn remove(
    connection: &mut Connection,
    repository: Repository<'_>,
    id: i64,
    was_visible: bool,
    review_after: Timestamp,
) -> QueryResult<()> {
    let (digest, size_bytes): (String, i64) =
        manifests::table.find(id).select((manifests::digest, manifests::size_bytes)).get_result(connection).await?;
    let tags = history::remove_tags(connection, id, None).await?;
    let mut change = Change::of(-i64::from(was_visible), -rows(tags));
    change.add_payload(-size_bytes);
    change.remove_blobs(connection, repository, id).await?;
    change.record(connection, repository).await?;

    let siblings = || manifests::table.filter(manifests::repository_id.eq(repository.id)).into_boxed();
    let blobs = manifest_blobs::table.filter(manifest_blobs::manifest_id.eq(id)).select(manifest_blobs::blob_id);
    let blobs = blobs::table.filter(blobs::id.eq_any(blobs)).into_boxed();
    review::blobs(connection, blobs, review_after).await?;
    let children =
        manifest_children::table.filter(manifest_children::manifest_id.eq(id)).select(manifest_children::digest);
    review::manifests(connection, siblings().filter(manifests::digest.eq_any(children)), review_after).await?;
    review::manifests(connection, siblings().filter(manifests::subject.eq(&digest)), review_after).await?;

    history::forget(connection, id).await?;
    diesel::delete(gc_manifest_reviews::table.find(id)).execute(connection).await?;
    diesel::delete(manifest_blobs::table.filter(manifest_blobs::manifest_id.eq(id))).execute(connection).await?;
    diesel::delete(manifest_children::table.filter(manifest_children::manifest_id.eq(id))).execute(connection).await?;
    diesel::delete(manifests::table.find(id)).execute(connection).await?;
    Ok(())
}
