//! The signature of Tencent COS, computed from what Tencent says of it.

use std::collections::BTreeMap;
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use http::Request;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use reqsign_core::hash::{hex_hmac_sha1, hex_sha1};

use super::subject::{ACCESS_KEY, SECRET_KEY};

const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Checks a signature in `Authorization` or in the address: whose it is, when it counts, and that it covers the host and every
/// parameter but its own.
pub(super) fn verify(request: &Request<Bytes>) -> Result<(), &'static str> {
    let authorization = request.headers().get("authorization").and_then(|value| value.to_str().ok());
    let signature = authorization.or(request.uri().query()).unwrap_or_default();
    let fields: BTreeMap<_, _> = signature.split('&').filter_map(|field| field.split_once('=')).collect();
    let field = |name| fields.get(name).copied().unwrap_or_default();
    let names = |list| field(list).split(';').filter(|name| !name.is_empty()).collect::<Vec<_>>();
    let (headers, parameters) = (names("q-header-list"), names("q-url-param-list"));
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("it is later").as_secs();
    let (from, until) = field("q-sign-time").split_once(';').unwrap_or_default();
    let is_now =
        from.parse().is_ok_and(|from: u64| from <= now + 60) && until.parse().is_ok_and(|until: u64| now < until);
    let covers_all = headers.contains(&"host") && parameters.len() == query(request).len();
    let expected = sign(request, field("q-key-time"), &headers, &parameters, SECRET_KEY);
    match (field("q-ak"), field("q-signature")) {
        (ACCESS_KEY, signature) if signature == expected && is_now && covers_all => Ok(()),
        (ACCESS_KEY, _) => Err("SignatureDoesNotMatch"),
        _ => Err("InvalidAccessKeyId"),
    }
}

fn sign(request: &Request<Bytes>, time: &str, headers: &[&str], parameters: &[&str], secret: &str) -> String {
    let query = query(request);
    let values = |names: &[&str], value: &dyn Fn(&str) -> String| {
        let pairs: Vec<_> = names.iter().map(|name| format!("{name}={}", encode(&value(name)))).collect();
        pairs.join("&")
    };
    let parameter = |name: &str| query.get(name).cloned().unwrap_or_default();
    let header = |name: &str| request.headers().get(name).and_then(|v| v.to_str().ok()).unwrap_or_default().to_owned();
    let described = format!(
        "{}\n{}\n{}\n{}\n",
        request.method().as_str().to_lowercase(),
        decode(request.uri().path()),
        values(parameters, &parameter),
        values(headers, &header),
    );
    let signed = format!("sha1\n{time}\n{}\n", hex_sha1(described.as_bytes()));
    let key = hex_hmac_sha1(secret.as_bytes(), time.as_bytes());
    hex_hmac_sha1(key.as_bytes(), signed.as_bytes())
}

/// Returns the parameters but those of a signature, decoded, their names in lower case.
fn query(request: &Request<Bytes>) -> BTreeMap<String, String> {
    let pairs = request.uri().query().unwrap_or_default().split('&').filter(|pair| !pair.is_empty());
    let pairs = pairs.map(|pair| pair.split_once('=').unwrap_or((pair, "")));
    let pairs = pairs.map(|(name, value)| (decode(name).to_lowercase(), decode(value)));
    pairs.filter(|(name, _)| !name.starts_with("q-")).collect()
}

fn encode(text: &str) -> String {
    utf8_percent_encode(text, UNRESERVED).to_string()
}

fn decode(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

/// What Tencent's own `cos-python-sdk-v5` 1.9.44 computed for the upload of a part.
#[test]
fn the_vendor_computes_the_same() {
    let request = Request::put("http://h/docker/registry/k?partNumber=1&uploadId=U1")
        .header("content-type", "application/octet-stream")
        .header("host", "mybucket-1250000000.cos.ap-guangzhou.myqcloud.com")
        .body(Bytes::new())
        .unwrap();
    let signed =
        sign(&request, "1464782340;1464783000", &["content-type", "host"], &["partnumber", "uploadid"], "SKEXAMPLE");
    assert_eq!(signed, "0a03448b78379ad7f8d6f3074884265ae28b9103");
}

/// What it computed for an address to read by for 21 minutes.
#[test]
fn the_vendor_computes_the_same_for_an_address() {
    let request = Request::get("http://h/docker/registry/k")
        .header("host", "mybucket-1250000000.cos.ap-guangzhou.myqcloud.com")
        .body(Bytes::new())
        .unwrap();
    let signed = sign(&request, "1464782340;1464783600", &["host"], &[], "SKEXAMPLE");
    assert_eq!(signed, "e352ab7cc9cc58cbf7650376af5ddb8658dc27cd");
}
