//! What the benchmarks have in common. Every run measures the same bytes and names.

use bytes::Bytes;
use futures::StreamExt;
use registry_core::body::BodyStream;
use registry_core::protocol::digest::{Algorithm, Digest};
use registry_core::protocol::reference::RepositoryName;
use serde_json::{Value, json};
use tokio::runtime::Runtime;

/// One kibibyte.
pub const KIB: usize = 1024;
/// One mebibyte.
pub const MIB: usize = 1024 * KIB;

/// How much of a body arrives at once: about what a server receives.
const PIECE_BYTES: usize = 64 * KIB;

/// Returns content without patterns, the same for the same length.
pub fn content(len_bytes: usize) -> Bytes {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let words = std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    });
    words.flatten().take(len_bytes).collect()
}

/// Returns content as it comes in from a client.
pub fn body(content: &Bytes) -> BodyStream {
    let (content, len) = (content.clone(), content.len());
    let pieces = (0..len).step_by(PIECE_BYTES).map(move |at| Ok(content.slice(at..len.min(at + PIECE_BYTES))));
    futures::stream::iter(pieces).boxed()
}

/// Returns the sha256 of the text of a number: a name for something that need not be there.
pub fn digest(number: usize) -> Digest {
    Digest::of(Algorithm::Sha256, number.to_string().as_bytes())
}

/// Returns the name of the repository that benchmarks use.
pub fn repository() -> RepositoryName {
    "library/benchmark".parse().expect("the name is valid")
}

/// Returns an image manifest with this config and these layers.
pub fn image(config: &Digest, layers: &[Digest]) -> Bytes {
    let layers: Vec<_> = layers.iter().map(|layer| descriptor("layer.v1.tar+gzip", layer)).collect();
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": descriptor("config.v1+json", config),
        "layers": layers,
        "annotations": { "org.opencontainers.image.title": "benchmark" },
    });
    manifest.to_string().into()
}

/// Returns an index of these manifests.
pub fn index(manifests: &[Digest]) -> Bytes {
    let manifests: Vec<_> = manifests.iter().map(|manifest| descriptor("manifest.v1+json", manifest)).collect();
    let index = json!({
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.index.v1+json",
        "manifests": manifests,
    });
    index.to_string().into()
}

fn descriptor(kind: &str, digest: &Digest) -> Value {
    json!({ "mediaType": format!("application/vnd.oci.image.{kind}"), "digest": digest, "size": 1000 })
}

/// Starts a runtime like the server's.
///
/// # Panics
/// If the system has no threads left.
pub fn runtime() -> Runtime {
    tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("threads can be started")
}
