//! Appends to an upload's file.

use std::fs::File;
use std::io::{self, IoSlice, Write};

use async_trait::async_trait;
use bytes::Bytes;
use registry_core::store::{StagedUpload, StoreErrorKind};

use super::directories;
use super::files::Files;
use super::lock::LockedFile;
use super::uploads::OpenUpload;
use super::write_back::WriteBack;
use super::{FilesystemDriver, upload_at};
use crate::driver::UploadWriter;
use crate::error::{DriverError, DriverResult};
use crate::path::StoragePath;

/// An upload's file on its way between the calls of a writer.
enum UploadFile {
    /// It holds nothing that is wanted. The first call opens it, in the run of its own work: what comes whole takes one run.
    Unopened,
    /// It stands at the offset that the next byte goes to.
    Open(LockedFile),
}

impl UploadFile {
    fn open(self, files: &Files, path: &StoragePath) -> DriverResult<LockedFile> {
        match self {
            Self::Unopened => Ok(files.open_upload(path, 0)?.file),
            Self::Open(file) => Ok(file),
        }
    }
}

/// Appends to an upload's file.
pub(super) struct FileWriter {
    driver: FilesystemDriver,
    path: StoragePath,
    /// Away while a system call is at work on it, and for good once one has failed or was not waited for.
    file: Option<UploadFile>,
    /// An earlier sync has made the file's name survive a power cut.
    name_is_durable: bool,
    end: u64,
    write_back: WriteBack,
}

impl FileWriter {
    /// Begins an upload, or begins it anew.
    pub(super) fn from_start(driver: FilesystemDriver, path: StoragePath) -> Self {
        Self::new(driver, path, UploadFile::Unopened, false, 0)
    }

    /// Goes on with an upload.
    pub(super) fn from(driver: FilesystemDriver, path: StoragePath, upload: OpenUpload, offset: u64) -> Self {
        Self::new(driver, path, UploadFile::Open(upload.file), !upload.changed, offset)
    }

    fn new(driver: FilesystemDriver, path: StoragePath, file: UploadFile, name_is_durable: bool, offset: u64) -> Self {
        Self { driver, path, file: Some(file), name_is_durable, end: offset, write_back: WriteBack::from(offset) }
    }

    fn take_file(&mut self, operation: &'static str) -> DriverResult<UploadFile> {
        self.file.take().ok_or_else(|| {
            DriverError::new(StoreErrorKind::Other, operation, &self.path, "an earlier call on this writer failed")
        })
    }
}

#[async_trait]
impl UploadWriter for FileWriter {
    async fn write(&mut self, pieces: Vec<Bytes>) -> DriverResult<()> {
        let file = self.take_file("write")?;
        let path = self.path.clone();
        self.end += pieces.iter().map(|piece| piece.len() as u64).sum::<u64>();
        let (end, mut write_back) = (self.end, self.write_back);
        let write = move |files: &Files| {
            let file = file.open(files, &path)?;
            write_all(&file, &pieces).map_err(|error| DriverError::io("write", &path, error))?;
            write_back.reach(&file, end);
            Ok((file, write_back))
        };
        let (file, write_back) = self.driver.run(write).await?;
        (self.file, self.write_back) = (Some(UploadFile::Open(file)), write_back);
        Ok(())
    }

    async fn sync(&mut self) -> DriverResult<StagedUpload> {
        let file = self.take_file("sync")?;
        let (path, name_is_durable) = (self.path.clone(), self.name_is_durable);
        let sync = move |files: &Files| {
            let file = file.open(files, &path)?;
            files.sync_upload(&path, &file, name_is_durable).map(|()| file)
        };
        self.file = Some(UploadFile::Open(self.driver.run(sync).await?));
        self.name_is_durable = true;
        Ok(upload_at(&self.path))
    }

    async fn complete(mut self: Box<Self>, last: Vec<Bytes>, target: &StoragePath) -> DriverResult<StoragePath> {
        let file = self.take_file("complete upload")?;
        let (path, target, blocking) = (self.path, target.clone(), self.driver.blocking.clone());
        let complete = move |files: &Files| {
            let file = file.open(files, &path)?;
            write_all(&file, &last).map_err(|error| DriverError::io("write", &path, error))?;
            let mut holder_synced = None;
            files.complete_whole(&path, &file, &target, |holder| {
                let (path, holder) = (path.clone(), holder.to_owned());
                let failed = move |error| DriverError::io("complete upload", &path, error);
                holder_synced = Some(blocking.beside(move || directories::sync(&holder).map_err(failed)));
            })?;
            Ok((target, holder_synced))
        };
        let (target, holder_synced) = self.driver.run(complete).await?;
        if let Some(holder_synced) = holder_synced {
            holder_synced.result().await?;
        }
        Ok(target)
    }
}

fn write_all(mut file: &File, pieces: &[Bytes]) -> io::Result<()> {
    let mut slices: Vec<_> = pieces.iter().map(|piece| IoSlice::new(piece)).collect();
    let mut rest = &mut slices[..];
    // Drops the empty ones in front: writing nothing but those would look as if the file took no more.
    IoSlice::advance_slices(&mut rest, 0);
    while !rest.is_empty() {
        match file.write_vectored(rest) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written_bytes) => IoSlice::advance_slices(&mut rest, written_bytes),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
