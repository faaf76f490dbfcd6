use super::*;
use crate::protocol::media_type::{
    DOCKER_FOREIGN_LAYER, DOCKER_MANIFEST, DOCKER_MANIFEST_LIST, DOCKER_SCHEMA1, DOCKER_SCHEMA1_SIGNED, OCI_CONFIG,
    OCI_EMPTY, OCI_INDEX, OCI_LAYER_GZIP, OCI_MANIFEST, OCI_NONDISTRIBUTABLE_LAYER_GZIP,
};

/// A descriptor of content number `n`, with more fields if `more` starts with a comma.
fn descriptor(media_type: &str, n: u32, more: &str) -> String {
    format!(r#"{{"mediaType":"{media_type}","digest":"{}","size":{n}{more}}}"#, digest(n))
}

fn digest(n: u32) -> Digest {
    format!("sha256:{n:064x}").parse().unwrap()
}

fn config() -> String {
    descriptor(OCI_CONFIG, 1, "")
}

fn layer(n: u32) -> String {
    descriptor(OCI_LAYER_GZIP, n, "")
}

fn image(layers: &[String], more: &str) -> String {
    format!(r#"{{"schemaVersion":2,"config":{},"layers":[{}]{more}}}"#, config(), layers.join(","))
}

fn index(children: &[String], more: &str) -> String {
    format!(r#"{{"schemaVersion":2,"manifests":[{}]{more}}}"#, children.join(","))
}

#[track_caller]
fn accept(content_type: &str, payload: &str) -> Manifest {
    Manifest::parse(Some(content_type), payload.as_bytes()).unwrap_or_else(|error| panic!("{error}: {payload:.500}"))
}

#[track_caller]
fn refuse(content_type: &str, payload: &str) -> ManifestError {
    Manifest::parse(Some(content_type), payload.as_bytes()).expect_err(payload)
}

#[track_caller]
fn assert_invalid(content_type: &str, payload: &str, expected_path: &str, expected_reason: &str) {
    match refuse(content_type, payload) {
        ManifestError::InvalidField { path, reason } => {
            assert_eq!(path, expected_path, "{reason}");
            assert!(reason.contains(expected_reason), "{reason}");
        }
        other => panic!("{other}"),
    }
}

#[test]
fn an_image_refers_to_its_config_and_layers_once_each() {
    let manifest = accept(OCI_MANIFEST, &image(&[layer(3), layer(2), layer(3), layer(1)], ""));
    assert_eq!(manifest.kind(), ManifestKind::OciManifest);
    assert_eq!(manifest.media_type(), OCI_MANIFEST);
    assert_eq!(manifest.blobs(), [digest(1), digest(3), digest(2)]);
    assert_eq!(manifest.config().unwrap().digest, digest(1));
    assert_eq!(manifest.layers().len(), 4);
    assert_eq!(manifest.children(), []);
    assert_eq!(manifest.subject(), None);
    assert!(manifest.annotations().is_empty());
}

#[test]
fn an_index_refers_to_its_children() {
    let platform = r#","platform":{"architecture":"arm64","os":"linux","variant":"v8","features":["sse4"]}"#;
    let children = [descriptor(OCI_MANIFEST, 2, platform), descriptor(OCI_INDEX, 3, ""), descriptor("custom/x", 4, "")];
    let manifest = accept(OCI_INDEX, &index(&children, ""));
    assert_eq!(manifest.kind(), ManifestKind::OciIndex);
    assert_eq!(manifest.children().iter().map(|child| child.digest).collect::<Vec<_>>(), [2, 3, 4].map(digest));
    assert_eq!(manifest.children()[0].platform.as_ref().unwrap().architecture, "arm64");
    assert_eq!(manifest.blobs(), []);
    assert_eq!(manifest.artifact_type(), None);
}

#[test]
fn layers_that_are_elsewhere_are_not_required() {
    let urls = r#","urls":["https://example.com/layer"]"#;
    for (media_type, more, required) in [
        (OCI_NONDISTRIBUTABLE_LAYER_GZIP, urls, false),
        (DOCKER_FOREIGN_LAYER, urls, false),
        (OCI_NONDISTRIBUTABLE_LAYER_GZIP, "", true),
        (OCI_NONDISTRIBUTABLE_LAYER_GZIP, r#","urls":[]"#, true),
        (DOCKER_FOREIGN_LAYER, "", true),
        (OCI_LAYER_GZIP, urls, true),
        (OCI_MANIFEST, "", true),
    ] {
        let manifest = accept(OCI_MANIFEST, &image(&[descriptor(media_type, 2, more)], ""));
        let expected: &[Digest] = if required { &[digest(1), digest(2)] } else { &[digest(1)] };
        assert_eq!(manifest.blobs(), expected, "{media_type} {more}");
        assert_eq!(manifest.layers().len(), 1);
    }
    let twice = [descriptor(DOCKER_FOREIGN_LAYER, 2, urls), layer(2)];
    assert_eq!(
        accept(OCI_MANIFEST, &image(&twice, "")).blobs(),
        [digest(1), digest(2)],
        "required by the second entry"
    );
}

#[test]
fn the_artifact_type_is_the_manifests_own_or_its_configs() {
    let empty = format!(r#"{{"schemaVersion":2,"config":{},"layers":[]"#, descriptor(OCI_EMPTY, 1, ""));
    for (content_type, payload, expected) in [
        (OCI_MANIFEST, image(&[], ""), Some(OCI_CONFIG)),
        (OCI_MANIFEST, image(&[], r#","artifactType":"a/b""#), Some("a/b")),
        (OCI_MANIFEST, image(&[], r#","artifactType":"""#), Some(OCI_CONFIG)),
        (OCI_MANIFEST, image(&[], r#","artifactType":null"#), Some(OCI_CONFIG)),
        (OCI_MANIFEST, format!("{empty}}}"), Some(OCI_EMPTY)),
        (OCI_MANIFEST, format!(r#"{empty},"artifactType":"a/b"}}"#), Some("a/b")),
        (OCI_INDEX, index(&[], ""), None),
        (OCI_INDEX, index(&[], r#","artifactType":"""#), None),
        (OCI_INDEX, index(&[], r#","artifactType":"a/b""#), Some("a/b")),
    ] {
        assert_eq!(accept(content_type, &payload).artifact_type(), expected, "{payload}");
    }
    let long = format!(r#","artifactType":"{}""#, "a".repeat(256));
    assert_invalid(OCI_MANIFEST, &image(&[], &long), "artifactType", "at most 255 bytes");
    assert_invalid(
        OCI_INDEX,
        &index(&[], r#","artifactType":"a\u0000b""#),
        "artifactType",
        r"`a\0b` is not a media type",
    );
    let config = descriptor(&"a".repeat(256), 1, "");
    let payload = format!(r#"{{"schemaVersion":2,"config":{config},"layers":[]}}"#);
    assert_invalid(OCI_MANIFEST, &payload, "config.mediaType", "at most 255 bytes");
}

#[test]
fn subject_and_annotations_are_read_from_every_kind() {
    let more = format!(r#","subject":{},"annotations":{{"b":"2","a":"1"}}"#, descriptor(OCI_MANIFEST, 9, ""));
    for (content_type, payload) in [
        (OCI_MANIFEST, image(&[], &more)),
        (OCI_INDEX, index(&[], &more)),
        (DOCKER_MANIFEST, image(&[], &format!(r#"{more},"mediaType":"{DOCKER_MANIFEST}""#))),
        (DOCKER_MANIFEST_LIST, index(&[], &format!(r#"{more},"mediaType":"{DOCKER_MANIFEST_LIST}""#))),
    ] {
        let manifest = accept(content_type, &payload);
        assert_eq!(manifest.media_type(), content_type);
        assert_eq!(manifest.subject().unwrap().digest, digest(9));
        assert_eq!(manifest.annotations().iter().collect::<Vec<_>>().len(), 2);
        assert!(!manifest.blobs().contains(&digest(9)), "a subject need not exist");
    }
}

#[test]
fn accepts_what_a_registry_need_not_understand() {
    for (content_type, payload) in [
        (OCI_MANIFEST, image(&[], "")),
        (OCI_MANIFEST, image(&[], r#","custom":{"nested":[{"digest":1}]},"fsLayers":[]"#)),
        (OCI_MANIFEST, image(&[descriptor("any thing", 2, r#","data":"e30=","x":{}"#)], "")),
        (OCI_MANIFEST, image(&[], r#","manifests":null,"subject":null,"annotations":null,"mediaType":null"#)),
        (OCI_MANIFEST, format!(r#"{{"schemaVersion":2,"config":{},"layers":null}}"#, config())),
        (OCI_INDEX, index(&[], "")),
        (OCI_INDEX, index(&[], r#","config":null,"layers":null"#)),
        (OCI_INDEX, r#"{"schemaVersion":2,"manifests":null}"#.to_owned()),
    ] {
        accept(content_type, &payload);
    }
}

#[test]
fn large_manifests() {
    let annotations: Vec<_> = (0..390).map(|n| format!(r#""k{n}":"{}""#, "x".repeat(10_000))).collect();
    let manifest = accept(OCI_MANIFEST, &image(&[], &format!(r#","annotations":{{{}}}"#, annotations.join(","))));
    assert_eq!(manifest.annotations().len(), 390);

    let children = |count| (0..count).map(|n| descriptor(OCI_MANIFEST, n, "")).collect::<Vec<_>>();
    let limit = u32::try_from(MAX_REFERENCES).unwrap();
    assert_eq!(accept(OCI_INDEX, &index(&children(10_000), "")).children().len(), 10_000);
    assert_eq!(accept(OCI_INDEX, &index(&children(limit), "")).children().len(), MAX_REFERENCES);
    let found = MAX_REFERENCES + 1;
    assert_eq!(refuse(OCI_INDEX, &index(&children(limit + 1), "")), ManifestError::TooManyReferences { found });
    assert_eq!(refuse(OCI_MANIFEST, &image(&children(limit), "")), ManifestError::TooManyReferences { found });
}

#[test]
fn the_media_type_comes_from_the_content_type_or_the_manifest() {
    let of_type = |media_type: &str| image(&[], &format!(r#","mediaType":"{media_type}""#));
    let parse = |content_type, payload: &str| Manifest::parse(content_type, payload.as_bytes());

    let spelled = format!("{}; charset=utf-8", OCI_MANIFEST.to_uppercase());
    assert_eq!(parse(Some(&spelled), &of_type(OCI_MANIFEST)).unwrap().media_type(), OCI_MANIFEST);
    for content_type in [None, Some(""), Some(" ")] {
        assert_eq!(parse(content_type, &of_type(DOCKER_MANIFEST)).unwrap().media_type(), DOCKER_MANIFEST);
        assert_eq!(parse(content_type, &image(&[], "")), Err(ManifestError::NoMediaType));
        assert_eq!(parse(content_type, &of_type("a/b")), Err(ManifestError::UnsupportedMediaType("a/b".to_owned())));
        assert_eq!(parse(content_type, r#"{"schemaVersion":1,"fsLayers":[]}"#), Err(ManifestError::Schema1));
        assert_eq!(parse(content_type, &of_type(DOCKER_SCHEMA1)), Err(ManifestError::Schema1));
    }
    for content_type in ["application/json", "x", OCI_CONFIG, "application/vnd.oci.image.manifest.v2+json"] {
        let expected = ManifestError::UnsupportedMediaType(content_type.to_owned());
        assert_eq!(refuse(content_type, &of_type(OCI_MANIFEST)), expected);
    }
    for content_type in [DOCKER_SCHEMA1, DOCKER_SCHEMA1_SIGNED] {
        assert_eq!(refuse(content_type, r#"{"schemaVersion":1}"#), ManifestError::Schema1);
    }
    for (expected, found) in [
        (ManifestKind::OciManifest, DOCKER_MANIFEST),
        (ManifestKind::OciManifest, OCI_INDEX),
        (ManifestKind::DockerManifest, OCI_MANIFEST),
        (ManifestKind::OciManifest, ""),
        (ManifestKind::OciManifest, &spelled),
    ] {
        let mismatch = ManifestError::MediaTypeMismatch { found: found.to_owned(), expected };
        assert_eq!(refuse(expected.media_type(), &of_type(found)), mismatch);
    }
    for kind in [ManifestKind::DockerManifest, ManifestKind::DockerManifestList] {
        assert_eq!(refuse(kind.media_type(), &image(&[], "")), ManifestError::MissingMediaType(kind));
    }
}

#[test]
fn refuses_other_schema_versions() {
    for (version, found) in [("1", Some(1)), ("3", Some(3)), ("null", None)] {
        let payload = image(&[], "").replace(":2,", &format!(":{version},"));
        assert_eq!(refuse(OCI_MANIFEST, &payload), ManifestError::SchemaVersion { found });
    }
    assert_eq!(refuse(OCI_INDEX, r#"{"manifests":[]}"#), ManifestError::SchemaVersion { found: None });
    assert_invalid(OCI_MANIFEST, r#"{"schemaVersion":"2"}"#, "schemaVersion", "expected u64");
}

#[test]
fn refuses_a_manifest_without_what_its_kind_requires() {
    for (kind, payload, field) in [
        (ManifestKind::OciManifest, r#"{"schemaVersion":2}"#.to_owned(), "config"),
        (ManifestKind::OciManifest, r#"{"schemaVersion":2,"config":null,"layers":[]}"#.to_owned(), "config"),
        (ManifestKind::OciManifest, format!(r#"{{"schemaVersion":2,"config":{}}}"#, config()), "layers"),
        (ManifestKind::OciIndex, r#"{"schemaVersion":2}"#.to_owned(), "manifests"),
    ] {
        assert_eq!(refuse(kind.media_type(), &payload), ManifestError::MissingField { field, kind });
    }
}

#[test]
fn refuses_what_could_be_read_as_image_and_as_index() {
    for (kind, payload, field) in [
        (ManifestKind::OciManifest, image(&[], r#","manifests":[]"#), "manifests"),
        (ManifestKind::OciManifest, index(&[], ""), "manifests"),
        (ManifestKind::OciIndex, index(&[], r#","layers":[]"#), "layers"),
        (ManifestKind::OciIndex, index(&[], &format!(r#","config":{}"#, config())), "config"),
        (ManifestKind::OciIndex, image(&[], ""), "config"),
    ] {
        assert_eq!(refuse(kind.media_type(), &payload), ManifestError::BothKinds { field, kind });
    }
}

#[test]
fn names_the_place_of_a_bad_value() {
    let bad = r#"{"mediaType":"a/b","digest":"sha256:x","size":1}"#.to_owned();
    let algorithm = r#"{"mediaType":"a/b","digest":"md5:x","size":1}"#;
    assert_invalid(
        OCI_MANIFEST,
        &image(&[layer(2), layer(3), layer(4), bad.clone()], ""),
        "layers[3].digest",
        "digest `sha256:x` is malformed; sha256 takes exactly 64 characters",
    );
    assert_invalid(OCI_INDEX, &index(&[bad], ""), "manifests[0].digest", "is malformed");
    assert_invalid(OCI_MANIFEST, &image(&[], &format!(r#","subject":{algorithm}"#)), "subject.digest", "not supported");
    assert_invalid(OCI_MANIFEST, &image(&[], r#","subject":{}"#), "subject", "missing field `mediaType`");
    assert_invalid(OCI_MANIFEST, &image(&[], r#","subject":"x""#), "subject", "expected a descriptor object");
    assert_invalid(OCI_MANIFEST, &image(&[], r#","annotations":{"a":1}"#), "annotations.a", "expected a string");
    assert_invalid(OCI_MANIFEST, &image(&[], r#","mediaType":7"#), "mediaType", "expected a string");
    assert_invalid(OCI_INDEX, r#"{"schemaVersion":2,"manifests":{}}"#, "manifests", "expected a sequence");
    let negative = layer(2).replace(":2}", ":-2}");
    assert_invalid(OCI_MANIFEST, &image(&[negative], ""), "layers[0].size", "a whole number of bytes from 0");
    let long = format!(r#","mediaType":["{}"]"#, "x".repeat(100_000));
    assert_invalid(OCI_MANIFEST, &image(&[], &long), "mediaType", "expected a string");
    let long = format!(r#"{{"schemaVersion":"{}"}}"#, "x".repeat(100_000));
    assert!(refuse(OCI_MANIFEST, &long).to_string().len() < 1000, "no more than a little is echoed");
}

#[test]
fn the_scan_comes_first() {
    let twice = image(&[], r#","mediaType":"a","mediaType":"b""#);
    assert!(matches!(refuse(OCI_MANIFEST, &twice), ManifestError::DuplicateKey { .. }));
    assert!(matches!(refuse(OCI_MANIFEST, ""), ManifestError::NotJson(_)));
    assert!(matches!(refuse(OCI_MANIFEST, &format!("{}x", image(&[], ""))), ManifestError::TrailingBytes { .. }));
    assert!(matches!(refuse(OCI_MANIFEST, "[2]"), ManifestError::NotAnObject { .. }));
}

#[test]
fn texts_name_what_is_wrong_and_what_is_expected() {
    for (payload, expected) in [
        (
            image(&[], r#","manifests":[]"#),
            "the field `manifests` does not belong into application/vnd.oci.image.manifest.v1+json; expected either `config` and `layers`, or `manifests`",
        ),
        ("{}".to_owned(), "the field `schemaVersion` is missing; expected 2"),
        (image(&[], "").replace(":2,", ":3,"), "the field `schemaVersion` is 3; expected 2"),
        (image(&[], r#","a":{"b":1,"b":2}"#), "the key `b` occurs twice in the object at `a`; expected every key once"),
    ] {
        assert_eq!(refuse(OCI_MANIFEST, &payload).to_string(), expected);
    }
}
