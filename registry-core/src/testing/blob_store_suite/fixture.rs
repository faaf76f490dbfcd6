//! What the cases do with a store again and again.

use std::io::{Read, Seek, SeekFrom};
use std::ops::Range;

use bytes::Bytes;
use futures::TryStreamExt;

use crate::protocol::digest::{Algorithm, Digest};
use crate::store::{
    BlobLocation, BlobRead, BlobStore, BlobWriter, ByteStream, StagedUpload, StoreErrorKind, StoreResult, UploadId,
};

/// Stages, writes, syncs and commits `content` under its sha256 digest, and discards the upload.
pub async fn push(store: &dyn BlobStore, content: &[u8]) -> BlobLocation {
    let staged = write(store, content).await;
    finish(store, &staged, Algorithm::Sha256, content).await
}

/// Reads a range of a blob to its end.
pub async fn read(store: &dyn BlobStore, location: &BlobLocation, range: Range<u64>) -> Vec<u8> {
    collect(store.read(location, range).await.expect("opening a blob")).await.expect("reading a blob")
}

/// Reads to the end what a store has opened.
pub async fn collect(read: BlobRead) -> StoreResult<Vec<u8>> {
    match read {
        BlobRead::File { mut file, range } => {
            let mut bytes = Vec::new();
            file.seek(SeekFrom::Start(range.start)).expect("a blob's file can be sought in");
            file.take(range.end - range.start).read_to_end(&mut bytes).expect("a blob's file can be read");
            Ok(bytes)
        }
        BlobRead::Stream(stream) => collect_stream(stream).await,
    }
}

pub(super) async fn collect_stream(stream: ByteStream) -> StoreResult<Vec<u8>> {
    stream.try_fold(Vec::new(), async |bytes, piece| Ok([&bytes[..], &piece].concat())).await
}

pub(super) async fn stage(store: &dyn BlobStore) -> StagedUpload {
    store.stage(UploadId::random()).await.expect("staging")
}

pub(super) async fn open(store: &dyn BlobStore, staged: &StagedUpload, offset: u64) -> Box<dyn BlobWriter> {
    store.open_writer(staged, offset).await.expect("opening a writer")
}

pub(super) async fn write(store: &dyn BlobStore, content: &[u8]) -> StagedUpload {
    let staged = stage(store).await;
    let mut writer = open(store, &staged, 0).await;
    if !content.is_empty() {
        writer.write(vec![Bytes::copy_from_slice(content)]).await.expect("writing");
    }
    writer.sync().await.expect("syncing")
}

pub(super) async fn commit(
    store: &dyn BlobStore,
    staged: &StagedUpload,
    algorithm: Algorithm,
    content: &[u8],
) -> BlobLocation {
    let digest = Digest::of(algorithm, content);
    store.commit(staged, &digest, content.len() as u64).await.expect("committing")
}

pub(super) async fn finish(
    store: &dyn BlobStore,
    staged: &StagedUpload,
    algorithm: Algorithm,
    content: &[u8],
) -> BlobLocation {
    let location = commit(store, staged, algorithm, content).await;
    store.discard(staged).await.expect("discarding");
    location
}

/// Bytes without a short period, so that a piece in the wrong place shows.
pub(super) fn content(len: usize) -> Bytes {
    (0u32..).flat_map(|n| n.wrapping_mul(2_654_435_761).to_be_bytes()).take(len).collect()
}

pub(super) fn assert_kind<T: std::fmt::Debug>(result: StoreResult<T>, kind: StoreErrorKind) {
    assert_eq!(result.expect_err("the store cannot have this").kind(), kind);
}
