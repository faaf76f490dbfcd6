use std::sync::{Arc, Mutex};

use registry_core::import::{Counts, ImportObserver, ImportOptions, ImportReport, Importer, Skipped};
use registry_core::memory::MemoryMetadataStore;
use registry_core::protocol::manifest::Manifest;
use registry_core::protocol::media_type::{DOCKER_LAYER, DOCKER_LAYER_GZIP};
use registry_core::protocol::reference::RepositoryName;
use registry_core::registry::LinkUse;
use registry_core::store::{BlobRead, MetadataStore, Timestamp};
use registry_core::{Registry, RegistryOptions};
use registry_storage::driver::StorageDriver;
use registry_storage::{DriverBlobStore, DriverImageStore, DriverLinkStore};
use serde_json::{Value, json};

use super::fixture::{Written, archive, id, image, layer, registry, sha256, tag};
use crate::subject::filesystem;
use crate::ufile::subject::ufile;

#[derive(Default)]
struct Heard(Mutex<Vec<String>>);

impl ImportObserver for Heard {
    fn progress(&self, _: &RepositoryName, _: &ImportReport) {}

    fn skipped(&self, skipped: &Skipped) {
        self.0.lock().unwrap().push(skipped.to_string());
    }
}

/// A storage, and a registry over it that knows nothing.
struct Bed {
    driver: Arc<dyn StorageDriver>,
    metadata: Arc<MemoryMetadataStore>,
    registry: Registry,
}

impl Bed {
    fn new(driver: Arc<dyn StorageDriver>) -> Self {
        let metadata = Arc::new(MemoryMetadataStore::new());
        let blobs = Arc::new(DriverBlobStore::new(Arc::clone(&driver)));
        let registry =
            Registry::new(blobs, Arc::clone(&metadata) as Arc<dyn MetadataStore>, RegistryOptions::default());
        let links = Arc::new(DriverLinkStore::new(Arc::clone(&driver)));
        Self { registry: registry.with_links(links, LinkUse::default()), driver, metadata }
    }

    async fn write(&self, files: Vec<Written>) {
        for (file, content) in files {
            self.driver.put(&format!("/{file}").parse().unwrap(), content.into()).await.unwrap();
        }
    }

    async fn import(&self, dry_run: bool, options: ImportOptions) -> (ImportReport, Vec<String>) {
        let heard = Heard::default();
        let metadata = (!dry_run).then(|| Arc::clone(&self.metadata) as Arc<dyn MetadataStore>);
        let links = Arc::new(DriverLinkStore::new(Arc::clone(&self.driver)));
        let images = Arc::new(DriverImageStore::new(Arc::clone(&self.driver)));
        let importer = Importer::new(links, metadata, Timestamp::now(), options).with_images(images);
        let report = importer.run(&heard).await.unwrap();
        (report, heard.0.into_inner().unwrap())
    }

    async fn blob(&self, repository: &RepositoryName, digest: &registry_core::protocol::digest::Digest) -> Vec<u8> {
        let blob = self.registry.blob(repository, digest).await.unwrap();
        match self.registry.read_blob(repository, &blob, 0..blob.size_bytes).await.unwrap() {
            BlobRead::Stream(pieces) => {
                let pieces: Vec<_> = futures::StreamExt::collect(pieces).await;
                pieces.into_iter().map(Result::unwrap).collect::<Vec<_>>().concat()
            }
            BlobRead::File { file, range } => {
                let mut content = vec![0; (range.end - range.start) as usize];
                std::os::unix::fs::FileExt::read_exact_at(&file, &mut content, range.start).unwrap();
                content
            }
        }
    }

    /// Pulls an image, and compares all of it with the images that it was made of.
    async fn pulls(&self, repository: &str, tag: &str, numbers: u8) {
        let name: RepositoryName = repository.parse().unwrap();
        let manifest = self.registry.get_manifest(&name, &tag.parse().unwrap()).await.unwrap();
        let manifest = Manifest::parse(None, &manifest.payload).unwrap();
        let config = self.blob(&name, &manifest.config().unwrap().digest).await;
        let config: Value = serde_json::from_slice(&config).unwrap();
        let diff_ids: Vec<_> = (0..numbers).map(|number| sha256(&archive(number)).to_string()).collect();
        assert_eq!(config["rootfs"], json!({"type": "layers", "diff_ids": diff_ids}));
        assert_eq!(config["config"]["Cmd"], json!(["/bin/app", (numbers - 1).to_string()]));
        assert_eq!((config.get("id"), config["history"].as_array().unwrap().len()), (None, usize::from(numbers)));
        assert_eq!(config["history"][0]["created_by"], "step 0");
        assert_eq!(manifest.layers().len(), usize::from(numbers));
        for (number, descriptor) in (0..numbers).zip(manifest.layers()) {
            assert_eq!(descriptor.media_type, if number == 0 { DOCKER_LAYER } else { DOCKER_LAYER_GZIP });
            assert!(self.blob(&name, &descriptor.digest).await == layer(number), "{number}");
        }
    }
}

#[tokio::test]
async fn what_the_first_registry_left_is_imported() {
    let storage = filesystem().await;
    let bed = Bed::new(Arc::new(storage.driver()));
    bed.write(registry()).await;
    let (dry, skipped) = bed.import(true, ImportOptions::default()).await;
    assert_eq!((dry.images, dry.repositories, skipped), (Counts { adopted: 3, kept: 0 }, 0, Vec::new()));
    for (again, images) in [(false, Counts { adopted: 3, kept: 0 }), (true, Counts { adopted: 0, kept: 3 })] {
        let (report, skipped) = bed.import(false, ImportOptions::default()).await;
        assert_eq!((report.images, report.repositories, skipped), (images, 2, Vec::new()));
        let tags = if again { Counts { adopted: 0, kept: 3 } } else { Counts { adopted: 3, kept: 0 } };
        assert_eq!(report.tally.tags, tags);
        for (repository, tag, numbers) in [("ubuntu", "14.04", 2), ("ubuntu", "latest", 2), ("team/app", "v1", 3)] {
            bed.pulls(repository, tag, numbers).await;
        }
    }
}

#[tokio::test]
async fn only_what_is_asked_for_is_converted() {
    let storage = filesystem().await;
    let bed = Bed::new(Arc::new(storage.driver()));
    bed.write(registry()).await;
    let options = ImportOptions { repositories: vec!["team/app".parse().unwrap()], ..ImportOptions::default() };
    let (report, skipped) = bed.import(false, options).await;
    assert_eq!((report.images, skipped), (Counts { adopted: 1, kept: 0 }, Vec::new()));
    bed.pulls("team/app", "v1", 3).await;
    assert!(bed.registry.get_manifest(&"ubuntu".parse().unwrap(), &"latest".parse().unwrap()).await.is_err());
}

#[tokio::test]
async fn what_is_damaged_is_skipped_and_told_of() {
    let storage = filesystem().await;
    let bed = Bed::new(Arc::new(storage.driver()));
    bed.write(registry()).await;
    let file =
        |number: u8, name: &str, content: &[u8]| vec![(format!("images/{}/{name}", id(number)), content.to_vec())];
    for number in 3..8 {
        let mut files = image(number);
        // Of each image its own layer alone is damaged.
        let ancestry = serde_json::to_vec(&[id(number), id(0)]).unwrap();
        files.retain(|(name, _)| !name.ends_with("/ancestry"));
        bed.write(files).await;
        bed.write(file(number, "ancestry", &ancestry)).await;
        bed.write(tag("team/bad", &format!("t{number}"), &id(number))).await;
    }
    bed.write(file(3, "_inprogress", b"true")).await;
    bed.write(file(4, "layer", &layer(4)[..100])).await;
    bed.write(file(5, "layer", b"BZh91AY&SY")).await;
    bed.write(file(6, "json", b"not json")).await;
    bed.write(file(7, "ancestry", b"[\"x\"]")).await;
    bed.write(tag("team/bad", "text", "no id")).await;
    bed.write(tag("Team/App", "v1", &id(0))).await;
    bed.write(tag("team/bad", "none", &id(9))).await;
    let (report, skipped) = bed.import(false, ImportOptions::default()).await;
    assert_eq!((report.images, report.tally.tags), (Counts { adopted: 3, kept: 0 }, Counts { adopted: 3, kept: 0 }));
    assert_eq!(report.skipped, 8);
    let all = skipped.join("\n");
    for expected in [
        format!("file `/repositories/team/bad/tag_t3`: image `{}` lacks its layer, or it was never uploaded", id(3)),
        "file `/repositories/team/bad/tag_t4`: its bytes cannot be read: ".to_owned(),
        "it cannot be unpacked".to_owned(),
        "it is compressed by something else than gzip".to_owned(),
        format!("file `/repositories/team/bad/tag_t6`: the description of image `{}` is not valid JSON", id(6)),
        format!("the list of ancestors of image `{}` has 1 images", id(7)),
        "file `/repositories/team/bad/tag_text`: `no id` is no id of an image".to_owned(),
        "file `/repositories/Team/App/tag_v1`: its name is not one".to_owned(),
        format!("file `/repositories/team/bad/tag_none`: image `{}` lacks the list of its ancestors", id(9)),
    ] {
        assert!(all.contains(&expected), "{expected}\nis not in\n{all}");
    }
}

/// The UFile driver of the first registry kept directories as objects, and sent layers in parts.
#[tokio::test]
async fn what_the_ufile_driver_left_is_imported() {
    let subject = ufile().await;
    let mut config = subject.config.clone();
    config.root_directory = String::new();
    let old = subject.first_registry();
    for (file, content) in registry() {
        old.write(&file, &content).await;
    }
    let bed = Bed::new(Arc::new(registry_storage::driver::ufile::open(&config).await.unwrap()));
    let (report, skipped) = bed.import(false, ImportOptions::default()).await;
    assert_eq!((report.images, skipped), (Counts { adopted: 3, kept: 0 }, Vec::new()));
    for (repository, tag, numbers) in [("ubuntu", "14.04", 2), ("team/app", "v1", 3)] {
        bed.pulls(repository, tag, numbers).await;
    }
    assert_eq!(old.index("ufile-root-index").await, "images/\nrepositories/\n", "what it has left is left alone");
}
