//! Manifests that nothing living refers to.

use std::collections::{BTreeMap, BTreeSet};

use diesel::dsl::exists;
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use registry_core::protocol::digest::Digest;
use registry_core::protocol::reference::RepositoryName;
use registry_core::store::Timestamp;
use registry_core::store::gc::ReviewedManifests;

use super::super::dialect::Connection;
use super::super::usage::Repository;
use super::super::{history, manifest, repository, review, rows};
use crate::prepared::PreparedDsl;
use crate::schema::{gc_manifest_reviews, manifest_children, manifests, repositories, tags};
use crate::stored::Stored;

/// How many manifests that hold on to each other are looked at together. More than that keep each other; as soon as one
/// of them goes by itself, the others are looked at again.
const GROUP_MAX: usize = 100;

/// A manifest that is due.
#[derive(Clone)]
pub(super) struct DueManifest {
    id: i64,
    pub(super) repository: RepositoryName,
    pub(super) digest: Digest,
    /// How often its review failed.
    pub(super) failures: u32,
}

/// What a look at the queue has found, to be looked at again under a lock.
#[derive(Clone)]
pub(super) struct Found {
    pub(super) due: Vec<DueManifest>,
    /// Those, and what goes with them, that nobody refers to.
    pub(super) orphans: BTreeSet<(RepositoryName, Digest)>,
}

/// A manifest's id, that of its repository, their names, and how often its review failed.
type DueRow = (i64, i64, Stored<RepositoryName>, Stored<Digest>, i32);

impl Found {
    pub(super) async fn look(connection: &mut Connection, now: Timestamp, limit: usize) -> QueryResult<Self> {
        let due: Vec<DueRow> = gc_manifest_reviews::table
            .inner_join(manifests::table.inner_join(repositories::table))
            .filter(gc_manifest_reviews::review_after.le(now.as_micros()))
            .order((gc_manifest_reviews::review_after, gc_manifest_reviews::manifest_id))
            .limit(rows(limit))
            .select((
                manifests::id,
                repositories::id,
                repositories::name,
                manifests::digest,
                gc_manifest_reviews::review_count,
            ))
            .load(connection)
            .await?;
        let mut found = Self { due: Vec::with_capacity(due.len()), orphans: BTreeSet::new() };
        for (id, repository_id, repository, digest, failures) in due {
            if let Orphans::Due(group) = orphans(connection, repository_id, id, now).await? {
                found.orphans.extend(group.into_iter().map(|orphan| (repository.0.clone(), orphan.digest)));
            }
            let failures = failures.cast_unsigned();
            found.due.push(DueManifest { id, repository: repository.0, digest: digest.0, failures });
        }
        // One order for all who lock.
        found.due.sort_unstable_by(|one, other| (&one.repository, one.digest).cmp(&(&other.repository, other.digest)));
        Ok(found)
    }

    pub(super) async fn collect(
        &self,
        connection: &mut Connection,
        now: Timestamp,
        review_after: Timestamp,
    ) -> QueryResult<ReviewedManifests> {
        let mut reviewed = ReviewedManifests::default();
        // All of them first: deletions lock what pushes into other repositories wait for, such as figures of a namespace.
        let mut locked = BTreeMap::new();
        for repository in self.due.iter().map(|due| &due.repository).collect::<BTreeSet<_>>() {
            let id = repository::lock(connection, repository.as_str()).await?;
            locked.extend(id.map(|id| (repository, id)));
        }
        for DueManifest { id, repository, .. } in &self.due {
            let Some(&repository_id) = locked.get(repository) else { continue };
            let review = gc_manifest_reviews::table.find(*id).select(gc_manifest_reviews::review_after);
            let date: Option<i64> = review.get_result(connection).await.optional()?;
            if date.is_none_or(|date| date > now.as_micros()) {
                // It went together with another one of these, or something has happened to it since.
                continue;
            }
            let group = match orphans(connection, repository_id, *id, now).await? {
                Orphans::Due(group) => group,
                Orphans::Waiting(ids) => {
                    let waiting = manifests::table.filter(manifests::id.eq_any(ids)).into_boxed();
                    review::manifests(connection, waiting, review_after).await?;
                    reviewed.kept += 1;
                    continue;
                }
                Orphans::Kept => {
                    diesel::delete(gc_manifest_reviews::table.find(*id)).execute(connection).await?;
                    reviewed.kept += 1;
                    continue;
                }
            };
            if !group.iter().all(|orphan| self.orphans.contains(&(repository.clone(), orphan.digest))) {
                // Nobody was told that these change; the next look will find them.
                continue;
            }
            for Orphan { id, digest, size_bytes } in group {
                // What is withdrawn has a past, and is no orphan.
                let of = Repository { id: repository_id, name: repository };
                manifest::remove(connection, of, id, true, review_after).await?;
                reviewed.deleted.push((repository.clone(), digest, size_bytes));
            }
        }
        Ok(reviewed)
    }
}

/// Puts the reviews of manifests off that failed.
pub(super) async fn put_off(
    connection: &mut Connection,
    failed: &[(RepositoryName, Digest, Timestamp)],
) -> QueryResult<()> {
    for (repository, digest, review_after) in failed {
        let found = manifests::table
            .inner_join(repositories::table)
            .filter(repositories::name.eq(repository.as_str()))
            .filter(manifests::digest.eq(digest.to_string()))
            .select(manifests::id);
        let Some(id) = found.get_result::<i64>(connection).await.optional()? else { continue };
        diesel::update(gc_manifest_reviews::table.find(id))
            .filter(gc_manifest_reviews::review_after.lt(review_after.as_micros()))
            .set((
                gc_manifest_reviews::review_after.eq(review_after.as_micros()),
                gc_manifest_reviews::review_count.eq(gc_manifest_reviews::review_count + 1),
            ))
            .prepared()
            .execute(connection)
            .await?;
    }
    Ok(())
}

/// A manifest that nothing living refers to.
pub(super) struct Orphan {
    id: i64,
    digest: Digest,
    size_bytes: u64,
}

/// What a look at a manifest and all that hold on to it finds.
pub(super) enum Orphans {
    /// One of them has a tag, or had one that can be restored, or is not due.
    Kept,
    /// None of them is kept, but some are not in the queue, because they were kept by others when they were looked at.
    Waiting(Vec<i64>),
    /// None of them is kept, and all are due.
    Due(Vec<Orphan>),
}

/// Looks at a manifest and all that hold on to it.
pub(super) async fn orphans(
    connection: &mut Connection,
    repository_id: i64,
    id: i64,
    now: Timestamp,
) -> QueryResult<Orphans> {
    let (mut group, mut ahead, mut all_queued) = (Vec::<Orphan>::new(), vec![id], true);
    while let Some(id) = ahead.pop() {
        if group.iter().any(|orphan| orphan.id == id) {
            continue;
        }
        let review = gc_manifest_reviews::table.find(id).select(gc_manifest_reviews::review_after);
        let date: Option<i64> = review.get_result(connection).await.optional()?;
        if group.len() >= GROUP_MAX || date.is_some_and(|date| date > now.as_micros()) {
            return Ok(Orphans::Kept);
        }
        all_queued &= date.is_some();
        let of_manifest = tags::table.filter(tags::manifest_id.eq(id));
        let is_tagged: bool = diesel::select(exists(of_manifest)).get_result(connection).await?;
        if is_tagged || history::refers_to(connection, id).await? {
            return Ok(Orphans::Kept);
        }
        let (digest, subject, size_bytes): (Stored<Digest>, Option<String>, i64) = manifests::table
            .find(id)
            .select((manifests::digest, manifests::subject, manifests::size_bytes))
            .get_result(connection)
            .await?;
        let parents: Vec<i64> = manifest_children::table
            .filter(manifest_children::repository_id.eq(repository_id))
            .filter(manifest_children::digest.eq(digest.0.to_string()))
            .order(manifest_children::manifest_id)
            .limit(rows(GROUP_MAX + 1))
            .select(manifest_children::manifest_id)
            .load(connection)
            .await?;
        ahead.extend(parents);
        if let Some(subject) = subject {
            let subject = manifests::table
                .filter(manifests::repository_id.eq(repository_id))
                .filter(manifests::digest.eq(subject))
                .select(manifests::id);
            ahead.extend(subject.get_result::<i64>(connection).await.optional()?);
        }
        group.push(Orphan { id, digest: digest.0, size_bytes: size_bytes.cast_unsigned() });
    }
    if all_queued {
        return Ok(Orphans::Due(group));
    }
    Ok(Orphans::Waiting(group.into_iter().map(|orphan| orphan.id).collect()))
}
