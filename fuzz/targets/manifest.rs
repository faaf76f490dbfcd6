//! Manifests of every kind.

#![no_main]

use std::collections::HashSet;

use libfuzzer_sys::fuzz_target;
use registry_core::protocol::manifest::Manifest;
use registry_core::protocol::media_type::ManifestKind;

fuzz_target!(|payload: &[u8]| {
    let parse = |kind: ManifestKind, payload: &[u8]| Manifest::parse(Some(kind.media_type()), payload).ok();
    let of_itself = Manifest::parse(None, payload).ok();
    let mut indexes = HashSet::new();
    for kind in ManifestKind::ALL {
        let Some(manifest) = parse(kind, payload) else { continue };
        indexes.insert(kind.is_index());
        assert_eq!(manifest.kind(), kind);
        assert!(of_itself.as_ref().is_none_or(|of_itself| *of_itself == manifest));

        let blobs = manifest.blobs();
        assert_eq!(blobs.iter().collect::<HashSet<_>>().len(), blobs.len(), "a blob is named twice");
        assert_eq!(blobs.is_empty(), kind.is_index(), "an image has a config, an index has no blobs");

        // A reader that has never heard of any of our rules understands the same.
        let document: serde_json::Value = serde_json::from_slice(payload).expect("a manifest is JSON");
        let printed = serde_json::to_vec(&document).expect("JSON can be printed");
        assert_eq!(parse(kind, &printed), Some(manifest));
    }
    assert!(indexes.len() < 2, "nothing is both an image and an index");
});
