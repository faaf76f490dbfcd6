//! Why some bytes are not a manifest.

use crate::protocol::media_type::ManifestKind;

/// Why some bytes are not a manifest that this registry stores. The texts are for the client that pushed them.
///
/// A `path` names a place in the document, such as `layers[3].digest`; `.` is the document itself.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ManifestError {
    /// The Content-Type, or for want of it the `mediaType`, is not one of a manifest.
    #[error(
        "media type `{0}` is not one of a manifest; expected {oci}, {index}, {docker} or {list}",
        oci = ManifestKind::OciManifest,
        index = ManifestKind::OciIndex,
        docker = ManifestKind::DockerManifest,
        list = ManifestKind::DockerManifestList
    )]
    UnsupportedMediaType(String),
    /// The manifest is of the first Docker format.
    #[error(
        "Docker image manifest version 2 schema 1 is not supported; push the image again with a client that writes schema 2 or OCI manifests"
    )]
    Schema1,
    /// Neither a Content-Type nor the manifest itself says what it is.
    #[error("the manifest has no media type; expected a Content-Type header or a field `mediaType`")]
    NoMediaType,
    /// The manifest starts with a byte order mark.
    #[error("the manifest starts with a byte order mark; expected JSON in UTF-8 without one")]
    ByteOrderMark,
    /// The manifest is not JSON; with the reason, line and column.
    #[error("the manifest is not valid JSON: {0}")]
    NotJson(String),
    /// There is something after the JSON value.
    #[error("the manifest does not end with its JSON object: there are more bytes at line {line} column {column}")]
    TrailingBytes {
        /// Where they start, counted from 1.
        line: usize,
        /// Where in that line they start, counted from 1.
        column: usize,
    },
    /// There are arrays and objects in one another, deeper than [`MAX_DEPTH`](super::MAX_DEPTH).
    #[error("the manifest is nested more than {} levels deep, at `{path}`", super::MAX_DEPTH)]
    TooDeep {
        /// Where.
        path: String,
    },
    /// There are more values than [`MAX_VALUES`](super::MAX_VALUES).
    #[error("the manifest has too many values; expected at most {} at all depths together", super::MAX_VALUES)]
    TooManyValues,
    /// An object has two values for one key, so that readers may differ in which one they take.
    #[error("the key `{key}` occurs twice in the object at `{path}`; expected every key once")]
    DuplicateKey {
        /// The key.
        key: String,
        /// The object.
        path: String,
    },
    /// A key differs from a field only in case; some readers take it for that field and others do not.
    #[error(
        "the key `{key}` in the object at `{path}` differs only in case from `{field}`; expected exactly `{field}`"
    )]
    MisspelledField {
        /// The key.
        key: String,
        /// The field that some readers take it for.
        field: &'static str,
        /// The object.
        path: String,
    },
    /// There is something else in place of an object.
    #[error("the value at `{path}` is not an object; expected a JSON object")]
    NotAnObject {
        /// Where.
        path: String,
    },
    /// A field's value is not what the field takes.
    #[error("the value at `{path}` is invalid: {reason}")]
    InvalidField {
        /// Where.
        path: String,
        /// What is wrong and what is expected.
        reason: String,
    },
    /// The schema version is missing or another one.
    #[error("the field `schemaVersion` is {}; expected 2", found.map_or("missing".to_owned(), |found| found.to_string()))]
    SchemaVersion {
        /// What it is, if it is there.
        found: Option<u64>,
    },
    /// A Docker manifest does not say what it is.
    #[error("the field `mediaType` is missing; expected `{0}`, which Docker's format requires in the manifest itself")]
    MissingMediaType(ManifestKind),
    /// The manifest says that it is something else than it is pushed as.
    #[error("the field `mediaType` is `{found}`; expected exactly `{expected}`, the type it is pushed as")]
    MediaTypeMismatch {
        /// What the manifest says.
        found: String,
        /// What it is pushed as.
        expected: ManifestKind,
    },
    /// The manifest lacks a field that its kind requires.
    #[error("the field `{field}` is missing; {kind} requires it")]
    MissingField {
        /// The field.
        field: &'static str,
        /// The manifest's kind.
        kind: ManifestKind,
    },
    /// The manifest could be read as an image and as an index.
    #[error("the field `{field}` does not belong into {kind}; expected either `config` and `layers`, or `manifests`")]
    BothKinds {
        /// The field of the other kind.
        field: &'static str,
        /// The manifest's kind.
        kind: ManifestKind,
    },
    /// The manifest refers to more than [`MAX_REFERENCES`](super::MAX_REFERENCES).
    #[error("the manifest has {found} references; expected at most {}", super::MAX_REFERENCES)]
    TooManyReferences {
        /// How many it has, repeated ones included.
        found: usize,
    },
}
