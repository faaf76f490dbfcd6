//! Things that have one version after the other, and one that can be seen at a time.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use registry_core::protocol::digest::{Algorithm, Digest};
use registry_core::protocol::reference::{Reference, RepositoryName};
use registry_core::store::metadata::{BlobRecord, CommitBlob, ManifestRecord, PutManifest, PutManifestOutcome};
use registry_core::store::{BlobLocation, MetadataStore, Timestamp};
use tokio::sync::Mutex;

type Store = Arc<dyn MetadataStore>;

/// One of them.
#[async_trait]
pub(super) trait Register: Send + Sync {
    /// Brings about a version, when the one before it is there.
    async fn write(&self, version: u64);

    /// Returns what is there.
    async fn read(&self) -> Option<u64>;

    /// Returns what is there in some version.
    fn shown(&self, version: u64) -> Option<u64> {
        (version > 0).then_some(version)
    }
}

/// A tag that moves from manifest to manifest.
pub(super) struct MovedTag(pub(super) Store);

#[async_trait]
impl Register for MovedTag {
    async fn write(&self, version: u64) {
        put(&self.0, &payload(version), "type/a", Some("moved"), &[]).await;
    }

    async fn read(&self) -> Option<u64> {
        manifest(&self.0, "moved").await.map(|record| number(&record.payload))
    }
}

/// A tag that is there in every other version.
pub(super) struct DeletedTag(pub(super) Store);

#[async_trait]
impl Register for DeletedTag {
    async fn write(&self, version: u64) {
        if self.shown(version).is_some() {
            put(&self.0, &payload(version), "type/a", Some("deleted"), &[]).await;
        } else {
            self.0.delete_tag(&repository(), &"deleted".parse().unwrap(), at(0), None).await.unwrap();
        }
    }

    async fn read(&self) -> Option<u64> {
        manifest(&self.0, "deleted").await.map(|record| number(&record.payload))
    }

    fn shown(&self, version: u64) -> Option<u64> {
        (version % 2 == 1).then_some(version)
    }
}

/// A tag that disappears with its manifest, while that comes back at once without the tag.
pub(super) struct DeletedManifest(pub(super) Store);

#[async_trait]
impl Register for DeletedManifest {
    async fn write(&self, version: u64) {
        let payload = "the same every time";
        if self.shown(version).is_some() {
            put(&self.0, payload, &format!("type/{version}"), Some("gone"), &[]).await;
        } else {
            self.0.delete_manifest(&repository(), &digest(payload), at(0), None).await.unwrap();
            put(&self.0, payload, &format!("type/{version}"), None, &[]).await;
        }
    }

    async fn read(&self) -> Option<u64> {
        manifest(&self.0, "gone").await.map(|record| number(record.media_type.as_bytes()))
    }

    fn shown(&self, version: u64) -> Option<u64> {
        (version % 2 == 1).then_some(version)
    }
}

/// A manifest whose media type changes.
pub(super) struct Retyped(pub(super) Store);

#[async_trait]
impl Register for Retyped {
    async fn write(&self, version: u64) {
        put(&self.0, "retyped", &format!("type/{version}"), None, &[]).await;
    }

    async fn read(&self) -> Option<u64> {
        let record = manifest(&self.0, &digest("retyped").to_string()).await;
        record.map(|record| number(record.media_type.as_bytes()))
    }
}

/// A blob whose location changes, seen from another repository.
pub(super) struct MovedBlob(pub(super) Store);

#[async_trait]
impl Register for MovedBlob {
    async fn write(&self, version: u64) {
        commit(&self.0, "moved blob", version).await;
        if version == 1 {
            self.0.mount_blob(&other(), &digest("moved blob"), None, at(0)).await.unwrap().unwrap();
        }
    }

    async fn read(&self) -> Option<u64> {
        let record = self.0.blob(&other(), &digest("moved blob")).await.unwrap();
        record.map(|record| number(record.location.as_str().as_bytes()))
    }
}

/// A blob that is there in every other version.
pub(super) struct UnlinkedBlob(pub(super) Store);

#[async_trait]
impl Register for UnlinkedBlob {
    async fn write(&self, version: u64) {
        if self.shown(version).is_some() {
            commit(&self.0, "unlinked blob", version).await;
        } else {
            self.0.unlink_blob(&repository(), &digest("unlinked blob"), at(0)).await.unwrap();
        }
    }

    async fn read(&self) -> Option<u64> {
        blob(&self.0, "unlinked blob").await.map(|record| number(record.location.as_str().as_bytes()))
    }

    fn shown(&self, version: u64) -> Option<u64> {
        (version % 2 == 1).then_some(version)
    }
}

/// A blob whose review moves, now for itself and now for a manifest that is deleted.
pub(super) struct Reviewed(Store, Arc<Mutex<()>>);

impl Reviewed {
    pub(super) async fn new(store: Store) -> Self {
        commit(&store, "reviewed", 0).await;
        Self(store, Arc::default())
    }

    /// Returns the same blob as another replica has it.
    pub(super) fn seen_by(&self, store: Store) -> Self {
        Self(store, Arc::clone(&self.1))
    }
}

#[async_trait]
impl Register for Reviewed {
    async fn write(&self, version: u64) {
        // Whole or not at all, also when this call is dropped: what a manifest refers to is not reviewed.
        let turn = Arc::clone(&self.1).lock_owned().await;
        let store = Arc::clone(&self.0);
        let write = tokio::spawn(async move {
            let review_after = at(version);
            if version.is_multiple_of(2) {
                store.postpone_blob_review(&digest("reviewed"), review_after).await.unwrap();
            } else {
                put(&store, "referring", "type/a", None, &[digest("reviewed")]).await;
                store.delete_manifest(&repository(), &digest("referring"), review_after, None).await.unwrap();
            }
            drop(turn);
        });
        write.await.unwrap();
    }

    async fn read(&self) -> Option<u64> {
        loop {
            // While a manifest refers to it, it is not reviewed.
            if let Some(review_after) = blob(&self.0, "reviewed").await.unwrap().review_after {
                return Some(review_after.as_micros().cast_unsigned());
            }
            tokio::task::yield_now().await;
        }
    }

    fn shown(&self, version: u64) -> Option<u64> {
        Some(version)
    }
}

fn repository() -> RepositoryName {
    "a".parse().unwrap()
}

fn other() -> RepositoryName {
    "b".parse().unwrap()
}

fn at(micros: u64) -> Timestamp {
    Timestamp::from_micros(micros.cast_signed())
}

fn digest(content: &str) -> Digest {
    Digest::of(Algorithm::Sha256, content.as_bytes())
}

fn payload(version: u64) -> String {
    format!("payload/{version}")
}

/// Returns the version that stands behind the slash.
fn number(text: &[u8]) -> u64 {
    let text = std::str::from_utf8(text).unwrap();
    text.rsplit_once('/').unwrap().1.parse().unwrap()
}

async fn manifest(store: &Store, reference: &str) -> Option<ManifestRecord> {
    let reference: Reference = reference.parse().unwrap();
    store.manifest(&repository(), &reference).await.unwrap()
}

async fn blob(store: &Store, content: &str) -> Option<BlobRecord> {
    store.blob(&repository(), &digest(content)).await.unwrap()
}

async fn commit(store: &Store, content: &str, version: u64) {
    let blob = CommitBlob {
        repository: &repository(),
        digest: &digest(content),
        size_bytes: content.len() as u64,
        location: &BlobLocation::new(format!("location/{version}")),
        is_displaced: false,
        is_replicated: false,
        upload: None,
        hold: None,
        review_after: at(0),
    };
    store.commit_blob(blob).await.unwrap();
}

async fn put(store: &Store, payload: &str, media_type: &str, tag: Option<&str>, blobs: &[Digest]) {
    let put = PutManifest {
        repository: &repository(),
        digest: &digest(payload),
        media_type,
        artifact_type: None,
        subject: None,
        annotations: &BTreeMap::new(),
        payload: &payload.to_owned().into(),
        blobs,
        optional_blobs: &[],
        children: &[],
        sparse_children: &[],
        tags: &tag.into_iter().map(|tag| tag.parse().unwrap()).collect::<Vec<_>>(),
        review_after: at(0),
        restorable_until: None,
    };
    assert_eq!(store.put_manifest(put).await.unwrap(), PutManifestOutcome::Stored);
}
