//! What it costs to keep an answer.

use bytes::Bytes;
use quick_cache::Weighter;
use registry_core::protocol::digest::Digest;
use registry_core::protocol::reference::{Reference, RepositoryName};

use super::{Blob, Manifest};

/// Weighs entries by the memory that they take, in bytes.
///
/// A table grows by doubling and has places to remember what was dropped, so that an entry takes up to three times its
/// own size there, and twice that size on average.
#[derive(Debug, Clone, Copy)]
pub(super) struct Weight;

/// What an allocation costs beyond its bytes.
const ALLOCATION: usize = 16;

fn weight<K, V>(allocations: &[usize]) -> u64 {
    let places = 2 * (size_of::<K>() + size_of::<V>() + 21);
    (places + allocations.iter().map(|size| size + ALLOCATION).sum::<usize>()) as u64
}

impl Weighter<(RepositoryName, Reference), Manifest> for Weight {
    fn weight(&self, (repository, reference): &(RepositoryName, Reference), manifest: &Manifest) -> u64 {
        let tag = match reference {
            Reference::Tag(tag) => tag.as_str().len(),
            Reference::Digest(_) => 0,
        };
        weight::<(RepositoryName, Reference), Manifest>(&[repository.as_str().len(), tag, manifest.media_type.len()])
    }
}

impl Weighter<Digest, Bytes> for Weight {
    fn weight(&self, _: &Digest, payload: &Bytes) -> u64 {
        weight::<Digest, Bytes>(&[payload.len()])
    }
}

impl Weighter<(RepositoryName, Digest), super::Blob> for Weight {
    fn weight(&self, (repository, _): &(RepositoryName, Digest), blob: &Blob) -> u64 {
        weight::<(RepositoryName, Digest), Blob>(&[repository.as_str().len(), blob.record.location.as_str().len()])
    }
}
