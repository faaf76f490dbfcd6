//! Tags.

use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use registry_core::protocol::digest::Digest;
use registry_core::protocol::reference::{RepositoryName, Tag};
use registry_core::store::Timestamp;

use super::dialect::{Connection, conflict_key};
use super::usage::{Change, Repository};
use super::{history, repository, review};
use crate::prepared::PreparedDsl;
use crate::schema::{manifests, tags};
use crate::stored::Stored;

/// What became of tags that were pointed to a manifest.
#[derive(Debug, Default)]
pub(super) struct Pointed {
    /// How many there were not before.
    pub(super) added: i64,
    /// The other manifests that they pointed to, where that is not remembered.
    pub(super) left: Vec<i64>,
}

/// Points tags to a manifest of a locked repository. What else they pointed to is remembered until then, if a date is
/// given.
pub(super) async fn point(
    connection: &mut Connection,
    repository_id: i64,
    names: &[Tag],
    manifest_id: i64,
    restorable_until: Option<Timestamp>,
) -> QueryResult<Pointed> {
    let mut pointed = Pointed::default();
    // What is pushed together is of the same age.
    let now = Timestamp::now();
    for name in names {
        let name = name.as_str();
        let previous: Option<(i64, i64)> = tags::table
            .find((repository_id, name))
            .select((tags::manifest_id, tags::updated_at))
            .get_result(connection)
            .await
            .optional()?;
        match (previous, restorable_until) {
            (None, _) => pointed.added += 1,
            (Some((id, _)), _) if id == manifest_id => {}
            (Some(previous), Some(until)) => {
                history::remember(connection, repository_id, name, previous, now, until).await?;
            }
            (Some((id, _)), None) => pointed.left.push(id),
        }
        let target = (tags::manifest_id.eq(manifest_id), tags::updated_at.eq(now.as_micros()));
        diesel::insert_into(tags::table)
            .values((tags::repository_id.eq(repository_id), tags::name.eq(name), target))
            .on_conflict(conflict_key((tags::repository_id, tags::name)))
            .do_update()
            .set(target)
            .prepared()
            .execute(connection)
            .await?;
    }
    Ok(pointed)
}

/// The deletion of a tag.
pub(super) struct Removal {
    pub(super) repository: RepositoryName,
    pub(super) tag: Tag,
    /// If given, what it has to point to, and since when.
    pub(super) unchanged: Option<(Digest, Timestamp)>,
    pub(super) review_after: Timestamp,
    pub(super) restorable_until: Option<Timestamp>,
}

impl Removal {
    /// Returns whether the tag was there, and as it has to be.
    pub(super) async fn run(&self, connection: &mut Connection) -> QueryResult<bool> {
        let name = self.tag.as_str();
        let Some(id) = repository::lock(connection, self.repository.as_str()).await? else { return Ok(false) };
        let target: Option<(i64, i64)> = tags::table
            .find((id, name))
            .select((tags::manifest_id, tags::updated_at))
            .get_result(connection)
            .await
            .optional()?;
        let Some((manifest_id, updated_at)) = target else { return Ok(false) };
        if let Some((digest, seen_at)) = self.unchanged {
            let found = manifests::table.find(manifest_id).select(manifests::digest);
            let found: Stored<Digest> = found.get_result(connection).await?;
            if found.0 != digest || seen_at.as_micros() != updated_at {
                return Ok(false);
            }
        }
        if let Some(until) = self.restorable_until {
            history::remember(connection, id, name, (manifest_id, updated_at), Timestamp::now(), until).await?;
        }
        diesel::delete(tags::table.find((id, name))).execute(connection).await?;
        let change = Change::of(0, -1);
        change.record(connection, Repository { id, name: &self.repository }).await?;
        if self.restorable_until.is_none() {
            review::manifests(connection, manifests::table.find(manifest_id).into_boxed(), self.review_after).await?;
        }
        Ok(true)
    }
}

pub(super) async fn list(
    connection: &mut Connection,
    repository: &RepositoryName,
    after: &str,
    limit: i64,
) -> QueryResult<Vec<Tag>> {
    let names: Vec<Stored<Tag>> = tags::table
        .filter(tags::repository_id.nullable().eq(repository::by_name(repository.as_str()).single_value()))
        .filter(tags::name.gt(after))
        .order(tags::name)
        .limit(limit)
        .select(tags::name)
        .load(connection)
        .await?;
    Ok(names.into_iter().map(|Stored(name)| name).collect())
}

/// Lists the tags of a repository whose id is known.
pub(super) async fn of_repository(
    connection: &mut Connection,
    repository_id: i64,
    after: &str,
    limit: i64,
) -> QueryResult<Vec<Tag>> {
    let names: Vec<Stored<Tag>> = tags::table
        .filter(tags::repository_id.eq(repository_id))
        .filter(tags::name.gt(after))
        .order(tags::name)
        .limit(limit)
        .select(tags::name)
        .load(connection)
        .await?;
    Ok(names.into_iter().map(|Stored(name)| name).collect())
}
