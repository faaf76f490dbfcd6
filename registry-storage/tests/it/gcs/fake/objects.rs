//! The objects of a bucket.

use std::collections::{BTreeMap, HashMap};
use std::time::SystemTime;

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use http_body_util::Full;
use serde::Deserialize;
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::request::Asked;
use super::{Answer, BUCKET, Refused, refused};
use crate::object::serving::asked_range;

/// Copies of more than this are made in two steps.
const COPIED_AT_ONCE: usize = 64 * 1024;
/// How many objects a composition has at most.
const MAX_SOURCES: usize = 32;

#[derive(Default)]
pub(super) struct Objects {
    by_name: BTreeMap<String, Object>,
    generations: u64,
}

#[derive(Clone)]
struct Object {
    content: Bytes,
    generation: u64,
    created_at: OffsetDateTime,
    metadata: HashMap<String, String>,
}

/// What a client may say of an object.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct NewObject {
    content_type: String,
    #[serde(default)]
    metadata: HashMap<String, String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Compose {
    source_objects: Vec<Source>,
    destination: NewObject,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Source {
    name: String,
    object_preconditions: Preconditions,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Preconditions {
    if_generation_match: String,
}

impl Objects {
    pub(super) fn insert(&mut self, asked: &Asked) -> Result<Answer, Refused> {
        asked.has_only(&["uploadType", "name", "fields", "ifGenerationMatch"])?;
        let name = asked.parameter("name").ok_or_else(|| refused(400, "required", "Required parameter: name"))?;
        let content_type = asked.header("content-type").unwrap_or_default();
        let (object, content) = match asked.parameter("uploadType") {
            Some("media") => (NewObject::default(), asked.body.clone()),
            Some("multipart") => related(content_type, &asked.body)?,
            _ => return Err(refused(400, "invalid", "Unknown uploadType")),
        };
        if let Some(wanted) = asked.parameter("ifGenerationMatch") {
            let generation = self.by_name.get(name).map_or(0, |object| object.generation);
            if wanted != generation.to_string() {
                return Err(condition_not_met());
            }
        }
        let stored = self.store(name, content, object.metadata);
        Ok(asked.selected(&stored))
    }

    pub(super) fn list(&self, asked: &Asked) -> Result<Answer, Refused> {
        asked.has_only(&["prefix", "maxResults", "startOffset", "pageToken", "fields"])?;
        let prefix = asked.parameter("prefix").unwrap_or_default();
        let start = asked.parameter("startOffset").unwrap_or_default();
        let after = asked.parameter("pageToken").and_then(|token| token.strip_prefix("after:")).unwrap_or_default();
        let limit: usize = asked.parameter("maxResults").unwrap_or("1000").parse().expect("a number");
        let wanted = |name: &str| name.starts_with(prefix) && name >= start && name > after;
        let mut found = self.by_name.iter().filter(|(name, _)| wanted(name));
        let page: Vec<_> = found.by_ref().take(limit).collect();
        let mut answer = json!({"kind": "storage#objects"});
        if !page.is_empty() {
            answer["items"] = page.iter().map(|(name, object)| object.resource(name)).collect();
        }
        if found.next().is_some() {
            answer["nextPageToken"] = format!("after:{}", page.last().expect("a limit above zero").0).into();
        }
        Ok(asked.selected(&answer))
    }

    pub(super) fn get(&self, asked: &Asked, name: &str) -> Result<Answer, Refused> {
        asked.has_only(&["alt", "generation", "fields"])?;
        let wanted = asked.parameter("generation").map(|generation| generation.parse::<u64>().expect("a number"));
        let object = self.by_name.get(name).filter(|object| wanted.is_none_or(|wanted| object.generation == wanted));
        if asked.parameter("alt") != Some("media") {
            return Ok(asked.selected(&object.ok_or_else(|| missing(name))?.resource(name)));
        }
        let Some(object) = object else {
            return Err(refused(404, "", format!("No such object: {BUCKET}/{name}")));
        };
        object.read(asked.header("range").expect("a range"))
    }

    /// Reads an object as the XML API does.
    pub(super) fn read(&self, asked: &Asked, name: &str) -> Result<Answer, Refused> {
        let object = self.by_name.get(name).ok_or_else(|| refused(404, "", "<Error><Code>NoSuchKey</Code></Error>"))?;
        object.read(asked.header("range").unwrap_or_default())
    }

    pub(super) fn delete(&mut self, asked: &Asked, name: &str) -> Result<Answer, Refused> {
        asked.has_only(&[])?;
        self.by_name.remove(name).ok_or_else(|| missing(name))?;
        Ok(Response::builder().status(204).body(Full::default()).expect("an answer"))
    }

    pub(super) fn compose(&mut self, asked: &Asked, name: &str) -> Result<Answer, Refused> {
        asked.has_only(&["fields"])?;
        let Compose { source_objects, destination } = asked.document()?;
        if source_objects.is_empty() || source_objects.len() > MAX_SOURCES {
            return Err(refused(400, "invalid", "The number of source components is out of bounds."));
        }
        let mut whole = Vec::new();
        for source in &source_objects {
            let object = self.by_name.get(&source.name).ok_or_else(|| missing(&source.name))?;
            if source.object_preconditions.if_generation_match != object.generation.to_string() {
                return Err(condition_not_met());
            }
            whole.extend_from_slice(&object.content);
        }
        assert_eq!(destination.content_type, "application/octet-stream");
        Ok(asked.selected(&self.store(name, whole.into(), destination.metadata)))
    }

    pub(super) fn rewrite(&mut self, asked: &Asked, source: &str, name: &str) -> Result<Answer, Refused> {
        asked.has_only(&["fields", "rewriteToken"])?;
        let NewObject { metadata, .. } = asked.document()?;
        let object = self.by_name.get(source).cloned().ok_or_else(|| missing(source))?;
        let token = format!("{source} {}", object.generation);
        match asked.parameter("rewriteToken") {
            None if object.content.len() > COPIED_AT_ONCE => {
                Ok(asked.selected(&json!({"done": false, "rewriteToken": token})))
            }
            Some(other) if other != token => Err(refused(400, "invalid", "The token is another one's.")),
            _ => {
                let resource = self.store(name, object.content, metadata);
                Ok(asked.selected(&json!({"done": true, "resource": resource})))
            }
        }
    }

    fn store(&mut self, name: &str, content: Bytes, metadata: HashMap<String, String>) -> Value {
        self.generations += 1;
        let object = Object { content, generation: self.generations, created_at: SystemTime::now().into(), metadata };
        let resource = object.resource(name);
        self.by_name.insert(name.to_owned(), object);
        resource
    }
}

impl Object {
    fn resource(&self, name: &str) -> Value {
        json!({
            "kind": "storage#object",
            "name": name,
            "size": self.content.len().to_string(),
            "generation": self.generation.to_string(),
            "timeCreated": self.created_at.format(&Rfc3339).expect("a time"),
            "metadata": self.metadata,
        })
    }

    /// Answers with what a `Range` asks for, or all.
    fn read(&self, range: &str) -> Result<Answer, Refused> {
        let size = self.content.len();
        let Some(range) = asked_range(range, size) else { return Ok(Response::new(Full::new(self.content.clone()))) };
        if range.is_empty() {
            return Err(refused(416, "requestedRangeNotSatisfiable", "Request range not satisfiable"));
        }
        let said = format!("bytes {}-{}/{size}", range.start, range.end - 1);
        let mut response = Response::new(Full::new(self.content.slice(range)));
        *response.status_mut() = StatusCode::PARTIAL_CONTENT;
        let text = |text: String| HeaderValue::try_from(text).expect("a header");
        response.headers_mut().insert(header::CONTENT_RANGE, text(said));
        response.headers_mut().insert("x-goog-generation", text(self.generation.to_string()));
        Ok(response)
    }
}

/// Takes a body apart that has an object's properties and its content.
fn related(content_type: &str, body: &Bytes) -> Result<(NewObject, Bytes), Refused> {
    let invalid = |why: &str| refused(400, "parseError", why);
    let boundary = content_type.strip_prefix("multipart/related; boundary=").ok_or_else(|| invalid("no boundary"))?;
    let (opening, closing) = (format!("--{boundary}\r\n"), format!("\r\n--{boundary}--\r\n"));
    let text = body.strip_prefix(opening.as_bytes()).ok_or_else(|| invalid("no first part"))?;
    let text = text.strip_suffix(closing.as_bytes()).ok_or_else(|| invalid("no end"))?;
    let between = format!("\r\n--{boundary}\r\n");
    let at = text.windows(between.len()).position(|window| window == between.as_bytes());
    let (first, second) = text.split_at(at.ok_or_else(|| invalid("no second part"))?);
    let without_headers = |part: &[u8]| {
        let at = part.windows(4).position(|window| window == b"\r\n\r\n").ok_or_else(|| invalid("no headers"))?;
        Ok(body.slice_ref(&part[at + 4..]))
    };
    let (object, content) = (without_headers(first)?, without_headers(&second[between.len()..])?);
    let object: NewObject = serde_json::from_slice(&object).map_err(|error| invalid(&error.to_string()))?;
    assert_eq!(object.content_type, "application/octet-stream");
    Ok((object, content))
}

fn missing(name: &str) -> Refused {
    refused(404, "notFound", format!("No such object: {BUCKET}/{name}"))
}

fn condition_not_met() -> Refused {
    refused(412, "conditionNotMet", "At least one of the pre-conditions you specified did not hold.")
}
