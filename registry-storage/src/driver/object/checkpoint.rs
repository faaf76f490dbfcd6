//! Where an upload stood when it was synced, kept in the store itself.
//!
//! A checkpoint is a small object beside the upload, named by the offset: its content is the tail that is no part yet,
//! its note says which upload in parts, how large these are, how many there were, and a checksum of their tags. So
//! whatever offset a session's record has, the checkpoint of that offset is whole or is not there.

use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use sha2::{Digest, Sha256};

use crate::path::StoragePath;

/// Where an upload stood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Checkpoint {
    /// How many bytes it had.
    pub(super) offset: u64,
    /// The store's own id of the upload.
    pub(super) id: String,
    /// How large each of its parts is.
    pub(super) part_bytes: u64,
    /// How many parts it had.
    pub(super) parts: usize,
    /// A checksum of the parts' tags.
    pub(super) tags: String,
    /// Where the upload stood before, of which there may still be a checkpoint.
    pub(super) previous: u64,
}

impl Checkpoint {
    /// Returns how many of the bytes are in parts.
    pub(super) fn in_parts(&self) -> u64 {
        self.parts as u64 * self.part_bytes
    }

    /// Writes it down.
    pub(super) fn note(&self) -> String {
        let id = utf8_percent_encode(&self.id, NON_ALPHANUMERIC);
        let Self { part_bytes, parts, tags, previous, .. } = self;
        format!("{part_bytes} {parts} {tags} {previous} {id}")
    }

    /// Reads what was written down; the offset is in the object's name.
    pub(super) fn parse(offset: u64, note: &str) -> Option<Self> {
        let fields: Vec<_> = note.split(' ').collect();
        let &[part_bytes, parts, tags, previous, id] = &fields[..] else { return None };
        let checkpoint = Self {
            offset,
            id: percent_decode_str(id).decode_utf8().ok()?.into_owned(),
            part_bytes: part_bytes.parse().ok().filter(|bytes| *bytes > 0)?,
            parts: parts.parse().ok()?,
            tags: tags.to_owned(),
            previous: previous.parse().ok()?,
        };
        let tail = offset.checked_sub((checkpoint.parts as u64).checked_mul(checkpoint.part_bytes)?)?;
        (tail < checkpoint.part_bytes).then_some(checkpoint)
    }

    /// Returns the checksum of parts' tags.
    pub(super) fn sum(tags: &[String]) -> String {
        let mut hash = Sha256::new();
        for tag in tags {
            // Some answers have the quotation marks, some do not.
            hash.update(tag.trim_matches('"'));
            hash.update(b"\n");
        }
        hex::encode(hash.finalize())
    }
}

/// Returns the directory of the checkpoints of all uploads of a directory.
pub(super) fn all(uploads: Option<&StoragePath>) -> StoragePath {
    let uploads = uploads.map_or("", StoragePath::as_str);
    path(format!("{uploads}/_staged"))
}

/// Returns the directory of an upload's checkpoints.
pub(super) fn directory(upload: &StoragePath) -> StoragePath {
    let name = upload.as_str().rsplit('/').next().unwrap_or_default();
    path(format!("{}/{name}", all(upload.parent().as_ref())))
}

/// Returns where the checkpoint of an offset is.
pub(super) fn at(upload: &StoragePath, offset: u64) -> StoragePath {
    path(format!("{}/{offset:020}", directory(upload)))
}

/// Returns the offset of the checkpoint that is at a path.
pub(super) fn offset(checkpoint: &StoragePath) -> Option<u64> {
    checkpoint.as_str().rsplit('/').next()?.parse().ok()
}

/// Returns where it is noted that the object at an upload's own path is no file, but the parts of the upload.
pub(super) fn sealed(upload: &StoragePath) -> StoragePath {
    path(format!("{}/sealed", directory(upload)))
}

/// Returns the upload that a checkpoint or a seal at a path is of.
pub(super) fn upload(uploads: &StoragePath, checkpoint: &StoragePath) -> Option<StoragePath> {
    let below = checkpoint.as_str().strip_prefix(all(Some(uploads)).as_str())?.strip_prefix('/')?;
    format!("{uploads}/{}", below.split_once('/')?.0).parse().ok()
}

fn path(text: String) -> StoragePath {
    text.parse().expect("uploads have short paths, to which valid components were added")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checkpoint() -> Checkpoint {
        let tags = Checkpoint::sum(&["\"a\"".into(), "b".into()]);
        Checkpoint { offset: 25, id: "2~a/b c".into(), part_bytes: 10, parts: 2, tags, previous: 7 }
    }

    #[test]
    fn what_was_written_down_is_read() {
        let note = checkpoint().note();
        assert_eq!(Checkpoint::parse(25, &note), Some(checkpoint()));
        // A tail is less than a part, and not less than nothing.
        for offset in [0, 19, 30] {
            assert_eq!(Checkpoint::parse(offset, &note), None, "{offset}");
        }
        for text in ["", "x", "10 2 sum 7", "0 0 sum 0 id", "10 -1 sum 0 id"] {
            assert_eq!(Checkpoint::parse(25, text), None, "{text}");
        }
    }

    #[test]
    fn tags_count_with_or_without_marks() {
        assert_eq!(Checkpoint::sum(&["\"a\"".into(), "b".into()]), Checkpoint::sum(&["a".into(), "\"b\"".into()]));
        assert_ne!(Checkpoint::sum(&["ab".into()]), Checkpoint::sum(&["a".into(), "b".into()]));
    }

    #[test]
    fn checkpoints_are_beside_the_upload() {
        let path = |text: &str| text.parse::<StoragePath>().unwrap();
        let own = path("/a/uploads/u1");
        assert_eq!(at(&own, 25), path("/a/uploads/_staged/u1/00000000000000000025"));
        assert_eq!(offset(&at(&own, 25)), Some(25));
        assert_eq!(offset(&sealed(&own)), None);
        for found in [at(&own, 25), sealed(&own)] {
            assert_eq!(upload(&path("/a/uploads"), &found), Some(own.clone()));
            assert_eq!(upload(&path("/a"), &found), None);
        }
        assert_eq!(at(&path("/u1"), 0), path("/_staged/u1/00000000000000000000"));
    }
}
