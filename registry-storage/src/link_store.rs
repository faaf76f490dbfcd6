//! The link store over a driver.

use std::io::{self, Read as _};
use std::os::unix::fs::FileExt as _;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use futures::TryStreamExt;
use registry_core::protocol::digest::{Algorithm, Digest, Digester};
use registry_core::protocol::reference::RepositoryName;
use registry_core::store::links::{Link, LinkCursor, LinkKind, LinkPage, LinkStore, StoredBlob};
use registry_core::store::{BlobLocation, StoreErrorKind, StoreResult};

use crate::driver::{Content, StorageDriver};
use crate::error::{DriverError, DriverResult};
use crate::layout;
use crate::path::StoragePath;

/// How much of a file is read at a time in order to verify it.
const READ_BYTES: usize = 1024 * 1024;

/// Keeps distribution's links in a driver, at the paths of [`layout`]. Needs a tokio runtime around it.
#[derive(Debug, Clone)]
pub struct DriverLinkStore {
    driver: Arc<dyn StorageDriver>,
}

impl DriverLinkStore {
    /// Keeps links in `driver`.
    pub fn new(driver: Arc<dyn StorageDriver>) -> Self {
        Self { driver }
    }

    /// Reads the digest at the start of a file. What follows it is of no interest.
    async fn read_digest(&self, path: &StoragePath) -> DriverResult<Option<Digest>> {
        // Nearly all are sha256: one read is enough for them.
        for algorithm in Algorithm::ALL {
            let length_bytes = algorithm.name().len() + 1 + 2 * algorithm.len_bytes();
            let content = match self.driver.read(path, 0..length_bytes as u64).await {
                Err(error) if error.kind() == StoreErrorKind::NotFound => return Ok(None),
                content => collect(content?, path).await?,
            };
            if content.starts_with(algorithm.name().as_bytes()) {
                let text = String::from_utf8_lossy(&content);
                let foreign = |error| DriverError::new(StoreErrorKind::Corrupt, "follow link", path, error);
                return text.parse().map(Some).map_err(foreign);
            }
        }
        Err(DriverError::new(StoreErrorKind::Corrupt, "follow link", path, "it does not begin with a digest"))
    }

    async fn put_digest(&self, path: &StoragePath, digest: &Digest) -> DriverResult<()> {
        self.driver.put(path, digest.to_string().into()).await
    }
}

#[async_trait]
impl LinkStore for DriverLinkStore {
    async fn repositories(&self, after: Option<&LinkCursor>, limit: usize) -> StoreResult<LinkPage<RepositoryName>> {
        let after = after.map(path).transpose()?;
        let files = self.driver.list(&layout::repositories(), after.as_ref(), limit).await?;
        let mut page = LinkPage { items: Vec::<RepositoryName>::new(), strangers: Vec::new(), next: None };
        let mut seen = None;
        for file in &files.items {
            let name = layout::split_repository(&file.path).map(|(name, _)| name);
            if name.is_some() && seen == name {
                continue;
            }
            seen = name;
            match name.and_then(|name| name.parse().ok()) {
                Some(name) => page.items.push(name),
                None => page.strangers.push(file.path.to_string()),
            }
        }
        if let Some(last) = files.items.last().filter(|_| files.more) {
            // The rest of what the last repository has need not be listed.
            let known = page.items.last().filter(|name| Some(name.as_str()) == seen);
            let next = known.map_or_else(|| last.path.clone(), layout::end_of_links);
            page.next = Some(LinkCursor::new(next.as_str()));
        }
        Ok(page)
    }

    async fn links(
        &self,
        repository: &RepositoryName,
        kind: LinkKind,
        after: Option<&LinkCursor>,
        limit: usize,
    ) -> StoreResult<LinkPage<Link>> {
        let after = after.map(path).transpose()?;
        let directory = layout::links(repository, kind);
        let files = self.driver.list(&directory, after.as_ref(), limit).await?;
        let mut page = LinkPage { items: Vec::new(), strangers: Vec::new(), next: None };
        for file in &files.items {
            match layout::parse_link(&directory, kind, &file.path) {
                Ok(link) => page.items.extend(link),
                Err(layout::Stranger) => page.strangers.push(file.path.to_string()),
            }
        }
        let last = files.items.last().filter(|_| files.more);
        page.next = last.map(|file| LinkCursor::new(file.path.as_str()));
        Ok(page)
    }

    async fn follow(&self, repository: &RepositoryName, link: &Link) -> StoreResult<Option<Digest>> {
        Ok(self.read_digest(&layout::link(repository, link)).await?)
    }

    async fn stat_blob(&self, digest: &Digest) -> StoreResult<Option<StoredBlob>> {
        match self.driver.stat(&layout::blob(digest)).await {
            Ok(file) => {
                Ok(Some(StoredBlob { size_bytes: file.size_bytes, location: BlobLocation::new(file.path.as_str()) }))
            }
            Err(error) if error.kind() == StoreErrorKind::NotFound => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    async fn read_blob(&self, digest: &Digest, size_bytes: u64) -> StoreResult<Bytes> {
        let path = layout::blob(digest);
        let content = self.driver.read(&path, 0..size_bytes).await?;
        Ok(collect(content, &path).await?)
    }

    async fn verify_blob(&self, place: &Digest, digest: &Digest) -> StoreResult<bool> {
        let path = layout::blob(place);
        let size_bytes = self.driver.stat(&path).await?.size_bytes;
        let content = self.driver.read(&path, 0..size_bytes).await?;
        let mut digester = Digester::new(digest.algorithm());
        let actual = match content {
            Content::Stream(mut stream) => {
                while let Some(piece) = stream.try_next().await? {
                    digester.update(&piece);
                }
                digester.finish()
            }
            Content::File { mut file, .. } => {
                let hash = move || {
                    let mut buffer = vec![0; READ_BYTES];
                    loop {
                        match file.read(&mut buffer)? {
                            0 => return Ok(digester.finish()),
                            read_bytes => digester.update(&buffer[..read_bytes]),
                        }
                    }
                };
                blocking(hash, &path).await?
            }
        };
        Ok(actual == *digest)
    }

    async fn copy_blob(&self, place: &Digest, digest: &Digest) -> StoreResult<BlobLocation> {
        let copy = layout::blob(digest);
        self.driver.keep_copy(&layout::blob(place), &copy).await?;
        Ok(BlobLocation::new(copy.as_str()))
    }

    async fn set(&self, repository: &RepositoryName, link: &Link, target: &Digest) -> StoreResult<()> {
        if let Link::Tag(tag) = link {
            // First, as distribution does it.
            self.put_digest(&layout::tag_history(repository, tag, target), target).await?;
        }
        Ok(self.put_digest(&layout::link(repository, link), target).await?)
    }

    async fn remove(&self, repository: &RepositoryName, link: &Link) -> StoreResult<()> {
        let path = layout::link(repository, link);
        match link {
            Link::Blob(_) => self.driver.delete(&path).await?,
            // There may be signatures beside it.
            Link::Manifest(_) => self.driver.delete_below(&path.parent().expect("a link is in a directory")).await?,
            Link::Tag(tag) => self.driver.delete_below(&layout::tag(repository, tag)).await?,
        }
        Ok(())
    }
}

fn path(cursor: &LinkCursor) -> DriverResult<StoragePath> {
    let foreign = |error| DriverError::new(StoreErrorKind::Corrupt, "go on listing after", cursor.as_str(), error);
    cursor.as_str().parse().map_err(foreign)
}

/// Reads what is small enough to be held.
async fn collect(content: Content, path: &StoragePath) -> DriverResult<Bytes> {
    match content {
        Content::Stream(stream) => {
            let pieces: Vec<Bytes> = stream.try_collect().await?;
            Ok(pieces.concat().into())
        }
        Content::File { file, range } => {
            let read = move || {
                let mut bytes = vec![0; (range.end - range.start) as usize];
                file.read_exact_at(&mut bytes, range.start)?;
                Ok(bytes.into())
            };
            blocking(read, path).await
        }
    }
}

/// Waits for a file on a thread that may block.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
    path: &StoragePath,
) -> DriverResult<T> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|failed| Err(io::Error::other(failed))).map_err(|error| DriverError::io("read", path, error))
}
