//! The JSON documents of the protocol, as far as they are needed.

use std::collections::HashMap;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

/// The name of the metadata that has an object's note.
pub(super) const NOTE: &str = "registrynote";

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct ErrorDocument {
    pub(super) error: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct Stat {
    pub(super) fsize: u64,
    #[serde(default, rename = "x-qn-meta")]
    pub(super) metadata: HashMap<String, String>,
}

impl Stat {
    /// Returns the object's note. It is not said anywhere whether names of metadata come back with their prefix, or as they
    /// were written.
    pub(super) fn note(self) -> Option<String> {
        let mut metadata = self.metadata.into_iter();
        metadata.find(|(name, _)| name.to_ascii_lowercase().ends_with(NOTE)).map(|(_, note)| note)
    }
}

#[derive(Debug, Deserialize)]
pub(super) struct ObjectList {
    /// Null if there are none.
    pub(super) items: Option<Vec<Listed>>,
    /// Where to go on; none or empty at the end.
    pub(super) marker: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Listed {
    pub(super) key: String,
    pub(super) fsize: u64,
    /// In tenths of a microsecond since 1970.
    pub(super) put_time: i64,
}

/// Where a list goes on after a key: what Qiniu's own markers say, in the base64 that addresses take.
#[derive(Debug, Serialize)]
pub(super) struct Marker<'a> {
    /// Not among the keys that are put together by a delimiter.
    pub(super) c: u8,
    pub(super) k: &'a str,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Begun {
    pub(super) upload_id: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct SentPart {
    pub(super) etag: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PartList {
    /// Where to go on; 0 at the end.
    #[serde(default)]
    pub(super) part_number_marker: usize,
    #[serde(default)]
    pub(super) parts: Vec<ListedPart>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ListedPart {
    pub(super) part_number: usize,
    pub(super) etag: String,
}

#[derive(Debug, Serialize)]
pub(super) struct Complete<'a> {
    pub(super) parts: Vec<CompletedPart<'a>>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct CompletedPart<'a> {
    pub(super) part_number: usize,
    pub(super) etag: &'a str,
}

/// What became of one of several requests that were sent as one.
#[derive(Debug, Deserialize)]
pub(super) struct Outcome {
    pub(super) code: u16,
    #[serde(default)]
    pub(super) data: Option<ErrorDocument>,
}

/// Which hosts have a bucket, by region; the first is the one to write to.
#[derive(Debug, Deserialize)]
pub(super) struct Regions {
    pub(super) hosts: Vec<Region>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Region {
    pub(super) up: Domains,
    pub(super) rs: Domains,
    pub(super) rsf: Domains,
    pub(super) io_src: Domains,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Domains {
    pub(super) domains: Vec<String>,
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
            r#"{"marker": "m", "items": [{"key": "k", "hash": "h", "fsize": 7, "putTime": 14647824000000000}]}"#,
        )
        .unwrap();
        let items = list.items.unwrap();
        assert_eq!((items[0].key.as_str(), items[0].fsize, items[0].put_time), ("k", 7, 14_647_824_000_000_000));
        let nothing: ObjectList = serde_json::from_str(r#"{"items": null}"#).unwrap();
        assert!(nothing.items.is_none() && nothing.marker.is_none());
        let outcomes: Vec<Outcome> =
            serde_json::from_str(r#"[{"code": 200}, {"code": 612, "data": {"error": "no such file"}}]"#).unwrap();
        assert_eq!((outcomes[0].code, outcomes[1].data.as_ref().unwrap().error.as_str()), (200, "no such file"));
    }

    #[test]
    fn a_note_is_found_however_it_is_called() {
        for name in ["registrynote", "x-qn-meta-registrynote", "Registrynote"] {
            let stat: Stat =
                serde_json::from_str(&format!(r#"{{"fsize": 1, "x-qn-meta": {{"{name}": "n"}}}}"#)).unwrap();
            assert_eq!(stat.note().as_deref(), Some("n"));
        }
        assert_eq!(serde_json::from_str::<Stat>(r#"{"fsize": 1}"#).unwrap().note(), None);
    }
}
