//! A registry on memory stores, and short words for what tests do to it.

use bytes::Bytes;
use futures::StreamExt;
use registry_core::Registry;
use registry_core::body::{BodyError, BodyStream};
use registry_core::protocol::byte_range::ChunkRange;
use registry_core::protocol::digest::{Algorithm, Digest};
use registry_core::protocol::media_type::OCI_MANIFEST;
use registry_core::protocol::reference::{Reference, RepositoryName};
use registry_core::registry::{Chunk, ManifestPush};
use registry_core::store::{BlobRead, BlobStore};

pub(crate) fn repository(name: &str) -> RepositoryName {
    name.parse().unwrap()
}

pub(crate) fn sha256(content: &[u8]) -> Digest {
    Digest::of(Algorithm::Sha256, content)
}

pub(crate) fn body(content: &[u8]) -> BodyStream {
    // Odd pieces, so that nothing depends on how a body is cut.
    let pieces: Vec<_> = content.chunks(777).map(|piece| Ok(Bytes::copy_from_slice(piece))).collect();
    futures::stream::iter(pieces).boxed()
}

/// A body whose client goes away after `content`.
pub(crate) fn aborted(content: &[u8]) -> BodyStream {
    body(content).chain(futures::stream::iter([Err(BodyError::Aborted("gone".into()))])).boxed()
}

pub(crate) fn chunk(content: &[u8]) -> Chunk {
    Chunk { range: None, body: body(content) }
}

pub(crate) fn chunk_at(start: u64, content: &[u8]) -> Chunk {
    let end_inclusive = start + content.len() as u64 - 1;
    Chunk { range: Some(ChunkRange { start, end_inclusive }), body: body(content) }
}

pub(crate) async fn push(registry: &Registry, name: &str, content: &[u8]) -> Digest {
    registry.push_blob(&repository(name), &sha256(content), body(content)).await.unwrap().digest
}

pub(crate) async fn pull(registry: &Registry, name: &str, digest: &Digest) -> Vec<u8> {
    let name = repository(name);
    let blob = registry.blob(&name, digest).await.unwrap();
    match registry.read_blob(&name, &blob, 0..blob.size_bytes).await.unwrap() {
        BlobRead::Stream(pieces) => pieces.map(Result::unwrap).collect::<Vec<Bytes>>().await.concat(),
        BlobRead::File { .. } => panic!("the memory store has no files"),
    }
}

/// An image manifest over a config and layers, which have to be pushed.
pub(crate) fn image(config: &Digest, layers: &[Digest]) -> Bytes {
    let descriptor = |digest: &Digest, kind: &str| serde_json::json!({"mediaType": format!("application/vnd.oci.image.{kind}"), "digest": digest, "size": 1});
    let layers: Vec<_> = layers.iter().map(|layer| descriptor(layer, "layer.v1.tar")).collect();
    let manifest = serde_json::json!({
        "schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": descriptor(config, "config.v1+json"), "layers": layers,
    });
    serde_json::to_vec(&manifest).unwrap().into()
}

pub(crate) fn tagged(tag: &str, payload: Bytes) -> ManifestPush {
    let reference = Reference::Tag(tag.parse().unwrap());
    ManifestPush { reference, tags: Vec::new(), content_type: Some(OCI_MANIFEST.to_owned()), payload }
}

/// Pushes an image with one config and one layer, and returns its digest.
pub(crate) async fn push_image(registry: &Registry, name: &str, tag: &str, content: &str) -> Digest {
    let config = push(registry, name, format!("config of {content}").as_bytes()).await;
    let layer = push(registry, name, content.as_bytes()).await;
    let manifest = tagged(tag, image(&config, &[layer]));
    registry.put_manifest(&repository(name), manifest).await.unwrap().digest
}

/// Asserts that no upload is left in a store.
pub(crate) async fn assert_nothing_staged(blobs: &dyn BlobStore) {
    let far = registry_core::store::Timestamp::from_micros(i64::MAX);
    assert_eq!(blobs.staged_before(far, 10).await.unwrap(), []);
}
