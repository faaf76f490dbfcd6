//! What decides whether something is kept. Asked for by operators, now and then: it may look at every repository.

use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use registry_core::protocol::digest::Digest;
use registry_core::protocol::reference::{RepositoryName, Tag};
use registry_core::store::Timestamp;
use registry_core::store::gc::{BlobExplanation, Explanation, ManifestExplanation};

use super::blob::{CONDEMNED, QUARANTINED};
use super::dialect::Connection;
use super::rows;
use crate::schema::{
    blobs, gc_blob_reviews, gc_manifest_reviews, manifest_blobs, manifest_children, manifests, repositories,
    repository_blobs, tag_history, tags, withdrawn_manifests,
};
use crate::stored::Stored;

/// How much is listed, and whether something was cut off.
struct Cut {
    limit: usize,
    more: bool,
}

impl Cut {
    /// One more than is listed tells whether there is more.
    fn rows(&self) -> i64 {
        rows(self.limit.saturating_add(1))
    }

    fn take<T>(&mut self, mut items: Vec<T>) -> Vec<T> {
        self.more |= items.len() > self.limit;
        items.truncate(self.limit);
        items
    }
}

pub(super) async fn find(connection: &mut Connection, digest: Digest, limit: usize) -> QueryResult<Explanation> {
    let mut cut = Cut { limit, more: false };
    let blob = blob(connection, digest, &mut cut).await?;
    let manifests = manifests(connection, digest, &mut cut).await?;
    Ok(Explanation { blob, manifests, more: cut.more })
}

async fn blob(connection: &mut Connection, digest: Digest, cut: &mut Cut) -> QueryResult<Option<BlobExplanation>> {
    let found: Option<(i64, i64, i16, Option<i64>)> = blobs::table
        .left_join(gc_blob_reviews::table)
        .filter(blobs::digest.eq(digest.to_string()))
        .select((blobs::id, blobs::size_bytes, blobs::state, gc_blob_reviews::review_after.nullable()))
        .first(connection)
        .await
        .optional()?;
    let Some((id, size_bytes, state, review_after)) = found else { return Ok(None) };
    let linked: Vec<Stored<RepositoryName>> = repository_blobs::table
        .inner_join(repositories::table)
        .filter(repository_blobs::blob_id.eq(id))
        .order(repositories::name)
        .limit(cut.rows())
        .select(repositories::name)
        .load(connection)
        .await?;
    let referring: Vec<(Stored<RepositoryName>, Stored<Digest>)> = manifest_blobs::table
        .inner_join(manifests::table.inner_join(repositories::table))
        .filter(manifest_blobs::blob_id.eq(id))
        .order((repositories::name, manifests::digest))
        .limit(cut.rows())
        .select((repositories::name, manifests::digest))
        .load(connection)
        .await?;
    Ok(Some(BlobExplanation {
        size_bytes: size_bytes.cast_unsigned(),
        is_condemned: state == CONDEMNED,
        is_quarantined: state == QUARANTINED,
        review_after: review_after.map(Timestamp::from_micros),
        repositories: cut.take(linked).into_iter().map(|Stored(name)| name).collect(),
        manifests: cut.take(referring).into_iter().map(|(name, digest)| (name.0, digest.0)).collect(),
    }))
}

async fn manifests(
    connection: &mut Connection,
    digest: Digest,
    cut: &mut Cut,
) -> QueryResult<Vec<ManifestExplanation>> {
    let found: Vec<(i64, i64, Stored<RepositoryName>, Option<String>)> = manifests::table
        .inner_join(repositories::table)
        .filter(manifests::digest.eq(digest.to_string()))
        .order(repositories::name)
        .limit(cut.rows())
        .select((manifests::id, repositories::id, repositories::name, manifests::subject))
        .load(connection)
        .await?;
    let mut explanations = Vec::new();
    for (id, repository_id, repository, subject) in cut.take(found) {
        let review = gc_manifest_reviews::table.find(id).select(gc_manifest_reviews::review_after);
        let review_after: Option<i64> = review.first(connection).await.optional()?;
        let tags: Vec<Stored<Tag>> = tags::table
            .filter(tags::manifest_id.eq(id))
            .order(tags::name)
            .limit(cut.rows())
            .select(tags::name)
            .load(connection)
            .await?;
        let parents: Vec<Stored<Digest>> = manifest_children::table
            .inner_join(manifests::table)
            .filter(manifest_children::repository_id.eq(repository_id))
            .filter(manifest_children::digest.eq(digest.to_string()))
            .order(manifests::digest)
            .limit(cut.rows())
            .select(manifests::digest)
            .load(connection)
            .await?;
        let subject: Option<Stored<Digest>> = manifests::table
            .filter(manifests::repository_id.eq(repository_id))
            .filter(manifests::digest.nullable().eq(subject))
            .select(manifests::digest)
            .first(connection)
            .await
            .optional()?;
        let past_tags: Vec<(Stored<Tag>, i64)> = tag_history::table
            .filter(tag_history::manifest_id.eq(id))
            .order((tag_history::name, tag_history::restorable_until))
            .distinct()
            .limit(cut.rows())
            .select((tag_history::name, tag_history::restorable_until))
            .load(connection)
            .await?;
        let withdrawn = withdrawn_manifests::table.find(id).select(withdrawn_manifests::manifest_id);
        explanations.push(ManifestExplanation {
            repository: repository.0,
            review_after: review_after.map(Timestamp::from_micros),
            tags: cut.take(tags).into_iter().map(|Stored(tag)| tag).collect(),
            past_tags: cut
                .take(past_tags)
                .into_iter()
                .map(|(tag, until)| (tag.0, Timestamp::from_micros(until)))
                .collect(),
            is_withdrawn: withdrawn.get_result::<i64>(connection).await.optional()?.is_some(),
            parents: cut.take(parents).into_iter().map(|Stored(parent)| parent).collect(),
            subject: subject.map(|Stored(subject)| subject),
        });
    }
    Ok(explanations)
}
