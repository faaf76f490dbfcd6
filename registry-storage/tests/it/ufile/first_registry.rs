//! The UFile driver of the first registry, as far as it writes: over HTTP, with its own way to sign.

use std::collections::BTreeSet;

use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use registry_storage::driver::ufile::INDEX;
use reqsign_core::hash::base64_hmac_sha1;
use serde_json::Value;

use super::fake::BUCKET;
use super::signature::{PRIVATE_KEY, PUBLIC_KEY};
use super::subject::UfileBucket;

/// The type that the library of the driver takes for granted.
const OCTETS: &str = "application/octstream";
/// The object that lists the root.
const ROOT: &str = "ufile-root-index";

/// Writes files as that driver does.
pub(crate) struct FirstRegistry {
    endpoint: String,
    client: Client<HttpConnector, Full<Bytes>>,
}

impl UfileBucket {
    pub(crate) fn first_registry(&self) -> FirstRegistry {
        let client = Client::builder(TokioExecutor::new()).build_http();
        FirstRegistry { endpoint: self.server.endpoint(), client }
    }
}

impl FirstRegistry {
    /// Writes a file, a layer in parts, and enters it into the index of its directory.
    pub(crate) async fn write(&self, key: &str, content: &[u8]) {
        let (directory, name) = key.rsplit_once('/').expect("a directory");
        self.make_directory(directory).await;
        if name == "layer" {
            self.send_in_parts(key, content).await;
        } else {
            self.send("PUT", key, "", OCTETS, content).await;
        }
        self.enter(directory, name).await;
    }

    /// Returns what an index has, sorted.
    pub(crate) async fn index(&self, key: &str) -> String {
        let (_, content) = self.send("GET", key, "", "", b"").await;
        let lines: BTreeSet<_> = String::from_utf8_lossy(&content).lines().map(ToOwned::to_owned).collect();
        lines.into_iter().map(|line| format!("{line}\n")).collect()
    }

    async fn make_directory(&self, directory: &str) {
        let mut below = directory;
        loop {
            let (parent, name) = below.rsplit_once('/').unwrap_or(("", below));
            self.enter(parent, &format!("{name}/")).await;
            if parent.is_empty() {
                return;
            }
            below = parent;
        }
    }

    async fn enter(&self, directory: &str, name: &str) {
        let key = if directory.is_empty() { ROOT } else { directory };
        let (status, content) = self.send("GET", key, "", "", b"").await;
        let text = String::from_utf8_lossy(&content).into_owned();
        let mut lines: BTreeSet<&str> = if status == StatusCode::OK { text.lines().collect() } else { BTreeSet::new() };
        lines.insert(name);
        let lines: Vec<_> = lines.into_iter().collect();
        self.send("PUT", key, "", INDEX, format!("{}\n", lines.join("\n")).as_bytes()).await;
    }

    async fn send_in_parts(&self, key: &str, content: &[u8]) {
        let (_, begun) = self.send("POST", key, "?uploads", OCTETS, b"").await;
        let begun: Value = serde_json::from_slice(&begun).expect("a document");
        let (id, block) = (begun["UploadId"].as_str().expect("an id"), begun["BlkSize"].as_u64().expect("a size"));
        let mut tags = Vec::new();
        for (number, part) in content.chunks(block as usize).enumerate() {
            let query = format!("?uploadId={id}&partNumber={number}");
            let (_, tag) = self.send("PUT", key, &query, OCTETS, part).await;
            tags.push(String::from_utf8_lossy(&tag).into_owned());
        }
        self.send("POST", key, &format!("?uploadId={id}"), OCTETS, tags.join(",").as_bytes()).await;
    }

    /// Returns the answer's status, and its body or else its tag.
    async fn send(&self, method: &str, key: &str, query: &str, kind: &str, body: &[u8]) -> (StatusCode, Vec<u8>) {
        let described = format!("{method}\n\n{kind}\n\n/{BUCKET}/{key}");
        let signature = base64_hmac_sha1(PRIVATE_KEY.as_bytes(), described.as_bytes());
        let mut request = Request::builder().method(method).uri(format!("{}/{key}{query}", self.endpoint));
        if !kind.is_empty() {
            request = request.header("content-type", kind);
        }
        let request = request.header("authorization", format!("UCloud {PUBLIC_KEY}:{signature}"));
        let request = request.body(Full::new(Bytes::copy_from_slice(body))).expect("a request");
        let response = self.client.request(request).await.expect("an answer");
        let status = response.status();
        let tag = response.headers().get("etag").map(|tag| tag.to_str().expect("a tag").trim_matches('"').to_owned());
        let body = response.into_body().collect().await.expect("a body").to_bytes();
        let is_put = method == "PUT";
        (status, if is_put { tag.unwrap_or_default().into_bytes() } else { body.to_vec() })
    }
}

/// The library's signature of a small file, which said its checksum in base64.
#[test]
fn the_library_computed_the_same() {
    let described = "PUT\nXUFAKrxLKna5cZ2REBfFkg==\napplication/octstream\nWed, 01 Jun 2016 12:00:00 GMT\n/mybucket/docker/registry/k";
    assert_eq!(base64_hmac_sha1(b"PRIVKEY", described.as_bytes()), "jomA9f87LOdejaI0Ogkn2ETCdR4=");
}
