//! The list of repositories in a file.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write as _};
use std::path::{Path, PathBuf};

use registry_core::protocol::digest::{Algorithm, Digest, Digester};
use registry_core::protocol::reference::RepositoryName;
use registry_core::store::StoreError;
use registry_core::store::metadata::RepositoryStore;
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;

/// How many names are asked for at once.
const PAGE: usize = 1000;

/// A file with a name on each line, in the order of bytes. Whoever reads it sees one state of it, old or new.
#[derive(Debug)]
pub(crate) struct CatalogFile {
    path: PathBuf,
    /// The digest of what was written last.
    written: Option<Digest>,
}

/// Why the file is not up to date.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CatalogFileError {
    /// The file cannot be written. The old one is there as it was.
    #[error("cannot write the list of repositories to `{path}`")]
    Write {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// The catalog cannot be read.
    #[error("cannot list the repositories")]
    Catalog(#[source] StoreError),
}

impl CatalogFile {
    pub(crate) fn new(path: PathBuf) -> Self {
        Self { path, written: None }
    }

    /// Writes the list anew if it has changed, or the file is gone.
    pub(crate) async fn update(&mut self, catalog: &dyn RepositoryStore) -> Result<(), CatalogFileError> {
        // A name of its own for each process: several may write the same file.
        let new = self.path.with_added_extension(format!("{}.new", std::process::id()));
        let (pages, received) = mpsc::channel(1);
        let writer = spawn_blocking({
            let new = new.clone();
            move || write(&new, received).inspect_err(|_| drop(fs::remove_file(&new)))
        });
        let sent = send(catalog, pages).await;
        let failed = |source| CatalogFileError::Write { path: self.path.clone(), source };
        let digest = writer.await.map_err(|stopped| failed(stopped.into()))?.map_err(failed)?;
        let (path, is_same) = (self.path.clone(), self.written == Some(digest));
        let put = spawn_blocking(move || {
            if sent.is_err() || (is_same && path.exists()) {
                return fs::remove_file(new).map(|()| sent);
            }
            fs::rename(new, path).map(|()| sent)
        });
        put.await.map_err(|stopped| failed(stopped.into()))?.map_err(failed)??;
        self.written = Some(digest);
        Ok(())
    }
}

/// Sends the catalog page by page. Ends early if nobody takes it any more.
async fn send(catalog: &dyn RepositoryStore, pages: mpsc::Sender<Vec<RepositoryName>>) -> Result<(), CatalogFileError> {
    let mut last: Option<RepositoryName> = None;
    loop {
        let after = last.as_ref().map(RepositoryName::as_str);
        let page = catalog.repositories(after, PAGE).await.map_err(CatalogFileError::Catalog)?;
        let is_last = page.len() < PAGE;
        last = page.last().cloned();
        if pages.send(page).await.is_err() || is_last {
            return Ok(());
        }
    }
}

/// Writes what is received, and returns its digest once it is on the disk.
fn write(path: &Path, mut pages: mpsc::Receiver<Vec<RepositoryName>>) -> io::Result<Digest> {
    let mut digester = Digester::new(Algorithm::Sha256);
    let mut file = BufWriter::new(File::create(path)?);
    while let Some(page) = pages.blocking_recv() {
        for name in page {
            let line = format!("{name}\n");
            digester.update(line.as_bytes());
            file.write_all(line.as_bytes())?;
        }
    }
    file.into_inner()?.sync_all()?;
    Ok(digester.finish())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use registry_core::memory::MemoryMetadataStore;
    use registry_core::store::Timestamp;
    use registry_core::store::metadata::{ManifestStore, PutManifest};
    use tempfile::TempDir;

    use super::*;

    async fn put(metadata: &MemoryMetadataStore, repository: &str) {
        let payload = bytes::Bytes::from_static(b"{}");
        let put = PutManifest {
            repository: &repository.parse().unwrap(),
            digest: &Digest::of(Algorithm::Sha256, &payload),
            media_type: "application/vnd.oci.image.index.v1+json",
            artifact_type: None,
            subject: None,
            annotations: &BTreeMap::new(),
            payload: &payload,
            blobs: &[],
            optional_blobs: &[],
            children: &[],
            sparse_children: &[],
            tags: &[],
            review_after: Timestamp::from_micros(0),
            restorable_until: None,
        };
        metadata.put_manifest(put).await.unwrap();
    }

    async fn delete(metadata: &MemoryMetadataStore, repository: &str) {
        let digest = Digest::of(Algorithm::Sha256, b"{}");
        metadata.delete_manifest(&repository.parse().unwrap(), &digest, Timestamp::from_micros(0), None).await.unwrap();
    }

    #[tokio::test]
    async fn the_file_follows_the_catalog() {
        let directory = TempDir::new().unwrap();
        let path = directory.path().join("repositories");
        fs::write(&path, "left by another program\n").unwrap();
        let metadata = MemoryMetadataStore::default();
        let mut file = CatalogFile::new(path.clone());
        file.update(&metadata).await.unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "");

        for name in ["b", "a/z", "a"] {
            put(&metadata, name).await;
        }
        file.update(&metadata).await.unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "a\na/z\nb\n");
        delete(&metadata, "a/z").await;
        file.update(&metadata).await.unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "a\nb\n");
        fs::remove_file(&path).unwrap();
        file.update(&metadata).await.unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "a\nb\n");
        assert_eq!(fs::read_dir(&directory).unwrap().count(), 1);
    }

    #[tokio::test]
    async fn a_list_that_did_not_change_is_not_written() {
        use std::os::unix::fs::MetadataExt as _;

        let directory = TempDir::new().unwrap();
        let path = directory.path().join("repositories");
        let metadata = MemoryMetadataStore::default();
        let mut file = CatalogFile::new(path.clone());
        for number in 0..2 * PAGE {
            put(&metadata, &format!("many/{number:05}")).await;
        }
        file.update(&metadata).await.unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap().lines().count(), 2 * PAGE);
        let inode = fs::metadata(&path).unwrap().ino();
        // Else a new file could get the number of the old one.
        let _held = File::open(&path).unwrap();
        file.update(&metadata).await.unwrap();
        assert_eq!(fs::metadata(&path).unwrap().ino(), inode);
        put(&metadata, "one/more").await;
        file.update(&metadata).await.unwrap();
        assert_ne!(fs::metadata(&path).unwrap().ino(), inode);
    }

    #[tokio::test]
    async fn a_directory_that_is_not_there_is_named() {
        let mut file = CatalogFile::new("/nowhere/to/be/repositories".into());
        let error = file.update(&MemoryMetadataStore::default()).await.unwrap_err();
        assert_eq!(error.to_string(), "cannot write the list of repositories to `/nowhere/to/be/repositories`");
    }
}
