//! Descriptors: how one piece of content names another.
//!
//! Source: OCI image-spec `descriptor.md`, and `image-index.md` for the platform.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Unexpected, Visitor};
use serde::{Deserialize as DeriveDeserialize, Serialize};

use super::digest::Digest;

/// A reference to some content, with what is known about it without having it.
///
/// Serialises to the spec's JSON object without empty fields. An optional field that is `null` reads as absent, which
/// is what clients written in Go take it for; unknown fields are ignored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, DeriveDeserialize)]
#[serde(rename_all = "camelCase", expecting = "a descriptor object")]
pub struct Descriptor {
    /// The content's media type.
    pub media_type: String,
    /// The content's digest.
    pub digest: Digest,
    /// The content's size in bytes; below 2^63, as the spec's int64.
    #[serde(deserialize_with = "size")]
    pub size: u64,
    /// Where else the content can be had.
    #[serde(default, deserialize_with = "null_as_default", skip_serializing_if = "Vec::is_empty")]
    pub urls: Vec<String>,
    /// Arbitrary metadata.
    #[serde(default, deserialize_with = "null_as_default", skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
    /// The content itself, as base64 text that was neither decoded nor compared with the digest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<String>,
    /// The platform that the content is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub platform: Option<Platform>,
    /// The type of the artifact that the content is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artifact_type: Option<String>,
}

/// The least that content needs to run. Fields that a client left out read as empty: a registry serves the content
/// all the same.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, DeriveDeserialize)]
#[serde(default, expecting = "a platform object")]
pub struct Platform {
    /// The processor's architecture, in the words of Go's `GOARCH`.
    pub architecture: String,
    /// The operating system, in the words of Go's `GOOS`.
    pub os: String,
    /// The operating system's version.
    #[serde(rename = "os.version", skip_serializing_if = "Option::is_none")]
    pub os_version: Option<String>,
    /// Features that the operating system must have.
    #[serde(rename = "os.features", deserialize_with = "null_as_default", skip_serializing_if = "Vec::is_empty")]
    pub os_features: Vec<String>,
    /// The variant of the architecture.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub variant: Option<String>,
}

fn null_as_default<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(deserializer: D) -> Result<T, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

fn size<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    struct Size;

    impl Visitor<'_> for Size {
        type Value = u64;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a whole number of bytes from 0 to 2^63 - 1")
        }

        fn visit_u64<E: serde::de::Error>(self, size: u64) -> Result<u64, E> {
            if i64::try_from(size).is_ok() {
                Ok(size)
            } else {
                Err(E::invalid_value(Unexpected::Unsigned(size), &self))
            }
        }
    }

    deserializer.deserialize_u64(Size)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIGEST: &str = "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a";

    fn parse(text: &str) -> Result<Descriptor, serde_json::Error> {
        serde_json::from_str(&text.replace("DIGEST", DIGEST))
    }

    #[test]
    fn a_descriptor_comes_back_as_it_was() {
        for text in [
            r#"{"mediaType":"a/b","digest":"DIGEST","size":0}"#,
            r#"{"mediaType":"a/b","digest":"DIGEST","size":9223372036854775807,"urls":["https://example.com/x"],"annotations":{"k":"v"},"data":"e30=","platform":{"architecture":"arm64","os":"linux","os.version":"1","os.features":["f"],"variant":"v8"},"artifactType":"c/d"}"#,
        ] {
            let descriptor = parse(text).unwrap();
            assert_eq!(serde_json::to_string(&descriptor).unwrap(), text.replace("DIGEST", DIGEST));
        }
    }

    #[test]
    fn what_is_null_or_unknown_reads_as_absent() {
        let plain = parse(r#"{"mediaType":"a/b","digest":"DIGEST","size":2}"#).unwrap();
        let padded = r#"{"mediaType":"a/b","digest":"DIGEST","size":2,"urls":null,"annotations":null,"data":null,
            "platform":null,"artifactType":null,"custom":{"a":[1]}}"#;
        assert_eq!(parse(padded).unwrap(), plain);
        let sparse =
            parse(r#"{"mediaType":"a/b","digest":"DIGEST","size":2,"platform":{"os.features":null}}"#).unwrap();
        assert_eq!(sparse.platform, Some(Platform::default()));
    }

    #[test]
    fn refuses_what_is_not_a_descriptor() {
        for (text, expected) in [
            (r#"{"digest":"DIGEST","size":2}"#, "missing field `mediaType`"),
            (r#"{"mediaType":"a/b","size":2}"#, "missing field `digest`"),
            (r#"{"mediaType":"a/b","digest":"DIGEST"}"#, "missing field `size`"),
            (r#"{"mediaType":5,"digest":"DIGEST","size":2}"#, "expected a string"),
            (r#"{"mediaType":"a/b","digest":"sha256:x","size":2}"#, "exactly 64 characters"),
            (r#"{"mediaType":"a/b","digest":"md5:x","size":2}"#, "not supported"),
            (r#"{"mediaType":"a/b","digest":"DIGEST","size":-1}"#, "a whole number of bytes"),
            (r#"{"mediaType":"a/b","digest":"DIGEST","size":1.0}"#, "a whole number of bytes"),
            (r#"{"mediaType":"a/b","digest":"DIGEST","size":"1"}"#, "a whole number of bytes"),
            (r#"{"mediaType":"a/b","digest":"DIGEST","size":9223372036854775808}"#, "a whole number of bytes"),
            (r#"{"mediaType":"a/b","digest":"DIGEST","size":2,"urls":"x"}"#, "expected a sequence"),
            (r#"{"mediaType":"a/b","digest":"DIGEST","size":2,"annotations":{"k":1}}"#, "expected a string"),
            (r#""DIGEST""#, "a descriptor object"),
        ] {
            let error = parse(text).unwrap_err().to_string();
            assert!(error.contains(expected), "{text}: {error}");
        }
    }
}
