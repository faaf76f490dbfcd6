//! The JSON documents of the protocol, as far as they are needed.

use std::collections::HashMap;

use bytes::Bytes;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};

/// An object. Which of its properties an answer has is asked for in `fields`.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Object {
    pub(super) name: String,
    #[serde(deserialize_with = "number")]
    pub(super) size: u64,
    /// What tells this content from any other that the object had or gets.
    pub(super) generation: String,
    pub(super) time_created: String,
    pub(super) metadata: HashMap<String, String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ObjectList {
    #[serde(default)]
    pub(super) items: Vec<Object>,
    pub(super) next_page_token: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Rewritten {
    pub(super) done: bool,
    /// By what the copy is gone on with.
    pub(super) rewrite_token: Option<String>,
    #[serde(default)]
    pub(super) resource: Object,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct ErrorDocument {
    pub(super) error: ErrorResponse,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct ErrorResponse {
    pub(super) message: String,
    pub(super) errors: Vec<ErrorItem>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct ErrorItem {
    pub(super) reason: String,
}

/// What a new object is asked to be.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct NewObject<'a> {
    pub(super) content_type: &'static str,
    #[serde(skip_serializing_if = "HashMap::is_empty")]
    pub(super) metadata: HashMap<&'static str, &'a str>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Compose<'a> {
    pub(super) source_objects: Vec<ComposeSource<'a>>,
    pub(super) destination: NewObject<'a>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ComposeSource<'a> {
    pub(super) name: String,
    pub(super) object_preconditions: Preconditions<'a>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Preconditions<'a> {
    pub(super) if_generation_match: &'a str,
}

/// Writes a document.
pub(super) fn write(document: &impl Serialize) -> Bytes {
    serde_json::to_vec(document).expect("structures of text can be written").into()
}

/// Reads a number that is written as text, because JSON's own may not have 64 bits.
fn number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_are_read() {
        let page: ObjectList = serde_json::from_str(
            r#"{"kind": "storage#objects", "nextPageToken": "t", "items": [
                {"name": "a", "size": "9007199254740993", "timeCreated": "2026-01-02T03:04:05.678Z"}]}"#,
        )
        .unwrap();
        assert_eq!((page.items[0].name.as_str(), page.items[0].size), ("a", 9_007_199_254_740_993));
        assert_eq!(page.next_page_token.as_deref(), Some("t"));
        let nothing: ObjectList = serde_json::from_str(r#"{"kind": "storage#objects"}"#).unwrap();
        assert!(nothing.items.is_empty() && nothing.next_page_token.is_none());
        let error: ErrorDocument = serde_json::from_str(
            r#"{"error": {"code": 404, "message": "No such object", "errors": [{"reason": "notFound"}]}}"#,
        )
        .unwrap();
        assert_eq!(
            (error.error.message.as_str(), error.error.errors[0].reason.as_str()),
            ("No such object", "notFound")
        );
        assert!(serde_json::from_str::<Object>(r#"{"size": "many"}"#).is_err());
    }

    #[test]
    fn documents_are_written() {
        let sources = vec![ComposeSource {
            name: "a/1".into(),
            object_preconditions: Preconditions { if_generation_match: "7" },
        }];
        let destination = NewObject { content_type: "application/octet-stream", metadata: HashMap::new() };
        assert_eq!(
            write(&Compose { source_objects: sources, destination }),
            r#"{"sourceObjects":[{"name":"a/1","objectPreconditions":{"ifGenerationMatch":"7"}}],"destination":{"contentType":"application/octet-stream"}}"#
        );
    }
}
