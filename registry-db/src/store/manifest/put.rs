//! Storing a manifest with its references and tags.

use std::collections::{HashMap, HashSet};

use bytes::Bytes;
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use registry_core::protocol::digest::Digest;
use registry_core::protocol::reference::{RepositoryName, Tag};
use registry_core::store::Timestamp;
use registry_core::store::metadata::{PutManifest, PutManifestOutcome};

use super::super::blob::LIVE;
use super::super::usage::{self, Change, Repository};
use super::super::{gc, history, repository, review, tag};
use super::dialect::{Connection, conflict_key, insert_all, share};
use crate::prepared::{PreparedDsl, lists};
use crate::schema::{blobs, gc_manifest_reviews, manifest_blobs, manifest_children, manifests, repository_blobs};
use crate::stored::{Annotations, Stored};

/// A [`PutManifest`] that any thread can carry out.
pub(in super::super) struct Put {
    repository: RepositoryName,
    digest: Digest,
    media_type: String,
    artifact_type: Option<String>,
    subject: Option<String>,
    annotations: String,
    payload: Bytes,
    blobs: Vec<Digest>,
    optional_blobs: Vec<Digest>,
    children: Vec<Digest>,
    sparse_children: Vec<Digest>,
    tags: Vec<Tag>,
    review_after: Timestamp,
    restorable_until: Option<Timestamp>,
}

impl From<&PutManifest<'_>> for Put {
    fn from(manifest: &PutManifest<'_>) -> Self {
        Self {
            repository: manifest.repository.clone(),
            digest: *manifest.digest,
            media_type: manifest.media_type.to_owned(),
            artifact_type: manifest.artifact_type.map(str::to_owned),
            subject: manifest.subject.map(Digest::to_string),
            annotations: Annotations::to_text(manifest.annotations),
            payload: manifest.payload.clone(),
            blobs: manifest.blobs.to_vec(),
            optional_blobs: manifest.optional_blobs.to_vec(),
            children: manifest.children.to_vec(),
            sparse_children: manifest.sparse_children.to_vec(),
            tags: manifest.tags.to_vec(),
            review_after: manifest.review_after,
            restorable_until: manifest.restorable_until,
        }
    }
}

impl Put {
    pub(in super::super) async fn run(&self, connection: &mut Connection) -> QueryResult<PutManifestOutcome> {
        let mut blobs = live_blobs(connection, &[&self.blobs[..], &self.optional_blobs].concat()).await?;
        let known = repository::lock(connection, self.repository.as_str()).await?;
        let linked = linked_blobs(connection, known, &blobs).await?;
        blobs.retain(|_, (id, _)| linked.contains(id));
        let missing = self.missing(connection, known, &blobs).await?;
        if !missing.is_empty() {
            return Ok(PutManifestOutcome::Missing(missing));
        }

        let repository_id = match known {
            Some(id) => id,
            None => repository::lock_or_create(connection, self.repository.as_str()).await?,
        };
        let repository = Repository { id: repository_id, name: &self.repository };
        let mut change = Change::default();
        let id = self.store(connection, repository_id, &mut change).await?;
        // References that an earlier push of the same bytes recorded are kept.
        let known: HashSet<_> = usage::of_manifest(connection, id).await?.into_iter().collect();
        let mut blobs: Vec<(i64, i64)> = blobs.into_values().collect();
        blobs.sort_unstable();
        let added: Vec<(i64, i64)> = blobs.iter().filter(|blob| !known.contains(blob)).copied().collect();
        change.add_blobs(connection, repository, id, &added).await?;
        let references: Vec<_> = added
            .into_iter()
            .map(|(blob_id, _)| {
                let repository = manifest_blobs::repository_id.eq(repository_id);
                (manifest_blobs::manifest_id.eq(id), manifest_blobs::blob_id.eq(blob_id), repository)
            })
            .collect();
        insert_all!(connection, manifest_blobs::table, references);
        let children = self.children.iter().chain(&self.sparse_children);
        let children: Vec<_> = children
            .map(|child| {
                let repository = manifest_children::repository_id.eq(repository_id);
                (manifest_children::manifest_id.eq(id), repository, manifest_children::digest.eq(child.to_string()))
            })
            .collect();
        insert_all!(connection, manifest_children::table, children);

        let pointed = tag::point(connection, repository_id, &self.tags, id, self.restorable_until).await?;
        change.tags += pointed.added;
        change.record(connection, repository).await?;
        gc::leave_queue(connection, &blobs.iter().map(|(id, _)| *id).collect::<Vec<_>>()).await?;
        self.leave_queue(connection, repository_id, id).await?;
        let mut orphans = pointed.left;
        if self.tags.is_empty() {
            orphans.push(id);
        }
        if !orphans.is_empty() {
            let orphans = manifests::table.filter(manifests::id.eq_any(orphans)).into_boxed();
            review::manifests(connection, orphans, self.review_after).await?;
        }
        Ok(PutManifestOutcome::Stored)
    }

    /// Returns what the repository lacks, in the manifest's order.
    async fn missing(
        &self,
        connection: &mut Connection,
        repository_id: Option<i64>,
        blobs: &HashMap<Digest, (i64, i64)>,
    ) -> QueryResult<Vec<Digest>> {
        let mut present = HashSet::new();
        if let Some(repository_id) = repository_id {
            for children in lists(&self.children) {
                let found: Vec<Stored<Digest>> = manifests::table
                    .filter(manifests::repository_id.eq(repository_id))
                    .filter(manifests::digest.eq_any(children.iter().map(Digest::to_string)))
                    .filter(history::visible())
                    .select(manifests::digest)
                    .prepared()
                    .load(connection)
                    .await?;
                present.extend(found.into_iter().map(|digest| digest.0));
            }
        }
        let lacking = self.blobs.iter().filter(|blob| !blobs.contains_key(blob));
        let children = self.children.iter().filter(|child| !present.contains(child));
        Ok(lacking.chain(children).copied().collect())
    }

    /// Takes the manifests that this one refers to out of the review queue, and if it has a tag, itself.
    async fn leave_queue(&self, connection: &mut Connection, repository_id: i64, id: i64) -> QueryResult<()> {
        let children: Vec<String> = self.children.iter().chain(&self.sparse_children).map(Digest::to_string).collect();
        for children in lists(&children) {
            let listed: Vec<i64> = manifests::table
                .filter(manifests::repository_id.eq(repository_id))
                .filter(manifests::digest.eq_any(children))
                .select(manifests::id)
                .prepared()
                .load(connection)
                .await?;
            for ids in lists(&listed) {
                diesel::delete(gc_manifest_reviews::table.filter(gc_manifest_reviews::manifest_id.eq_any(ids)))
                    .prepared()
                    .execute(connection)
                    .await?;
            }
        }
        if !self.tags.is_empty() {
            diesel::delete(gc_manifest_reviews::table.find(id)).execute(connection).await?;
        }
        Ok(())
    }

    /// Stores the manifest itself and returns its id.
    async fn store(&self, connection: &mut Connection, repository_id: i64, change: &mut Change) -> QueryResult<i64> {
        let digest = self.digest.to_string();
        let by_digest = || {
            let of_repository = manifests::table.filter(manifests::repository_id.eq(repository_id));
            of_repository.filter(manifests::digest.eq(&digest)).select(manifests::id)
        };
        let known: Option<i64> = by_digest().get_result(connection).await.optional()?;
        let size_bytes = (self.payload.len() as u64).cast_signed();
        let description = (
            manifests::media_type.eq(&self.media_type),
            manifests::artifact_type.eq(&self.artifact_type),
            manifests::subject.eq(&self.subject),
            manifests::annotations.eq(&self.annotations),
            // In case what is stored was damaged.
            manifests::payload.eq(&self.payload[..]),
        );
        diesel::insert_into(manifests::table)
            .values((
                manifests::repository_id.eq(repository_id),
                manifests::digest.eq(&digest),
                manifests::size_bytes.eq(size_bytes),
                manifests::created_at.eq(Timestamp::now().as_micros()),
                description,
            ))
            .on_conflict(conflict_key((manifests::repository_id, manifests::digest)))
            .do_update()
            .set(description)
            .prepared()
            .execute(connection)
            .await?;
        match known {
            Some(id) => {
                change.manifests += i64::from(history::reinstate(connection, id).await?);
                Ok(id)
            }
            None => {
                change.manifests += 1;
                change.add_payload(size_bytes);
                by_digest().get_result(connection).await
            }
        }
    }
}

/// Returns those of some blobs that a repository has.
async fn linked_blobs(
    connection: &mut Connection,
    repository_id: Option<i64>,
    blobs: &HashMap<Digest, (i64, i64)>,
) -> QueryResult<HashSet<i64>> {
    let mut linked = HashSet::new();
    let Some(repository_id) = repository_id else { return Ok(linked) };
    let ids: Vec<i64> = blobs.values().map(|(id, _)| *id).collect();
    for ids in lists(&ids) {
        let found: Vec<i64> = repository_blobs::table
            .filter(repository_blobs::repository_id.eq(repository_id))
            .filter(repository_blobs::blob_id.eq_any(ids))
            .select(repository_blobs::blob_id)
            .prepared()
            .load(connection)
            .await?;
        linked.extend(found);
    }
    Ok(linked)
}

/// Finds the ids and sizes of blobs, and keeps them from being collected until the transaction ends.
async fn live_blobs(connection: &mut Connection, digests: &[Digest]) -> QueryResult<HashMap<Digest, (i64, i64)>> {
    let mut texts: Vec<String> = digests.iter().map(Digest::to_string).collect();
    texts.sort_unstable();
    let mut found = HashMap::with_capacity(digests.len());
    for texts in lists(&texts) {
        let live = blobs::table
            .filter(blobs::digest.eq_any(texts))
            .filter(blobs::state.eq(LIVE))
            .order(blobs::digest)
            .select((blobs::digest, (blobs::id, blobs::size_bytes)));
        let live: Vec<(Stored<Digest>, (i64, i64))> = share!(live).prepared().load(connection).await?;
        found.extend(live.into_iter().map(|(digest, blob)| (digest.0, blob)));
    }
    Ok(found)
}
