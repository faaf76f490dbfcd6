//! What a storage looks like from outside.

use std::fs;
use std::os::unix::fs::MetadataExt;

use bytes::Bytes;
use registry_core::protocol::digest::{Algorithm, Digest};
use registry_core::store::{BlobStore, UploadId};
use registry_core::testing::blob_store_suite::push;
use registry_storage::driver::StorageDriver;

use crate::subject::{files, filesystem};

const HELLO: &str = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";
const EMPTY: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

#[tokio::test]
async fn a_push_leaves_what_is_documented() {
    let subject = filesystem().await;
    let root = subject.0.path();
    let store = subject.blob_store();
    assert_eq!(files(root), [""; 0], "opening leaves no file");

    let id = UploadId::random();
    let staged = store.stage(id).await.unwrap();
    let mut writer = store.open_writer(&staged, 0).await.unwrap();
    writer.write(vec![Bytes::from_static(b"hello")]).await.unwrap();
    assert_eq!(files(root), [format!("docker/registry/v2/uploads/{id}")]);
    writer.sync().await.unwrap();
    drop(writer);

    let digest = Digest::of(Algorithm::Sha256, b"hello");
    let location = store.commit(&staged, &digest, 5).await.unwrap();
    let hello = format!("docker/registry/v2/blobs/sha256/2c/{HELLO}/data");
    assert_eq!(location.as_str(), format!("/{hello}"));
    assert_eq!(
        files(root),
        [hello.clone(), format!("docker/registry/v2/uploads/{id}.completed")],
        "kept until it is discarded"
    );
    store.discard(&staged).await.unwrap();
    assert_eq!(files(root), std::slice::from_ref(&hello));
    let empty = push(&store, b"").await;
    assert_eq!(files(root), [hello.clone(), format!("docker/registry/v2/blobs/sha256/e3/{EMPTY}/data")]);
    assert_eq!(fs::read(root.join(&hello)).unwrap(), b"hello");

    store.delete(&location).await.unwrap();
    store.delete(&empty).await.unwrap();
    assert!(!root.join(hello).parent().unwrap().exists(), "the directory goes with the blob");
    assert!(root.join("docker/registry/v2/blobs/sha256/2c").is_dir());
}

#[tokio::test]
async fn the_umask_alone_limits_access() {
    let subject = filesystem().await;
    let root = subject.0.path();
    let (directory, file) = (root.join("directory"), root.join("file"));
    fs::create_dir(&directory).unwrap();
    fs::write(&file, "").unwrap();
    let mode = |path: &std::path::Path| fs::metadata(path).unwrap().mode() & 0o7777;

    let location = push(&subject.blob_store(), b"hello").await;
    let blob = root.join(&location.as_str()[1..]);
    assert_eq!(mode(&blob), mode(&file));
    assert_eq!(mode(blob.parent().unwrap()), mode(&directory));
}

#[tokio::test]
async fn a_blob_that_distribution_has_written_is_read() {
    let subject = filesystem().await;
    let directory = subject.0.path().join(format!("docker/registry/v2/blobs/sha256/2c/{HELLO}"));
    fs::create_dir_all(&directory).unwrap();
    fs::write(directory.join("data"), "hello").unwrap();

    let store = subject.blob_store();
    let location = registry_storage::layout::blob(&Digest::of(Algorithm::Sha256, b"hello"));
    let location = registry_core::store::BlobLocation::new(location.as_str());
    let read = store.read(&location, 0..5).await.unwrap();
    assert_eq!(registry_core::testing::blob_store_suite::collect(read).await.unwrap(), b"hello");
    // Pushed again, it is the same blob.
    assert_eq!(push(&store, b"hello").await, location);
    assert_eq!(files(subject.0.path()).len(), 1);
}

#[tokio::test]
async fn a_list_leaves_out_what_is_no_file_of_ours() {
    let subject = filesystem().await;
    let directory = subject.0.path().join("list");
    let mut too_deep = directory.clone();
    too_deep.extend([&"x".repeat(200)[..]; 6]);
    fs::create_dir_all(&too_deep).unwrap();
    for name in ["file", "file.0b5d.tmp", "name with spaces", "bytes~", "x/inner"] {
        fs::create_dir_all(directory.join("x")).unwrap();
        fs::write(directory.join(name), "content").unwrap();
    }
    fs::write(too_deep.join("unreachable"), "").unwrap();
    std::os::unix::fs::symlink("/etc/passwd", directory.join("link")).unwrap();
    std::os::unix::fs::symlink("..", directory.join("loop")).unwrap();

    let page = subject.driver().list(&"/list".parse().unwrap(), None, 100).await.unwrap();
    let paths: Vec<_> = page.items.iter().map(|file| file.path.as_str()).collect();
    assert_eq!(paths, ["/list/file", "/list/x/inner"]);
}
