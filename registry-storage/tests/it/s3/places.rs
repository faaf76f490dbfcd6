//! Large blobs, which are completed where they were uploaded, and moved.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt;
use registry_core::memory::MemoryMetadataStore;
use registry_core::protocol::digest::{Algorithm, Digest};
use registry_core::registry::MoveReport;
use registry_core::store::{BlobRead, BlobStore, Timestamp, UploadId};
use registry_core::{Registry, RegistryOptions};
use registry_storage::testing::driver_suite::DriverSubject;
use registry_storage::{DriverBlobStore, layout};

use crate::object::parts;
use crate::object::subject::ObjectSubject;
use crate::subject::{Bucket, s3};

const SIZE: usize = 6 * 1024 * 1024;
const HOUR: Duration = Duration::from_secs(60 * 60);

fn content() -> Bytes {
    parts::content(SIZE, SIZE)
}

struct Bed {
    bucket: Bucket,
    blobs: DriverBlobStore,
    registry: Registry,
}

impl Bed {
    async fn new() -> Self {
        let bucket = s3().await;
        let blobs = DriverBlobStore::new(Arc::new(bucket.driver().await));
        let metadata = Arc::new(MemoryMetadataStore::default());
        let registry = Registry::new(Arc::new(blobs.clone()), metadata, RegistryOptions::default());
        Self { bucket, blobs, registry }
    }

    async fn push(&self, content: &Bytes) -> Digest {
        let digest = Digest::of(Algorithm::Sha256, content);
        let pieces: Vec<_> = content.chunks(1024 * 1024).map(|piece| Ok(Bytes::copy_from_slice(piece))).collect();
        let body = futures::stream::iter(pieces).boxed();
        self.registry.push_blob(&"a".parse().unwrap(), &digest, body).await.unwrap().digest
    }

    async fn move_in(&self, hours: u32) -> MoveReport {
        self.registry.move_displaced(Timestamp::now().plus(HOUR * hours)).await.unwrap()
    }

    async fn kept(&self) -> Vec<String> {
        let root = &self.bucket.0.root_directory;
        let kept = DriverSubject::contents(&self.bucket).await.unwrap();
        kept.into_iter().map(|path| path.strip_prefix(root).unwrap_or(&path).to_owned()).collect()
    }
}

/// The first object stayed forever.
#[tokio::test]
async fn of_a_large_blob_that_is_pushed_again_one_object_is_left() {
    let bed = Bed::new().await;
    let content = content();
    let digest = bed.push(&content).await;
    bed.push(&content).await;
    assert_eq!(bed.kept().await.len(), 2);
    let moved = MoveReport { moved: 1, moved_bytes: SIZE as u64, deleted: 0, failed: 0 };
    assert_eq!(bed.move_in(0).await, moved);
    for hours in [2, 4] {
        bed.move_in(hours).await;
    }
    assert_eq!(bed.kept().await, [layout::blob(&digest).as_str()]);
    bed.push(&content).await;
    for hours in [0, 2, 4] {
        bed.move_in(hours).await;
    }
    assert_eq!(bed.kept().await, [layout::blob(&digest).as_str()], "also if it was moved before");
    let blob = bed.registry.blob(&"a".parse().unwrap(), &digest).await.unwrap();
    let read = bed.registry.read_blob(&"a".parse().unwrap(), &blob, 0..blob.size_bytes).await.unwrap();
    let BlobRead::Stream(pieces) = read else { panic!("a bucket has no files") };
    let pieces: Vec<Bytes> = pieces.map(Result::unwrap).collect().await;
    assert!(pieces.concat() == content);
}

#[tokio::test]
async fn a_large_blob_whose_push_was_killed_is_found_and_deleted() {
    let bed = Bed::new().await;
    let content = content();
    let staged = bed.blobs.stage(UploadId::random()).await.unwrap();
    let mut writer = bed.blobs.open_writer(&staged, 0).await.unwrap();
    writer.write(vec![content.clone()]).await.unwrap();
    writer.commit(Vec::new(), &Digest::of(Algorithm::Sha256, &content)).await.unwrap();
    // An upload that goes on is not among what is found.
    let going_on = bed.blobs.stage(UploadId::random()).await.unwrap();
    let mut writer = bed.blobs.open_writer(&going_on, 0).await.unwrap();
    writer.write(vec![content]).await.unwrap();
    writer.sync().await.unwrap();
    assert_eq!(bed.registry.find_displaced(Timestamp::now()).await.unwrap(), 1);
    assert!(bed.move_in(7 * 24).await.is_empty(), "an upload may still go on with it");
    assert_eq!(bed.move_in(9 * 24).await, MoveReport { deleted: 1, ..MoveReport::default() });
    bed.blobs.discard(&going_on).await.unwrap();
    assert_eq!(bed.kept().await, [""; 0]);
}
