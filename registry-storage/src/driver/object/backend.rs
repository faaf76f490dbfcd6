//! What a vendor implements.

use std::fmt;
use std::ops::RangeInclusive;

use super::multipart::Multipart;
use super::objects::Objects;
use crate::path::StoragePath;

/// A vendor's requests: about [objects](Objects), and about [uploads in parts](Multipart).
///
/// Every call is one request or a few, with deadlines and repetitions of their own ([`Exchange`](super::exchange::Exchange)),
/// and what it has changed is durable when it returns. All may be called from several processes at once.
pub(crate) trait Backend: Objects + Multipart + fmt::Debug + Send + Sync + 'static {
    /// Returns the key of the driver's section below `storage`, such as `s3`.
    fn name(&self) -> &'static str;

    /// Returns what the store allows.
    fn limits(&self) -> Limits;

    /// Returns the name that the store itself has for what is at a path, for errors.
    fn key(&self, path: &StoragePath) -> String;
}

/// What a store allows.
#[derive(Debug, Clone)]
pub(crate) struct Limits {
    /// How many parts an upload has at most.
    pub(crate) max_parts: usize,
    /// How large a part may be; the last one of an upload may be smaller.
    pub(crate) part_bytes: RangeInclusive<u64>,
    /// How large an object may be that is copied by one request.
    pub(crate) max_copy_bytes: u64,
    /// How many objects one request lists, and one call of [`delete_each`](Objects::delete_each) removes, at most.
    pub(crate) at_once: usize,
}
