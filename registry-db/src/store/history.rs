//! What tags pointed to, and the manifests that are kept for it alone.

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use diesel::dsl::{exists, min, not};
use diesel::prelude::*;
use diesel::sql_types::BigInt;
use diesel_async::RunQueryDsl;
use futures::FutureExt;
use registry_core::protocol::digest::Digest;
use registry_core::protocol::reference::{RepositoryName, Tag};
use registry_core::store::history::{DroppedHistory, HistoryQuery, HistoryStore, PastTag, RestoreOutcome, RestoreTag};
use registry_core::store::{StoreResult, Timestamp};

use super::blob::LIVE;
use super::dialect::{Connection, Store};
use super::usage::{self, Repository};
use super::{manifest, repository, review, rows, tag};
use crate::cache::Subject;
use crate::error::during;
use crate::prepared::{PreparedDsl, lists};
use crate::schema::{
    blobs, manifest_blobs, manifest_children, manifests, repositories, repository_blobs, tag_history, tags,
    withdrawn_manifests,
};
use crate::stored::Stored;

#[async_trait]
impl HistoryStore for Store {
    async fn tag_history(&self, query: HistoryQuery<'_>) -> StoreResult<Vec<PastTag>> {
        let search = Search {
            repository: query.repository.clone(),
            tag: query.tag.cloned(),
            after: query.after.map(|(tag, ended_at)| (tag.clone(), ended_at)),
            limit: query.limit,
        };
        self.read(search, |connection, search| search.run(connection).boxed())
            .await
            .map_err(during(format_args!("list the history of repository `{}`", query.repository)))
    }

    async fn restore_tag(&self, restore: RestoreTag<'_>) -> StoreResult<RestoreOutcome> {
        let what = format!("restore tag `{}` of repository `{}`", restore.tag, restore.repository);
        // A manifest that comes back was nobody's answer while it was withdrawn.
        let changed = [Subject::Tag(restore.repository, restore.tag)];
        let restore = Restore {
            repository: restore.repository.clone(),
            tag: restore.tag.clone(),
            digest: restore.digest.copied(),
            now: restore.now,
            restorable_until: restore.restorable_until,
            review_after: restore.review_after,
        };
        self.write(changed, restore, |connection, restore| restore.run(connection).boxed()).await.map_err(during(what))
    }

    async fn drop_history(&self, now: Timestamp, limit: usize, review_after: Timestamp) -> StoreResult<DroppedHistory> {
        let failed = || during("drop the history of tags");
        let is_due = self.read_once(now, |connection, now| is_any_due(connection, *now).boxed()).await;
        if !is_due.map_err(failed())? {
            return Ok(DroppedHistory::default());
        }
        // A withdrawn manifest is nobody's answer, but the blobs that lose it are reviewed.
        self.write([Subject::EveryBlob], (now, limit, review_after), |connection, (now, limit, review_after)| {
            drop_until(connection, *now, *limit, *review_after).boxed()
        })
        .await
        .map_err(failed())
    }
}

/// Selects manifests that readers can see.
#[diesel::dsl::auto_type]
pub(super) fn visible() -> _ {
    let withdrawn = withdrawn_manifests::table.filter(withdrawn_manifests::manifest_id.eq(manifests::id));
    diesel::dsl::not(diesel::dsl::exists(withdrawn))
}

/// Remembers what a tag points to, which is about to change.
pub(super) async fn remember(
    connection: &mut Connection,
    repository_id: i64,
    name: &str,
    (manifest_id, set_at): (i64, i64),
    now: Timestamp,
    until: Timestamp,
) -> QueryResult<()> {
    diesel::insert_into(tag_history::table)
        .values((
            tag_history::repository_id.eq(repository_id),
            tag_history::name.eq(name),
            tag_history::ended_at.eq(now.as_micros()),
            tag_history::manifest_id.eq(manifest_id),
            tag_history::set_at.eq(set_at),
            tag_history::restorable_until.eq(until.as_micros()),
        ))
        .on_conflict_do_nothing()
        .execute(connection)
        .await?;
    Ok(())
}

/// Deletes all tags that point to a manifest, remembers them if that is wanted, and returns how many there were.
pub(super) async fn remove_tags(
    connection: &mut Connection,
    manifest_id: i64,
    until: Option<Timestamp>,
) -> QueryResult<usize> {
    if let Some(until) = until {
        let past = (Timestamp::now().as_micros().into_sql::<BigInt>(), until.as_micros().into_sql::<BigInt>());
        let gone = tags::table.filter(tags::manifest_id.eq(manifest_id));
        diesel::insert_into(tag_history::table)
            .values(gone.select((tags::repository_id, tags::name, tags::manifest_id, tags::updated_at, past.0, past.1)))
            .into_columns((
                tag_history::repository_id,
                tag_history::name,
                tag_history::manifest_id,
                tag_history::set_at,
                tag_history::ended_at,
                tag_history::restorable_until,
            ))
            .prepared()
            .execute(connection)
            .await?;
    }
    diesel::delete(tags::table.filter(tags::manifest_id.eq(manifest_id))).execute(connection).await
}

/// Deletes some of the tags of a locked repository that point to a manifest, and remembers them if that is wanted.
pub(super) async fn remove_some_tags(
    connection: &mut Connection,
    repository_id: i64,
    names: &[String],
    until: Option<Timestamp>,
) -> QueryResult<()> {
    for names in lists(names) {
        let gone = tags::table.filter(tags::repository_id.eq(repository_id)).filter(tags::name.eq_any(names));
        if let Some(until) = until {
            let past = (Timestamp::now().as_micros().into_sql::<BigInt>(), until.as_micros().into_sql::<BigInt>());
            let values = (tags::repository_id, tags::name, tags::manifest_id, tags::updated_at, past.0, past.1);
            diesel::insert_into(tag_history::table)
                .values(gone.clone().select(values))
                .into_columns((
                    tag_history::repository_id,
                    tag_history::name,
                    tag_history::manifest_id,
                    tag_history::set_at,
                    tag_history::ended_at,
                    tag_history::restorable_until,
                ))
                .prepared()
                .execute(connection)
                .await?;
        }
        diesel::delete(gone).prepared().execute(connection).await?;
    }
    Ok(())
}

/// Tells whether a past tag refers to a manifest.
pub(super) async fn refers_to(connection: &mut Connection, manifest_id: i64) -> QueryResult<bool> {
    let past = tag_history::table.filter(tag_history::manifest_id.eq(manifest_id));
    diesel::select(exists(past)).get_result(connection).await
}

/// Hides a manifest of a locked repository from readers. Returns whether it could be seen.
pub(super) async fn withdraw(connection: &mut Connection, manifest_id: i64) -> QueryResult<bool> {
    let row = withdrawn_manifests::table.find(manifest_id);
    if diesel::select(exists(row)).get_result(connection).await? {
        return Ok(false);
    }
    let withdrawn = withdrawn_manifests::manifest_id.eq(manifest_id);
    diesel::insert_into(withdrawn_manifests::table).values(withdrawn).execute(connection).await?;
    Ok(true)
}

/// Lets readers see a manifest. Returns whether it was withdrawn.
pub(super) async fn reinstate(connection: &mut Connection, manifest_id: i64) -> QueryResult<bool> {
    Ok(diesel::delete(withdrawn_manifests::table.find(manifest_id)).execute(connection).await? > 0)
}

/// Forgets what tags pointed to a manifest that is about to go.
pub(super) async fn forget(connection: &mut Connection, manifest_id: i64) -> QueryResult<()> {
    diesel::delete(tag_history::table.filter(tag_history::manifest_id.eq(manifest_id))).execute(connection).await?;
    Ok(())
}

/// A [`HistoryQuery`] that any thread can carry out.
struct Search {
    repository: RepositoryName,
    tag: Option<Tag>,
    after: Option<(Tag, Timestamp)>,
    limit: usize,
}

type Row = (Stored<Tag>, Stored<Digest>, i64, i64, i64);

impl Search {
    /// Looks through the rest of one tag's history, and then through that of the tags behind it.
    async fn run(&self, connection: &mut Connection) -> QueryResult<Vec<PastTag>> {
        let Some(repository_id) = repository::find(connection, self.repository.as_str()).await? else {
            return Ok(Vec::new());
        };
        let of_repository = || {
            tag_history::table.inner_join(manifests::table).filter(tag_history::repository_id.eq(repository_id)).select(
                (
                    tag_history::name,
                    manifests::digest,
                    tag_history::set_at,
                    tag_history::ended_at,
                    tag_history::restorable_until,
                ),
            )
        };
        let mut found: Vec<Row> = Vec::new();
        if let Some(name) = self.after.as_ref().map(|(name, _)| name).or(self.tag.as_ref()) {
            let since = self.after.as_ref().map_or(i64::MIN, |(_, ended_at)| ended_at.as_micros());
            found = of_repository()
                .filter(tag_history::name.eq(name.as_str()))
                .filter(tag_history::ended_at.gt(since))
                .order(tag_history::ended_at)
                .limit(rows(self.limit))
                .load(connection)
                .await?;
        }
        if self.tag.is_none() {
            let behind: Vec<Row> = of_repository()
                .filter(tag_history::name.gt(self.after.as_ref().map_or("", |(name, _)| name.as_str())))
                .order((tag_history::name, tag_history::ended_at))
                .limit(rows(self.limit - found.len()))
                .load(connection)
                .await?;
            found.extend(behind);
        }
        found.retain(|(tag, ..)| self.tag.as_ref().is_none_or(|wanted| tag.0 == *wanted));
        Ok(found.into_iter().map(past_tag).collect())
    }
}

fn past_tag((tag, digest, set_at, ended_at, restorable_until): Row) -> PastTag {
    PastTag {
        tag: tag.0,
        digest: digest.0,
        set_at: Timestamp::from_micros(set_at),
        ended_at: Timestamp::from_micros(ended_at),
        restorable_until: Timestamp::from_micros(restorable_until),
    }
}

/// A [`RestoreTag`] that any thread can carry out.
struct Restore {
    repository: RepositoryName,
    tag: Tag,
    digest: Option<Digest>,
    now: Timestamp,
    restorable_until: Option<Timestamp>,
    review_after: Timestamp,
}

impl Restore {
    async fn run(&self, connection: &mut Connection) -> QueryResult<RestoreOutcome> {
        let Some(id) = repository::lock(connection, self.repository.as_str()).await? else {
            return Ok(RestoreOutcome::Unknown);
        };
        let Some((manifest_id, digest)) = self.target(connection, id).await? else {
            return Ok(RestoreOutcome::Unknown);
        };
        let missing = missing(connection, id, manifest_id).await?;
        if !missing.is_empty() {
            return Ok(RestoreOutcome::Missing(missing));
        }
        let mut change = usage::Change::default();
        if reinstate(connection, manifest_id).await? {
            change.manifests += 1;
        }
        let tags = std::slice::from_ref(&self.tag);
        let pointed = tag::point(connection, id, tags, manifest_id, self.restorable_until).await?;
        change.tags += pointed.added;
        change.record(connection, Repository { id, name: &self.repository }).await?;
        if !pointed.left.is_empty() {
            let left = manifests::table.filter(manifests::id.eq_any(pointed.left)).into_boxed();
            review::manifests(connection, left, self.review_after).await?;
        }
        Ok(RestoreOutcome::Restored(digest))
    }

    /// Finds what the tag is to point to.
    async fn target(&self, connection: &mut Connection, repository_id: i64) -> QueryResult<Option<(i64, Digest)>> {
        let past = tag_history::table
            .inner_join(manifests::table)
            .filter(tag_history::repository_id.eq(repository_id))
            .filter(tag_history::name.eq(self.tag.as_str()))
            .filter(tag_history::restorable_until.gt(self.now.as_micros()))
            .order(tag_history::ended_at.desc())
            .limit(1)
            .select((manifests::id, manifests::digest));
        let found: Option<(i64, Stored<Digest>)> = match self.digest {
            Some(digest) => {
                past.filter(manifests::digest.eq(digest.to_string())).get_result(connection).await.optional()?
            }
            None => past.get_result(connection).await.optional()?,
        };
        Ok(found.map(|(id, digest)| (id, digest.0)))
    }
}

/// Returns the blobs and then the manifests that a manifest refers to and that its repository does not have any more.
async fn missing(connection: &mut Connection, repository_id: i64, manifest_id: i64) -> QueryResult<Vec<Digest>> {
    let link = repository_blobs::table
        .filter(repository_blobs::repository_id.eq(repository_id))
        .filter(repository_blobs::blob_id.eq(blobs::id));
    let lost: Vec<Stored<Digest>> = manifest_blobs::table
        .inner_join(blobs::table)
        .filter(manifest_blobs::manifest_id.eq(manifest_id))
        .filter(blobs::state.ne(LIVE).or(not(exists(link))))
        .order(blobs::digest)
        .select(blobs::digest)
        .load(connection)
        .await?;
    let children = manifest_children::table
        .filter(manifest_children::manifest_id.eq(manifest_id))
        .select(manifest_children::digest);
    let hidden: Vec<Stored<Digest>> = manifests::table
        .filter(manifests::repository_id.eq(repository_id))
        .filter(manifests::digest.eq_any(children))
        .filter(not(visible()))
        .order(manifests::digest)
        .select(manifests::digest)
        .prepared()
        .load(connection)
        .await?;
    Ok(lost.into_iter().chain(hidden).map(|digest| digest.0).collect())
}

/// Looks at the first date. Asked whether there is one up to now, PostgreSQL may take it for likely and read the table.
async fn is_any_due(connection: &mut Connection, now: Timestamp) -> QueryResult<bool> {
    let first: Option<i64> =
        tag_history::table.select(min(tag_history::restorable_until)).get_result(connection).await?;
    Ok(first.is_some_and(|first| first <= now.as_micros()))
}

async fn drop_until(
    connection: &mut Connection,
    now: Timestamp,
    limit: usize,
    review_after: Timestamp,
) -> QueryResult<DroppedHistory> {
    let due: Vec<(Stored<RepositoryName>, i64, String, i64, i64)> = tag_history::table
        .inner_join(repositories::table)
        .filter(tag_history::restorable_until.le(now.as_micros()))
        .order(tag_history::restorable_until)
        .limit(rows(limit))
        .select((
            repositories::name,
            tag_history::repository_id,
            tag_history::name,
            tag_history::ended_at,
            tag_history::manifest_id,
        ))
        .load(connection)
        .await?;
    // One order for all who lock.
    let names: BTreeSet<&RepositoryName> = due.iter().map(|(name, ..)| &name.0).collect();
    for name in names {
        repository::lock(connection, name.as_str()).await?;
    }
    let mut dropped = DroppedHistory::default();
    let mut left: BTreeMap<(&RepositoryName, i64), BTreeSet<i64>> = BTreeMap::new();
    for (repository, repository_id, name, ended_at, manifest_id) in &due {
        // Another process may have been here first.
        let past = tag_history::table.find((repository_id, name, ended_at, manifest_id));
        if diesel::delete(past).execute(connection).await? > 0 {
            dropped.past_tags += 1;
            left.entry((&repository.0, *repository_id)).or_default().insert(*manifest_id);
        }
    }
    for ((name, id), manifest_ids) in left {
        for manifest_id in manifest_ids {
            if refers_to(connection, manifest_id).await? {
                continue;
            }
            let manifest = manifests::table.find(manifest_id);
            if reinstate(connection, manifest_id).await? {
                let (digest, size_bytes): (Stored<Digest>, i64) =
                    manifest.select((manifests::digest, manifests::size_bytes)).get_result(connection).await?;
                manifest::remove(connection, Repository { id, name }, manifest_id, false, review_after).await?;
                dropped.deleted.push((name.clone(), digest.0, size_bytes.cast_unsigned()));
            } else {
                review::manifests(connection, manifest.into_boxed(), review_after).await?;
            }
        }
    }
    Ok(dropped)
}
