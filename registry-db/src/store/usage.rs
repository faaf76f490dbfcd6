//! How much there is, counted in the transactions that change it.
//!
//! A repository's figures are one row, which only transactions that have locked the repository write. A namespace's are
//! spread over [`STRIPES`] rows by repository, so that pushes into different repositories seldom wait for each other. What
//! a blob adds to the unique bytes depends on whether others refer to it: in the repository, that is one look into an
//! index; in the namespace, a count of the repositories that do, because those are not locked.

use std::collections::HashMap;

use async_trait::async_trait;
use diesel::dsl::{exists, not};
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};
use diesel_async::RunQueryDsl;
use futures::FutureExt;
use registry_core::protocol::reference::{RepositoryName, Tag};
use registry_core::store::StoreResult;
use registry_core::store::usage::{NamespaceUsage, RepositoryTag, Usage, UsageStore};

use super::dialect::{Connection, Store, conflict_key};
use super::{repository, rows, tag};
use crate::error::during;
use crate::prepared::{PreparedDsl, lists};
use crate::schema::{blobs, manifest_blobs, namespace_blobs, namespace_usage, repository_usage, tags};
use crate::stored::Stored;

/// Over how many rows the figures of a namespace are spread.
const STRIPES: i64 = 16;

/// Manifests, tags, logical bytes and unique bytes as they are kept.
type Figures = (i64, i64, i64, i64);

#[async_trait]
impl UsageStore for Store {
    async fn repository_usage(&self, repository: &RepositoryName) -> StoreResult<Option<Usage>> {
        self.read(repository.clone(), |connection, repository| of_repository(connection, repository).boxed())
            .await
            .map_err(during(format_args!("look up how much there is in repository `{repository}`")))
    }

    async fn namespaces(&self, after: Option<&str>, limit: usize) -> StoreResult<Vec<NamespaceUsage>> {
        self.read((after.map(str::to_owned), limit), |connection, (after, limit)| {
            list_namespaces(connection, after.as_deref(), *limit).boxed()
        })
        .await
        .map_err(during("list namespaces"))
    }

    async fn namespace_usage(&self, namespace: &str) -> StoreResult<Usage> {
        self.read(namespace.to_owned(), |connection, namespace| of_namespace(connection, namespace).boxed())
            .await
            .map_err(during(format_args!("look up how much there is in namespace `{namespace}`")))
    }

    async fn namespace_tags(
        &self,
        namespace: &str,
        after: Option<&RepositoryTag>,
        limit: usize,
    ) -> StoreResult<Vec<RepositoryTag>> {
        self.read((namespace.to_owned(), after.cloned(), limit), |connection, (namespace, after, limit)| {
            list_tags(connection, namespace, after.as_ref(), *limit).boxed()
        })
        .await
        .map_err(during(format_args!("list the tags of namespace `{namespace}`")))
    }
}

/// A locked repository.
#[derive(Debug, Clone, Copy)]
pub(super) struct Repository<'a> {
    pub(super) id: i64,
    pub(super) name: &'a RepositoryName,
}

/// By how much a transaction changes the figures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Change {
    pub(super) manifests: i64,
    pub(super) tags: i64,
    logical_bytes: i64,
    unique_bytes: i64,
    namespace_bytes: i64,
}

impl Change {
    /// Counts manifests that can be seen, and tags.
    pub(super) fn of(manifests: i64, tags: i64) -> Self {
        Self { manifests, tags, ..Self::default() }
    }

    /// Counts the bytes of a manifest itself, negative if it goes.
    pub(super) fn add_payload(&mut self, size_bytes: i64) {
        self.logical_bytes += size_bytes;
        self.unique_bytes += size_bytes;
        self.namespace_bytes += size_bytes;
    }

    /// Counts blobs, with their sizes, that a manifest is about to refer to and did not.
    pub(super) async fn add_blobs(
        &mut self,
        connection: &mut Connection,
        repository: Repository<'_>,
        manifest_id: i64,
        added: &[(i64, i64)],
    ) -> QueryResult<()> {
        self.logical_bytes += total(added);
        let ids: Vec<i64> = added.iter().map(|(id, _)| *id).collect();
        let alone = referred_to_by_none_else(connection, repository.id, manifest_id, &ids).await?;
        self.unique_bytes += total(&alone);
        for ids in distinct_lists(&alone) {
            let namespace = repository.name.namespace();
            let counted = blobs::table.filter(blobs::id.eq_any(&ids)).order(blobs::id);
            diesel::insert_into(namespace_blobs::table)
                .values(counted.select((namespace.into_sql::<Text>(), blobs::id, 1.into_sql::<BigInt>())))
                .into_columns((namespace_blobs::namespace, namespace_blobs::blob_id, namespace_blobs::repository_count))
                .on_conflict(conflict_key((namespace_blobs::namespace, namespace_blobs::blob_id)))
                .do_update()
                .set(namespace_blobs::repository_count.eq(namespace_blobs::repository_count + 1))
                .prepared()
                .execute(connection)
                .await?;
            self.namespace_bytes += total(&counted_as(connection, namespace, ids, 1).await?);
        }
        Ok(())
    }

    /// Counts out the blobs of a manifest that is about to go.
    pub(super) async fn remove_blobs(
        &mut self,
        connection: &mut Connection,
        repository: Repository<'_>,
        manifest_id: i64,
    ) -> QueryResult<()> {
        let removed = of_manifest(connection, manifest_id).await?;
        self.logical_bytes -= total(&removed);
        let ids: Vec<i64> = removed.iter().map(|(id, _)| *id).collect();
        let alone = referred_to_by_none_else(connection, repository.id, manifest_id, &ids).await?;
        self.unique_bytes -= total(&alone);
        for ids in distinct_lists(&alone) {
            let namespace = repository.name.namespace();
            let counted = namespace_blobs::table
                .filter(namespace_blobs::namespace.eq(namespace))
                .filter(namespace_blobs::blob_id.eq_any(&ids));
            diesel::update(counted)
                .set(namespace_blobs::repository_count.eq(namespace_blobs::repository_count - 1))
                .prepared()
                .execute(connection)
                .await?;
            self.namespace_bytes -= total(&counted_as(connection, namespace, ids.clone(), 0).await?);
            let gone = namespace_blobs::table
                .filter(namespace_blobs::namespace.eq(namespace))
                .filter(namespace_blobs::blob_id.eq_any(&ids))
                .filter(namespace_blobs::repository_count.eq(0));
            diesel::delete(gone).prepared().execute(connection).await?;
        }
        Ok(())
    }

    /// Records the change, if it is one, and shows the repository in the catalog or hides it.
    pub(super) async fn record(self, connection: &mut Connection, repository: Repository<'_>) -> QueryResult<()> {
        if self == Self::default() {
            return Ok(());
        }
        let namespace = repository.name.namespace();
        diesel::insert_into(repository_usage::table)
            .values((
                repository_usage::repository_id.eq(repository.id),
                repository_usage::namespace.eq(namespace),
                repository_usage::name.eq(repository.name.as_str()),
                repository_usage::manifest_count.eq(self.manifests),
                repository_usage::tag_count.eq(self.tags),
                repository_usage::logical_bytes.eq(self.logical_bytes),
                repository_usage::unique_bytes.eq(self.unique_bytes),
            ))
            .on_conflict(conflict_key(repository_usage::repository_id))
            .do_update()
            .set((
                repository_usage::manifest_count.eq(repository_usage::manifest_count + self.manifests),
                repository_usage::tag_count.eq(repository_usage::tag_count + self.tags),
                repository_usage::logical_bytes.eq(repository_usage::logical_bytes + self.logical_bytes),
                repository_usage::unique_bytes.eq(repository_usage::unique_bytes + self.unique_bytes),
            ))
            .prepared()
            .execute(connection)
            .await?;
        if self.manifests != 0 {
            repository::update_listed(connection, repository.id).await?;
        }
        let stripe = i16::try_from(repository.id.rem_euclid(STRIPES)).expect("there are few stripes");
        diesel::insert_into(namespace_usage::table)
            .values((
                namespace_usage::namespace.eq(namespace),
                namespace_usage::stripe.eq(stripe),
                namespace_usage::manifest_count.eq(self.manifests),
                namespace_usage::tag_count.eq(self.tags),
                namespace_usage::logical_bytes.eq(self.logical_bytes),
                namespace_usage::unique_bytes.eq(self.namespace_bytes),
            ))
            .on_conflict(conflict_key((namespace_usage::namespace, namespace_usage::stripe)))
            .do_update()
            .set((
                namespace_usage::manifest_count.eq(namespace_usage::manifest_count + self.manifests),
                namespace_usage::tag_count.eq(namespace_usage::tag_count + self.tags),
                namespace_usage::logical_bytes.eq(namespace_usage::logical_bytes + self.logical_bytes),
                namespace_usage::unique_bytes.eq(namespace_usage::unique_bytes + self.namespace_bytes),
            ))
            .prepared()
            .execute(connection)
            .await?;
        Ok(())
    }
}

/// Returns the blobs of a manifest, with their sizes.
pub(super) async fn of_manifest(connection: &mut Connection, manifest_id: i64) -> QueryResult<Vec<(i64, i64)>> {
    manifest_blobs::table
        .inner_join(blobs::table)
        .filter(manifest_blobs::manifest_id.eq(manifest_id))
        .select((blobs::id, blobs::size_bytes))
        .load(connection)
        .await
}

/// Returns those of some blobs, with their sizes, to which no other manifest of the repository refers.
async fn referred_to_by_none_else(
    connection: &mut Connection,
    repository_id: i64,
    manifest_id: i64,
    ids: &[i64],
) -> QueryResult<Vec<(i64, i64)>> {
    let mut alone = Vec::new();
    for ids in lists(ids) {
        let others = manifest_blobs::table
            .filter(manifest_blobs::blob_id.eq(blobs::id))
            .filter(manifest_blobs::repository_id.eq(repository_id))
            .filter(manifest_blobs::manifest_id.ne(manifest_id));
        let found: Vec<(i64, i64)> = blobs::table
            .filter(blobs::id.eq_any(ids))
            .filter(not(exists(others)))
            .select((blobs::id, blobs::size_bytes))
            .prepared()
            .load(connection)
            .await?;
        alone.extend(found);
    }
    Ok(alone)
}

/// Returns those of some blobs, with their sizes, that so many repositories of the namespace refer to.
async fn counted_as(
    connection: &mut Connection,
    namespace: &str,
    ids: Vec<i64>,
    count: i64,
) -> QueryResult<Vec<(i64, i64)>> {
    let counted = namespace_blobs::table
        .filter(namespace_blobs::namespace.eq(namespace))
        .filter(namespace_blobs::blob_id.eq(blobs::id))
        .filter(namespace_blobs::repository_count.eq(count));
    blobs::table
        .filter(blobs::id.eq_any(ids))
        .filter(exists(counted))
        .select((blobs::id, blobs::size_bytes))
        .prepared()
        .load(connection)
        .await
}

fn total(sizes: &[(i64, i64)]) -> i64 {
    sizes.iter().map(|(_, size_bytes)| size_bytes).sum()
}

/// Cuts the ids of blobs into lists that name none twice.
fn distinct_lists(found: &[(i64, i64)]) -> impl Iterator<Item = Vec<i64>> {
    let mut ids: Vec<i64> = found.iter().map(|(id, _)| *id).collect();
    ids.sort_unstable();
    lists(&ids).collect::<Vec<_>>().into_iter()
}

async fn of_repository(connection: &mut Connection, name: &RepositoryName) -> QueryResult<Option<Usage>> {
    let Some(id) = repository::find(connection, name.as_str()).await? else { return Ok(None) };
    let figures: Option<Figures> = repository_usage::table
        .find(id)
        .select((
            repository_usage::manifest_count,
            repository_usage::tag_count,
            repository_usage::logical_bytes,
            repository_usage::unique_bytes,
        ))
        .get_result(connection)
        .await
        .optional()?;
    Ok(Some(sum(figures)))
}

async fn of_namespace(connection: &mut Connection, namespace: &str) -> QueryResult<Usage> {
    let stripes: Vec<Figures> = namespace_usage::table
        .filter(namespace_usage::namespace.eq(namespace))
        .select((
            namespace_usage::manifest_count,
            namespace_usage::tag_count,
            namespace_usage::logical_bytes,
            namespace_usage::unique_bytes,
        ))
        .load(connection)
        .await?;
    Ok(sum(stripes))
}

async fn list_namespaces(
    connection: &mut Connection,
    after: Option<&str>,
    limit: usize,
) -> QueryResult<Vec<NamespaceUsage>> {
    let stripes = namespace_usage::table
        .order((namespace_usage::namespace, namespace_usage::stripe))
        // No namespace has more.
        .limit(rows(limit).saturating_mul(STRIPES))
        .select((
            namespace_usage::namespace,
            (
                namespace_usage::manifest_count,
                namespace_usage::tag_count,
                namespace_usage::logical_bytes,
                namespace_usage::unique_bytes,
            ),
        ));
    let stripes: Vec<(String, Figures)> = match after {
        Some(after) => stripes.filter(namespace_usage::namespace.gt(after)).load(connection).await?,
        // The empty name is one as well.
        None => stripes.filter(namespace_usage::namespace.ge("")).load(connection).await?,
    };
    let namespaces = stripes.chunk_by(|(one, _), (other, _)| one == other).take(limit);
    let counted = namespaces.map(|stripes| NamespaceUsage {
        namespace: stripes[0].0.clone(),
        usage: sum(stripes.iter().map(|(_, figures)| *figures)),
    });
    Ok(counted.collect())
}

fn sum(figures: impl IntoIterator<Item = Figures>) -> Usage {
    let total = figures.into_iter().fold((0, 0, 0, 0), |a: Figures, b| (a.0 + b.0, a.1 + b.1, a.2 + b.2, a.3 + b.3));
    Usage {
        manifests: total.0.cast_unsigned(),
        tags: total.1.cast_unsigned(),
        logical_bytes: total.2.cast_unsigned(),
        unique_bytes: total.3.cast_unsigned(),
    }
}

/// Lists the rest of one repository's tags, and then those of the repositories behind it.
/// Finds a page in a few looks at ranges of indexes: how many tags each repository has says which of them the page has
/// whole. A join of the two would be sorted, tags of all repositories behind the page included.
async fn list_tags(
    connection: &mut Connection,
    namespace: &str,
    after: Option<&RepositoryTag>,
    limit: usize,
) -> QueryResult<Vec<RepositoryTag>> {
    let of_namespace = || repository_usage::table.filter(repository_usage::namespace.eq(namespace));
    let mut found = Vec::new();
    let mut add = |repository: &RepositoryName, tags: Vec<Tag>| {
        found.extend(tags.into_iter().map(|tag| RepositoryTag { repository: repository.clone(), tag }));
        limit - found.len()
    };
    let mut room = limit;
    if let Some(RepositoryTag { repository, tag }) = after {
        let begun = of_namespace().filter(repository_usage::name.eq(repository.as_str()));
        let begun: Option<i64> =
            begun.select(repository_usage::repository_id).get_result(connection).await.optional()?;
        if let Some(id) = begun {
            room = add(repository, tag::of_repository(connection, id, tag.as_str(), rows(room)).await?);
        }
    }

    // Each of them has a tag, so there are enough.
    let next: Vec<(i64, Stored<RepositoryName>, i64)> = of_namespace()
        .filter(repository_usage::name.gt(after.map_or("", |after| after.repository.as_str())))
        .filter(repository_usage::tag_count.gt(0))
        .order(repository_usage::name)
        .limit(rows(room))
        .select((repository_usage::repository_id, repository_usage::name, repository_usage::tag_count))
        .load(connection)
        .await?;
    let totals = next.iter().scan(0i64, |total, (_, _, count)| {
        *total = total.saturating_add(*count);
        Some(*total)
    });
    let (whole, partly) = next.split_at(totals.take_while(|total| *total <= rows(room)).count());
    let ids: Vec<i64> = whole.iter().map(|(id, _, _)| *id).collect();
    let mut tags_of: HashMap<i64, Vec<Tag>> = HashMap::with_capacity(ids.len());
    for ids in lists(&ids) {
        let listed: Vec<(i64, Stored<Tag>)> = tags::table
            .filter(tags::repository_id.eq_any(ids))
            .select((tags::repository_id, tags::name))
            .prepared()
            .load(connection)
            .await?;
        for (id, tag) in listed {
            tags_of.entry(id).or_default().push(tag.0);
        }
    }
    for (id, name, _) in whole {
        let mut tags = tags_of.remove(id).unwrap_or_default();
        tags.sort_unstable();
        room = add(&name.0, tags);
    }
    if let Some((id, name, _)) = partly.first() {
        add(&name.0, tag::of_repository(connection, *id, "", rows(room)).await?);
    }
    Ok(found)
}
