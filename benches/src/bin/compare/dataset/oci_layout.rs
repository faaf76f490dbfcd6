//! An OCI image layout for every repository: what olareg and zot keep.
//!
//! ```text
//! <name>
//! ├── oci-layout
//! ├── index.json                  every tag, with the descriptor of its manifest
//! └── blobs/sha256/<hex>          blobs and manifests
//! ```
//!
//! Source: OCI image-spec, `image-layout.md`.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write as _};
use std::path::Path;

use serde_json::json;

use super::{Catalog, Object, TagSet, config, layer, write};
use crate::content::MANIFEST_TYPE;

/// olareg's mark of an index whose manifests are known to refer to no subject; others ignore it.
const OLAREG_MARK: &str = "org.olareg.referrer.convert";

/// Writes a repository with its tags below a root directory.
///
/// # Errors
/// What the file system says.
pub(crate) fn write_tags(root: &Path, set: &TagSet) -> io::Result<()> {
    write_layout(&root.join(&set.repository), set.entries(), set.manifests())
}

/// Writes the repositories, each with one image, tagged `latest`.
///
/// # Errors
/// What the file system says.
pub(crate) fn write_catalog(root: &Path, catalog: Catalog) -> io::Result<()> {
    let manifest = TagSet::shared_manifest();
    catalog.names().try_for_each(|name| {
        write_layout(&root.join(name), [("latest".to_owned(), manifest.clone())], [manifest.clone()])
    })
}

fn write_layout(
    directory: &Path,
    tags: impl IntoIterator<Item = (String, Object)>,
    manifests: impl IntoIterator<Item = Object>,
) -> io::Result<()> {
    let blobs = directory.join("blobs/sha256");
    fs::create_dir_all(&blobs)?;
    for object in [config(), layer()].into_iter().chain(manifests) {
        write(&blobs.join(object.digest.hex()), &object.bytes)?;
    }
    write(&directory.join("oci-layout"), br#"{"imageLayoutVersion":"1.0.0"}"#)?;

    let entries: Vec<_> = tags
        .into_iter()
        .map(|(tag, manifest)| {
            json!({
                "mediaType": MANIFEST_TYPE,
                "digest": manifest.digest,
                "size": manifest.bytes.len(),
                "annotations": { "org.opencontainers.image.ref.name": tag },
            })
        })
        .collect();
    let index = json!({
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.index.v1+json",
        "manifests": entries,
        "annotations": { OLAREG_MARK: "true" },
    });
    let mut file = BufWriter::new(File::create(directory.join("index.json"))?);
    serde_json::to_writer(&mut file, &index)?;
    file.flush()
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    #[test]
    fn a_layout_has_its_tags_and_blobs() {
        let root = tempfile::tempdir().unwrap();
        write_tags(root.path(), &TagSet::new(3)).unwrap();
        write_catalog(root.path(), Catalog { repositories: 2 }).unwrap();

        let repository = root.path().join("scale/tags-3");
        let index: Value = serde_json::from_slice(&fs::read(repository.join("index.json")).unwrap()).unwrap();
        let entries = index["manifests"].as_array().unwrap();
        assert_eq!(entries.len(), 3);
        assert_eq!(entries[2]["annotations"]["org.opencontainers.image.ref.name"], TagSet::tag(2));
        for entry in entries {
            let digest = entry["digest"].as_str().unwrap().replace(':', "/");
            let payload = fs::read(repository.join("blobs").join(digest)).unwrap();
            assert_eq!(payload.len() as u64, entry["size"].as_u64().unwrap());
        }
        assert!(root.path().join("team-000/app-001/oci-layout").is_file());
        assert_eq!(fs::read_dir(repository.join("blobs/sha256")).unwrap().count(), 5);
    }
}
