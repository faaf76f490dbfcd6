//! Every path that is written, and by whom.
//!
//! ```text
//! <root>
//! ├── registry
//! │   ├── identity                         which database the storage belongs to
//! │   └── snapshots
//! │       └── <microseconds>-<hex>         a copy of that database: when it was taken, and its sha256
//! └── docker/registry/v2
//!     ├── blobs
//!     │   └── <algorithm>                  sha256, sha512
//!     │       └── <first 2 hex digits>
//!     │           └── <hex>
//!     │               └── data             the blob's bytes: appears whole, never changes
//!     └── uploads
//!         ├── <uuid>                       the bytes of an upload so far
//!         ├── <uuid>.completed             while a commit is being recorded, on a file system: the blob's second name
//!         └── <uuid>.tmp                   for a moment, on a file system: what is to replace an upload or a blob
//! ```
//!
//! Blobs stand where distribution has them (`registry/storage/paths.go`), so that either can use the other's storage.
//! Uploads do not: distribution keeps them by repository, where each would cost several new directories. One flat
//! directory beside the blobs costs none, is on the same file system, and is a place where distribution never looks.
//! Nothing here knows repositories: which repository may serve which blob is in the metadata.

use registry_core::protocol::digest::{Algorithm, Digest};
use registry_core::store::UploadId;
use registry_core::store::snapshot::SnapshotName;

use crate::path::StoragePath;

/// Returns where the storage's identity is.
pub fn identity() -> StoragePath {
    path("/registry/identity")
}

/// Returns the directory of the snapshots of the database.
pub fn snapshots() -> StoragePath {
    path("/registry/snapshots")
}

/// Returns where a snapshot is.
pub fn snapshot(name: &SnapshotName) -> StoragePath {
    path(&format!("/registry/snapshots/{name}"))
}

/// Returns the name of the snapshot that is at a path, if one can be.
pub(crate) fn snapshot_name(path: &StoragePath) -> Option<SnapshotName> {
    path.as_str().strip_prefix("/registry/snapshots/")?.parse().ok()
}

/// Returns where a blob's bytes are.
pub fn blob(digest: &Digest) -> StoragePath {
    let hex = digest.hex();
    path(&format!("/docker/registry/v2/blobs/{}/{}/{hex}/data", digest.algorithm(), &hex[..2]))
}

/// Returns the directories that hold those of the blobs of an algorithm.
pub fn blob_directories(algorithm: Algorithm) -> impl Iterator<Item = StoragePath> {
    (0..=u8::MAX).map(move |first| path(&format!("/docker/registry/v2/blobs/{algorithm}/{first:02x}")))
}

/// Returns the directory in which distribution keeps what its repositories have.
pub fn repositories() -> StoragePath {
    path("/docker/registry/v2/repositories")
}

/// Returns the directory of all uploads.
pub fn uploads() -> StoragePath {
    path("/docker/registry/v2/uploads")
}

/// Returns where an upload's bytes are until they are a blob.
pub fn upload(upload: UploadId) -> StoragePath {
    path(&format!("/docker/registry/v2/uploads/{upload}"))
}

fn path(text: &str) -> StoragePath {
    text.parse().expect("algorithms, hex digits and UUIDs are valid components")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blobs_are_where_distribution_has_them() {
        let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(
            blob(&Digest::of(Algorithm::Sha256, b"")).as_str(),
            format!("/docker/registry/v2/blobs/sha256/e3/{empty}/data")
        );
        let sha512 = blob(&Digest::of(Algorithm::Sha512, b""));
        assert!(sha512.as_str().starts_with("/docker/registry/v2/blobs/sha512/cf/cf83e1357eefb8bd"), "{sha512}");
    }

    #[test]
    fn every_blob_is_in_one_of_the_directories() {
        let directories: Vec<_> = blob_directories(Algorithm::Sha512).collect();
        assert_eq!(directories.len(), 256);
        let blob = blob(&Digest::of(Algorithm::Sha512, b""));
        let above = blob.parent().and_then(|directory| directory.parent()).unwrap();
        assert!(directories.contains(&above), "{above}");
    }

    #[test]
    fn uploads_are_in_one_directory() {
        let id = UploadId::random();
        assert_eq!(upload(id).parent(), Some(uploads()));
        assert!(upload(id).as_str().ends_with(&id.to_string()));
    }
}
