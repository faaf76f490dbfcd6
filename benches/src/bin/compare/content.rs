//! Blobs and manifests that are pushed and pulled.

use std::io;
use std::sync::Arc;

use benches::MIB;
use registry_core::protocol::digest::{Algorithm, Digest, Digester};
use serde_json::json;

/// The length of a large blob.
pub(crate) const LARGE_BYTES: usize = 256 * MIB;

/// The media type of all manifests here.
pub(crate) const MANIFEST_TYPE: &str = "application/vnd.oci.image.manifest.v1+json";

const STAMP_BYTES: usize = 16;

/// Random bytes from which blobs are cut.
#[derive(Debug, Clone)]
pub(crate) struct Noise(Arc<[u8]>);

impl Noise {
    /// Makes enough for the largest blob.
    pub(crate) fn new(seed: u64) -> Self {
        let mut bytes = vec![0; LARGE_BYTES];
        fastrand::Rng::with_seed(seed).fill(&mut bytes);
        Self(bytes.into())
    }

    /// Returns a blob that differs from that of any other number.
    pub(crate) fn blob(&self, number: u64, len_bytes: usize) -> Blob {
        let mut stamp = [0; STAMP_BYTES];
        stamp[..8].copy_from_slice(&number.to_be_bytes());
        let rest = len_bytes.checked_sub(STAMP_BYTES).expect("a blob is longer than its stamp");
        let mut digester = Digester::new(Algorithm::Sha256);
        digester.update(&stamp);
        digester.update(&self.0[..rest]);
        Blob { digest: digester.finish(), stamp, noise: self.clone(), rest }
    }
}

/// A blob: a stamp that makes it unique, then bytes that all share, so that it takes no memory of its own.
#[derive(Debug, Clone)]
pub(crate) struct Blob {
    pub(crate) digest: Digest,
    stamp: [u8; STAMP_BYTES],
    noise: Noise,
    rest: usize,
}

impl Blob {
    pub(crate) fn len(&self) -> usize {
        STAMP_BYTES + self.rest
    }

    /// Returns the bytes, in order.
    pub(crate) fn parts(&self) -> [&[u8]; 2] {
        [&self.stamp, &self.noise.0[..self.rest]]
    }

    /// Returns whoever compares bytes with the blob's as they arrive.
    pub(crate) fn comparison(&self) -> Comparison<'_> {
        Comparison { left: self.parts(), equal: true }
    }
}

/// Compares bytes with expected ones, piece by piece.
#[derive(Debug)]
pub(crate) struct Comparison<'a> {
    left: [&'a [u8]; 2],
    equal: bool,
}

impl<'a> Comparison<'a> {
    pub(crate) fn with(expected: &'a [u8]) -> Self {
        Self { left: [expected, &[]], equal: true }
    }

    pub(crate) fn update(&mut self, mut piece: &[u8]) {
        for part in &mut self.left {
            let (expected, left) = part.split_at(part.len().min(piece.len()));
            let (found, rest) = piece.split_at(expected.len());
            self.equal &= expected == found;
            (*part, piece) = (left, rest);
        }
        self.equal &= piece.is_empty();
    }

    /// Fails unless all bytes came and were the right ones.
    ///
    /// # Errors
    /// If they were not; the text names `what`.
    pub(crate) fn finish(self, what: &str) -> io::Result<()> {
        if self.equal && self.left.iter().all(|part| part.is_empty()) {
            return Ok(());
        }
        Err(io::Error::new(io::ErrorKind::InvalidData, format!("{what} does not come back as it was pushed")))
    }
}

/// A manifest.
#[derive(Debug, Clone)]
pub(crate) struct Manifest {
    pub(crate) bytes: Vec<u8>,
}

impl Manifest {
    /// Returns the manifest of an image, filled up to about this length.
    pub(crate) fn of(config: &Blob, layer: &Blob, len_bytes: usize) -> Self {
        let manifest = |fill: usize| {
            let descriptor = |kind: &str, blob: &Blob| {
                let media_type = format!("application/vnd.oci.image.{kind}");
                json!({ "mediaType": media_type, "digest": blob.digest, "size": blob.len() })
            };
            let manifest = json!({
                "schemaVersion": 2,
                "mediaType": MANIFEST_TYPE,
                "config": descriptor("config.v1+json", config),
                "layers": [descriptor("layer.v1.tar+gzip", layer)],
                "annotations": { "org.opencontainers.image.title": "x".repeat(fill) },
            });
            manifest.to_string().into_bytes()
        };
        let bytes = manifest(len_bytes.saturating_sub(manifest(0).len()));
        Self { bytes }
    }
}

/// An image: two blobs and a manifest.
#[derive(Debug, Clone)]
pub(crate) struct Image {
    pub(crate) config: Blob,
    pub(crate) layer: Blob,
    pub(crate) manifest: Manifest,
}

impl Image {
    /// Returns an image that differs from that of any other number; its manifest has about 1 KiB.
    pub(crate) fn new(noise: &Noise, number: u64, config_bytes: usize, layer_bytes: usize) -> Self {
        let (config, layer) = (noise.blob(2 * number, config_bytes), noise.blob(2 * number + 1, layer_bytes));
        let manifest = Manifest::of(&config, &layer, benches::KIB);
        Self { config, layer, manifest }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noise() -> Noise {
        Noise(vec![7; 64].into())
    }

    #[test]
    fn a_blob_has_the_digest_of_its_parts() {
        let blob = noise().blob(3, 40);
        assert_eq!(blob.len(), 40);
        assert_eq!(blob.digest, Digest::of(Algorithm::Sha256, &blob.parts().concat()));
        assert_ne!(blob.digest, noise().blob(4, 40).digest);
    }

    #[test]
    fn comparisons_see_every_difference() {
        let blob = noise().blob(3, 40);
        let bytes = blob.parts().concat();
        let compare = |bytes: &[u8], step: usize| {
            let mut comparison = blob.comparison();
            bytes.chunks(step).for_each(|piece| comparison.update(piece));
            comparison.finish("it")
        };
        for step in [1, 15, 16, 17, 100] {
            compare(&bytes, step).unwrap();
            assert!(compare(&bytes[..39], step).is_err());
            assert!(compare(&[&bytes[..], &[7]].concat(), step).is_err());
            for at in 0..bytes.len() {
                let mut wrong = bytes.clone();
                wrong[at] ^= 1;
                assert!(compare(&wrong, step).is_err());
            }
        }
    }

    #[test]
    fn a_manifest_has_the_wanted_length() {
        let image = Image::new(&noise(), 1, 20, 30);
        assert_eq!(image.manifest.bytes.len(), benches::KIB);
    }
}
