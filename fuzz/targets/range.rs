//! Ranges of blobs and chunks of uploads.

#![no_main]

use libfuzzer_sys::fuzz_target;
use registry_core::protocol::byte_range::{ChunkRange, RangeRequest, ResolvedRange};

fuzz_target!(|text: &str| {
    if let Some(request) = RangeRequest::parse(text) {
        assert_eq!(RangeRequest::parse(&request.to_string()), Some(request));
        for size_bytes in [0, 1, 1000, u64::MAX] {
            let resolved = request.resolve(size_bytes);
            assert_eq!(resolved.content_range(size_bytes).is_none(), resolved == ResolvedRange::Whole);
            if let ResolvedRange::Part(part) = resolved {
                assert!(part.start < part.end && part.end <= size_bytes);
            }
        }
    }
    if let Ok(range) = text.parse::<ChunkRange>() {
        assert_eq!(range.to_string().parse(), Ok(range));
        assert_eq!(range.start.checked_add(range.len()), range.end_inclusive.checked_add(1));
    }
});
