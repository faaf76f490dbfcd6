//! The signature of SCS, computed from what the Sohu registry's client does.

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::Request;
use percent_encoding::percent_decode_str;
use reqsign_core::hash::base64_hmac_sha1;

use super::subject::{ACCESS_KEY, BUCKET, SECRET_KEY};

/// Checks a signature in `Authorization`: whose it is, when it was made, and for which bucket.
pub(super) fn verify(request: &Request<Bytes>) -> Result<(), &'static str> {
    let authorization = header(request, "authorization");
    if authorization.is_empty() {
        return verify_address(request);
    }
    let (key, signature) = authorization.split_once(':').unwrap_or_default();
    let date = header(request, "date");
    let made_at = date.strip_suffix("UTC").and_then(|date| httpdate::parse_http_date(&format!("{date}GMT")).ok());
    let age = made_at.and_then(|made_at| SystemTime::now().duration_since(made_at).ok());
    match key {
        ACCESS_KEY if signature != sign(request, &date, SECRET_KEY) => Err("SignatureDoesNotMatch"),
        ACCESS_KEY if age.is_none_or(|age| age > Duration::from_secs(900)) => Err("RequestTimeTooSkewed"),
        ACCESS_KEY if request.uri().path().split('/').nth(1) != Some(BUCKET) => Err("NoSuchBucket"),
        ACCESS_KEY => Ok(()),
        _ => Err("InvalidAccessKeyId"),
    }
}

/// Checks the signature of an address, and whether its time is over.
fn verify_address(request: &Request<Bytes>) -> Result<(), &'static str> {
    let query = request.uri().query().unwrap_or_default();
    let field = |name: &str| {
        let value = query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('=')).unwrap_or_default();
        percent_decode_str(value).decode_utf8_lossy().into_owned()
    };
    let expires = field("Expires");
    let expires_at = expires.parse().map(|seconds| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds));
    match expires_at {
        _ if field("SOHUCSAccessKeyId") != ACCESS_KEY => Err("InvalidAccessKeyId"),
        _ if field("Signature") != sign(request, &expires, SECRET_KEY) => Err("SignatureDoesNotMatch"),
        Ok(expires_at) if expires_at > SystemTime::now() => Ok(()),
        _ => Err("AccessDenied"),
    }
}

fn sign(request: &Request<Bytes>, date: &str, secret: &str) -> String {
    let mut lines = vec![
        request.method().as_str().to_ascii_lowercase(),
        header(request, "content-md5"),
        header(request, "content-type"),
        date.to_owned(),
    ];
    let mut own: Vec<String> = Vec::new();
    for name in request.headers().keys().map(|name| name.as_str()).filter(|name| name.starts_with("x-scs-")) {
        own.push(format!("{name}:{}", header(request, name)));
    }
    own.sort();
    lines.append(&mut own);
    lines.push(escaped(&percent_decode_str(request.uri().path()).collect::<Vec<u8>>()));
    base64_hmac_sha1(secret.as_bytes(), lines.join("\n").as_bytes())
}

/// Escapes a path as the client does.
fn escaped(path: &[u8]) -> String {
    let stays = |byte: u8| byte.is_ascii_alphanumeric() || b"-_~./:".contains(&byte);
    path.iter().map(|&byte| if stays(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}

fn header(request: &Request<Bytes>, name: &str) -> String {
    request.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned()
}

/// What the Sohu registry's `scsutil/scs` computed.
#[test]
fn the_sohu_registry_computes_the_same() {
    let date = "Wed, 01 Jun 2016 12:00:00 UTC";
    for (method, target, name, value, signature) in [
        ("GET", "/mybucket/docker/registry/v2/blobs/a%20b%2Bc", "x-other", "", "/iW9k8tZaWlKznjj9TlQySaYHs8="),
        ("PUT", "/mybucket/k", "content-type", "application/octet-stream", "aH05eqWnMH/fc8GvdfCc8M/UdWU="),
        ("PUT", "/mybucket/dst", "x-scs-copy-source", "/mybucket/src", "XwDhu7QnuBhmN9n1s2nHvFqimeY="),
    ] {
        let request = Request::builder().method(method).uri(target).header(name, value).body(Bytes::new()).unwrap();
        assert_eq!(sign(&request, date, "SKEXAMPLE"), signature, "{method} {target}");
    }
}
