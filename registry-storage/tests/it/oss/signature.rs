//! The signatures of Aliyun OSS, computed from what Aliyun says of them.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use reqsign_core::hash::{base64_hmac_sha1, hex_hmac_sha256, hex_sha256, hmac_sha256};
use reqsign_core::time::Timestamp;

use super::subject::{ACCESS_KEY, BUCKET, REGION, SECRET_KEY};

const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
/// The parameters that name a part of a resource, as far as they are used here.
const SUB_RESOURCES: [&str; 4] = ["delete", "partNumber", "uploadId", "uploads"];

/// Checks a signature of either version, in `Authorization` or in the address.
pub(super) fn verify(request: &Request<Bytes>) -> Result<(), &'static str> {
    let authorization = text(request.headers(), "authorization");
    if authorization.is_empty() {
        return verify_address(request);
    }
    let (key, signature, expected) = match authorization.strip_prefix("OSS4-HMAC-SHA256 ") {
        Some(fields) => {
            let fields: BTreeMap<_, _> = fields.split(", ").filter_map(|field| field.split_once('=')).collect();
            let field = |name| fields.get(name).copied().unwrap_or_default();
            let (key, scope) = field("Credential").split_once('/').unwrap_or_default();
            let additional: Vec<_> = field("AdditionalHeaders").split(';').filter(|name| !name.is_empty()).collect();
            let time = text(request.headers(), "x-oss-date");
            let right = format!("{}/{REGION}/oss/aliyun_v4_request", time.split('T').next().unwrap_or_default());
            if scope != right {
                return Err("SignatureDoesNotMatch");
            }
            (key, field("Signature"), v4(request, BUCKET, &time, scope, &additional, SECRET_KEY))
        }
        None => {
            let (key, signature) =
                authorization.strip_prefix("OSS ").and_then(|pair| pair.split_once(':')).unwrap_or_default();
            (key, signature, v1(request, BUCKET, SECRET_KEY))
        }
    };
    match (key, signature) {
        (ACCESS_KEY, signature) if signature == expected => Ok(()),
        (ACCESS_KEY, _) => Err("SignatureDoesNotMatch"),
        _ => Err("InvalidAccessKeyId"),
    }
}

/// Checks the signature of an address, and whether its time is over.
fn verify_address(request: &Request<Bytes>) -> Result<(), &'static str> {
    let query = query(request);
    let field = |name: &str| query.get(name).map(String::as_str).unwrap_or_default();
    let seconds = |name: &str| field(name).parse().map(Duration::from_secs).map_err(|_| "InvalidArgument");
    let now = Timestamp::now();
    let (key, signature, expected, is_over) = match field("x-oss-signature-version") {
        "OSS4-HMAC-SHA256" => {
            let (key, scope) = field("x-oss-credential").split_once('/').unwrap_or_default();
            let time = field("x-oss-date");
            let additional: Vec<_> = field("x-oss-additional-headers").split(';').filter(|n| !n.is_empty()).collect();
            let begun: Timestamp = time.parse().map_err(|_| "InvalidArgument")?;
            let expected = v4(request, BUCKET, time, scope, &additional, SECRET_KEY);
            (key, field("x-oss-signature"), expected, begun + seconds("x-oss-expires")? < now)
        }
        _ => {
            let expires_at = Timestamp::from_second(0).expect("a time") + seconds("Expires")?;
            (field("OSSAccessKeyId"), field("Signature"), v1(request, BUCKET, SECRET_KEY), expires_at < now)
        }
    };
    match (key, signature == expected, is_over) {
        (ACCESS_KEY, true, false) => Ok(()),
        (ACCESS_KEY, true, true) => Err("AccessDenied"),
        (ACCESS_KEY, false, _) => Err("SignatureDoesNotMatch"),
        _ => Err("InvalidAccessKeyId"),
    }
}

fn v4(request: &Request<Bytes>, bucket: &str, time: &str, scope: &str, additional: &[&str], secret: &str) -> String {
    let query: Vec<String> = query(request)
        .iter()
        .filter(|(name, _)| *name != "x-oss-signature")
        .map(|(name, value)| match value.as_str() {
            "" => encode(name),
            value => format!("{}={}", encode(name), encode(value)),
        })
        .collect();
    let mut headers = BTreeMap::new();
    for name in request.headers().keys().map(|name| name.as_str()) {
        if ["content-md5", "content-type"].contains(&name) || name.starts_with("x-oss-") || additional.contains(&name) {
            headers.insert(name, text(request.headers(), name).trim().to_owned());
        }
    }
    let headers: String = headers.iter().map(|(name, value)| format!("{name}:{value}\n")).collect();
    let path: Vec<_> = path(request).split('/').map(encode).collect();
    let canonical = format!(
        "{}\n/{bucket}{}\n{}\n{headers}\n{}\n{}",
        request.method(),
        path.join("/"),
        query.join("&"),
        additional.join(";"),
        "UNSIGNED-PAYLOAD",
    );
    let signed = format!("OSS4-HMAC-SHA256\n{time}\n{scope}\n{}", hex_sha256(canonical.as_bytes()));
    let key = scope
        .split('/')
        .fold(format!("aliyun_v4{secret}").into_bytes(), |key, part| hmac_sha256(&key, part.as_bytes()));
    hex_hmac_sha256(&key, signed.as_bytes())
}

fn v1(request: &Request<Bytes>, bucket: &str, secret: &str) -> String {
    let own: BTreeMap<_, _> = request
        .headers()
        .keys()
        .filter(|name| name.as_str().starts_with("x-oss-"))
        .map(|name| (name.as_str(), text(request.headers(), name.as_str())))
        .collect();
    let own: String = own.iter().map(|(name, value)| format!("{name}:{value}\n")).collect();
    let all = query(request);
    let query: Vec<_> = all
        .clone()
        .into_iter()
        .filter(|(name, _)| SUB_RESOURCES.contains(&name.as_str()))
        .map(|(name, value)| if value.is_empty() { name } else { format!("{name}={value}") })
        .collect();
    let question = if query.is_empty() { "" } else { "?" };
    let header = |name| text(request.headers(), name);
    let signed = format!(
        "{}\n{}\n{}\n{}\n{own}/{bucket}{}{question}{}",
        request.method(),
        header("content-md5"),
        header("content-type"),
        all.get("Expires").cloned().unwrap_or_else(|| header("date")),
        path(request),
        query.join("&"),
    );
    base64_hmac_sha1(secret.as_bytes(), signed.as_bytes())
}

fn text(headers: &HeaderMap, name: &str) -> String {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned()
}

fn path(request: &Request<Bytes>) -> String {
    decode(request.uri().path())
}

/// Returns the parameters in their order, decoded.
fn query(request: &Request<Bytes>) -> BTreeMap<String, String> {
    let pairs = request.uri().query().unwrap_or_default().split('&').filter(|pair| !pair.is_empty());
    pairs.map(|pair| pair.split_once('=').unwrap_or((pair, ""))).map(|(n, v)| (decode(n), decode(v))).collect()
}

fn encode(text: &str) -> String {
    utf8_percent_encode(text, UNRESERVED).to_string()
}

fn decode(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

/// What Aliyun's own `oss2` 2.19.1 computed for the upload of a part.
#[test]
fn the_vendor_computes_the_same() {
    let request = |headers: &[(&str, &str)]| {
        let mut request = Request::put("http://h/docker/registry/k?partNumber=1&uploadId=U1");
        for (name, value) in headers.iter().chain(&[("content-type", "application/octet-stream")]) {
            request = request.header(*name, *value);
        }
        request.body(Bytes::new()).unwrap()
    };
    let (time, scope) = ("20160601T120000Z", "20160601/cn-hangzhou/oss/aliyun_v4_request");
    let signed = request(&[("x-oss-date", time), ("x-oss-content-sha256", "UNSIGNED-PAYLOAD")]);
    assert_eq!(
        v4(&signed, "mybucket", time, scope, &[], "SKEXAMPLE"),
        "d2ae53e2091436b19676d13b5937db975a86330e2620c53e6238886057ec048a"
    );
    let signed = request(&[("date", "Wed, 01 Jun 2016 12:00:00 GMT"), ("x-oss-server-side-encryption", "AES256")]);
    assert_eq!(v1(&signed, "mybucket", "SKEXAMPLE"), "afxarPfUJizp4JZFDAlqZ5EHjDQ=");
}

/// What it computed for an address to read by for 20 minutes.
#[test]
fn the_vendor_computes_the_same_for_an_address() {
    let request = |query: &str| {
        let uri = format!("http://h/docker/registry/k?{query}");
        Request::get(uri).body(Bytes::new()).unwrap()
    };
    let (time, scope) = ("20160601T120000Z", "20160601/cn-hangzhou/oss/aliyun_v4_request");
    let signed = request(
        "x-oss-signature-version=OSS4-HMAC-SHA256&x-oss-credential=AKEXAMPLE%2F20160601%2Fcn-hangzhou%2Foss%2F\
         aliyun_v4_request&x-oss-date=20160601T120000Z&x-oss-expires=1200",
    );
    assert_eq!(
        v4(&signed, "mybucket", time, scope, &[], "SKEXAMPLE"),
        "96c4a3478d4aa056a7f82a1d55568a0df67a02b8a13e05095e4aab5d72510ecd"
    );
    let signed = request("OSSAccessKeyId=AKEXAMPLE&Expires=1464783600");
    assert_eq!(v1(&signed, "mybucket", "SKEXAMPLE"), "lFqMdTeTXMGTuc6sZOzt59VaCJo=");
}
