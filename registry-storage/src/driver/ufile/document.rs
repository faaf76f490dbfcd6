//! The documents of UFile, as far as they are looked at.

use serde::Deserialize;

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct ErrorDocument {
    #[serde(rename = "RetCode")]
    pub(super) code: Option<i64>,
    #[serde(rename = "ErrMsg")]
    pub(super) message: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ListObjects {
    #[serde(default)]
    pub(super) is_truncated: bool,
    #[serde(default)]
    pub(super) next_marker: String,
    #[serde(default)]
    pub(super) contents: Vec<ListedObject>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ListedObject {
    pub(super) key: String,
    /// In digits.
    pub(super) size: String,
    #[serde(default)]
    pub(super) mime_type: String,
    /// In seconds since 1970.
    pub(super) last_modified: i64,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct BegunUpload {
    pub(super) upload_id: String,
    /// How large all parts but the last are.
    pub(super) blk_size: u64,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ListParts {
    #[serde(default)]
    pub(super) is_truncated: bool,
    #[serde(default)]
    pub(super) next_part_number_marker: Option<usize>,
    #[serde(default)]
    pub(super) parts: Vec<ListedPart>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ListedPart {
    /// From 0 on.
    pub(super) part_num: usize,
    pub(super) etag: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ListUploads {
    #[serde(default)]
    pub(super) next_marker: String,
    #[serde(default)]
    pub(super) data_set: Vec<ListedUpload>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ListedUpload {
    pub(super) file_name: String,
    pub(super) upload_id: String,
    /// In seconds since 1970.
    pub(super) start_time: i64,
}
