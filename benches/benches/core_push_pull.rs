//! The operations on stores in memory: what a registry itself costs, without disk, database and network.

use benches::{KIB, MIB, body, content, digest, image, repository, runtime};
use bytes::Bytes;
use divan::Bencher;
use divan::counter::BytesCount;
use futures::TryStreamExt;
use registry_core::Registry;
use registry_core::protocol::digest::{Algorithm, Digest};
use registry_core::protocol::reference::Reference;
use registry_core::registry::{Chunk, ManifestPush};
use registry_core::store::BlobRead;

const SIZES: [usize; 3] = [4 * KIB, MIB, 16 * MIB];

fn main() {
    divan::main();
}

#[divan::bench(args = SIZES)]
fn push_blob(bencher: Bencher<'_, '_>, len: usize) {
    let (runtime, registry, repository) = (runtime(), Registry::in_memory(), repository());
    let content = content(len);
    let digest = Digest::of(Algorithm::Sha256, &content);
    bencher.counter(BytesCount::new(len)).bench(|| {
        runtime.block_on(registry.push_blob(&repository, &digest, body(&content))).expect("the push succeeds")
    });
}

/// A session of four chunks.
#[divan::bench(args = SIZES)]
fn push_blob_in_chunks(bencher: Bencher<'_, '_>, len: usize) {
    let (runtime, registry, repository) = (runtime(), Registry::in_memory(), repository());
    let content = content(len);
    let digest = Digest::of(Algorithm::Sha256, &content);
    let chunks: Vec<Bytes> = (0..4).map(|n| content.slice(n * len / 4..(n + 1) * len / 4)).collect();
    let push = async || {
        let upload = registry.start_upload(&repository, Algorithm::Sha256).await?;
        for chunk in &chunks {
            registry.append_upload(&repository, upload.id, Chunk { range: None, body: body(chunk) }).await?;
        }
        registry.commit_upload(&repository, upload.id, Chunk::empty(), &digest).await
    };
    bencher.counter(BytesCount::new(len)).bench(|| runtime.block_on(push()).expect("the push succeeds"));
}

/// The store hands out the bytes that it has, so that their number makes no difference.
#[divan::bench]
fn pull_blob(bencher: Bencher<'_, '_>) {
    let (runtime, registry, repository) = (runtime(), Registry::in_memory(), repository());
    let content = content(MIB);
    let digest = Digest::of(Algorithm::Sha256, &content);
    let pushed = runtime.block_on(registry.push_blob(&repository, &digest, body(&content)));
    pushed.expect("the push succeeds");
    let pull = async || {
        let blob = registry.blob(&repository, &digest).await.expect("the blob is there");
        let read = registry.read_blob(&repository, &blob, 0..blob.size_bytes).await.expect("the blob can be read");
        let BlobRead::Stream(pieces) = read else { unreachable!("the store in memory has no files") };
        pieces.try_fold(0, |sum, piece| async move { Ok(sum + piece.len()) }).await.expect("the blob is whole")
    };
    bencher.bench(|| runtime.block_on(pull()));
}

/// An image of ten layers, by tag.
#[divan::bench]
fn push_manifest(bencher: Bencher<'_, '_>) {
    let (runtime, registry) = (runtime(), Registry::in_memory());
    let push = runtime.block_on(image_push(&registry));
    bencher
        .with_inputs(|| push.clone())
        .bench_values(|push| runtime.block_on(registry.put_manifest(&repository(), push)).expect("the push succeeds"));
}

#[divan::bench]
fn pull_manifest(bencher: Bencher<'_, '_>) {
    let (runtime, registry, repository) = (runtime(), Registry::in_memory(), repository());
    let push = runtime.block_on(image_push(&registry));
    let reference: Reference = push.reference.clone();
    runtime.block_on(registry.put_manifest(&repository, push)).expect("the push succeeds");
    bencher.bench(|| runtime.block_on(registry.get_manifest(&repository, &reference)).expect("the manifest is there"));
}

/// Pushes an image's blobs and returns what is left to push.
async fn image_push(registry: &Registry) -> ManifestPush {
    let repository = repository();
    let digests: Vec<Digest> = (0..=10).map(digest).collect();
    for (number, digest) in digests.iter().enumerate() {
        let content = number.to_string().into();
        registry.push_blob(&repository, digest, body(&content)).await.expect("the push succeeds");
    }
    ManifestPush {
        reference: "latest".parse().expect("the tag is valid"),
        tags: Vec::new(),
        content_type: None,
        payload: image(&digests[0], &digests[1..]),
    }
}
