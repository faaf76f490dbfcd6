//! A request, taken apart.

use std::collections::HashMap;

use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, Method};
use percent_encoding::percent_decode_str;

use super::{BUCKET, Refused, refused};

/// What is asked for.
pub(crate) struct Asked {
    pub(crate) method: Method,
    pub(crate) key: String,
    /// The parameter that stands before all others, and has no value.
    pub(crate) word: String,
    query: HashMap<String, String>,
    host: String,
    headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Asked {
    pub(super) fn new(parts: Parts, body: Bytes) -> Self {
        let decoded = |text: &str| percent_decode_str(text).decode_utf8().expect("UTF-8").into_owned();
        let mut pairs: Vec<_> =
            parts.uri.query().unwrap_or_default().split('&').filter(|pair| !pair.is_empty()).collect();
        let word = match pairs.first() {
            Some(first) if !first.contains('=') => pairs.remove(0).to_owned(),
            _ => String::new(),
        };
        let pairs = pairs.into_iter().map(|pair| pair.split_once('=').expect("a name and a value"));
        let query = pairs.map(|(name, value)| (decoded(name), decoded(&value.replace('+', " ")))).collect();
        // A client that takes the server for a proxy says the whole address.
        let host = parts.uri.host().map(ToOwned::to_owned).or_else(|| {
            let host = parts.headers.get("host")?.to_str().ok()?;
            Some(host.split(':').next()?.to_owned())
        });
        Self {
            method: parts.method,
            key: decoded(parts.uri.path().trim_start_matches('/')),
            word,
            query,
            host: host.unwrap_or_default(),
            headers: parts.headers,
            body,
        }
    }

    /// Returns the bucket, with which the host's name begins, where there is one.
    pub(super) fn bucket(&self) -> &str {
        match self.host.as_str() {
            "127.0.0.1" => BUCKET,
            host => host.split('.').next().unwrap_or_default(),
        }
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// Returns what an object is to say of itself.
    pub(super) fn metadata(&self) -> HashMap<String, String> {
        let own = self.headers.keys().filter(|name| name.as_str().starts_with("x-ufile-meta-"));
        own.map(|name| (name.to_string(), self.header(name.as_str()).to_owned())).collect()
    }

    pub(crate) fn parameter(&self, name: &str) -> Option<&str> {
        self.query.get(name).map(String::as_str)
    }

    /// Returns a number, or what counts without it.
    pub(super) fn number(&self, name: &str, default: usize) -> Result<usize, Refused> {
        let number = self.parameter(name).map_or(Ok(default), str::parse);
        number.map_err(|_| refused(400, -1, "a parameter is no number"))
    }

    /// Refuses parameters that are not known, and those that say who asks apart.
    pub(super) fn has_only(&self, known: &[&str]) -> Result<(), Refused> {
        let signature = ["UCloudPublicKey", "Signature", "Expires"];
        match self.query.keys().any(|name| !known.contains(&name.as_str()) && !signature.contains(&name.as_str())) {
            true => Err(refused(400, -1, "unknown parameter")),
            false => Ok(()),
        }
    }
}
