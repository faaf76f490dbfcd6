//! Storage drivers: an upload from its first byte to a file that survives a power cut, and reading it.

use benches::{KIB, MIB, content, runtime};
use bytes::Bytes;
use divan::Bencher;
use divan::counter::BytesCount;
use futures::TryStreamExt;
use registry_core::protocol::digest::{Algorithm, Digest};
use registry_core::store::UploadId;
use registry_storage::driver::filesystem::FilesystemDriver;
use registry_storage::driver::inmemory::InMemoryDriver;
use registry_storage::driver::{Content, StorageDriver};
use registry_storage::{FilesystemConfig, layout};
use tempfile::TempDir;

const SIZES: [usize; 3] = [4 * KIB, MIB, 16 * MIB];
/// How much the registry gives to a driver at once.
const WRITE_BYTES: usize = MIB;

fn main() {
    divan::main();
}

/// A driver over nothing yet, and what has to live as long as it.
trait Subject {
    type Driver: StorageDriver;
    fn open() -> (Self::Driver, Option<TempDir>);
}

struct Filesystem;
struct InMemory;

impl Subject for Filesystem {
    type Driver = FilesystemDriver;

    fn open() -> (Self::Driver, Option<TempDir>) {
        let root = tempfile::tempdir().expect("there is a directory for temporary files");
        let driver = FilesystemDriver::open(&FilesystemConfig::new(root.path())).expect("it can be written to");
        (driver, Some(root))
    }
}

impl Subject for InMemory {
    type Driver = InMemoryDriver;

    fn open() -> (Self::Driver, Option<TempDir>) {
        (InMemoryDriver::default(), None)
    }
}

async fn upload(driver: &impl StorageDriver, content: &Bytes, digest: &Digest) {
    let staged = driver.begin_upload(&layout::upload(UploadId::random())).await.expect("an upload begins");
    let mut writer = driver.open_writer(&staged, 0).await.expect("it can be written to");
    for start in (0..content.len()).step_by(WRITE_BYTES) {
        let piece = content.slice(start..content.len().min(start + WRITE_BYTES));
        writer.write(vec![piece]).await.expect("there is room");
    }
    let staged = writer.sync().await.expect("the disk is well");
    drop(writer);
    let size_bytes = content.len() as u64;
    driver.complete_upload(&staged, &layout::blob(digest), size_bytes).await.expect("the upload is whole");
    driver.abort_upload(&staged).await.expect("what is complete needs no upload");
}

async fn read(driver: &impl StorageDriver, digest: &Digest, size_bytes: u64) -> usize {
    match driver.read(&layout::blob(digest), 0..size_bytes).await.expect("the file is there") {
        // Nothing is read yet: the service sends from the open file.
        Content::File { .. } => 0,
        Content::Stream(pieces) => {
            pieces.try_fold(0, |sum, piece| async move { Ok(sum + piece.len()) }).await.expect("the file is whole")
        }
    }
}

#[divan::bench(types = [Filesystem, InMemory], args = SIZES)]
fn upload_and_complete<S: Subject>(bencher: Bencher<'_, '_>, len: usize) {
    let (runtime, (driver, _root)) = (runtime(), S::open());
    let content = content(len);
    let digest = Digest::of(Algorithm::Sha256, &content);
    bencher.counter(BytesCount::new(len)).bench(|| runtime.block_on(upload(&driver, &content, &digest)));
}

#[divan::bench(types = [Filesystem, InMemory])]
fn open_for_reading<S: Subject>(bencher: Bencher<'_, '_>) {
    let (runtime, (driver, _root)) = (runtime(), S::open());
    let content = content(MIB);
    let digest = Digest::of(Algorithm::Sha256, &content);
    runtime.block_on(upload(&driver, &content, &digest));
    bencher.bench(|| runtime.block_on(read(&driver, &digest, MIB as u64)));
}
