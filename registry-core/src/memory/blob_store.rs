//! A blob store in memory.

use std::collections::HashMap;
use std::fmt;
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use futures::StreamExt;

use crate::protocol::digest::Digest;
use crate::store::metadata::Page;
use crate::store::{
    BlobLocation, BlobRead, BlobStore, BlobWriter, ByteStream, StagedUpload, StoreError, StoreErrorKind, StoreResult,
    Timestamp, UploadId,
};

/// Keeps blobs and uploads in memory, bounded by nothing but the memory there is, and for as long as the process lives.
///
/// A clone is another handle to the same content. A blob's place is its digest.
#[derive(Clone, Default)]
pub struct MemoryBlobStore {
    content: Arc<Mutex<Content>>,
    displaces: bool,
    address: Option<Arc<str>>,
}

/// How the locations begin of blobs that are not in their place.
const DISPLACED: &str = "committed ";

#[derive(Default)]
struct Content {
    blobs: HashMap<BlobLocation, Bytes>,
    uploads: HashMap<StagedUpload, Arc<Mutex<Staging>>>,
}

struct Staging {
    bytes: BytesMut,
    written_at: Timestamp,
}

impl Staging {
    fn new(bytes: BytesMut) -> Arc<Mutex<Self>> {
        Arc::new(Mutex::new(Self { bytes, written_at: Timestamp::now() }))
    }
}

impl MemoryBlobStore {
    /// Makes a store that leaves what it commits where it was uploaded, as those of large objects do.
    pub fn displacing() -> Self {
        Self { displaces: true, ..Self::default() }
    }

    /// Makes a store that sends clients to `address`, followed by a blob's place, where somebody else has the bytes.
    pub fn redirecting(address: &str) -> Self {
        Self { address: Some(address.into()), ..Self::default() }
    }

    fn committed(&self, staged: &StagedUpload, digest: &Digest) -> BlobLocation {
        if self.displaces {
            BlobLocation::new(format!("{DISPLACED}{} {digest}", staged.as_str()))
        } else {
            self.place(digest)
        }
    }

    /// Names all that is kept, sorted: blobs by their digest, uploads as `upload <id>`.
    pub fn contents(&self) -> Vec<String> {
        let content = lock(&self.content);
        let blobs = content.blobs.keys().map(BlobLocation::to_string);
        let uploads = content.uploads.keys().map(|staged| format!("upload {}", staged.as_str()));
        let mut names: Vec<_> = blobs.chain(uploads).collect();
        names.sort();
        names
    }

    /// Returns all that is committed, and how long it is.
    pub(super) fn sizes(&self) -> Vec<(BlobLocation, u64)> {
        let content = lock(&self.content);
        content.blobs.iter().map(|(location, bytes)| (location.clone(), bytes.len() as u64)).collect()
    }

    fn staging(&self, staged: &StagedUpload) -> StoreResult<Arc<Mutex<Staging>>> {
        let content = lock(&self.content);
        content.uploads.get(staged).map(Arc::clone).ok_or_else(|| {
            StoreError::new(StoreErrorKind::Corrupt, format!("upload `{}` is not there", staged.as_str()))
        })
    }

    fn prefix(&self, staged: &StagedUpload, size_bytes: u64) -> StoreResult<BytesMut> {
        let staging = self.staging(staged)?;
        let staging = lock(&staging);
        let within = usize::try_from(size_bytes).ok().and_then(|size| staging.bytes.get(..size));
        within.map(BytesMut::from).ok_or_else(|| too_short(staged, staging.bytes.len(), size_bytes))
    }
}

/// Whoever panicked while holding a lock here had only been copying bytes: what is there is whole.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn too_short(staged: &StagedUpload, len: usize, expected: u64) -> StoreError {
    let context = format!("upload `{}` has {len} bytes, expected at least {expected}", staged.as_str());
    StoreError::new(StoreErrorKind::Corrupt, context)
}

fn discarded(staged: &StagedUpload, digest: &Digest) -> StoreError {
    let context = format!("upload `{}` is not there to become {digest}", staged.as_str());
    StoreError::new(StoreErrorKind::NotFound, context)
}

fn missing(location: &BlobLocation) -> StoreError {
    StoreError::new(StoreErrorKind::NotFound, format!("blob `{location}` is not there"))
}

impl fmt::Debug for MemoryBlobStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryBlobStore").finish_non_exhaustive()
    }
}

#[async_trait]
impl BlobStore for MemoryBlobStore {
    async fn stage(&self, upload: UploadId) -> StoreResult<StagedUpload> {
        let staged = StagedUpload::new(upload.to_string());
        lock(&self.content).uploads.insert(staged.clone(), Staging::new(BytesMut::new()));
        Ok(staged)
    }

    async fn open_writer(&self, staged: &StagedUpload, offset: u64) -> StoreResult<Box<dyn BlobWriter>> {
        let staging = self.staging(staged)?;
        {
            let mut staging = lock(&staging);
            let len = staging.bytes.len();
            match usize::try_from(offset) {
                Ok(offset) if offset <= len => staging.bytes.truncate(offset),
                _ => return Err(too_short(staged, len, offset)),
            }
        }
        Ok(Box::new(MemoryBlobWriter { store: self.clone(), staged: staged.clone(), staging }))
    }

    async fn take_over(&self, staged: &StagedUpload, offset: u64) -> StoreResult<StagedUpload> {
        let copy = Staging::new(self.prefix(staged, offset)?);
        let staged = StagedUpload::new(UploadId::random().to_string());
        lock(&self.content).uploads.insert(staged.clone(), copy);
        Ok(staged)
    }

    async fn read_staged(&self, staged: &StagedUpload, size_bytes: u64) -> StoreResult<ByteStream> {
        Ok(once(self.prefix(staged, size_bytes)?.freeze()))
    }

    async fn commit(&self, staged: &StagedUpload, digest: &Digest, size_bytes: u64) -> StoreResult<BlobLocation> {
        let location = self.committed(staged, digest);
        let mut content = lock(&self.content);
        let Some(staging) = content.uploads.get(staged).map(Arc::clone) else {
            return match content.blobs.get(&location) {
                Some(blob) if blob.len() as u64 == size_bytes => Ok(location),
                _ => Err(discarded(staged, digest)),
            };
        };
        let staging = lock(&staging);
        let len = staging.bytes.len();
        let bytes = match usize::try_from(size_bytes) {
            Ok(size) if size <= len => Bytes::copy_from_slice(&staging.bytes[..size]),
            _ => return Err(too_short(staged, len, size_bytes)),
        };
        content.blobs.insert(location.clone(), bytes);
        Ok(location)
    }

    async fn discard(&self, staged: &StagedUpload) -> StoreResult<()> {
        lock(&self.content).uploads.remove(staged);
        Ok(())
    }

    async fn staged_before(&self, before: Timestamp, limit: usize) -> StoreResult<Vec<StagedUpload>> {
        let content = lock(&self.content);
        let old = content.uploads.iter().filter(|(_, staging)| lock(staging).written_at < before);
        Ok(old.map(|(staged, _)| staged.clone()).take(limit).collect())
    }

    async fn read(&self, location: &BlobLocation, range: Range<u64>) -> StoreResult<BlobRead> {
        let blob = lock(&self.content).blobs.get(location).cloned();
        let blob = blob.ok_or_else(|| missing(location))?;
        let within = |range: Range<u64>| Some(usize::try_from(range.start).ok()?..usize::try_from(range.end).ok()?);
        match within(range.clone()) {
            Some(within) if within.start <= within.end && within.end <= blob.len() => {
                Ok(BlobRead::Stream(once(blob.slice(within))))
            }
            _ => Err(StoreError::new(
                StoreErrorKind::Corrupt,
                format!("blob `{location}` has {} bytes, expected {}..{}", blob.len(), range.start, range.end),
            )),
        }
    }

    async fn redirect(&self, location: &BlobLocation, _: Duration) -> StoreResult<Option<String>> {
        Ok(self.address.as_ref().map(|address| format!("{address}{location}")))
    }

    async fn delete(&self, location: &BlobLocation) -> StoreResult<()> {
        lock(&self.content).blobs.remove(location);
        Ok(())
    }

    async fn set_aside(&self, location: &BlobLocation, digest: &Digest) -> StoreResult<BlobLocation> {
        let mut content = lock(&self.content);
        let bytes = content.blobs.get(location).cloned().ok_or_else(|| missing(location))?;
        let aside = BlobLocation::new(format!("set aside {digest} {}", UploadId::random()));
        content.blobs.insert(aside.clone(), bytes);
        Ok(aside)
    }

    fn place(&self, digest: &Digest) -> BlobLocation {
        BlobLocation::new(digest.to_string())
    }

    async fn copy_to_place(&self, location: &BlobLocation, digest: &Digest) -> StoreResult<()> {
        let mut content = lock(&self.content);
        let bytes = content.blobs.get(location).cloned().ok_or_else(|| missing(location))?;
        content.blobs.insert(self.place(digest), bytes);
        Ok(())
    }

    async fn displaced(&self, after: Option<&BlobLocation>, limit: usize) -> StoreResult<Page<BlobLocation>> {
        let content = lock(&self.content);
        let displaced = content.blobs.keys().filter(|location| location.as_str().starts_with(DISPLACED));
        let mut items: Vec<_> =
            displaced.filter(|location| after.is_none_or(|after| *location > after)).cloned().collect();
        items.sort();
        let more = items.len() > limit;
        items.truncate(limit);
        Ok(Page { items, more })
    }

    async fn check(&self) -> StoreResult<()> {
        Ok(())
    }
}

fn once(bytes: Bytes) -> ByteStream {
    futures::stream::once(async move { Ok(bytes) }).boxed()
}

/// Appends to an upload. One that was discarded meanwhile still takes bytes, which nobody will see.
struct MemoryBlobWriter {
    store: MemoryBlobStore,
    staged: StagedUpload,
    staging: Arc<Mutex<Staging>>,
}

#[async_trait]
impl BlobWriter for MemoryBlobWriter {
    async fn write(&mut self, pieces: Vec<Bytes>) -> StoreResult<()> {
        let mut staging = lock(&self.staging);
        for piece in pieces {
            staging.bytes.extend_from_slice(&piece);
        }
        staging.written_at = Timestamp::now();
        Ok(())
    }

    async fn sync(&mut self) -> StoreResult<StagedUpload> {
        Ok(self.staged.clone())
    }

    async fn commit(mut self: Box<Self>, last: Vec<Bytes>, digest: &Digest) -> StoreResult<BlobLocation> {
        self.write(last).await?;
        let location = self.store.committed(&self.staged, digest);
        let mut content = lock(&self.store.content);
        if content.uploads.remove(&self.staged).is_none() {
            return Err(discarded(&self.staged, digest));
        }
        let bytes = std::mem::take(&mut lock(&self.staging).bytes).freeze();
        content.blobs.insert(location.clone(), bytes);
        Ok(location)
    }
}
