//! Garbage collection: frees what nobody refers to any more, while the registry serves.
//!
//! Whatever loses a reference, and whatever is pushed, stands in a review queue with a date, put there by the same
//! transaction. A past tag is a reference that ends by itself, and a collection begins by dropping those whose time is
//! over. Then it takes what is due, looks whether something refers to it now, and deletes it if not:
//!
//! ```text
//! manifests   due ─► a tag, a past tag, a parent or a subject? ─ yes ─► out of the queue
//!                        └─ no ─► deleted; its blobs, children and referrers into the queue
//! blobs       due ─► held? ─ yes ─► looked at next time
//!                        └─ no ─► a manifest? ─ yes ─► out of the queue
//!                                     └─ no ─► condemned ─► bytes deleted ─► record deleted
//! ```
//!
//! Nothing is searched for, so that a collection costs what there is to free and not what there is. The one exception is
//! the first collection after a kill, where one process has the metadata to itself. A collection may end at any point: what
//! is left stands in the queue, and the next one goes on there. Any number of processes may collect at once.

mod blobs;
mod collect;
mod lost;
mod manifests;
mod preview;

pub use collect::{CollectOptions, CollectReport, Collected};
pub use preview::Candidate;
