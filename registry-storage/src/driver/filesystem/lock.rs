//! One writer at a time.

use std::fs::{File, TryLockError};
use std::ops::Deref;

/// An upload's file, locked until this is dropped.
pub(super) struct LockedFile(File);

impl LockedFile {
    /// Locks a file, or gives nothing if another process, or another part of this one, has it locked. Where the file
    /// system has no locks, it is left to the callers that there is one writer.
    pub(super) fn new(file: File) -> Option<Self> {
        match file.try_lock() {
            Err(TryLockError::WouldBlock) => None,
            Ok(()) | Err(TryLockError::Error(_)) => Some(Self(file)),
        }
    }
}

impl Deref for LockedFile {
    type Target = File;

    fn deref(&self) -> &File {
        &self.0
    }
}

impl Drop for LockedFile {
    fn drop(&mut self) {
        // Closing is not enough: a process that is being started elsewhere in this one has a duplicate for a moment.
        let _ = self.0.unlock();
    }
}
