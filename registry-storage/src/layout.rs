//! Every path that is written, and by whom.
//!
//! ```text
//! <root>
//! ├── registry
//! │   ├── identity                         which database the storage belongs to
//! │   ├── source                           in a second store alone: the identity of the storage whose copies it has
//! │   ├── quarantine/<algorithm>/<hex>
//! │   │   └── <uuid>                       bytes that were found in the place of that blob, and are not it
//! │   └── snapshots
//! │       └── <microseconds>-<hex>         a copy of that database: when it was taken, and its sha256
//! └── docker/registry/v2
//!     ├── blobs
//!     │   └── <algorithm>                  sha256, sha512
//!     │       └── <first 2 hex digits>
//!     │           └── <hex>
//!     │               └── data             the blob's bytes: appears whole, never changes
//!     ├── uploads
//!     │   ├── <uuid>                       the bytes of an upload so far; in a bucket, a large blob is there until it is moved
//!     │   ├── _staged/<uuid>/<offset>      in a bucket: where the upload stood when it was synced, and its tail
//!     │   ├── _parts/<uuid>/<id>/<number>  in a bucket of Google's: the upload's parts
//!     │   ├── <uuid>.completed             while a commit is being recorded, on a file system: the blob's second name
//!     │   └── <uuid>.tmp                   for a moment, on a file system: what is to replace an upload or a blob
//!     └── repositories                     distribution's links, each a digest as text: read by an import, and written
//!         └── <name>                       only where an operator wants them
//!             ├── _layers/<algorithm>/<hex>/link
//!             └── _manifests
//!                 ├── revisions/<algorithm>/<hex>/link
//!                 └── tags/<tag>
//!                     ├── current/link     where the tag points to
//!                     └── index/<algorithm>/<hex>/link    where it ever pointed to
//! ```
//!
//! Beside `docker`, the first registry's images may be, of which an import makes images of today (`image_store.rs`).
//!
//! Blobs stand where distribution has them (`registry/storage/paths.go`), so that either can use the other's storage.
//! Uploads do not: distribution keeps them by repository, where each would cost several new directories. One flat
//! directory beside the blobs costs none, is on the same file system, and is a place where distribution never looks.
//! Which repository may serve which blob is in the metadata; the links only say what distribution thinks of it.

use registry_core::protocol::digest::{Algorithm, Digest};
use registry_core::protocol::image_v1::ImageId;
use registry_core::protocol::reference::{RepositoryName, Tag};
use registry_core::store::UploadId;
use registry_core::store::images::ImageTag;
use registry_core::store::links::{Link, LinkKind};
use registry_core::store::snapshot::SnapshotName;

use crate::path::StoragePath;

/// Returns where the storage's identity is.
pub fn identity() -> StoragePath {
    path("/registry/identity")
}

/// Returns where a second store has the identity of the storage whose copies are in it.
pub fn source() -> StoragePath {
    path("/registry/source")
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

/// Returns where bytes are set aside that were found in the place of a blob.
pub fn quarantine(digest: &Digest, name: UploadId) -> StoragePath {
    path(&format!("/registry/quarantine/{}/{}/{name}", digest.algorithm(), digest.hex()))
}

/// Returns the directory of all blobs.
pub fn blobs() -> StoragePath {
    path("/docker/registry/v2/blobs")
}

/// Returns the blob that is at a path, if one can be.
pub(crate) fn blob_digest(path: &StoragePath) -> Option<Digest> {
    let below = path.as_str().strip_prefix("/docker/registry/v2/blobs/")?;
    let (algorithm, rest) = below.split_once('/')?;
    let digest = format!("{algorithm}:{}", rest.split('/').nth(1)?).parse().ok()?;
    (blob(&digest) == *path).then_some(digest)
}

/// Returns the directories that hold those of the blobs of an algorithm.
pub fn blob_directories(algorithm: Algorithm) -> impl Iterator<Item = StoragePath> {
    (0..=u8::MAX).map(move |first| path(&format!("/docker/registry/v2/blobs/{algorithm}/{first:02x}")))
}

/// Returns the directory of all uploads.
pub fn uploads() -> StoragePath {
    path("/docker/registry/v2/uploads")
}

/// Returns where an upload's bytes are until they are a blob.
pub fn upload(upload: UploadId) -> StoragePath {
    path(&format!("/docker/registry/v2/uploads/{upload}"))
}

/// Tells whether a path is that of an upload.
pub(crate) fn is_upload(path: &StoragePath) -> bool {
    let name = path.as_str().strip_prefix("/docker/registry/v2/uploads/");
    name.is_some_and(|name| name.parse::<UploadId>().is_ok())
}

/// Returns the directory of the first registry's repositories.
pub(crate) fn image_repositories() -> StoragePath {
    path(IMAGE_REPOSITORIES)
}

/// Returns the tag of the first registry that a file is, if it is one.
pub(crate) fn image_tag(path: &StoragePath) -> Option<ImageTag> {
    let below = path.as_str().strip_prefix(IMAGE_REPOSITORIES)?.strip_prefix('/')?;
    let (namespace, below) = below.split_once('/')?;
    let (name, file) = below.split_once('/')?;
    let tag = file.strip_prefix("tag_").filter(|tag| !tag.contains('/'))?;
    Some(ImageTag {
        namespace: namespace.to_owned(),
        name: name.to_owned(),
        tag: tag.to_owned(),
        path: path.as_str().to_owned(),
    })
}

/// Returns where the first registry has a file of an image.
pub(crate) fn image_file(id: &ImageId, name: &str) -> StoragePath {
    path(&format!("/images/{id}/{name}"))
}

/// Returns the directory of all links.
pub fn repositories() -> StoragePath {
    path(REPOSITORIES)
}

/// Returns the directory of a repository's links of one kind. Files beside the links may be in it.
pub fn links(repository: &RepositoryName, kind: LinkKind) -> StoragePath {
    let directory = match kind {
        LinkKind::Blob => "_layers",
        LinkKind::Manifest => "_manifests/revisions",
        LinkKind::Tag => "_manifests/tags",
    };
    path(&format!("{REPOSITORIES}/{repository}/{directory}"))
}

/// Returns where a link is.
pub fn link(repository: &RepositoryName, link: &Link) -> StoragePath {
    match link {
        Link::Blob(digest) => digest_link(&links(repository, LinkKind::Blob), digest),
        Link::Manifest(digest) => digest_link(&links(repository, LinkKind::Manifest), digest),
        Link::Tag(name) => path(&format!("{}/current/link", tag(repository, name))),
    }
}

/// Returns the directory of all that there is of a tag.
pub fn tag(repository: &RepositoryName, tag: &Tag) -> StoragePath {
    path(&format!("{}/{tag}", links(repository, LinkKind::Tag)))
}

/// Returns where the history of a tag says that it once pointed to a manifest.
pub fn tag_history(repository: &RepositoryName, name: &Tag, target: &Digest) -> StoragePath {
    digest_link(&path(&format!("{}/index", tag(repository, name))), target)
}

/// Returns a path that is greater than all those of a repository's own links, and less than those of any repository
/// further on: no component of a name begins with `_`.
pub(crate) fn end_of_links(repository: &RepositoryName) -> StoragePath {
    path(&format!("{REPOSITORIES}/{repository}/_zzzz"))
}

/// Splits the path of a file below [`repositories`] into the repository's name and what follows it.
pub(crate) fn split_repository(path: &StoragePath) -> Option<(&str, &str)> {
    let below = path.as_str().strip_prefix(REPOSITORIES)?.strip_prefix('/')?;
    below.split_once("/_")
}

/// Returns the link that a path is, `None` if the file has another purpose, and an error if it is out of place.
pub(crate) fn parse_link(
    directory: &StoragePath,
    kind: LinkKind,
    path: &StoragePath,
) -> Result<Option<Link>, Stranger> {
    let below = path.as_str().strip_prefix(directory.as_str()).and_then(|below| below.strip_prefix('/'));
    let components: Vec<&str> = below.unwrap_or_default().split('/').collect();
    let digest = |algorithm: &str, hex: &str| format!("{algorithm}:{hex}").parse().map_err(|_| Stranger);
    match (kind, &components[..]) {
        (LinkKind::Blob, [algorithm, hex, "link"]) => Ok(Some(Link::Blob(digest(algorithm, hex)?))),
        (LinkKind::Manifest, [algorithm, hex, "link"]) => Ok(Some(Link::Manifest(digest(algorithm, hex)?))),
        // Signatures of the first format, which this registry does not store.
        (LinkKind::Manifest, [_, _, "signatures", ..]) => Ok(None),
        (LinkKind::Tag, [tag, "current", "link"]) => Ok(Some(Link::Tag(tag.parse().map_err(|_| Stranger)?))),
        (LinkKind::Tag, [_, "index", ..]) => Ok(None),
        _ => Err(Stranger),
    }
}

/// A file is not where a link can be.
#[derive(Debug)]
pub(crate) struct Stranger;

const REPOSITORIES: &str = "/docker/registry/v2/repositories";
const IMAGE_REPOSITORIES: &str = "/repositories";

fn digest_link(directory: &StoragePath, digest: &Digest) -> StoragePath {
    path(&format!("{directory}/{}/{}/link", digest.algorithm(), digest.hex()))
}

fn path(text: &str) -> StoragePath {
    text.parse().expect("names, tags, algorithms, hex digits and UUIDs are valid components, and short")
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
    fn links_are_where_distribution_has_them() {
        let (repository, digest) = ("a/b".parse().unwrap(), Digest::of(Algorithm::Sha256, b""));
        let hex = digest.hex();
        let tag: Tag = "v1".parse().unwrap();
        for (kind, link, expected) in [
            (LinkKind::Blob, Link::Blob(digest), format!("_layers/sha256/{hex}/link")),
            (LinkKind::Manifest, Link::Manifest(digest), format!("_manifests/revisions/sha256/{hex}/link")),
            (LinkKind::Tag, Link::Tag(tag.clone()), "_manifests/tags/v1/current/link".to_owned()),
        ] {
            let path = super::link(&repository, &link);
            assert_eq!(path.as_str(), format!("/docker/registry/v2/repositories/a/b/{expected}"));
            assert_eq!(split_repository(&path), Some(("a/b", &expected[1..])));
            assert_eq!(parse_link(&links(&repository, kind), kind, &path).unwrap(), Some(link));
            assert!(path < end_of_links(&repository));
        }
        assert!(tag_history(&repository, &tag, &digest).as_str().ends_with(&format!("/v1/index/sha256/{hex}/link")));
        assert!(end_of_links(&repository) < super::link(&"a/b/c".parse().unwrap(), &Link::Tag(tag.clone())));
        assert!(super::link(&"a/b/0".parse().unwrap(), &Link::Tag(tag)) < links(&repository, LinkKind::Blob));
    }

    #[test]
    fn the_longest_names_have_paths() {
        let repository: RepositoryName = "a".repeat(255).parse().unwrap();
        let tag: Tag = "t".repeat(128).parse().unwrap();
        tag_history(&repository, &tag, &Digest::of(Algorithm::Sha512, b""));
    }

    #[test]
    fn what_is_no_link_is_told_from_what_is_out_of_place() {
        let repository = "a".parse().unwrap();
        let hex = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        let parse = |kind, below: &str| {
            let directory = links(&repository, kind);
            parse_link(&directory, kind, &path(&format!("{directory}/{below}")))
        };
        let signature = format!("sha256/{hex}/signatures/sha256/{hex}/link");
        assert!(matches!(parse(LinkKind::Manifest, &signature), Ok(None)));
        assert!(matches!(parse(LinkKind::Tag, &format!("v1/index/sha256/{hex}/link")), Ok(None)));
        for (kind, below) in [
            (LinkKind::Blob, "sha256/abc/link".to_owned()),
            (LinkKind::Blob, format!("md5/{hex}/link")),
            (LinkKind::Blob, format!("sha256/{hex}/other")),
            (LinkKind::Blob, "link".to_owned()),
            (LinkKind::Manifest, format!("sha256/{}/link", hex.to_uppercase())),
            (LinkKind::Tag, "-v1/current/link".to_owned()),
            (LinkKind::Tag, "v1/link".to_owned()),
        ] {
            assert!(parse(kind, &below).is_err(), "{below}");
        }
    }

    #[test]
    fn a_blob_is_known_by_its_path() {
        let digest = Digest::of(Algorithm::Sha512, b"");
        let data = blob(&digest);
        assert_eq!(blob_digest(&data), Some(digest));
        let misplaced = data.as_str().replace("/cf/", "/00/");
        for text in
            [&misplaced, &format!("{data}/x"), &data.as_str().replace("/data", ""), "/docker/registry/v2/blobs/x"]
        {
            assert_eq!(blob_digest(&path(text)), None, "{text}");
        }
    }

    #[test]
    fn tags_of_the_first_registry_are_known_by_their_paths() {
        let tag = image_tag(&path("/repositories/library/ubuntu/tag_14.04")).unwrap();
        assert_eq!((&*tag.namespace, &*tag.name, &*tag.tag), ("library", "ubuntu", "14.04"));
        for text in [
            "/repositories/library/ubuntu/tag14.04_json",
            "/repositories/library/ubuntu/_index_images",
            "/repositories/library/tag_x",
            "/repositories/a/b/c/tag_x",
            "/repositories/a/b/tag_x/y",
        ] {
            assert_eq!(image_tag(&path(text)), None, "{text}");
        }
    }

    #[test]
    fn uploads_are_in_one_directory() {
        let id = UploadId::random();
        assert_eq!(upload(id).parent(), Some(uploads()));
        assert!(upload(id).as_str().ends_with(&id.to_string()));
    }
}
