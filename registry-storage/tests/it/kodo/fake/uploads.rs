//! Uploads in parts.

use std::collections::BTreeMap;

use bytes::Bytes;
use http::Request;
use md5::{Digest, Md5};
use serde_json::{Value, json};

use super::objects::{Objects, hash};
use super::{Answer, Refused, document, parameter, text};

const NO_SUCH_UPLOAD: Refused = Refused(612, "no such uploadId");
/// The least size of a part that is not the last.
const PART_MIN_BYTES: usize = 1024 * 1024;

struct Upload {
    key: String,
    parts: BTreeMap<usize, Bytes>,
}

#[derive(Default)]
pub(super) struct Uploads {
    begun: usize,
    uploads: BTreeMap<String, Upload>,
}

impl Uploads {
    /// Names the uploads that have parts.
    pub(super) fn with_parts(&self) -> impl Iterator<Item = String> {
        let named = |(id, upload): (&String, &Upload)| format!("{} of {}", id, upload.key);
        self.uploads.iter().filter(|(_, upload)| !upload.parts.is_empty()).map(named)
    }

    pub(super) fn answer(
        &mut self,
        request: &Request<Bytes>,
        key: &str,
        upload: &[&str],
        objects: &mut Objects,
    ) -> Result<Answer, Refused> {
        let answer = match (request.method().as_str(), upload) {
            ("POST", []) => {
                self.begun += 1;
                let id = format!("upload={}", self.begun);
                self.uploads.insert(id.clone(), Upload { key: key.to_owned(), parts: BTreeMap::new() });
                json!({"uploadId": id, "expireAt": 4_000_000_000_u64})
            }
            ("PUT", [id, number]) => {
                let number = number.parse().ok().filter(|number| (1..=10_000).contains(number));
                let number = number.ok_or(Refused(400, "invalid partNumber"))?;
                let sum = hex::encode(Md5::digest(request.body()));
                if !["", &sum].contains(&text(request, "content-md5")) {
                    return Err(Refused(406, "md5 mismatched"));
                }
                self.get(id, key)?.parts.insert(number, request.body().clone());
                json!({"etag": hash(request.body()), "md5": sum})
            }
            ("GET", [id]) => self.parts(request, id, key)?,
            ("POST", [id]) => {
                let content = self.get(id, key)?.whole(request.body()).ok_or(Refused(400, "invalid part"))?;
                self.uploads.remove(*id);
                objects.put(key, content, BTreeMap::new(), false)?
            }
            ("DELETE", [id]) => {
                self.get(id, key)?;
                self.uploads.remove(*id);
                json!({})
            }
            _ => return Err(Refused(405, "method not allowed")),
        };
        Ok(document(&answer))
    }

    fn get(&mut self, id: &str, key: &str) -> Result<&mut Upload, Refused> {
        self.uploads.get_mut(id).filter(|upload| upload.key == key).ok_or(NO_SUCH_UPLOAD)
    }

    fn parts(&mut self, request: &Request<Bytes>, id: &str, key: &str) -> Result<Value, Refused> {
        let number = |name, default| parameter(request, name).map_or(Some(default), |text| text.parse().ok());
        let (limit, after) = (number("max-parts", 1000), number("part-number-marker", 0));
        let (Some(limit @ 1..=1000), Some(after)) = (limit, after) else {
            return Err(Refused(400, "invalid argument"));
        };
        let upload = self.get(id, key)?;
        let mut found = upload.parts.range(after + 1..);
        let part = |(number, content): (&usize, &Bytes)| json!({"partNumber": number, "etag": hash(content), "size": content.len(), "putTime": 0});
        let parts: Vec<_> = found.by_ref().take(limit).map(part).collect();
        let next = match (parts.last(), found.next()) {
            (Some(last), Some(_)) => last["partNumber"].clone(),
            _ => 0.into(),
        };
        Ok(json!({"uploadId": id, "expireAt": 4_000_000_000_u64, "partNumberMarker": next, "parts": parts}))
    }
}

impl Upload {
    /// Puts the parts together that a document names, if it names them as they are.
    fn whole(&self, document: &[u8]) -> Option<Bytes> {
        let document: Value = serde_json::from_slice(document).ok()?;
        let named = document["parts"].as_array().filter(|parts| !parts.is_empty())?;
        let mut whole = Vec::new();
        let mut before = 0;
        for (index, part) in named.iter().enumerate() {
            let number = usize::try_from(part["partNumber"].as_u64()?).ok().filter(|number| *number > before)?;
            let content = self.parts.get(&number)?;
            let is_small = index + 1 < named.len() && content.len() < PART_MIN_BYTES;
            if is_small || part["etag"] != hash(content) {
                return None;
            }
            whole.extend_from_slice(content);
            before = number;
        }
        Some(whole.into())
    }
}
