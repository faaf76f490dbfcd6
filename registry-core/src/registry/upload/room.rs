//! How much memory uploads hold together.
//!
//! An upload holds up to two batches: one that is written and one that is received. Large ones make few writes, and a few
//! uploads may well have them. The more there are at once, the smaller is the batch of each.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The largest batch.
pub(super) const MOST_BYTES: usize = 1024 * 1024;
/// The smallest, however many uploads there are.
const LEAST_BYTES: usize = 64 * 1024;
/// What all uploads hold together while the smallest batch is not reached: 8 of them have the largest.
const SHARED_BYTES: usize = 16 * 1024 * 1024;

/// Counts the uploads that hold bytes in memory. A clone counts the same ones.
#[derive(Clone, Debug, Default)]
pub(in crate::registry) struct Room(Arc<AtomicUsize>);

impl Room {
    /// Counts one more upload, until what is returned is dropped.
    pub(super) fn enter(&self) -> Place {
        self.0.fetch_add(1, Ordering::Relaxed);
        Place(self.clone())
    }
}

/// One upload's part of the room.
#[derive(Debug)]
pub(super) struct Place(Room);

impl Place {
    /// Returns how many bytes are worth a write at the moment. A batch has at least one piece, whatever its length.
    pub(super) fn batch_bytes(&self) -> usize {
        let uploads = self.0.0.load(Ordering::Relaxed);
        (SHARED_BYTES / 2 / uploads).clamp(LEAST_BYTES, MOST_BYTES)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_uploads_hold_no_more_than_some_do() {
        let room = Room::default();
        let mut places = vec![room.enter()];
        for (uploads, batch_bytes) in [(1, MOST_BYTES), (8, MOST_BYTES), (32, MOST_BYTES / 4), (5000, LEAST_BYTES)] {
            places.resize_with(uploads, || room.enter());
            assert_eq!(places[0].batch_bytes(), batch_bytes, "{uploads}");
        }
        places.truncate(1);
        assert_eq!(places[0].batch_bytes(), MOST_BYTES);
    }
}
