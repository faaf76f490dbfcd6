//! Memory for pieces of files, used again and again.
//!
//! A fresh buffer costs as much as the read into it: the allocator maps it, the kernel clears each page at its first
//! use, and both are undone when the piece is sent. A buffer that was used a moment ago is still in the processor's
//! cache instead.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;

/// The longest piece. Longer ones do not stay in the processor's nearest caches between the read and the send, and
/// shorter ones need more calls.
pub(super) const PIECE_BYTES: usize = 256 * 1024;
/// How many pieces may be that long at a time: 8 MiB in all.
const LONG_PIECES: usize = 32;
/// The longest of the others. A crowd of clients that read slowly holds so little.
const CROWDED_BYTES: usize = 64 * 1024;
/// A piece that is shorter gets memory of its own: it would hold a whole buffer otherwise.
const SHORT_BYTES: usize = 32 * 1024;
/// How many buffers are kept while nobody needs them: 4 MiB in all.
const KEPT: usize = 16;

/// Buffers that wait to be used again. A clone shares them.
#[derive(Clone, Debug, Default)]
pub(crate) struct PieceBuffers(Arc<Mutex<Buffers>>);

#[derive(Debug, Default)]
struct Buffers {
    kept: Vec<Box<[u8]>>,
    /// How many are in use.
    taken: usize,
}

impl PieceBuffers {
    /// Gives memory for a piece of `len` bytes or, if that is much and many have taken buffers, of fewer. What is in it
    /// before it is filled is not said.
    pub(super) fn take(&self, len: usize) -> PieceBuffer {
        let own = |len| PieceBuffer { memory: vec![0; len].into(), len, home: None };
        if len < SHORT_BYTES {
            return own(len);
        }
        let mut buffers = self.buffers();
        if buffers.taken == LONG_PIECES {
            return own(len.min(CROWDED_BYTES));
        }
        buffers.taken += 1;
        let kept = buffers.kept.pop();
        drop(buffers);
        let memory = kept.unwrap_or_else(|| vec![0; PIECE_BYTES].into());
        PieceBuffer { memory, len: len.min(PIECE_BYTES), home: Some(self.clone()) }
    }

    fn buffers(&self) -> MutexGuard<'_, Buffers> {
        // No critical section can panic half-way.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Memory for one piece; it goes back to where it is from when the piece was sent.
#[derive(Debug)]
pub(super) struct PieceBuffer {
    memory: Box<[u8]>,
    len: usize,
    home: Option<PieceBuffers>,
}

impl PieceBuffer {
    /// Gives the piece out, once it is filled.
    pub(super) fn into_bytes(self) -> Bytes {
        Bytes::from_owner(self)
    }
}

impl AsRef<[u8]> for PieceBuffer {
    fn as_ref(&self) -> &[u8] {
        &self.memory[..self.len]
    }
}

impl AsMut<[u8]> for PieceBuffer {
    fn as_mut(&mut self) -> &mut [u8] {
        &mut self.memory[..self.len]
    }
}

impl Drop for PieceBuffer {
    fn drop(&mut self) {
        if let Some(home) = &self.home {
            let mut buffers = home.buffers();
            buffers.taken -= 1;
            if buffers.kept.len() < KEPT {
                buffers.kept.push(std::mem::take(&mut self.memory));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_is_used_again_once_its_piece_is_gone() {
        let buffers = PieceBuffers::default();
        let piece = buffers.take(PIECE_BYTES).into_bytes();
        let address = piece.as_ptr();
        assert_ne!(buffers.take(PIECE_BYTES).as_ref().as_ptr(), address);
        let part = piece.slice(10..20);
        drop(piece);
        assert!(buffers.buffers().kept.iter().all(|kept| kept.as_ptr() != address));
        drop(part);
        assert_eq!(buffers.take(SHORT_BYTES).as_ref().as_ptr(), address);
    }

    #[test]
    fn idle_buffers_are_bounded_and_short_pieces_have_none() {
        let buffers = PieceBuffers::default();
        drop((0..2 * KEPT).map(|_| buffers.take(PIECE_BYTES)).collect::<Vec<_>>());
        assert_eq!(buffers.buffers().kept.len(), KEPT);
        let short = buffers.take(SHORT_BYTES - 1);
        assert_eq!((short.memory.len(), buffers.buffers().kept.len()), (SHORT_BYTES - 1, KEPT));
        drop(short);
        assert_eq!(buffers.buffers().kept.len(), KEPT);
    }

    #[test]
    fn a_crowd_gets_shorter_pieces_until_it_is_gone() {
        let buffers = PieceBuffers::default();
        let long: Vec<_> = (0..LONG_PIECES).map(|_| buffers.take(2 * PIECE_BYTES)).collect();
        assert!(long.iter().all(|piece| piece.as_ref().len() == PIECE_BYTES));
        assert_eq!(buffers.take(PIECE_BYTES).memory.len(), CROWDED_BYTES);
        assert_eq!(buffers.take(SHORT_BYTES).memory.len(), SHORT_BYTES);
        drop(long);
        assert_eq!(buffers.take(PIECE_BYTES).as_ref().len(), PIECE_BYTES);
    }
}
