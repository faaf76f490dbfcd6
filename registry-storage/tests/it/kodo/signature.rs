//! Qiniu's tokens, computed from what Qiniu says of them.

use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use bytes::Bytes;
use http::Request;
use reqsign_core::hash::base64_hmac_sha1;
use serde_json::Value;

use super::fake::{ACCESS_KEY, Refused, SECRET_KEY, host, parameter, text};

const BAD_TOKEN: Refused = Refused(401, "bad token");
const EXPIRED: Refused = Refused(401, "expired token");
/// By how many seconds clocks may differ.
const SKEW: u64 = 15 * 60;

/// Checks what allows a request to manage: a signature of the newer form (`Qiniu`) or of the older one (`QBox`).
pub(super) fn verify_management(request: &Request<Bytes>) -> Result<(), Refused> {
    let (form, token) = text(request, "authorization").split_once(' ').ok_or(BAD_TOKEN)?;
    let target = request.uri().path_and_query().map_or("/", |target| target.as_str());
    let (content_type, date) = (text(request, "content-type"), text(request, "x-qiniu-date"));
    let body = String::from_utf8_lossy(request.body());
    let signed = match form {
        "Qiniu" => {
            let mut lines = vec![format!("{} {target}", request.method()), format!("Host: {}", host(request))];
            if !content_type.is_empty() {
                lines.push(format!("Content-Type: {content_type}"));
            }
            if !date.is_empty() {
                lines.push(format!("X-Qiniu-Date: {date}"));
            }
            let body = if matches!(content_type, "" | "application/octet-stream") { "" } else { &body };
            format!("{}\n\n{body}", lines.join("\n"))
        }
        "QBox" if content_type == "application/x-www-form-urlencoded" => format!("{target}\n{body}"),
        "QBox" => format!("{target}\n"),
        _ => return Err(BAD_TOKEN),
    };
    if token != sign(&signed) {
        return Err(BAD_TOKEN);
    }
    match date.is_empty() || seconds(date).is_some_and(|signed| signed.abs_diff(now()) <= SKEW) {
        true => Ok(()),
        false => Err(EXPIRED),
    }
}

/// Checks what allows a request about an upload in parts.
pub(super) fn verify_upload(request: &Request<Bytes>, bucket: &str, key: &str) -> Result<(), Refused> {
    let token = text(request, "authorization").strip_prefix("UpToken ").ok_or(BAD_TOKEN)?;
    verify_policy(token, bucket, key).map(drop)
}

/// Checks what allows an upload, and returns the policy.
pub(super) fn verify_policy(token: &str, bucket: &str, key: &str) -> Result<Value, Refused> {
    let (signature, encoded) = token.rsplit_once(':').ok_or(BAD_TOKEN)?;
    if signature != sign(encoded) {
        return Err(BAD_TOKEN);
    }
    let policy: Value =
        URL_SAFE.decode(encoded).ok().and_then(|text| serde_json::from_slice(&text).ok()).ok_or(BAD_TOKEN)?;
    let (scope, deadline) = (policy["scope"].as_str(), policy["deadline"].as_u64());
    let scope = scope.ok_or(BAD_TOKEN)?;
    if scope != bucket && scope != format!("{bucket}:{key}") {
        return Err(Refused(403, "key doesn't match scope"));
    }
    if deadline.is_some_and(|deadline| deadline > now()) { Ok(policy) } else { Err(EXPIRED) }
}

/// Checks what allows to read an object.
pub(super) fn verify_download(request: &Request<Bytes>) -> Result<(), Refused> {
    let (deadline, token) = (parameter(request, "e"), parameter(request, "token"));
    let (Some(deadline), Some(token)) = (deadline, token) else { return Err(BAD_TOKEN) };
    let signed = format!("http://{}{}?e={deadline}", host(request), request.uri().path());
    if token != sign(&signed) {
        return Err(BAD_TOKEN);
    }
    if deadline.parse().is_ok_and(|deadline: u64| deadline > now()) { Ok(()) } else { Err(EXPIRED) }
}

fn sign(text: &str) -> String {
    token(text, ACCESS_KEY, SECRET_KEY)
}

fn token(text: &str, access_key: &str, secret_key: &str) -> String {
    let signature = base64_hmac_sha1(secret_key.as_bytes(), text.as_bytes());
    format!("{access_key}:{}", URL_SAFE.encode(STANDARD.decode(signature).expect("base64")))
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("it is later").as_secs()
}

/// Reads a time such as `20160601T120000Z`, in seconds since 1970.
fn seconds(date: &str) -> Option<u64> {
    let number = |from: usize, to: usize| date.get(from..to)?.parse::<i64>().ok();
    let (year, month, day) = (number(0, 4)?, number(4, 6)?, number(6, 8)?);
    // Days since 1970, of years that begin in March.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days = year * 365 + year / 4 - year / 100 + year / 400 + (month * 153 + 2) / 5 + day - 719_469;
    u64::try_from(days * 86_400 + number(9, 11)? * 3600 + number(11, 13)? * 60 + number(13, 15)?).ok()
}

/// What Qiniu's own `qiniu` 7.18.0 computed.
#[test]
fn the_vendor_computes_the_same() {
    let sign = |text: &str| token(text, "AKEXAMPLE", "SKEXAMPLE");
    assert_eq!(seconds("20160601T120000Z"), Some(1_464_782_400));
    let policy = URL_SAFE.encode(r#"{"scope":"mybucket:docker/registry/k","deadline":1464786000}"#);
    assert_eq!(sign(&policy), "AKEXAMPLE:7Bfa4gbDYOD7n4FPtKhbX6sTncU=");
    let download = "http://cdn.example.com/docker/registry/k?e=1464783600";
    assert_eq!(sign(download), "AKEXAMPLE:WJHBw4A-4w5JgjunHGVlBC0BV6o=");
    let stat = "/stat/bXlidWNrZXQ6ZG9ja2VyL3JlZ2lzdHJ5L2s=";
    assert_eq!(sign(&format!("{stat}\n")), "AKEXAMPLE:Oz-HK3QFe7BcQE1MnUrTN9qafbI=");
    let lines = format!("POST {stat}\nHost: rs.qiniuapi.com\nContent-Type: application/x-www-form-urlencoded\n\n");
    assert_eq!(sign(&lines), "AKEXAMPLE:kr4zDQN-OCbqOiZA49wkXkXaIDc=");
}
