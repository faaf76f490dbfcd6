//! Properties of the grammar: whatever is printed is read back, whatever is read is printed back, and no input makes a
//! parser panic. The cases are the same in every run.

use std::collections::BTreeMap;
use std::fmt::{Debug, Display};
use std::str::FromStr;

use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use proptest::sample::{Index, select};
use proptest::test_runner::{Config, RngSeed};
use registry_core::protocol::byte_range::{ChunkRange, RangeRequest, ResolvedRange};
use registry_core::protocol::descriptor::Descriptor;
use registry_core::protocol::digest::{Algorithm, Digest};
use registry_core::protocol::image_name::{Host, ImageName};
use registry_core::protocol::manifest::{Manifest, ManifestError};
use registry_core::protocol::media_type::{
    DOCKER_FOREIGN_LAYER, ManifestKind, OCI_CONFIG, OCI_LAYER_GZIP, is_nondistributable,
};
use registry_core::protocol::reference::{Reference, RepositoryName, Tag};
use serde_json::{Value, json};

fn config() -> Config {
    Config { rng_seed: RngSeed::Fixed(5000), failure_persistence: None, ..Config::default() }
}

const NAME: &str =
    "[a-z0-9]{1,8}((\\.|_|__|-{1,3})[a-z0-9]{1,8}){0,3}(/[a-z0-9]{1,8}((\\.|_|__|-{1,3})[a-z0-9]{1,8}){0,2}){0,3}";
const TAG: &str = "[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}";
const HOST: &str =
    "(localhost|[a-zA-Z0-9]{1,8}(\\.[a-z0-9]([a-z0-9-]{0,6}[a-z0-9])?){1,3}|\\[::[0-9a-f]{1,4}\\])(:[1-9][0-9]{0,3})?";

/// Characters that the grammars care about, so that random texts come near to being valid.
const NEAR: &str = "[a-cA-C0-2._:/@ \\[\\]=,*é-]{0,40}|sha(256|512):[0-9a-f]{63,65}|bytes[= ][0-9*,/-]{0,12}";

fn digest() -> impl Strategy<Value = Digest> {
    (select(Algorithm::ALL.to_vec()), any::<[u8; 4]>()).prop_map(|(algorithm, content)| Digest::of(algorithm, &content))
}

/// What is read from a valid text prints as that text.
fn reads_back<T: FromStr<Err: Debug> + Display>(text: &str) -> T {
    let value: T = text.parse().unwrap_or_else(|error| panic!("{text}: {error:?}"));
    assert_eq!(value.to_string(), text);
    value
}

/// What is read from any text, if it is valid, prints as that text.
fn reads_back_or_refuses<T: FromStr + Display>(text: &str) {
    if let Ok(value) = text.parse::<T>() {
        assert_eq!(value.to_string(), text);
    }
}

fn descriptor() -> impl Strategy<Value = Descriptor> {
    let text = || "[a-z0-9\"\\\\é ]{0,8}";
    let media_type = select(vec![OCI_LAYER_GZIP, DOCKER_FOREIGN_LAYER, OCI_CONFIG, "custom/type"]);
    let size = 0..=i64::MAX.unsigned_abs();
    // Few digests, so that some come twice.
    let digest = (0..6u8).prop_map(|n| Digest::of(Algorithm::Sha256, &[n]));
    let urls = vec("https://example\\.com/[a-z]{1,5}", 0..2);
    (media_type, digest, size, urls, btree_map(text(), text(), 0..3), proptest::option::of("[a-zA-Z0-9]{4}")).prop_map(
        |(media_type, digest, size, urls, annotations, data)| Descriptor {
            media_type: media_type.to_owned(),
            digest,
            size,
            urls,
            annotations,
            data,
            platform: None,
            artifact_type: None,
        },
    )
}

#[derive(Debug)]
struct Pushed {
    kind: ManifestKind,
    config: Descriptor,
    entries: Vec<Descriptor>,
    subject: Option<Descriptor>,
    artifact_type: Option<String>,
    annotations: BTreeMap<String, String>,
}

impl Pushed {
    fn document(&self) -> Value {
        let mut document = json!({
            "schemaVersion": 2,
            "mediaType": self.kind.media_type(),
            "annotations": self.annotations,
            "subject": self.subject,
            "artifactType": self.artifact_type,
            "custom": {"anything": [1, {"layers": 2.5}]},
        });
        if self.kind.is_index() {
            document["manifests"] = json!(self.entries);
        } else {
            document["config"] = json!(self.config);
            document["layers"] = json!(self.entries);
        }
        document
    }

    fn parse(&self, payload: &[u8]) -> Result<Manifest, ManifestError> {
        Manifest::parse(Some(self.kind.media_type()), payload)
    }
}

fn pushed() -> impl Strategy<Value = Pushed> {
    let kind = select(ManifestKind::ALL.to_vec());
    let subject = proptest::option::of(descriptor());
    let artifact_type = proptest::option::of("([a-z]{1,8}/[a-z.+]{1,8})?");
    let annotations = btree_map("[a-zA-Z.]{0,12}", ".{0,12}", 0..4);
    (kind, descriptor(), vec(descriptor(), 0..8), subject, artifact_type, annotations).prop_map(
        |(kind, config, entries, subject, artifact_type, annotations)| Pushed {
            kind,
            config,
            entries,
            subject,
            artifact_type,
            annotations,
        },
    )
}

/// The digests in the order of their first appearance.
fn once<'a>(descriptors: impl Iterator<Item = &'a Descriptor>) -> Vec<Digest> {
    let mut digests = Vec::new();
    for descriptor in descriptors {
        if !digests.contains(&descriptor.digest) {
            digests.push(descriptor.digest);
        }
    }
    digests
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn names_tags_and_digests_read_back(name in NAME, tag in TAG, digest in digest()) {
        reads_back::<RepositoryName>(&name);
        reads_back::<Tag>(&tag);
        let by_tag: Reference = reads_back(&tag);
        let is_tag = matches!(by_tag, Reference::Tag(_));
        prop_assert!(is_tag);
        prop_assert_eq!(reads_back::<Digest>(&digest.to_string()), digest);
        prop_assert_eq!(reads_back::<Reference>(&digest.to_string()), Reference::Digest(digest));
    }

    #[test]
    fn image_names_read_back(
        host in proptest::option::of(HOST),
        // The first component must not look like a host.
        repository in "[a-z0-9_-]{0,4}[a-z0-9](/[a-z0-9]{1,8}(\\.[a-z]{1,3})?){0,3}"
            .prop_filter("a repository", |name| name.parse::<RepositoryName>().is_ok() && !name.starts_with("localhost/")),
        tag in proptest::option::of(TAG),
        digest in proptest::option::of(digest()),
    ) {
        let mut text = host.as_ref().map(|host| format!("{host}/")).unwrap_or_default();
        text.push_str(&repository);
        if let Some(tag) = &tag {
            text.push_str(&format!(":{tag}"));
        }
        if let Some(digest) = &digest {
            text.push_str(&format!("@{digest}"));
        }
        let name: ImageName = reads_back(&text);
        prop_assert_eq!(name.host().map(Host::as_str), host.as_deref());
        prop_assert_eq!(name.repository().as_str(), repository);
        prop_assert_eq!(name.tag().map(Tag::as_str), tag.as_deref());
        prop_assert_eq!(name.digest(), digest.as_ref());
    }

    #[test]
    fn no_text_makes_a_parser_panic(text in prop_oneof![NEAR, any::<String>()]) {
        reads_back_or_refuses::<RepositoryName>(&text);
        reads_back_or_refuses::<Tag>(&text);
        reads_back_or_refuses::<Digest>(&text);
        reads_back_or_refuses::<Reference>(&text);
        reads_back_or_refuses::<Host>(&text);
        reads_back_or_refuses::<ImageName>(&text);
        let _ = text.parse::<ChunkRange>();
        let _ = RangeRequest::parse(&text);
        let _ = ManifestKind::from_content_type(&text);
    }

    #[test]
    fn ranges_read_back_and_stay_within_the_blob(
        first in prop_oneof![0..5000u64, any::<u64>()],
        last in prop_oneof![0..5000u64, any::<u64>()],
        size_bytes in prop_oneof![0..5000u64, any::<u64>()],
    ) {
        let between = RangeRequest::Between { first, last_inclusive: last };
        for request in [between, RangeRequest::From(first), RangeRequest::Last(first)] {
            prop_assert_eq!(RangeRequest::parse(&request.to_string()), Some(request));
            let resolved = request.resolve(size_bytes);
            prop_assert_eq!(resolved.content_range(size_bytes).is_none(), resolved == ResolvedRange::Whole);
            match resolved {
                ResolvedRange::Part(part) => prop_assert!(part.start < part.end && part.end <= size_bytes),
                ResolvedRange::Whole => prop_assert_eq!(size_bytes, 0),
                ResolvedRange::Unsatisfiable => {
                    let has_none = match request {
                        RangeRequest::Between { first, last_inclusive } => last_inclusive < first || first >= size_bytes,
                        RangeRequest::From(first) => first >= size_bytes,
                        RangeRequest::Last(count) => count == 0,
                    };
                    prop_assert!(has_none);
                }
            }
        }
    }

    #[test]
    fn chunk_ranges_read_back(start in any::<u64>(), length in 1..u64::MAX) {
        let text = format!("{start}-{}", u128::from(start) + u128::from(length) - 1);
        match start.checked_add(length) {
            Some(end) => {
                let range: ChunkRange = reads_back(&text);
                prop_assert_eq!(range.len(), length);
                prop_assert_eq!(format!("bytes {text}/{end}").parse(), Ok(range));
            }
            None => prop_assert!(text.parse::<ChunkRange>().is_err()),
        }
    }

    #[test]
    fn a_manifest_says_what_was_put_into_it(pushed in pushed(), pretty in any::<bool>()) {
        let document = pushed.document();
        let payload = if pretty { serde_json::to_vec_pretty(&document) } else { serde_json::to_vec(&document) };
        let manifest = pushed.parse(&payload.unwrap()).unwrap();
        prop_assert_eq!(manifest.kind(), pushed.kind);
        prop_assert_eq!(manifest.subject(), pushed.subject.as_ref());
        prop_assert_eq!(manifest.annotations(), &pushed.annotations);
        let own = pushed.artifact_type.as_deref().filter(|own| !own.is_empty());
        if pushed.kind.is_index() {
            prop_assert_eq!(manifest.children(), &pushed.entries[..]);
            prop_assert_eq!(manifest.blobs(), []);
            prop_assert_eq!(manifest.artifact_type(), own);
        } else {
            let elsewhere = |layer: &&Descriptor| is_nondistributable(&layer.media_type) && !layer.urls.is_empty();
            let required = pushed.entries.iter().filter(|layer| !elsewhere(layer));
            prop_assert_eq!(manifest.blobs(), once(std::iter::once(&pushed.config).chain(required)));
            prop_assert_eq!(manifest.layers(), &pushed.entries[..]);
            prop_assert_eq!(manifest.children(), []);
            prop_assert_eq!(manifest.artifact_type(), Some(own.unwrap_or(&pushed.config.media_type)));
        }
    }

    #[test]
    fn a_manifest_with_anything_ambiguous_is_refused(pushed in pushed(), cut in any::<Index>(), junk in "[^ \t\r\n].{0,8}") {
        let text = pushed.document().to_string();
        let cut = cut.index(text.len());
        let is_cut = matches!(pushed.parse(&text.as_bytes()[..cut]), Err(ManifestError::NotJson(_)));
        prop_assert!(is_cut);
        let trailing = format!("{text} {junk}");
        let is_trailing = matches!(pushed.parse(trailing.as_bytes()), Err(ManifestError::TrailingBytes { .. }));
        prop_assert!(is_trailing);
        let repeated = text.replacen('{', "{\"custom\":0,", 1);
        let is_duplicate = matches!(pushed.parse(repeated.as_bytes()), Err(ManifestError::DuplicateKey { .. }));
        prop_assert!(is_duplicate);
        let both = text.replacen('{', if pushed.kind.is_index() { "{\"layers\":[]," } else { "{\"manifests\":[]," }, 1);
        let is_both = matches!(pushed.parse(both.as_bytes()), Err(ManifestError::BothKinds { .. }));
        prop_assert!(is_both);
    }

    #[test]
    fn no_bytes_make_the_manifest_parser_panic(
        pushed in pushed(),
        noise in vec((any::<Index>(), any::<u8>()), 0..8),
        content_type in proptest::option::of(any::<String>()),
        bytes in vec(any::<u8>(), 0..200),
    ) {
        let mut payload = pushed.document().to_string().into_bytes();
        for (at, byte) in noise {
            let at = at.index(payload.len());
            payload[at] = byte;
        }
        let _ = pushed.parse(&payload);
        let _ = pushed.parse(&bytes);
        let _ = Manifest::parse(None, &payload);
        let _ = Manifest::parse(content_type.as_deref(), &payload);
    }
}
