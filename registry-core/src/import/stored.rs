//! Manifests that are stored without the Content-Type by which they were pushed.

use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::protocol::manifest::{Manifest, ManifestError};
use crate::protocol::media_type::ManifestKind;

/// Whether there is a list of manifests. All else was looked at before.
#[derive(Deserialize)]
struct Shape {
    manifests: Option<Vec<IgnoredAny>>,
}

/// Reads a manifest as distribution does: what does not say what it is, is an OCI index if it lists manifests, and an OCI
/// image otherwise.
pub(super) fn parse(payload: &[u8]) -> Result<Manifest, ManifestError> {
    match Manifest::parse(None, payload) {
        Err(ManifestError::NoMediaType) => {
            let is_index = serde_json::from_slice(payload)
                .is_ok_and(|shape: Shape| shape.manifests.is_some_and(|manifests| !manifests.is_empty()));
            let kind = if is_index { ManifestKind::OciIndex } else { ManifestKind::OciManifest };
            Manifest::parse(Some(kind.media_type()), payload)
        }
        parsed => parsed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DESCRIPTOR: &str = r#"{"mediaType":"application/vnd.docker.container.image.v1+json","size":2,
        "digest":"sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"}"#;

    #[test]
    fn what_says_nothing_is_what_it_looks_like() {
        for (fields, expected) in [
            (format!(r#""config":{DESCRIPTOR},"layers":[]"#), ManifestKind::OciManifest),
            (format!(r#""config":{DESCRIPTOR},"layers":[],"manifests":null"#), ManifestKind::OciManifest),
            (format!(r#""manifests":[{DESCRIPTOR}]"#), ManifestKind::OciIndex),
            (
                format!(r#""mediaType":"{}","config":{DESCRIPTOR},"layers":[]"#, ManifestKind::DockerManifest),
                ManifestKind::DockerManifest,
            ),
            (format!(r#""mediaType":"{}","manifests":[]"#, ManifestKind::OciIndex), ManifestKind::OciIndex),
        ] {
            let payload = format!(r#"{{"schemaVersion":2,{fields}}}"#);
            assert_eq!(parse(payload.as_bytes()).map(|manifest| manifest.kind()), Ok(expected), "{payload}");
        }
    }

    #[test]
    fn what_could_be_both_is_refused() {
        let payload = format!(r#"{{"schemaVersion":2,"config":{DESCRIPTOR},"layers":[],"manifests":[{DESCRIPTOR}]}}"#);
        assert!(matches!(parse(payload.as_bytes()), Err(ManifestError::BothKinds { .. })));
        assert_eq!(parse(br#"{"schemaVersion":1,"name":"a","tag":"b"}"#), Err(ManifestError::Schema1));
        assert!(parse(b"").is_err());
    }
}
