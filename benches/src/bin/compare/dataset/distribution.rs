//! distribution's storage: a directory for every tag, with a file that names a digest.
//!
//! ```text
//! docker/registry/v2
//! ├── blobs/sha256/<2 hex>/<hex>/data                        blobs and manifests
//! └── repositories/<name>
//!     ├── _layers/sha256/<hex>/link                          a blob of the repository
//!     └── _manifests
//!         ├── revisions/sha256/<hex>/link                    a manifest of the repository
//!         └── tags/<tag>/current/link                        what the tag points to
//! ```
//!
//! The index of what a tag pointed to before is left out: only garbage collection reads it.
//!
//! Source: distribution, `registry/storage/paths.go`.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use registry_core::protocol::digest::Digest;

use super::{Catalog, Object, TagSet, config, layer, write};

/// Writes a repository with its tags below a root directory.
///
/// # Errors
/// What the file system says.
pub(crate) fn write_tags(root: &Path, set: &TagSet) -> io::Result<()> {
    let v2 = root.join("docker/registry/v2");
    let repository = v2.join("repositories").join(&set.repository);
    for blob in [config(), layer()] {
        write_data(&v2, &blob)?;
        write_link(&repository.join("_layers").join(by_digest(&blob.digest)), &blob.digest)?;
    }
    for manifest in set.manifests() {
        write_data(&v2, &manifest)?;
        write_link(&repository.join("_manifests/revisions").join(by_digest(&manifest.digest)), &manifest.digest)?;
    }
    let tags = repository.join("_manifests/tags");
    set.entries().try_for_each(|(tag, manifest)| write_link(&tags.join(tag).join("current"), &manifest.digest))
}

/// Writes what the catalog needs of the repositories: version 2 looks for layers, version 3 for manifests.
///
/// # Errors
/// What the file system says.
pub(crate) fn write_catalog(root: &Path, catalog: Catalog) -> io::Result<()> {
    let repositories = root.join("docker/registry/v2/repositories");
    catalog.names().try_for_each(|name| {
        let repository = repositories.join(name);
        fs::create_dir_all(repository.join("_layers"))?;
        fs::create_dir(repository.join("_manifests"))
    })
}

fn write_data(v2: &Path, object: &Object) -> io::Result<()> {
    let hex = object.digest.hex();
    write(&v2.join("blobs/sha256").join(&hex[..2]).join(&hex).join("data"), &object.bytes)
}

fn write_link(directory: &Path, digest: &Digest) -> io::Result<()> {
    write(&directory.join("link"), digest.to_string().as_bytes())
}

fn by_digest(digest: &Digest) -> PathBuf {
    Path::new("sha256").join(digest.hex())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_where_distribution_reads_them() {
        let root = tempfile::tempdir().unwrap();
        let set = TagSet::new(2);
        write_tags(root.path(), &set).unwrap();
        write_catalog(root.path(), Catalog { repositories: 3 }).unwrap();

        let v2 = root.path().join("docker/registry/v2");
        let link =
            fs::read_to_string(v2.join("repositories/scale/tags-2/_manifests/tags/v000001/current/link")).unwrap();
        let manifest = TagSet::own_manifest(1);
        assert_eq!(link, manifest.digest.to_string());
        let hex = manifest.digest.hex();
        let revision = format!("repositories/scale/tags-2/_manifests/revisions/sha256/{hex}/link");
        assert_eq!(fs::read_to_string(v2.join(revision)).unwrap(), link);
        assert_eq!(fs::read(v2.join(format!("blobs/sha256/{}/{hex}/data", &hex[..2]))).unwrap(), manifest.bytes);
        let layer = layer();
        let layer_link = format!("repositories/scale/tags-2/_layers/sha256/{}/link", layer.digest.hex());
        assert_eq!(fs::read_to_string(v2.join(layer_link)).unwrap(), layer.digest.to_string());

        for directory in ["_layers", "_manifests"] {
            assert!(v2.join("repositories/team-000/app-002").join(directory).is_dir());
        }
    }
}
