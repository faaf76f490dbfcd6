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
use super::super::{gc, repository, review, tag};
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
        }
    }
}

impl Put {
    pub(in super::super) async fn run(&self, connection: &mut Connection) -> QueryResult<PutManifestOutcome> {
        let mut blob_ids = live_blobs(connection, &[&self.blobs[..], &self.optional_blobs].concat()).await?;
        let known = repository::lock(connection, self.repository.as_str()).await?;
        let linked = linked_blobs(connection, known, &blob_ids).await?;
        blob_ids.retain(|_, id| linked.contains(id));
        let missing = self.missing(connection, known, &blob_ids).await?;
        if !missing.is_empty() {
            return Ok(PutManifestOutcome::Missing(missing));
        }

        let repository_id = match known {
            Some(id) => id,
            None => repository::lock_or_create(connection, self.repository.as_str()).await?,
        };
        let id = self.store(connection, repository_id).await?;
        // References that an earlier push of the same bytes recorded are kept.
        let mut blob_ids: Vec<i64> = blob_ids.into_values().collect();
        blob_ids.sort_unstable();
        let references: Vec<_> = blob_ids
            .iter()
            .map(|&blob_id| (manifest_blobs::manifest_id.eq(id), manifest_blobs::blob_id.eq(blob_id)))
            .collect();
        insert_all!(connection, manifest_blobs::table, references);
        gc::leave_queue(connection, &blob_ids).await?;
        let children = self.children.iter().chain(&self.sparse_children);
        let children: Vec<_> = children
            .map(|child| {
                let repository = manifest_children::repository_id.eq(repository_id);
                (manifest_children::manifest_id.eq(id), repository, manifest_children::digest.eq(child.to_string()))
            })
            .collect();
        insert_all!(connection, manifest_children::table, children);
        self.leave_queue(connection, repository_id, id).await?;
        repository::update_listed(connection, repository_id).await?;

        let mut orphans = tag::point(connection, repository_id, &self.tags, id).await?;
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
        blob_ids: &HashMap<Digest, i64>,
    ) -> QueryResult<Vec<Digest>> {
        let mut present = HashSet::new();
        if let Some(repository_id) = repository_id {
            for children in lists(&self.children) {
                let found: Vec<Stored<Digest>> = manifests::table
                    .filter(manifests::repository_id.eq(repository_id))
                    .filter(manifests::digest.eq_any(children.iter().map(Digest::to_string)))
                    .select(manifests::digest)
                    .prepared()
                    .load(connection)
                    .await?;
                present.extend(found.into_iter().map(|digest| digest.0));
            }
        }
        let blobs = self.blobs.iter().filter(|blob| !blob_ids.contains_key(blob));
        let children = self.children.iter().filter(|child| !present.contains(child));
        Ok(blobs.chain(children).copied().collect())
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
    async fn store(&self, connection: &mut Connection, repository_id: i64) -> QueryResult<i64> {
        let digest = self.digest.to_string();
        let description = (
            manifests::media_type.eq(&self.media_type),
            manifests::artifact_type.eq(&self.artifact_type),
            manifests::subject.eq(&self.subject),
            manifests::annotations.eq(&self.annotations),
        );
        diesel::insert_into(manifests::table)
            .values((
                manifests::repository_id.eq(repository_id),
                manifests::digest.eq(&digest),
                manifests::size_bytes.eq((self.payload.len() as u64).cast_signed()),
                manifests::created_at.eq(Timestamp::now().as_micros()),
                manifests::payload.eq(&self.payload[..]),
                description,
            ))
            .on_conflict(conflict_key((manifests::repository_id, manifests::digest)))
            .do_update()
            .set(description)
            .prepared()
            .execute(connection)
            .await?;
        let stored = manifests::table
            .filter(manifests::repository_id.eq(repository_id))
            .filter(manifests::digest.eq(&digest))
            .select(manifests::id);
        stored.get_result(connection).await
    }
}

/// Returns those of some blobs that a repository has.
async fn linked_blobs(
    connection: &mut Connection,
    repository_id: Option<i64>,
    blob_ids: &HashMap<Digest, i64>,
) -> QueryResult<HashSet<i64>> {
    let mut linked = HashSet::new();
    let Some(repository_id) = repository_id else { return Ok(linked) };
    let ids: Vec<i64> = blob_ids.values().copied().collect();
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

/// Finds blobs and keeps them from being collected until the transaction ends.
async fn live_blobs(connection: &mut Connection, digests: &[Digest]) -> QueryResult<HashMap<Digest, i64>> {
    let mut texts: Vec<String> = digests.iter().map(Digest::to_string).collect();
    texts.sort_unstable();
    let mut ids = HashMap::with_capacity(digests.len());
    for texts in lists(&texts) {
        let live = blobs::table
            .filter(blobs::digest.eq_any(texts))
            .filter(blobs::state.eq(LIVE))
            .order(blobs::digest)
            .select((blobs::digest, blobs::id));
        let found: Vec<(Stored<Digest>, i64)> = share!(live).prepared().load(connection).await?;
        ids.extend(found.into_iter().map(|(digest, id)| (digest.0, id)));
    }
    Ok(ids)
}
