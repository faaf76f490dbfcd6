//! A manifest's fields, as they stand in the JSON object.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer};

use super::{MAX_REFERENCES, Manifest, ManifestError};
use crate::protocol::descriptor::Descriptor;
use crate::protocol::digest::shorten;
use crate::protocol::media_type::{DOCKER_SCHEMA1, DOCKER_SCHEMA1_SIGNED, ManifestKind, essence};

/// The longest artifact type in bytes: two names of 127 and the slash (RFC 6838 §4.2).
const ARTIFACT_TYPE_MAX_BYTES: usize = 255;

/// The longest reason that is given to a client, in characters: it may quote what the client sent.
const REASON_MAX_CHARS: usize = 400;

/// The fields of all kinds of manifest. What is `null` counts as absent, as it does for clients written in Go, except
/// that it is as good as an empty list where a list is required: that is how those clients write one.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", expecting = "a manifest object")]
pub(super) struct Document {
    schema_version: Option<u64>,
    media_type: Option<String>,
    artifact_type: Option<String>,
    config: Option<Descriptor>,
    #[serde(default, deserialize_with = "present")]
    layers: Option<Option<Vec<Descriptor>>>,
    #[serde(default, deserialize_with = "present")]
    manifests: Option<Option<Vec<Descriptor>>>,
    subject: Option<Descriptor>,
    annotations: Option<BTreeMap<String, String>>,
}

/// Tells `null`, which is `Some(None)`, from nothing.
fn present<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

impl Document {
    /// Reads what has passed the scan.
    pub(super) fn read(payload: &[u8]) -> Result<Self, ManifestError> {
        // To know at every moment where one is costs more than the reading itself: it is found out when there is an
        // error to tell the place of.
        if let Ok(document) = serde_json::from_slice(payload) {
            return Ok(document);
        }
        let mut json = serde_json::Deserializer::from_slice(payload);
        serde_path_to_error::deserialize(&mut json).map_err(|error| {
            let path = shorten(&error.path().to_string());
            let reason = error.inner().to_string().chars().take(REASON_MAX_CHARS).collect();
            ManifestError::InvalidField { path, reason }
        })
    }

    /// Checks everything that is more than the shape of a field. `kind` is what the Content-Type says, if there is one.
    pub(super) fn into_manifest(self, kind: Option<ManifestKind>) -> Result<Manifest, ManifestError> {
        let kind = self.kind(kind)?;
        if self.schema_version != Some(2) {
            return Err(ManifestError::SchemaVersion { found: self.schema_version });
        }
        let missing = |field| ManifestError::MissingField { field, kind };
        let foreign = |field, is_there| if is_there { Err(ManifestError::BothKinds { field, kind }) } else { Ok(()) };
        let (config, layers, children) = if kind.is_index() {
            foreign("config", self.config.is_some())?;
            foreign("layers", self.layers.flatten().is_some())?;
            let children = self.manifests.ok_or(missing("manifests"))?.unwrap_or_default();
            (None, Vec::new(), children)
        } else {
            foreign("manifests", self.manifests.flatten().is_some())?;
            let config = self.config.ok_or(missing("config"))?;
            let layers = self.layers.ok_or(missing("layers"))?.unwrap_or_default();
            (Some(config), layers, Vec::new())
        };
        let found = usize::from(config.is_some()) + layers.len() + children.len();
        if found > MAX_REFERENCES {
            return Err(ManifestError::TooManyReferences { found });
        }
        let artifact_type = effective_artifact_type(self.artifact_type, config.as_ref())?;
        let annotations = self.annotations.unwrap_or_default();
        Ok(Manifest { kind, artifact_type, config, layers, children, subject: self.subject, annotations })
    }

    fn kind(&self, from_content_type: Option<ManifestKind>) -> Result<ManifestKind, ManifestError> {
        let kind = match (from_content_type, &self.media_type) {
            (Some(kind), _) => kind,
            (None, Some(media_type)) => kind_of(media_type)?,
            (None, None) if self.schema_version == Some(1) => return Err(ManifestError::Schema1),
            (None, None) => return Err(ManifestError::NoMediaType),
        };
        match &self.media_type {
            Some(found) if found != kind.media_type() => {
                Err(ManifestError::MediaTypeMismatch { found: shorten(found), expected: kind })
            }
            None if kind.is_docker() => Err(ManifestError::MissingMediaType(kind)),
            _ => Ok(kind),
        }
    }
}

/// Returns the kind that a media type names.
pub(super) fn kind_of(media_type: &str) -> Result<ManifestKind, ManifestError> {
    let named = essence(media_type);
    if [DOCKER_SCHEMA1, DOCKER_SCHEMA1_SIGNED].iter().any(|schema1| schema1.eq_ignore_ascii_case(named)) {
        return Err(ManifestError::Schema1);
    }
    ManifestKind::from_content_type(named).ok_or_else(|| ManifestError::UnsupportedMediaType(shorten(named)))
}

/// Returns the type that the referrers API shows: the manifest's own, else its config's.
fn effective_artifact_type(own: Option<String>, config: Option<&Descriptor>) -> Result<Option<String>, ManifestError> {
    let own = own.filter(|own| !own.is_empty());
    let (path, artifact_type) = match (own, config) {
        (Some(own), _) => ("artifactType", own),
        (None, Some(config)) => ("config.mediaType", config.media_type.clone()),
        (None, None) => return Ok(None),
    };
    if artifact_type.len() > ARTIFACT_TYPE_MAX_BYTES || artifact_type.chars().any(char::is_control) {
        let reason = format!(
            "`{}` is not a media type; expected at most {ARTIFACT_TYPE_MAX_BYTES} bytes without control characters",
            shorten(&artifact_type).escape_debug()
        );
        return Err(ManifestError::InvalidField { path: path.to_owned(), reason });
    }
    Ok(Some(artifact_type).filter(|artifact_type| !artifact_type.is_empty()))
}
