//! A part of a file as a body.
//!
//! What the page cache has is copied at once, in the task that sends it: that takes microseconds, and less than to ask
//! another thread. What it does not have is read on the blocking pool, so that a slow disk holds up nobody else. The
//! pieces are plain bytes, so that TLS, HTTP/2 and back-pressure need not know of files: nothing is read before the
//! connection asks, and it asks when it has room.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use tokio::task::{JoinHandle, spawn_blocking};

use super::ResponseError;
use super::buffers::{PieceBuffer, PieceBuffers};
use crate::server::send_file;

/// The shortest part that the connection is asked to send. To copy a shorter one is cheaper: it goes out with the head.
const SENT_BYTES: u64 = 64 * 1024;

/// How far apart the bytes of a part are that are looked for in the page cache.
const CHECKED_BYTES: usize = 1024 * 1024;

/// Gives a range of a file in pieces.
pub(crate) struct FileBody {
    file: Arc<File>,
    /// What was not given yet.
    range: Range<u64>,
    buffers: PieceBuffers,
    /// The next piece, while the disk is waited for.
    reading: Option<JoinHandle<io::Result<Bytes>>>,
}

impl FileBody {
    /// Gives the bytes of `file` at `range`.
    pub(crate) fn new(file: File, range: Range<u64>, buffers: PieceBuffers) -> Self {
        Self { file: Arc::new(file), range, buffers, reading: None }
    }

    /// Tells how many bytes were not given yet.
    pub(super) const fn left(&self) -> u64 {
        self.range.end - self.range.start
    }

    /// Gives the next piece. After an error, for one because the file is too short, there is nothing more to ask for.
    pub(super) fn poll_piece(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Bytes, ResponseError>>> {
        let piece = match &mut self.reading {
            None if self.range.is_empty() => return Poll::Ready(None),
            None => match self.send().map_or_else(|| self.read_cached(), Ok) {
                Ok(piece) => piece,
                Err(rest) => {
                    let file = Arc::clone(&self.file);
                    self.reading = Some(spawn_blocking(move || rest.read(&file)));
                    return self.poll_piece(context);
                }
            },
            Some(reading) => {
                let read = ready!(Pin::new(reading).poll(context));
                self.reading = None;
                match read {
                    Ok(Ok(piece)) => piece,
                    Ok(Err(error)) => return Poll::Ready(Some(Err(error.into()))),
                    Err(error) => return Poll::Ready(Some(Err(error.into()))),
                }
            }
        };
        self.range.start += piece.len() as u64;
        Poll::Ready(Some(Ok(piece)))
    }

    /// Has the connection send the next part, if it can, and if the part is worth it and seems to be in the page cache:
    /// sendfile would wait for the disk. A cached file is rarely cached in part, so that a few bytes tell.
    fn send(&self) -> Option<Bytes> {
        let len = send_file::part_len(&self.range).filter(|len| *len >= SENT_BYTES)?;
        let is_cached = |offset| matches!(read_nowait(&self.file, &mut [0], offset), Ok(1));
        let last = self.range.start + len - 1;
        let are_cached = (self.range.start..last).step_by(CHECKED_BYTES).chain([last]).all(is_cached);
        if are_cached { send_file::send_part(&self.file, &self.range) } else { None }
    }

    /// Reads the next piece, if all of it is in the page cache.
    fn read_cached(&self) -> Result<Bytes, Rest> {
        let mut buffer = self.buffers.take(usize::try_from(self.left()).unwrap_or(usize::MAX));
        let offset = self.range.start;
        // Whatever is wrong with the file, reading the rest will tell.
        let read_bytes = read_nowait(&self.file, buffer.as_mut(), offset).unwrap_or(0);
        if read_bytes == buffer.as_ref().len() {
            Ok(buffer.into_bytes())
        } else {
            Err(Rest { buffer, read_bytes, offset })
        }
    }
}

/// A piece of which only the first bytes were read.
struct Rest {
    buffer: PieceBuffer,
    read_bytes: usize,
    /// Where in the file the piece begins.
    offset: u64,
}

impl Rest {
    /// Reads what is missing. Blocks on the disk.
    fn read(mut self, file: &File) -> io::Result<Bytes> {
        file.read_exact_at(&mut self.buffer.as_mut()[self.read_bytes..], self.offset + self.read_bytes as u64)?;
        Ok(self.buffer.into_bytes())
    }
}

/// Reads without waiting for a disk. Fails, or reads less, if it would have to wait, or if the file system cannot tell.
#[cfg(target_os = "linux")]
fn read_nowait(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    use rustix::io::{IoSliceMut, ReadWriteFlags, preadv2};
    Ok(preadv2(file, &mut [IoSliceMut::new(buffer)], offset, ReadWriteFlags::NOWAIT)?)
}

/// Reads nothing: the system does not tell whether it would have to wait.
#[cfg(not(target_os = "linux"))]
fn read_nowait(_: &File, _: &mut [u8], _: u64) -> io::Result<usize> {
    Err(io::ErrorKind::WouldBlock.into())
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use http_body::Body;
    use http_body_util::BodyExt;
    use rustix::fs::{Advice, fadvise};

    use super::super::ResponseBody;
    use super::*;

    fn body(file: File, range: Range<u64>) -> ResponseBody {
        ResponseBody::file(FileBody::new(file, range, PieceBuffers::default()))
    }

    fn file_of(len: u32) -> (File, Vec<u8>) {
        let content: Vec<u8> = (0..len).map(|n| (n % 251) as u8).collect();
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&content).unwrap();
        (file, content)
    }

    #[tokio::test]
    async fn a_range_of_a_file_comes_out_exactly() {
        let (file, content) = file_of(700_000);
        for range in [0..700_000, 3..600_001, 262_144..524_288, 262_143..262_145, 699_999..700_000, 5..5] {
            let body = body(file.try_clone().unwrap(), range.clone());
            assert_eq!(body.size_hint().exact(), Some(range.end - range.start));
            assert_eq!(body.is_end_stream(), range.is_empty());
            let expected = &content[range.start as usize..range.end as usize];
            assert!(body.collect().await.unwrap().to_bytes() == expected, "{range:?}");
        }
    }

    #[tokio::test]
    async fn what_is_not_in_the_page_cache_comes_out_exactly() {
        let (file, content) = file_of(700_000);
        file.sync_all().unwrap();
        fadvise(&file, 0, None, Advice::DontNeed).unwrap();
        // A hole in the middle of a piece.
        file.read_exact_at(&mut [0; 10_000], 300_000).unwrap();
        assert!(body(file, 1..700_000).collect().await.unwrap().to_bytes() == content[1..]);
    }

    /// `procfs` refuses to read without waiting.
    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn a_file_system_that_always_waits_is_read_on_the_blocking_pool() {
        let content = std::fs::read("/proc/version").unwrap();
        let file = File::open("/proc/version").unwrap();
        assert!(read_nowait(&file, &mut [0; 8], 0).is_err());
        let body = body(file, 1..content.len() as u64);
        assert_eq!(body.collect().await.unwrap().to_bytes(), content[1..]);
    }

    #[tokio::test]
    async fn a_file_that_is_too_short_breaks_the_body_off() {
        for (len, end) in [(0, 1), (100_000, 100_001), (262_144, 262_145), (300_000, 700_000)] {
            let (file, content) = file_of(len);
            let mut body = body(file, 0..end);
            let mut given = 0;
            let error = loop {
                match body.frame().await.expect("an error at the end") {
                    Ok(piece) => given += piece.into_data().unwrap().len(),
                    Err(error) => break error,
                }
            };
            assert!(given <= content.len());
            assert_eq!(error.downcast::<io::Error>().unwrap().kind(), io::ErrorKind::UnexpectedEof);
        }
    }

    #[tokio::test]
    async fn nothing_is_read_ahead_of_the_connection() {
        let (file, _) = file_of(700_000);
        let mut body = body(file.try_clone().unwrap(), 0..700_000);
        body.frame().await.unwrap().unwrap();
        file.set_len(1).unwrap();
        assert!(body.frame().await.unwrap().is_err());
    }
}
