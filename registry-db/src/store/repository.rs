//! Repositories.

use async_trait::async_trait;
use diesel::dsl::exists;
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use futures::FutureExt;
use registry_core::protocol::reference::RepositoryName;
use registry_core::store::metadata::RepositoryStore;
use registry_core::store::{StoreResult, Timestamp};

use super::dialect::{Connection, Store, lock};
use super::rows;
use crate::error::during;
use crate::prepared::PreparedDsl;
use crate::schema::{repositories, repository_usage};
use crate::stored::Stored;

#[async_trait]
impl RepositoryStore for Store {
    async fn repository_exists(&self, repository: &RepositoryName) -> StoreResult<bool> {
        self.read_once(repository.clone(), |connection, repository| {
            async move { Ok(find(connection, repository.as_str()).await?.is_some()) }.boxed()
        })
        .await
        .map_err(during(format_args!("look up repository `{repository}`")))
    }

    async fn repositories(&self, after: Option<&str>, limit: usize) -> StoreResult<Vec<RepositoryName>> {
        self.read_once((after.unwrap_or_default().to_owned(), rows(limit)), |connection, (after, limit)| {
            list(connection, after, *limit).boxed()
        })
        .await
        .map_err(during("list repositories"))
    }

    async fn check(&self) -> StoreResult<()> {
        self.read_once((), |connection, ()| async move { find(connection, "").await.map(drop) }.boxed())
            .await
            .map_err(during("read from the database"))
    }
}

/// Finds a repository.
pub(super) async fn find(connection: &mut Connection, name: &str) -> QueryResult<Option<i64>> {
    by_name(name).get_result(connection).await.optional()
}

/// Finds a repository and locks it.
pub(super) async fn lock(connection: &mut Connection, name: &str) -> QueryResult<Option<i64>> {
    lock!(by_name(name)).get_result(connection).await.optional()
}

/// Finds or creates a repository and locks it.
pub(super) async fn lock_or_create(connection: &mut Connection, name: &str) -> QueryResult<i64> {
    if let Some(id) = lock(connection, name).await? {
        return Ok(id);
    }
    diesel::insert_into(repositories::table)
        .values((
            repositories::name.eq(name),
            repositories::listed.eq(false),
            repositories::created_at.eq(Timestamp::now().as_micros()),
        ))
        .on_conflict_do_nothing()
        .execute(connection)
        .await?;
    lock!(by_name(name)).get_result(connection).await
}

/// Shows a repository in the catalog if a manifest is counted in it, and hides it otherwise.
pub(super) async fn update_listed(connection: &mut Connection, id: i64) -> QueryResult<()> {
    let counted = || repository_usage::table.find(id).filter(repository_usage::manifest_count.gt(0));
    let has_manifests = || exists(counted().select(repository_usage::repository_id));
    // Nothing is written if it is right already.
    diesel::update(repositories::table.find(id).filter(repositories::listed.ne(has_manifests())))
        .set(repositories::listed.eq(has_manifests()))
        .prepared()
        .execute(connection)
        .await?;
    Ok(())
}

async fn list(connection: &mut Connection, after: &str, limit: i64) -> QueryResult<Vec<RepositoryName>> {
    let names: Vec<Stored<RepositoryName>> = repositories::table
        .filter(repositories::listed.eq(true))
        .filter(repositories::name.gt(after))
        .order(repositories::name)
        .limit(limit)
        .select(repositories::name)
        .load(connection)
        .await?;
    Ok(names.into_iter().map(|Stored(name)| name).collect())
}

/// Finds the id of a repository. What lists in the order of an index that begins with the id compares that with this as a
/// single value: a join has PostgreSQL read the whole repository and sort it, because there might be several.
#[diesel::dsl::auto_type]
pub(super) fn by_name<'a>(name: &'a str) -> _ {
    repositories::table.filter(repositories::name.eq(name)).select(repositories::id)
}
