//! Looking into a layer: its digest, how it is compressed, and the digest of what is in it.

use std::io::{self, Write};

use flate2::write::MultiGzDecoder;
use registry_core::protocol::digest::{Algorithm, Digester};
use registry_core::protocol::image_v1::ImageLayer;
use registry_core::store::StoreErrorKind;

/// How many bytes tell by what a layer is compressed.
const MAGIC_BYTES: usize = 6;
const GZIP: &[u8] = &[0x1f, 0x8b];
/// bzip2, xz and zstd.
const OTHERS: [&[u8]; 3] = [b"BZh", &[0xfd, b'7', b'z', b'X', b'Z', 0], &[0x28, 0xb5, 0x2f, 0xfd]];

/// What a layer turned out to be.
#[derive(Debug, thiserror::Error)]
pub(crate) enum InspectionError {
    #[error("it is compressed by something else than gzip")]
    Compression,
    #[error("it cannot be unpacked")]
    Damaged(#[source] io::Error),
}

impl InspectionError {
    pub(crate) fn kind(&self) -> StoreErrorKind {
        match self {
            Self::Compression => StoreErrorKind::Unsupported,
            Self::Damaged(_) => StoreErrorKind::Corrupt,
        }
    }
}

/// A layer that is being read.
pub(crate) struct Inspection {
    stored: Digester,
    size_bytes: u64,
    content: Content,
}

enum Content {
    /// Not enough has been read to tell.
    Unknown(Vec<u8>),
    Plain,
    Gzip(Box<MultiGzDecoder<Hashing>>),
}

/// Hashes what is written to it.
struct Hashing(Digester);

impl Write for Hashing {
    fn write(&mut self, content: &[u8]) -> io::Result<usize> {
        self.0.update(content);
        Ok(content.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn digester() -> Digester {
    Digester::new(Algorithm::Sha256)
}

impl Default for Inspection {
    fn default() -> Self {
        Self { stored: digester(), size_bytes: 0, content: Content::Unknown(Vec::new()) }
    }
}

impl Inspection {
    /// Takes the next bytes.
    ///
    /// # Errors
    /// If what is in the layer cannot be told.
    pub(crate) fn update(&mut self, piece: &[u8]) -> Result<(), InspectionError> {
        self.stored.update(piece);
        self.size_bytes += piece.len() as u64;
        match &mut self.content {
            Content::Plain => Ok(()),
            Content::Gzip(decoder) => decoder.write_all(piece).map_err(InspectionError::Damaged),
            Content::Unknown(start) => {
                start.extend_from_slice(piece);
                if start.len() < MAGIC_BYTES { Ok(()) } else { self.decide() }
            }
        }
    }

    /// Tells by the first bytes how the layer is compressed.
    fn decide(&mut self) -> Result<(), InspectionError> {
        let Content::Unknown(start) = &mut self.content else { return Ok(()) };
        let start = std::mem::take(start);
        self.content = Content::Plain;
        if OTHERS.iter().any(|magic| start.starts_with(magic)) {
            return Err(InspectionError::Compression);
        }
        if start.starts_with(GZIP) {
            let mut decoder = Box::new(MultiGzDecoder::new(Hashing(digester())));
            decoder.write_all(&start).map_err(InspectionError::Damaged)?;
            self.content = Content::Gzip(decoder);
        }
        Ok(())
    }

    /// Tells what the layer is.
    ///
    /// # Errors
    /// If it ends too early.
    pub(crate) fn finish(mut self) -> Result<ImageLayer, InspectionError> {
        self.decide()?;
        let (digest, size_bytes) = (self.stored.finish(), self.size_bytes);
        Ok(match self.content {
            Content::Gzip(decoder) => {
                let diff_id = decoder.finish().map_err(InspectionError::Damaged)?.0.finish();
                ImageLayer { digest, diff_id, size_bytes, is_gzip: true }
            }
            _ => ImageLayer { digest, diff_id: digest, size_bytes, is_gzip: false },
        })
    }
}

#[cfg(test)]
mod tests {
    use flate2::Compression;
    use flate2::write::GzEncoder;
    use registry_core::protocol::digest::Digest;

    use super::*;

    fn inspect(content: &[u8], piece: usize) -> Result<ImageLayer, InspectionError> {
        let mut inspection = Inspection::default();
        for piece in content.chunks(piece) {
            inspection.update(piece)?;
        }
        inspection.finish()
    }

    fn gzip(content: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(content).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn what_is_in_a_layer_is_hashed() {
        let content: Vec<u8> = (0..100_000_u32).flat_map(u32::to_le_bytes).collect();
        let (packed, diff_id) = (gzip(&content), Digest::of(Algorithm::Sha256, &content));
        let twice = [gzip(&content[..1000]), gzip(&content[1000..])].concat();
        for (stored, is_gzip) in [(&content, false), (&packed, true), (&twice, true)] {
            for piece in [1, 5, 7, 64 * 1024, stored.len()] {
                let layer = inspect(stored, piece).unwrap();
                let (digest, size_bytes) = (Digest::of(Algorithm::Sha256, stored), stored.len() as u64);
                assert_eq!(layer, ImageLayer { digest, diff_id, size_bytes, is_gzip }, "{piece}");
            }
        }
        let empty = inspect(b"", 1).unwrap();
        assert_eq!((empty.digest, empty.is_gzip), (Digest::of(Algorithm::Sha256, b""), false));
    }

    #[test]
    fn what_cannot_be_unpacked_is_told_of() {
        let packed = gzip(&[7; 10_000]);
        for damaged in [&packed[..packed.len() - 9], &packed[..3], &[GZIP, &[0xff; 100]].concat()] {
            assert!(matches!(inspect(damaged, 16), Err(InspectionError::Damaged(_))), "{} bytes", damaged.len());
        }
        for other in OTHERS {
            let content = [other, &[0; 100]].concat();
            assert!(matches!(inspect(&content, 3), Err(InspectionError::Compression)), "{other:?}");
        }
    }
}
