//! The JSON documents of the protocol, as far as they are needed.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct ErrorDocument {
    pub(super) code: String,
    pub(super) message: String,
    pub(super) request_id: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ObjectList {
    #[serde(default)]
    pub(super) is_truncated: bool,
    pub(super) next_marker: Option<String>,
    #[serde(default)]
    pub(super) contents: Vec<Listed>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Listed {
    pub(super) key: String,
    pub(super) size: u64,
    pub(super) last_modified: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Begun {
    pub(super) upload_id: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct CopiedPart {
    pub(super) e_tag: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PartList {
    #[serde(default)]
    pub(super) is_truncated: bool,
    pub(super) next_part_number_marker: Option<usize>,
    #[serde(default)]
    pub(super) parts: Vec<ListedPart>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ListedPart {
    pub(super) part_number: usize,
    pub(super) e_tag: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct UploadList {
    #[serde(default)]
    pub(super) is_truncated: bool,
    pub(super) next_key_marker: Option<String>,
    #[serde(default)]
    pub(super) uploads: Vec<ListedUpload>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ListedUpload {
    pub(super) key: String,
    pub(super) upload_id: String,
    pub(super) initiated: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct Deleted {
    #[serde(default)]
    pub(super) errors: Vec<NotDeleted>,
}

#[derive(Debug, Deserialize)]
pub(super) struct NotDeleted {
    pub(super) key: String,
    #[serde(default)]
    pub(super) code: String,
    #[serde(default)]
    pub(super) message: String,
}

#[derive(Debug, Serialize)]
pub(super) struct Complete<'a> {
    pub(super) parts: Vec<CompletedPart<'a>>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct CompletedPart<'a> {
    pub(super) part_number: usize,
    pub(super) e_tag: &'a str,
}

#[derive(Debug, Serialize)]
pub(super) struct Delete {
    pub(super) objects: Vec<DeletedObject>,
}

#[derive(Debug, Serialize)]
pub(super) struct DeletedObject {
    pub(super) key: String,
}

/// Writes a document.
pub(super) fn write(document: &impl Serialize) -> Bytes {
    serde_json::to_vec(document).expect("structures of text and numbers can be written").into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_are_read() {
        let list: ObjectList = serde_json::from_str(
            r#"{"name": "b", "isTruncated": true, "nextMarker": "k", "contents": [
                {"key": "k", "lastModified": "2016-06-01T12:00:00Z", "eTag": "e", "size": 7, "owner": {}}]}"#,
        )
        .unwrap();
        assert!(list.is_truncated && list.next_marker.as_deref() == Some("k"));
        assert_eq!((list.contents[0].key.as_str(), list.contents[0].size), ("k", 7));
        let parts: PartList =
            serde_json::from_str(r#"{"nextPartNumberMarker": 2, "parts": [{"partNumber": 2, "eTag": "e"}]}"#).unwrap();
        assert_eq!((parts.next_part_number_marker, parts.parts[0].e_tag.as_str()), (Some(2), "e"));
        let error: ErrorDocument = serde_json::from_str(r#"{"code": "NoSuchKey", "requestId": "R"}"#).unwrap();
        assert_eq!((error.code.as_str(), error.message.as_str(), error.request_id.as_str()), ("NoSuchKey", "", "R"));
    }

    #[test]
    fn documents_are_written() {
        let complete = Complete { parts: vec![CompletedPart { part_number: 1, e_tag: "e" }] };
        assert_eq!(write(&complete), r#"{"parts":[{"partNumber":1,"eTag":"e"}]}"#);
        let delete = Delete { objects: vec![DeletedObject { key: "a".into() }] };
        assert_eq!(write(&delete), r#"{"objects":[{"key":"a"}]}"#);
    }
}
