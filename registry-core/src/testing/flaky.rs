//! A blob store that fails on demand, and tells what was asked of it.

use std::fmt;
use std::ops::Range;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;

use crate::protocol::digest::Digest;
use crate::store::metadata::Page;
use crate::store::{
    BlobLocation, BlobRead, BlobStore, BlobWriter, ByteStream, StagedUpload, StoreError, StoreErrorKind, StoreResult,
    Timestamp, UploadId,
};

/// A step of a blob store that can be made to fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// [`BlobStore::stage`]
    Stage,
    /// [`BlobStore::open_writer`]
    OpenWriter,
    /// [`BlobWriter::write`]
    Write,
    /// [`BlobWriter::sync`]
    Sync,
    /// [`BlobWriter::commit`]
    CommitWhole,
    /// [`BlobStore::commit`]
    Commit,
    /// [`BlobStore::discard`]
    Discard,
    /// [`BlobStore::read`]
    Read,
    /// [`BlobStore::redirect`]
    Redirect,
    /// [`BlobStore::delete`]
    Delete,
    /// [`BlobStore::set_aside`]
    SetAside,
    /// [`BlobStore::copy_to_place`]
    CopyToPlace,
    /// [`BlobStore::check`]
    Check,
}

/// Which steps fail next, and which were taken.
#[derive(Debug, Clone, Default)]
pub struct Faults(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    failing: Vec<(Step, StoreErrorKind)>,
    taken: Vec<Step>,
}

impl Faults {
    /// Makes the next call of a step fail, once. Several failures of one step come in the order of their injection.
    pub fn fail_next(&self, step: Step, kind: StoreErrorKind) {
        self.0.lock().expect("no holder panics").failing.push((step, kind));
    }

    /// Returns the steps since the last call of this, in their order, also those that failed.
    pub fn taken(&self) -> Vec<Step> {
        std::mem::take(&mut self.0.lock().expect("no holder panics").taken)
    }

    fn pass(&self, step: Step) -> StoreResult<()> {
        let mut state = self.0.lock().expect("no holder panics");
        state.taken.push(step);
        match state.failing.iter().position(|(failing, _)| *failing == step) {
            Some(index) => {
                let (step, kind) = state.failing.remove(index);
                Err(StoreError::new(kind, format!("injected failure of {step:?}")))
            }
            None => Ok(()),
        }
    }
}

/// A blob store around another, whose steps fail as [`Faults`] say.
#[derive(Debug)]
pub struct FlakyBlobStore {
    inner: Arc<dyn BlobStore>,
    faults: Faults,
}

impl FlakyBlobStore {
    /// Wraps a store.
    pub fn new(inner: Arc<dyn BlobStore>, faults: Faults) -> Self {
        Self { inner, faults }
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl BlobStore for FlakyBlobStore {
    async fn stage(&self, upload: UploadId) -> StoreResult<StagedUpload> {
        self.faults.pass(Step::Stage)?;
        self.inner.stage(upload).await
    }

    async fn open_writer(&self, staged: &StagedUpload, offset: u64) -> StoreResult<Box<dyn BlobWriter>> {
        self.faults.pass(Step::OpenWriter)?;
        let inner = self.inner.open_writer(staged, offset).await?;
        Ok(Box::new(FlakyWriter { inner, faults: self.faults.clone() }))
    }

    async fn take_over(&self, staged: &StagedUpload, offset: u64) -> StoreResult<StagedUpload> {
        self.inner.take_over(staged, offset).await
    }

    async fn read_staged(&self, staged: &StagedUpload, size_bytes: u64) -> StoreResult<ByteStream> {
        self.inner.read_staged(staged, size_bytes).await
    }

    async fn commit(&self, staged: &StagedUpload, digest: &Digest, size_bytes: u64) -> StoreResult<BlobLocation> {
        self.faults.pass(Step::Commit)?;
        self.inner.commit(staged, digest, size_bytes).await
    }

    async fn discard(&self, staged: &StagedUpload) -> StoreResult<()> {
        self.faults.pass(Step::Discard)?;
        self.inner.discard(staged).await
    }

    async fn staged_before(&self, before: Timestamp, limit: usize) -> StoreResult<Vec<StagedUpload>> {
        self.inner.staged_before(before, limit).await
    }

    async fn read(&self, location: &BlobLocation, range: Range<u64>) -> StoreResult<BlobRead> {
        self.faults.pass(Step::Read)?;
        self.inner.read(location, range).await
    }

    async fn redirect(&self, location: &BlobLocation, lifetime: Duration) -> StoreResult<Option<String>> {
        self.faults.pass(Step::Redirect)?;
        self.inner.redirect(location, lifetime).await
    }

    async fn delete(&self, location: &BlobLocation) -> StoreResult<()> {
        self.faults.pass(Step::Delete)?;
        self.inner.delete(location).await
    }

    async fn set_aside(&self, location: &BlobLocation, digest: &Digest) -> StoreResult<BlobLocation> {
        self.faults.pass(Step::SetAside)?;
        self.inner.set_aside(location, digest).await
    }

    async fn delete_all(&self, locations: &[BlobLocation]) -> Vec<StoreResult<()>> {
        let mut deleted = Vec::with_capacity(locations.len());
        for location in locations {
            deleted.push(self.delete(location).await);
        }
        deleted
    }

    fn place(&self, digest: &Digest) -> BlobLocation {
        self.inner.place(digest)
    }

    async fn copy_to_place(&self, location: &BlobLocation, digest: &Digest) -> StoreResult<()> {
        self.faults.pass(Step::CopyToPlace)?;
        self.inner.copy_to_place(location, digest).await
    }

    async fn displaced(&self, after: Option<&BlobLocation>, limit: usize) -> StoreResult<Page<BlobLocation>> {
        self.inner.displaced(after, limit).await
    }

    async fn check(&self) -> StoreResult<()> {
        self.faults.pass(Step::Check)?;
        self.inner.check().await
    }
}

struct FlakyWriter {
    inner: Box<dyn BlobWriter>,
    faults: Faults,
}

impl fmt::Debug for FlakyWriter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FlakyWriter")
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl BlobWriter for FlakyWriter {
    async fn write(&mut self, pieces: Vec<Bytes>) -> StoreResult<()> {
        self.faults.pass(Step::Write)?;
        self.inner.write(pieces).await
    }

    async fn sync(&mut self) -> StoreResult<StagedUpload> {
        self.faults.pass(Step::Sync)?;
        self.inner.sync().await
    }

    async fn commit(self: Box<Self>, last: Vec<Bytes>, digest: &Digest) -> StoreResult<BlobLocation> {
        self.faults.pass(Step::CommitWhole)?;
        self.inner.commit(last, digest).await
    }
}
