//! Byte ranges: which part of a blob is asked for, and where a chunk of an upload goes.
//!
//! Sources: RFC 9110 §14 for blobs; distribution-spec, "Pushing a blob in chunks", for uploads, whose `Content-Range`
//! and `Range` have no unit. On the wire the end of a range is inclusive.

use std::fmt;
use std::ops::Range;
use std::str::FromStr;

use super::digest::shorten;

/// The one range that a `Range` header asks for. `Display` gives the header's value.
///
/// A number beyond 64 bits reads as the largest one, which is beyond the end of every blob.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RangeRequest {
    /// `bytes=first-last`. `last` may be less than `first`; no blob has such a range.
    Between {
        /// The first byte.
        first: u64,
        /// The last byte.
        last_inclusive: u64,
    },
    /// `bytes=first-`: from `first` to the end.
    From(u64),
    /// `bytes=-n`: the last `n` bytes.
    Last(u64),
}

impl RangeRequest {
    /// Reads a `Range` header.
    ///
    /// Returns `None` where the header is to be ignored, so that the whole blob is sent: a unit other than bytes, a
    /// text outside the grammar, several ranges (a server may always ignore the header, and no client of registries
    /// asks for several). A range that ends before it starts is read nevertheless: RFC 9110 §14.2 lets a server reject
    /// it, and clients expect that.
    pub fn parse(header: &str) -> Option<Self> {
        let (unit, set) = header.split_once('=')?;
        if !unit.trim().eq_ignore_ascii_case("bytes") {
            return None;
        }
        let mut ranges = set.split(',').map(str::trim).filter(|range| !range.is_empty());
        let (Some(range), None) = (ranges.next(), ranges.next()) else { return None };
        match range.split_once('-')? {
            ("", last) => Some(Self::Last(number(last)?)),
            (first, "") => Some(Self::From(number(first)?)),
            (first, last) => Some(Self::Between { first: number(first)?, last_inclusive: number(last)? }),
        }
    }

    /// Says what the range is of a blob of `size_bytes`.
    pub fn resolve(self, size_bytes: u64) -> ResolvedRange {
        let range = match self {
            Self::Between { first, last_inclusive } if last_inclusive < first => return ResolvedRange::Unsatisfiable,
            Self::Between { first, last_inclusive } => first..last_inclusive.saturating_add(1).min(size_bytes),
            Self::From(first) => first..size_bytes,
            // All of nothing can be sent, but no Content-Range can name it.
            Self::Last(1..) if size_bytes == 0 => return ResolvedRange::Whole,
            Self::Last(count) => size_bytes.saturating_sub(count)..size_bytes,
        };
        if range.is_empty() { ResolvedRange::Unsatisfiable } else { ResolvedRange::Part(range) }
    }
}

impl fmt::Display for RangeRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Between { first, last_inclusive } => write!(f, "bytes={first}-{last_inclusive}"),
            Self::From(first) => write!(f, "bytes={first}-"),
            Self::Last(count) => write!(f, "bytes=-{count}"),
        }
    }
}

/// What an asked-for range is of one blob.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum ResolvedRange {
    /// The range is the whole of an empty blob, and is answered as if it had not been asked for.
    Whole,
    /// These bytes, at least one, all within the blob. The end is exclusive.
    Part(Range<u64>),
    /// The blob has none of the bytes.
    Unsatisfiable,
}

impl ResolvedRange {
    /// Returns the value of the response's `Content-Range`, for a blob of `size_bytes`; `None` if it has none.
    pub fn content_range(&self, size_bytes: u64) -> Option<String> {
        match self {
            Self::Whole => None,
            Self::Part(part) => Some(format!("bytes {}-{}/{size_bytes}", part.start, part.end.saturating_sub(1))),
            Self::Unsatisfiable => Some(format!("bytes */{size_bytes}")),
        }
    }
}

/// Where a chunk of an upload goes: the `Content-Range` of a PATCH or PUT. `Display` gives the spec's form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ChunkRange {
    /// The chunk's first byte in the blob.
    pub start: u64,
    /// The chunk's last byte in the blob; not before the first.
    pub end_inclusive: u64,
}

impl ChunkRange {
    /// Returns how many bytes the chunk has; at least 1.
    #[expect(clippy::len_without_is_empty, reason = "a range with an inclusive end is never empty")]
    pub const fn len(&self) -> u64 {
        self.end_inclusive.saturating_sub(self.start).saturating_add(1)
    }
}

impl fmt::Display for ChunkRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.start, self.end_inclusive)
    }
}

/// The text is not where a chunk can go.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("content range `{0}` is invalid; expected `<first byte>-<last byte>`, both inclusive, such as `0-1023`")]
pub struct ChunkRangeError(String);

impl FromStr for ChunkRange {
    type Err = ChunkRangeError;

    /// Reads `0-1023`, and the form of RFC 9110 that some clients send: `bytes 0-1023/4096`, `bytes 0-1023/*`.
    fn from_str(s: &str) -> Result<Self, Self::Err> {
        parse_chunk_range(s).ok_or_else(|| ChunkRangeError(shorten(s)))
    }
}

fn parse_chunk_range(text: &str) -> Option<ChunkRange> {
    let text = text.trim();
    let (range, size_bytes) = match text.split_at_checked("bytes ".len()) {
        Some((unit, rest)) if unit.eq_ignore_ascii_case("bytes ") => match rest.split_once('/')? {
            (range, "*") => (range, u64::MAX),
            (range, size) => (range, number(size)?),
        },
        _ => (text, u64::MAX),
    };
    let (start, end) = range.split_once('-')?;
    let (start, end_inclusive) = (number(start)?, number(end)?);
    // No blob has a byte at the largest offset, so that the end of every chunk can be counted.
    (start <= end_inclusive && end_inclusive < size_bytes).then_some(ChunkRange { start, end_inclusive })
}

/// Returns the value of the `Range` header that tells how far an upload came. Nothing received reads `0-0`, as does
/// one byte: the form has no word for nothing.
pub fn received_range(received_bytes: u64) -> String {
    format!("0-{}", received_bytes.saturating_sub(1))
}

/// Reads digits, and nothing else, as the largest number if they go beyond it.
fn number(digits: &str) -> Option<u64> {
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    Some(digits.parse().unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_of_a_blob() {
        use ResolvedRange::{Part, Unsatisfiable, Whole};
        for (header, size_bytes, expected, content_range) in [
            ("bytes=0-0", 1, Part(0..1), Some("bytes 0-0/1")),
            ("bytes=500-1499", 2048, Part(500..1500), Some("bytes 500-1499/2048")),
            ("bytes=500-", 2048, Part(500..2048), Some("bytes 500-2047/2048")),
            ("bytes=-500", 2048, Part(1548..2048), Some("bytes 1548-2047/2048")),
            ("bytes=-5000", 2048, Part(0..2048), Some("bytes 0-2047/2048")),
            ("bytes=2000-5000", 2048, Part(2000..2048), Some("bytes 2000-2047/2048")),
            ("bytes=2047-2047", 2048, Part(2047..2048), Some("bytes 2047-2047/2048")),
            ("bytes=0-18446744073709551615", 2048, Part(0..2048), Some("bytes 0-2047/2048")),
            ("bytes=0-99999999999999999999999", 2048, Part(0..2048), Some("bytes 0-2047/2048")),
            ("BYTES = 1-2 ,", 2048, Part(1..3), Some("bytes 1-2/2048")),
            ("bytes=500-0", 2048, Unsatisfiable, Some("bytes */2048")),
            ("bytes=2048-", 2048, Unsatisfiable, Some("bytes */2048")),
            ("bytes=5000-10000", 2048, Unsatisfiable, Some("bytes */2048")),
            ("bytes=99999999999999999999999-", 2048, Unsatisfiable, Some("bytes */2048")),
            ("bytes=-0", 2048, Unsatisfiable, Some("bytes */2048")),
            ("bytes=0-0", 0, Unsatisfiable, Some("bytes */0")),
            ("bytes=0-", 0, Unsatisfiable, Some("bytes */0")),
            ("bytes=-0", 0, Unsatisfiable, Some("bytes */0")),
            ("bytes=-1", 0, Whole, None),
        ] {
            let resolved = RangeRequest::parse(header).unwrap().resolve(size_bytes);
            assert_eq!(resolved, expected, "{header} of {size_bytes}");
            assert_eq!(resolved.content_range(size_bytes).as_deref(), content_range, "{header} of {size_bytes}");
        }
    }

    #[test]
    fn range_headers_to_be_ignored() {
        for header in [
            "",
            "bytes",
            "bytes=",
            "bytes=,",
            "bytes=-",
            "bytes=--1",
            "bytes=1",
            "bytes=a-b",
            "bytes=1-b",
            "bytes=+1-2",
            "bytes=1-2-3",
            "bytes=0x1-2",
            "bytes=1 - 2",
            "bytes=0-1,4-5",
            "items=0-1",
            "bytes 0-1/2",
            "0-1",
            "bytes=١-٢",
        ] {
            assert_eq!(RangeRequest::parse(header), None, "{header}");
        }
    }

    #[test]
    fn chunk_ranges() {
        for (text, start, end_inclusive, length) in [
            ("0-0", 0, 0, 1),
            ("0-1023", 0, 1023, 1024),
            ("1024-2047", 1024, 2047, 1024),
            ("bytes 5-9/10", 5, 9, 5),
            ("bytes 5-9/*", 5, 9, 5),
            ("Bytes 0-0/1", 0, 0, 1),
            ("0-18446744073709551614", 0, u64::MAX - 1, u64::MAX),
        ] {
            let range: ChunkRange = text.parse().unwrap();
            assert_eq!(range, ChunkRange { start, end_inclusive }, "{text}");
            assert_eq!(range.len(), length, "{text}");
        }
        for text in [
            "",
            "-",
            "0-",
            "-0",
            "1",
            "1-0",
            "a-b",
            "0-1/2",
            "bytes=0-1",
            "bytes 0-1",
            "bytes */10",
            "bytes 0-1/",
            "bytes 0-1/x",
            "bytes 5-9/9",
            "+0-1",
            "0--1",
            "0-1,2-3",
            "0-18446744073709551615",
            "99999999999999999999-99999999999999999999",
        ] {
            assert_eq!(text.parse::<ChunkRange>(), Err(ChunkRangeError(text.to_owned())));
        }
    }

    #[test]
    fn the_range_that_an_upload_received() {
        for (received_bytes, expected) in [(0, "0-0"), (1, "0-0"), (2, "0-1"), (1024, "0-1023")] {
            assert_eq!(received_range(received_bytes), expected);
        }
    }
}
