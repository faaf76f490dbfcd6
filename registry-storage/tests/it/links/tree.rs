//! A storage as distribution writes it, made by hand.

use std::fmt::Display;
use std::fs;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use registry_core::import::{ImportObserver, ImportOptions, ImportReport, Importer, Skipped};
use registry_core::memory::MemoryMetadataStore;
use registry_core::protocol::digest::{Algorithm, Digest};
use registry_core::protocol::media_type::{OCI_CONFIG, OCI_INDEX, OCI_LAYER, OCI_MANIFEST};
use registry_core::protocol::reference::{Reference, RepositoryName};
use registry_core::registry::LinkUse;
use registry_core::store::links::{Link, LinkStore};
use registry_core::store::{MetadataStore, Timestamp};
use registry_core::{Registry, RegistryOptions};
use registry_storage::{DriverLinkStore, layout};

use crate::subject::Filesystem;

/// How long what a tag pointed to can be restored.
pub(super) const HISTORY: Duration = Duration::from_secs(3600);

pub(super) fn name(text: &str) -> RepositoryName {
    text.parse().unwrap()
}

pub(super) fn reference(text: impl Display) -> Reference {
    text.to_string().parse().unwrap()
}

pub(super) fn sha256(content: &str) -> Digest {
    Digest::of(Algorithm::Sha256, content.as_bytes())
}

/// Returns the text of an image with a configuration and layers of these contents.
pub(super) fn image(config: &str, layers: &[&str]) -> String {
    let describe = |media_type, content: &str| descriptor(media_type, content.len(), &sha256(content));
    let layers: Vec<String> = layers.iter().map(|layer| describe(OCI_LAYER, layer)).collect();
    format!(
        r#"{{"schemaVersion":2,"mediaType":"{OCI_MANIFEST}","config":{},"layers":[{}]}}"#,
        describe(OCI_CONFIG, config),
        layers.join(",")
    )
}

/// Returns the text of an index of these manifests.
pub(super) fn index(manifests: &[&str]) -> String {
    let manifests: Vec<String> =
        manifests.iter().map(|manifest| descriptor(OCI_MANIFEST, manifest.len(), &sha256(manifest))).collect();
    format!(r#"{{"schemaVersion":2,"mediaType":"{OCI_INDEX}","manifests":[{}]}}"#, manifests.join(","))
}

fn descriptor(media_type: &str, size: usize, digest: &Digest) -> String {
    format!(r#"{{"mediaType":"{media_type}","size":{size},"digest":"{digest}"}}"#)
}

pub(super) fn write(root: &Path, path: &str, content: &str) {
    let file = root.join(&path[1..]);
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    fs::write(file, content).unwrap();
}

/// Has a file at the place of a blob, whatever is in it.
pub(super) fn data(root: &Path, digest: &Digest, content: &str) {
    write(root, layout::blob(digest).as_str(), content);
}

pub(super) fn link(root: &Path, repository: &str, link: &Link, content: &str) {
    write(root, layout::link(&name(repository), link).as_str(), content);
}

pub(super) fn push_blob(root: &Path, repository: &str, content: &str) -> Digest {
    let digest = sha256(content);
    data(root, &digest, content);
    link(root, repository, &Link::Blob(digest), &digest.to_string());
    digest
}

pub(super) fn push_manifest(root: &Path, repository: &str, manifest: &str, tags: &[&str]) -> Digest {
    let digest = sha256(manifest);
    data(root, &digest, manifest);
    link(root, repository, &Link::Manifest(digest), &digest.to_string());
    for tag in tags {
        let tag = tag.parse().unwrap();
        write(root, layout::tag_history(&name(repository), &tag, &digest).as_str(), &digest.to_string());
        link(root, repository, &Link::Tag(tag), &digest.to_string());
    }
    digest
}

pub(super) fn push_image(root: &Path, repository: &str, config: &str, layers: &[&str], tags: &[&str]) -> Digest {
    for content in layers.iter().chain([&config]) {
        push_blob(root, repository, content);
    }
    push_manifest(root, repository, &image(config, layers), tags)
}

impl Filesystem {
    pub(super) fn root(&self) -> &Path {
        self.0.path()
    }

    /// Tells whether there are bytes in the place of a blob.
    pub(super) fn has(&self, digest: &Digest) -> bool {
        self.root().join(&layout::blob(digest).as_str()[1..]).exists()
    }

    pub(super) fn links(&self) -> Arc<dyn LinkStore> {
        Arc::new(DriverLinkStore::new(Arc::new(self.driver())))
    }

    pub(super) fn registry(&self, metadata: &Arc<MemoryMetadataStore>, used: LinkUse) -> Registry {
        let options = RegistryOptions { delete_enabled: true, tag_history: HISTORY, ..RegistryOptions::default() };
        let metadata: Arc<MemoryMetadataStore> = Arc::clone(metadata);
        Registry::new(Arc::new(self.blob_store()), metadata, options).with_links(self.links(), used)
    }

    /// Imports into `metadata`, or nowhere, and returns what was skipped, sorted, beside the report.
    pub(super) async fn import(
        &self,
        metadata: Option<&Arc<MemoryMetadataStore>>,
        options: ImportOptions,
    ) -> (ImportReport, Vec<String>) {
        import(self.links(), metadata, options).await
    }
}

/// Imports what links say into `metadata`, or nowhere, and returns what was skipped, sorted, beside the report.
pub(super) async fn import(
    links: Arc<dyn LinkStore>,
    metadata: Option<&Arc<MemoryMetadataStore>>,
    options: ImportOptions,
) -> (ImportReport, Vec<String>) {
    let metadata = metadata.map(|metadata| Arc::clone(metadata) as Arc<dyn MetadataStore>);
    let heard = Heard::default();
    let importer = Importer::new(links, metadata, Timestamp::now(), options);
    let report = importer.run(&heard).await.unwrap();
    let mut skipped = heard.0.into_inner().unwrap();
    skipped.sort();
    (report, skipped)
}

#[derive(Default)]
struct Heard(Mutex<Vec<String>>);

impl ImportObserver for Heard {
    fn progress(&self, _: &RepositoryName, _: &ImportReport) {}

    fn skipped(&self, skipped: &Skipped) {
        self.0.lock().unwrap().push(skipped.to_string());
    }
}
