//! A request, taken apart.

use std::collections::HashMap;

use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, Method};
use percent_encoding::percent_decode_str;
use serde_json::Value;

use super::{Answer, Refused, document, refused};

/// What is asked for.
pub(super) struct Asked {
    pub(super) method: Method,
    /// The segments of the path.
    pub(super) path: Vec<String>,
    pub(super) query: HashMap<String, String>,
    headers: HeaderMap,
    pub(super) body: Bytes,
}

impl Asked {
    pub(super) fn new(parts: Parts, body: Bytes) -> Self {
        let decoded = |text: &str| percent_decode_str(text).decode_utf8().expect("UTF-8").into_owned();
        let path = parts.uri.path().split('/').skip(1).map(decoded).collect();
        let pairs = parts.uri.query().unwrap_or_default().split('&').filter(|pair| !pair.is_empty());
        let query = pairs.map(|pair| {
            let (name, value) = pair.split_once('=').expect("a name and a value");
            (decoded(name), decoded(value))
        });
        Self { method: parts.method, path, query: query.collect(), headers: parts.headers, body }
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    pub(super) fn parameter(&self, name: &str) -> Option<&str> {
        self.query.get(name).map(String::as_str)
    }

    /// Refuses parameters that the method does not have.
    pub(super) fn has_only(&self, known: &[&str]) -> Result<(), Refused> {
        match self.query.keys().find(|name| !known.contains(&name.as_str())) {
            Some(name) => Err(refused(400, "invalidParameter", format!("Unknown parameter {name}"))),
            None => Ok(()),
        }
    }

    /// Reads the body as a document.
    pub(super) fn document<T: serde::de::DeserializeOwned>(&self) -> Result<T, Refused> {
        if self.header("content-type") != Some("application/json") {
            return Err(refused(400, "badContent", "Unsupported content type"));
        }
        serde_json::from_slice(&self.body).map_err(|error| refused(400, "parseError", error.to_string()))
    }

    /// Answers with those properties of a document that were asked for.
    pub(super) fn selected(&self, whole: &Value) -> Answer {
        match self.parameter("fields") {
            Some(fields) => document(&select(whole, &mut fields.chars().peekable())),
            None => document(whole),
        }
    }
}

/// Returns what is named of a document: `a,b(c,d)`.
fn select(whole: &Value, fields: &mut std::iter::Peekable<std::str::Chars<'_>>) -> Value {
    let mut selected = serde_json::Map::new();
    loop {
        let mut name = String::new();
        while let Some(c) = fields.next_if(|c| c.is_ascii_alphanumeric()) {
            name.push(c);
        }
        let mut value = whole.get(&name).cloned();
        if fields.next_if_eq(&'(').is_some() {
            let below: String = fields.by_ref().take_while(|c| *c != ')').collect();
            let below = |value: &Value| select(value, &mut below.chars().peekable());
            value = value.map(|value| match value {
                Value::Array(items) => items.iter().map(below).collect(),
                value => below(&value),
            });
        }
        if let Some(value) = value {
            selected.insert(name, value);
        }
        if fields.next_if_eq(&',').is_none() {
            return Value::Object(selected);
        }
    }
}
