//! Tags.

use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use registry_core::protocol::reference::{RepositoryName, Tag};
use registry_core::store::Timestamp;

use super::dialect::{Connection, conflict_key};
use super::{repository, review};
use crate::prepared::PreparedDsl;
use crate::schema::{manifests, repositories, tags};
use crate::stored::Stored;

/// Points tags to a manifest of a locked repository, and returns the other manifests that they pointed to.
pub(super) async fn point(
    connection: &mut Connection,
    repository_id: i64,
    names: &[Tag],
    manifest_id: i64,
) -> QueryResult<Vec<i64>> {
    let mut left = Vec::new();
    for name in names {
        let name = name.as_str();
        let previous: Option<i64> = tags::table
            .find((repository_id, name))
            .select(tags::manifest_id)
            .get_result(connection)
            .await
            .optional()?;
        left.extend(previous.filter(|id| *id != manifest_id));
        let target = (tags::manifest_id.eq(manifest_id), tags::updated_at.eq(Timestamp::now().as_micros()));
        diesel::insert_into(tags::table)
            .values((tags::repository_id.eq(repository_id), tags::name.eq(name), target))
            .on_conflict(conflict_key((tags::repository_id, tags::name)))
            .do_update()
            .set(target)
            .prepared()
            .execute(connection)
            .await?;
    }
    Ok(left)
}

pub(super) async fn delete(
    connection: &mut Connection,
    repository: &RepositoryName,
    name: &Tag,
    review_after: Timestamp,
) -> QueryResult<bool> {
    let Some(repository_id) = repository::lock(connection, repository.as_str()).await? else { return Ok(false) };
    let tag = tags::table.find((repository_id, name.as_str()));
    let target: Option<i64> = tag.select(tags::manifest_id).get_result(connection).await.optional()?;
    let Some(manifest_id) = target else { return Ok(false) };
    diesel::delete(tag).execute(connection).await?;
    review::manifests(connection, manifests::table.find(manifest_id).into_boxed(), review_after).await?;
    Ok(true)
}

pub(super) async fn list(
    connection: &mut Connection,
    repository: &RepositoryName,
    after: &str,
    limit: i64,
) -> QueryResult<Vec<Tag>> {
    let names: Vec<Stored<Tag>> = tags::table
        .inner_join(repositories::table)
        .filter(repositories::name.eq(repository.as_str()))
        .filter(tags::name.gt(after))
        .order(tags::name)
        .limit(limit)
        .select(tags::name)
        .load(connection)
        .await?;
    Ok(names.into_iter().map(|Stored(name)| name).collect())
}
