//! Lists of all that is in a repository, and removals under a condition.

use async_trait::async_trait;
use diesel::dsl::exists;
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use futures::FutureExt;
use registry_core::protocol::digest::Digest;
use registry_core::protocol::reference::{RepositoryName, Tag};
use registry_core::store::removal::{RemovalStore, TagRecord, UntaggedManifests};
use registry_core::store::{StoreResult, Timestamp};

use super::dialect::{Connection, Store, lock};
use super::usage::{Change, Repository};
use super::{history, manifest, repository, rows, tag};
use crate::cache::Subject;
use crate::error::during;
use crate::prepared::{PreparedDsl, lists};
use crate::schema::{
    blobs, manifest_children, manifests, repositories, repository_blobs, repository_usage, tag_history, tags,
};
use crate::stored::Stored;

#[async_trait]
impl RemovalStore for Store {
    async fn tag_records(
        &self,
        repository: &RepositoryName,
        after: Option<&Tag>,
        limit: usize,
    ) -> StoreResult<Vec<TagRecord>> {
        let page = (repository.clone(), after.map(Tag::to_string).unwrap_or_default(), rows(limit));
        self.read(page, |connection, (repository, after, limit)| records(connection, repository, after, *limit).boxed())
            .await
            .map_err(during(format_args!("list the tags of repository `{repository}`")))
    }

    async fn delete_unchanged_tag(
        &self,
        repository: &RepositoryName,
        seen: &TagRecord,
        review_after: Timestamp,
        restorable_until: Option<Timestamp>,
    ) -> StoreResult<bool> {
        let removal = tag::Removal {
            repository: repository.clone(),
            tag: seen.tag.clone(),
            unchanged: Some((seen.digest, seen.updated_at)),
            review_after,
            restorable_until,
        };
        self.write([Subject::Tag(repository, &seen.tag)], removal, |connection, removal| {
            removal.run(connection).boxed()
        })
        .await
        .map_err(during(format_args!("delete tag `{}` from repository `{repository}`", seen.tag)))
    }

    async fn thin_tags(
        &self,
        repository: &RepositoryName,
        digest: &Digest,
        limit: usize,
        restorable_until: Option<Timestamp>,
    ) -> StoreResult<bool> {
        let thin = (repository.clone(), *digest, limit, restorable_until);
        self.write(
            [Subject::Manifest(repository, digest)],
            thin,
            |connection, (repository, digest, limit, restorable_until)| {
                thin_tags(connection, repository, *digest, *limit, *restorable_until).boxed()
            },
        )
        .await
        .map_err(during(format_args!("delete tags of manifest `{digest}` from repository `{repository}`")))
    }

    async fn untagged_manifests(
        &self,
        repository: &RepositoryName,
        before: Timestamp,
        after: Option<&Digest>,
        limit: usize,
    ) -> StoreResult<UntaggedManifests> {
        let part = (repository.clone(), before, after.map(Digest::to_string).unwrap_or_default(), limit);
        self.read(part, |connection, (repository, before, after, limit)| {
            untagged(connection, repository, *before, after, *limit).boxed()
        })
        .await
        .map_err(during(format_args!("look for untagged manifests in repository `{repository}`")))
    }

    async fn delete_untagged_manifest(
        &self,
        repository: &RepositoryName,
        digest: &Digest,
        before: Timestamp,
        review_after: Timestamp,
    ) -> StoreResult<bool> {
        self.write(
            [Subject::Manifest(repository, digest), Subject::EveryBlob],
            (repository.clone(), *digest, before, review_after),
            |connection, (repository, digest, before, review_after)| {
                delete_untagged(connection, repository, *digest, *before, *review_after).boxed()
            },
        )
        .await
        .map_err(during(format_args!("delete manifest `{digest}` from repository `{repository}`")))
    }

    async fn manifest_digests(
        &self,
        repository: &RepositoryName,
        after: Option<&Digest>,
        limit: usize,
    ) -> StoreResult<Vec<Digest>> {
        let page = (repository.clone(), after.map(Digest::to_string).unwrap_or_default(), rows(limit));
        self.read(page, |connection, (repository, after, limit)| digests(connection, repository, after, *limit).boxed())
            .await
            .map_err(during(format_args!("list the manifests of repository `{repository}`")))
    }

    async fn some_blobs(&self, repository: &RepositoryName, limit: usize) -> StoreResult<Vec<Digest>> {
        self.read((repository.clone(), rows(limit)), |connection, (repository, limit)| {
            some_blobs(connection, repository, *limit).boxed()
        })
        .await
        .map_err(during(format_args!("list the blobs of repository `{repository}`")))
    }

    async fn remove_empty_repository(&self, repository: &RepositoryName) -> StoreResult<bool> {
        self.write([], repository.clone(), |connection, repository| remove_empty(connection, repository).boxed())
            .await
            .map_err(during(format_args!("remove repository `{repository}`")))
    }
}

async fn records(
    connection: &mut Connection,
    repository: &RepositoryName,
    after: &str,
    limit: i64,
) -> QueryResult<Vec<TagRecord>> {
    let found: Vec<(Stored<Tag>, Stored<Digest>, i64)> = tags::table
        .inner_join(manifests::table)
        .filter(tags::repository_id.nullable().eq(repository::by_name(repository.as_str()).single_value()))
        .filter(tags::name.gt(after))
        .order(tags::name)
        .limit(limit)
        .select((tags::name, manifests::digest, tags::updated_at))
        .load(connection)
        .await?;
    let record = |(tag, digest, updated_at): (Stored<Tag>, Stored<Digest>, i64)| TagRecord {
        tag: tag.0,
        digest: digest.0,
        updated_at: Timestamp::from_micros(updated_at),
    };
    Ok(found.into_iter().map(record).collect())
}

async fn thin_tags(
    connection: &mut Connection,
    name: &RepositoryName,
    digest: Digest,
    limit: usize,
    restorable_until: Option<Timestamp>,
) -> QueryResult<bool> {
    let Some(id) = repository::lock(connection, name.as_str()).await? else { return Ok(false) };
    let manifest = manifests::table
        .filter(manifests::repository_id.eq(id))
        .filter(manifests::digest.eq(digest.to_string()))
        .select(manifests::id);
    let Some(manifest_id) = manifest.get_result::<i64>(connection).await.optional()? else { return Ok(false) };
    let mut names: Vec<String> = tags::table
        .filter(tags::manifest_id.eq(manifest_id))
        .order((tags::repository_id, tags::name))
        .limit(rows(limit.saturating_add(1)))
        .select(tags::name)
        .load(connection)
        .await?;
    let too_many = names.len() > limit;
    if too_many {
        names.truncate(limit);
        history::remove_some_tags(connection, id, &names, restorable_until).await?;
        let change = Change::of(0, -rows(names.len()));
        change.record(connection, Repository { id, name }).await?;
    }
    Ok(too_many)
}

diesel::alias!(manifests as subjects: Subjects);

/// Selects manifests that readers can see, that are older than `before`, and that nothing refers to.
#[diesel::dsl::auto_type]
fn unreferenced(before: i64) -> _ {
    let subject = subjects
        .filter(subjects.field(manifests::repository_id).eq(manifests::repository_id))
        .filter(subjects.field(manifests::digest).nullable().eq(manifests::subject));
    let parents = manifest_children::table
        .filter(manifest_children::repository_id.eq(manifests::repository_id))
        .filter(manifest_children::digest.eq(manifests::digest));
    let tagged = tags::table.filter(tags::manifest_id.eq(manifests::id));
    let past = tag_history::table.filter(tag_history::manifest_id.eq(manifests::id));
    let visible: history::visible = history::visible();
    manifests::created_at
        .lt(before)
        .and(visible)
        .and(diesel::dsl::not(diesel::dsl::exists(tagged)))
        .and(diesel::dsl::not(diesel::dsl::exists(past)))
        .and(diesel::dsl::not(diesel::dsl::exists(parents)))
        .and(diesel::dsl::not(diesel::dsl::exists(subject)))
}

async fn untagged(
    connection: &mut Connection,
    name: &RepositoryName,
    before: Timestamp,
    after: &str,
    limit: usize,
) -> QueryResult<UntaggedManifests> {
    let mut part = UntaggedManifests { unreferenced: Vec::new(), next: None };
    let Some(id) = repository::find(connection, name.as_str()).await? else { return Ok(part) };
    let looked_at: Vec<(i64, Stored<Digest>)> = manifests::table
        .filter(manifests::repository_id.eq(id))
        .filter(manifests::digest.gt(after))
        .order(manifests::digest)
        .limit(rows(limit))
        .select((manifests::id, manifests::digest))
        .load(connection)
        .await?;
    part.next = looked_at.last().filter(|_| looked_at.len() == limit).map(|(_, digest)| digest.0);
    let ids: Vec<i64> = looked_at.into_iter().map(|(id, _)| id).collect();
    for ids in lists(&ids) {
        let found: Vec<Stored<Digest>> = manifests::table
            .filter(manifests::id.eq_any(ids))
            .filter(unreferenced(before.as_micros()))
            .select(manifests::digest)
            .prepared()
            .load(connection)
            .await?;
        part.unreferenced.extend(found.into_iter().map(|digest| digest.0));
    }
    part.unreferenced.sort_unstable();
    Ok(part)
}

async fn delete_untagged(
    connection: &mut Connection,
    name: &RepositoryName,
    digest: Digest,
    before: Timestamp,
    review_after: Timestamp,
) -> QueryResult<bool> {
    let Some(id) = repository::lock(connection, name.as_str()).await? else { return Ok(false) };
    let found = manifests::table
        .filter(manifests::repository_id.eq(id))
        .filter(manifests::digest.eq(digest.to_string()))
        .filter(unreferenced(before.as_micros()))
        .select(manifests::id);
    let Some(manifest_id) = lock!(found).get_result::<i64>(connection).await.optional()? else { return Ok(false) };
    manifest::remove(connection, Repository { id, name }, manifest_id, true, review_after).await?;
    Ok(true)
}

async fn digests(
    connection: &mut Connection,
    repository: &RepositoryName,
    after: &str,
    limit: i64,
) -> QueryResult<Vec<Digest>> {
    let found: Vec<Stored<Digest>> = manifests::table
        .filter(manifests::repository_id.nullable().eq(repository::by_name(repository.as_str()).single_value()))
        .filter(manifests::digest.gt(after))
        .order(manifests::digest)
        .limit(limit)
        .select(manifests::digest)
        .load(connection)
        .await?;
    Ok(found.into_iter().map(|digest| digest.0).collect())
}

async fn some_blobs(connection: &mut Connection, repository: &RepositoryName, limit: i64) -> QueryResult<Vec<Digest>> {
    let found: Vec<Stored<Digest>> = repository_blobs::table
        .inner_join(blobs::table)
        .filter(repository_blobs::repository_id.nullable().eq(repository::by_name(repository.as_str()).single_value()))
        .order(repository_blobs::blob_id)
        .limit(limit)
        .select(blobs::digest)
        .load(connection)
        .await?;
    Ok(found.into_iter().map(|digest| digest.0).collect())
}

async fn remove_empty(connection: &mut Connection, name: &RepositoryName) -> QueryResult<bool> {
    let Some(id) = repository::lock(connection, name.as_str()).await? else { return Ok(true) };
    let manifest = manifests::table.filter(manifests::repository_id.eq(id)).select(manifests::id);
    let blob = repository_blobs::table.filter(repository_blobs::repository_id.eq(id)).select(repository_blobs::blob_id);
    let holds: bool = diesel::select(exists(manifest).or(exists(blob))).get_result(connection).await?;
    if holds {
        return Ok(false);
    }
    diesel::delete(repository_usage::table.find(id)).execute(connection).await?;
    diesel::delete(repositories::table.find(id)).execute(connection).await?;
    Ok(true)
}
