//! What the cases are made of.

use std::collections::BTreeMap;

use bytes::Bytes;

use crate::protocol::digest::{Algorithm, Digest, Digester};
use crate::protocol::reference::{Reference, RepositoryName, Tag};
use crate::store::metadata::{
    CommitBlob, ManifestRecord, PutManifest, PutManifestOutcome, ReviewSubject, UploadRecord,
};
use crate::store::{BlobLocation, MetadataStore, StagedUpload, Timestamp, UploadId};

/// When whatever a case does not look at is reviewed.
pub(super) const LATER: Timestamp = Timestamp::from_micros(1_000_000);

pub(super) const fn at(micros: i64) -> Timestamp {
    Timestamp::from_micros(micros)
}

pub(super) fn repository(name: &str) -> RepositoryName {
    name.parse().expect("the cases use valid names")
}

pub(super) fn tag(name: &str) -> Tag {
    name.parse().expect("the cases use valid tags")
}

pub(super) fn digest(content: &str) -> Digest {
    Digest::of(Algorithm::Sha256, content.as_bytes())
}

/// Makes `content` a blob of the repository and returns its digest.
pub(super) async fn commit(store: &dyn MetadataStore, repository: &RepositoryName, content: &str) -> Digest {
    let digest = digest(content);
    let blob = CommitBlob {
        repository,
        digest: &digest,
        size_bytes: content.len() as u64,
        location: &BlobLocation::new(content),
        is_displaced: false,
        is_replicated: false,
        upload: None,
        hold: None,
        review_after: LATER,
    };
    store.commit_blob(blob).await.unwrap();
    digest
}

/// A push of a manifest.
#[derive(Clone)]
pub(super) struct Push {
    pub(super) repository: RepositoryName,
    pub(super) payload: Bytes,
    pub(super) media_type: &'static str,
    pub(super) artifact_type: Option<&'static str>,
    pub(super) subject: Option<Digest>,
    pub(super) annotations: BTreeMap<String, String>,
    pub(super) blobs: Vec<Digest>,
    pub(super) optional_blobs: Vec<Digest>,
    pub(super) children: Vec<Digest>,
    pub(super) sparse_children: Vec<Digest>,
    pub(super) tags: Vec<Tag>,
    pub(super) review_after: Timestamp,
    pub(super) restorable_until: Option<Timestamp>,
}

impl Push {
    /// Prepares a push of a manifest that refers to nothing and gets no tag.
    pub(super) fn new(repository: &RepositoryName, payload: impl Into<Bytes>) -> Self {
        Self {
            repository: repository.clone(),
            payload: payload.into(),
            media_type: "application/vnd.oci.image.manifest.v1+json",
            artifact_type: None,
            subject: None,
            annotations: BTreeMap::new(),
            blobs: Vec::new(),
            optional_blobs: Vec::new(),
            children: Vec::new(),
            sparse_children: Vec::new(),
            tags: Vec::new(),
            review_after: LATER,
            restorable_until: None,
        }
    }

    pub(super) fn tagged(self, tags: &[&str]) -> Self {
        Self { tags: tags.iter().map(|name| tag(name)).collect(), ..self }
    }

    pub(super) fn digest(&self) -> Digest {
        Digest::of(Algorithm::Sha256, &self.payload)
    }

    pub(super) fn record(&self) -> ManifestRecord {
        ManifestRecord { digest: self.digest(), media_type: self.media_type.into(), payload: self.payload.clone() }
    }

    pub(super) async fn attempt(&self, store: &dyn MetadataStore) -> PutManifestOutcome {
        let put = PutManifest {
            repository: &self.repository,
            digest: &self.digest(),
            media_type: self.media_type,
            artifact_type: self.artifact_type,
            subject: self.subject.as_ref(),
            annotations: &self.annotations,
            payload: &self.payload,
            blobs: &self.blobs,
            optional_blobs: &self.optional_blobs,
            children: &self.children,
            sparse_children: &self.sparse_children,
            tags: &self.tags,
            review_after: self.review_after,
            restorable_until: self.restorable_until,
        };
        store.put_manifest(put).await.unwrap()
    }

    /// Pushes what must be accepted, and returns its digest.
    pub(super) async fn to(&self, store: &dyn MetadataStore) -> Digest {
        assert_eq!(self.attempt(store).await, PutManifestOutcome::Stored);
        self.digest()
    }
}

/// Returns what a tag points to.
pub(super) async fn tagged(store: &dyn MetadataStore, repository: &RepositoryName, name: &str) -> Option<Digest> {
    let found = store.manifest(repository, &Reference::Tag(tag(name))).await.unwrap();
    found.map(|manifest| manifest.digest)
}

/// Returns whether a manifest is there by its digest.
pub(super) async fn stored(store: &dyn MetadataStore, repository: &RepositoryName, digest: Digest) -> bool {
    store.manifest(repository, &Reference::Digest(digest)).await.unwrap().is_some()
}

/// Returns the first tags of a repository, more than any case sets.
pub(super) async fn all_tags(store: &dyn MetadataStore, repository: &RepositoryName) -> Vec<String> {
    store.tags(repository, None, 100).await.unwrap().iter().map(Tag::to_string).collect()
}

/// Returns the whole review queue by subject.
pub(super) async fn queue(store: &dyn MetadataStore) -> BTreeMap<ReviewSubject, Timestamp> {
    let due = store.due_reviews(at(i64::MAX), 1000).await.unwrap();
    due.into_iter().map(|review| (review.subject, review.review_after)).collect()
}

/// Prepares a session that expires at 1000.
pub(super) fn new_upload(repository: &RepositoryName) -> UploadRecord {
    UploadRecord {
        id: UploadId::random(),
        repository: repository.clone(),
        staged: StagedUpload::new("staged"),
        offset: 0,
        algorithm: Algorithm::Sha256,
        digester_state: Digester::new(Algorithm::Sha256).save(),
        expires_at: at(1000),
    }
}
