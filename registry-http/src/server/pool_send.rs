//! Parts of files that go from the disk to a socket, from the blocking pool.
//!
//! ```text
//! task:  socket has room ──► waits ........................................ ──► counts what was sent
//! pool:                 └──► sendfile: waits for the disk, fills the socket ──┘
//! ```
//!
//! The socket does not block, so that a thread of the pool waits for the disk alone, never for the peer. Once the socket is
//! full, the task waits for room, as the runtime has it: by a write that is refused.

use std::fs::File;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tokio::task::{JoinHandle, spawn_blocking};

use super::transport::{ByteStream, send_file};

/// Within so many bytes, at a multiple of them, a file is in the page cache as a whole or not at all.
const PAGE_BYTES: u64 = 4096;

/// The sending of one part. If it is dropped in the middle, as much of the part may still be sent as the socket takes.
#[derive(Debug, Default)]
pub(super) struct PoolSend {
    sending: Option<JoinHandle<io::Result<usize>>>,
    /// The socket took less than it was given.
    is_full: bool,
}

impl PoolSend {
    /// Tells whether a thread is at work.
    pub(super) fn is_running(&self) -> bool {
        self.sending.is_some()
    }

    /// Writes up to `len` bytes of a file, from `offset`. Nothing, if the file ends there. Until this is ready it must be
    /// called with the same arguments.
    pub(super) fn poll_send(
        &mut self,
        stream: &mut dyn ByteStream,
        context: &mut Context<'_>,
        file: &Arc<File>,
        offset: u64,
        len: usize,
    ) -> Poll<io::Result<usize>> {
        loop {
            if self.is_full {
                // The system reads from the file before it sees that the socket is full, so that this waits for no disk.
                let page_bytes = (PAGE_BYTES - offset % PAGE_BYTES) as usize;
                let sent = ready!(stream.poll_send_file(context, file, offset, len.min(page_bytes)));
                self.is_full = false;
                return Poll::Ready(sent);
            }
            let sending = match &mut self.sending {
                Some(sending) => sending,
                None => {
                    let socket = ready!(stream.poll_socket(context))?;
                    let file = Arc::clone(file);
                    self.sending.insert(spawn_blocking(move || send_file(socket, &file, offset, len)))
                }
            };
            let sent = ready!(Pin::new(sending).poll(context)).map_err(io::Error::other);
            self.sending = None;
            match sent? {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.is_full = true,
                sent => {
                    self.is_full = sent.as_ref().is_ok_and(|sent| (1..len).contains(sent));
                    return Poll::Ready(sent);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::pin::pin;
    use std::sync::mpsc;

    use bytes::{BufMut, Bytes};
    use futures::poll;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::{TcpListener, TcpStream};
    use tokio::runtime::Builder;
    use tokio::time::{Instant, advance};

    use super::super::activity::Activity;
    use super::super::pace::Pace;
    use super::super::send_file::{FileSender, SentBy, placeholder};
    use super::super::transport::Transport;

    /// More than a socket takes at once.
    const LEN: usize = 8_000_000;

    /// A connection, its peer, and a placeholder to write for the returned content.
    async fn sending() -> (Transport, TcpStream, Bytes, Vec<u8>) {
        let content: Vec<u8> = (0..LEN).map(|n| (n % 251) as u8).collect();
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&content).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let near = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (far, _) = listener.accept().await.unwrap();
        near.writable().await.unwrap();
        let files = FileSender::new(placeholder());
        let placeholder = files.queue(file.into(), 0..LEN as u64, SentBy::Pool);
        assert_eq!(placeholder.len(), LEN);
        let activity = Activity::new(Instant::now(), false);
        let transport = Transport::new(Box::new(near), Bytes::new(), activity, Pace::default());
        (transport.with_files(Some(files)), far, placeholder, content)
    }

    #[tokio::test]
    async fn a_peer_that_reads_little_at_a_time_gets_every_byte() {
        let (mut near, mut far, placeholder, content) = sending().await;
        let writing = async {
            near.write_all(&placeholder).await.unwrap();
            near.shutdown().await.unwrap();
        };
        let reading = async {
            let mut received = Vec::new();
            while far.read_buf(&mut (&mut received).limit(100_000)).await.unwrap() > 0 {}
            drop(far);
            received
        };
        let ((), received) = tokio::join!(writing, reading);
        assert!(received == content);
    }

    #[test]
    fn a_slow_disk_is_not_held_against_the_peer() {
        let runtime = Builder::new_current_thread().enable_all().start_paused(true).max_blocking_threads(1).build();
        runtime.unwrap().block_on(async {
            let (mut near, mut far, placeholder, content) = sending().await;
            // The pool's only thread waits, as it would for a disk.
            let (answer, disk) = mpsc::channel::<()>();
            tokio::task::spawn_blocking(move || disk.recv());
            let mut writing = pin!(near.write_all(&placeholder));
            assert!(poll!(&mut writing).is_pending());
            advance(2 * Pace::default().window).await;
            assert!(poll!(&mut writing).is_pending());

            drop(answer);
            let mut received = vec![0; LEN];
            let (written, read) = tokio::join!(writing, far.read_exact(&mut received));
            written.unwrap();
            read.unwrap();
            assert!(received == content);
        });
    }
}
