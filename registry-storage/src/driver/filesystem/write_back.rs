//! Starting to write to the disk what a file has taken, long before the sync that waits for it.
//!
//! By itself the kernel begins when much is waiting or half a minute has passed, so that the sync at the end of a large
//! upload would find nearly all of it still to be written, while the disk had nothing to do as the bytes came in.

use std::fs::File;

/// How much is written before the disk is set to work on it.
const STRIDE_BYTES: u64 = 8 * 1024 * 1024;

/// How far the disk was set to work on a file that is appended to.
#[derive(Debug, Clone, Copy)]
pub(super) struct WriteBack {
    started: u64,
}

impl WriteBack {
    /// For a file whose bytes before `offset` are written back already, or not worth it.
    pub(super) const fn from(offset: u64) -> Self {
        Self { started: offset }
    }

    /// Sets the disk to work on all before `end`, if that is enough to be worth it. Promises nothing and waits for
    /// nothing but room in the disk's queue: whether the bytes have arrived, only a sync tells.
    pub(super) fn reach(&mut self, file: &File, end: u64) {
        if end - self.started >= STRIDE_BYTES {
            start(file, self.started, end - self.started);
            self.started = end;
        }
    }
}

/// An error is no news to the caller: the kernel keeps it for the sync.
#[cfg(target_os = "linux")]
#[expect(unsafe_code, reason = "no library offers a safe `sync_file_range`")]
fn start(file: &File, offset: u64, len: u64) {
    use std::os::fd::AsRawFd;
    let (Ok(offset), Ok(len)) = (offset.try_into(), len.try_into()) else { return };
    // SAFETY: the call takes no pointer, and the descriptor is open for as long as `file` is borrowed.
    let _ = unsafe { libc::sync_file_range(file.as_raw_fd(), offset, len, libc::SYNC_FILE_RANGE_WRITE) };
}

/// Elsewhere the kernel decides.
#[cfg(not(target_os = "linux"))]
fn start(_: &File, _: u64, _: u64) {}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn it_begins_where_it_left_off_and_changes_nothing() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        let content: Vec<u8> = (0..STRIDE_BYTES as u32 / 4 * 2).flat_map(u32::to_le_bytes).collect();
        file.write_all(&content).unwrap();
        let mut write_back = WriteBack::from(100);
        for (end, started) in [
            (100, 100),
            (STRIDE_BYTES + 99, 100),
            (STRIDE_BYTES + 100, STRIDE_BYTES + 100),
            (STRIDE_BYTES * 2, STRIDE_BYTES + 100),
        ] {
            write_back.reach(file.as_file(), end);
            assert_eq!(write_back.started, started, "at {end}");
        }
        assert!(std::fs::read(file.path()).unwrap() == content);
    }
}
