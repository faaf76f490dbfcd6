//! Comparing a database with a storage.

use std::fs;
use std::sync::Arc;

use registry_core::memory::MemoryMetadataStore;
use registry_core::protocol::digest::{Algorithm, Digest};
use registry_core::registry::{Finding, FsckReport};
use registry_core::store::inventory::StoredFile;
use registry_core::store::metadata::{BlobLinkStore, CommitBlob};
use registry_core::store::{BlobLocation, Timestamp};
use registry_core::testing::blob_store_suite;
use registry_core::{Registry, RegistryOptions};
use registry_storage::{DriverInventory, layout};

use crate::subject::filesystem;

async fn compare(registry: &Registry, inventory: &DriverInventory) -> (Vec<Finding>, FsckReport) {
    let (mut fsck, mut findings) = (registry.fsck(inventory), Vec::new());
    while let Some(finding) = fsck.next_finding().await.unwrap() {
        findings.push(finding);
    }
    (findings, fsck.report())
}

#[tokio::test]
async fn every_difference_is_found_and_nothing_else() {
    let subject = filesystem().await;
    let metadata = Arc::new(MemoryMetadataStore::new());
    let registry = Registry::new(
        Arc::new(subject.blob_store()),
        Arc::<MemoryMetadataStore>::clone(&metadata),
        RegistryOptions::default(),
    );
    let inventory = DriverInventory::new(Arc::new(subject.driver()));
    let repository = "a".parse().unwrap();
    // More than a page, in both algorithms.
    let mut digests = Vec::new();
    for number in 0..1100 {
        let algorithm = if number % 10 == 0 { Algorithm::Sha512 } else { Algorithm::Sha256 };
        let content = format!("content {number:04}");
        let digest = Digest::of(algorithm, content.as_bytes());
        let location = layout::blob(&digest);
        let path = subject.0.path().join(&location.as_str()[1..]);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
        let blob = CommitBlob {
            repository: &repository,
            digest: &digest,
            size_bytes: 12,
            location: &BlobLocation::new(location.as_str()),
            is_displaced: false,
            is_replicated: false,
            upload: None,
            hold: None,
            review_after: Timestamp::from_micros(0),
        };
        metadata.commit_blob(blob).await.unwrap();
        digests.push(digest);
    }
    let (findings, report) = compare(&registry, &inventory).await;
    let all = FsckReport {
        recorded: 1100,
        recorded_bytes: 1100 * 12,
        stored: 1100,
        stored_bytes: 1100 * 12,
        ..FsckReport::default()
    };
    assert_eq!((report, &findings[..]), (all, &[][..]));
    assert!(report.is_clean());

    let file = |digest: &Digest| subject.0.path().join(&layout::blob(digest).as_str()[1..]);
    for lost in [0, 1, 500, 1099] {
        fs::remove_dir_all(file(&digests[lost]).parent().unwrap()).unwrap();
    }
    fs::write(file(&digests[7]), "short").unwrap();
    let orphan = blob_store_suite::push(&subject.blob_store(), b"nobody knows this").await;
    let astray = subject.0.path().join("docker/registry/v2/blobs/sha256/notes");
    fs::write(astray, "x").unwrap();

    let (findings, report) = compare(&registry, &inventory).await;
    assert_eq!((report.recorded, report.stored), (1100, 1098));
    assert_eq!((report.missing, report.wrong_size, report.unknown, report.unknown_bytes), (4, 1, 2, 18));
    assert!(!report.is_clean());
    let mut missing: Vec<_> = [0, 1, 500, 1099].map(|lost| digests[lost]).into();
    missing.sort();
    let found = |pick: fn(&Finding) -> Option<Digest>| findings.iter().filter_map(pick).collect::<Vec<_>>();
    assert_eq!(found(|finding| if let Finding::Missing(blob) = finding { Some(blob.digest) } else { None }), missing);
    let short = |finding: &Finding| match finding {
        Finding::WrongSize { blob, stored_bytes: 5 } => Some(blob.digest),
        _ => None,
    };
    assert_eq!(found(short), [digests[7]]);
    let unknown = findings.iter().filter_map(|finding| match finding {
        Finding::Unknown(StoredFile { location, digest, .. }) => Some((location.as_str().to_owned(), *digest)),
        _ => None,
    });
    let unknown: Vec<_> = unknown.collect();
    assert_eq!(unknown.len(), 2);
    assert!(unknown.contains(&("/docker/registry/v2/blobs/sha256/notes".to_owned(), None)));
    assert!(unknown.contains(&(orphan.to_string(), Some(Digest::of(Algorithm::Sha256, b"nobody knows this")))));
}
