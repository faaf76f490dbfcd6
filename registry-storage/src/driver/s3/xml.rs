//! The documents of S3, as far as they are looked at.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// An answer is not what it has to be.
#[derive(Debug, thiserror::Error)]
#[error("the answer is no such document")]
pub(super) struct DocumentError(#[source] quick_xml::DeError);

/// Reads a document.
pub(super) fn parse<T: DeserializeOwned>(text: &[u8]) -> Result<T, DocumentError> {
    quick_xml::de::from_reader(text).map_err(DocumentError)
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct ErrorDocument {
    pub(super) code: String,
    pub(super) message: String,
    pub(super) request_id: Option<String>,
    pub(super) region: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ListObjects {
    #[serde(default)]
    pub(super) is_truncated: bool,
    pub(super) next_continuation_token: Option<String>,
    pub(super) next_marker: Option<String>,
    #[serde(default)]
    pub(super) contents: Vec<ListedObject>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ListedObject {
    pub(super) key: String,
    pub(super) size: u64,
    pub(super) last_modified: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct InitiateMultipartUpload {
    pub(super) upload_id: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct CopyPart {
    #[serde(rename = "ETag")]
    pub(super) etag: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ListParts {
    #[serde(default)]
    pub(super) is_truncated: bool,
    pub(super) next_part_number_marker: Option<String>,
    #[serde(default, rename = "Part")]
    pub(super) parts: Vec<ListedPart>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ListedPart {
    pub(super) part_number: u32,
    #[serde(rename = "ETag")]
    pub(super) etag: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ListUploads {
    #[serde(default)]
    pub(super) is_truncated: bool,
    pub(super) next_key_marker: Option<String>,
    pub(super) next_upload_id_marker: Option<String>,
    #[serde(default, rename = "Upload")]
    pub(super) uploads: Vec<ListedUpload>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ListedUpload {
    pub(super) key: String,
    pub(super) upload_id: String,
    pub(super) initiated: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct Deleted {
    #[serde(default, rename = "Error")]
    pub(super) errors: Vec<NotDeleted>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct NotDeleted {
    pub(super) key: String,
    #[serde(default)]
    pub(super) code: String,
    #[serde(default)]
    pub(super) message: String,
}

#[derive(Debug, Serialize)]
#[serde(rename = "CompleteMultipartUpload")]
pub(super) struct CompleteMultipartUpload<'a> {
    #[serde(rename = "Part")]
    pub(super) parts: Vec<CompletedPart<'a>>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct CompletedPart<'a> {
    pub(super) part_number: usize,
    #[serde(rename = "ETag")]
    pub(super) etag: &'a str,
}

#[derive(Debug, Serialize)]
#[serde(rename = "Delete", rename_all = "PascalCase")]
pub(super) struct Delete {
    pub(super) quiet: bool,
    #[serde(rename = "Object")]
    pub(super) objects: Vec<DeletedObject>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct DeletedObject {
    pub(super) key: String,
}

/// Writes a document.
pub(super) fn write(document: &impl Serialize) -> String {
    quick_xml::se::to_string(document).expect("structures of text and numbers can be written")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_are_read() {
        let text = br#"<?xml version="1.0" encoding="UTF-8"?>
            <ListPartsResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Bucket>b</Bucket><IsTruncated>true</IsTruncated>
            <NextPartNumberMarker>2</NextPartNumberMarker>
            <Part><PartNumber>1</PartNumber><ETag>&quot;a&quot;</ETag><Size>5</Size></Part>
            <Part><PartNumber>2</PartNumber><ETag>"b"</ETag></Part></ListPartsResult>"#;
        let parts: ListParts = parse(text).unwrap();
        assert!(parts.is_truncated);
        let etags: Vec<_> = parts.parts.iter().map(|part| (part.part_number, part.etag.as_str())).collect();
        assert_eq!(etags, [(1, "\"a\""), (2, "\"b\"")]);
        let error: ErrorDocument = parse(b"<Error><Code>SlowDown</Code><Other>x</Other></Error>").unwrap();
        assert_eq!((error.code.as_str(), error.message.as_str()), ("SlowDown", ""));
        assert!(parse::<InitiateMultipartUpload>(b"no document").is_err());
    }

    #[test]
    fn documents_are_written() {
        let parts = CompleteMultipartUpload { parts: vec![CompletedPart { part_number: 1, etag: "\"a\"" }] };
        assert_eq!(
            write(&parts),
            "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>\"a\"</ETag></Part></CompleteMultipartUpload>"
        );
        let delete = Delete { quiet: true, objects: vec![DeletedObject { key: "a&b".into() }] };
        assert_eq!(write(&delete), "<Delete><Quiet>true</Quiet><Object><Key>a&amp;b</Key></Object></Delete>");
    }
}
