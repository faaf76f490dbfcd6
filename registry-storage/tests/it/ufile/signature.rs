//! The signature of UFile, computed from what UCloud's programs do.

use std::time::{SystemTime, UNIX_EPOCH};

use reqsign_core::hash::base64_hmac_sha1;

use super::fake::request::Asked;

pub(super) const PUBLIC_KEY: &str = "ucloudpublic";
pub(super) const PRIVATE_KEY: &str = "ucloudprivate";

/// Checks who asks: by `Authorization`, or by the address, which counts until a time.
pub(super) fn verify(asked: &Asked, bucket: &str) -> bool {
    let (key, signature, time) = match (asked.header("authorization"), asked.parameter("Signature")) {
        ("", Some(signature)) => {
            let expires = asked.parameter("Expires").unwrap_or_default();
            let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("it is later").as_secs();
            if expires.parse().is_ok_and(|expires: u64| expires < now) {
                return false;
            }
            (asked.parameter("UCloudPublicKey").unwrap_or_default(), signature, expires)
        }
        (authorization, _) => {
            let pair = authorization.strip_prefix("UCloud ").and_then(|pair| pair.split_once(':'));
            let (key, signature) = pair.unwrap_or_default();
            (key, signature, asked.header("date"))
        }
    };
    let described = description(asked, bucket, time);
    let mut accepted = vec![described.clone()];
    if asked.word == "listobjects" {
        // The package for Python adds the parameters, and `ufile-gosdk` does not.
        let value = |name| asked.parameter(name).unwrap_or_default();
        accepted.push(format!(
            "{described}\nlistobjects\ndelimiter:{}\nmarker:{}\nmax-keys:{}\nprefix:{}",
            value("delimiter"),
            value("marker"),
            value("max-keys"),
            value("prefix")
        ));
    }
    key == PUBLIC_KEY && accepted.iter().any(|text| sign(text, PRIVATE_KEY) == signature)
}

fn description(asked: &Asked, bucket: &str, time: &str) -> String {
    let lines = [asked.method.as_str(), asked.header("content-md5"), asked.header("content-type"), time];
    format!("{}\n/{bucket}/{}", lines.join("\n"), asked.key)
}

fn sign(text: &str, key: &str) -> String {
    base64_hmac_sha1(key.as_bytes(), text.as_bytes())
}

/// What UCloud's own programs computed.
#[test]
fn the_vendor_computes_the_same() {
    for (text, signature) in [
        ("GET\n\n\n\n/mybucket/docker/registry/k", "DJeHRuQMRGEAHXXRWIWbOkhFaGE="),
        ("PUT\n\napplication/octet-stream\n\n/mybucket/docker/registry/k", "hZsmSGbug3uFHbO/rLdptW+oIs4="),
        ("GET\n\n\n\n/mybucket/", "VJkbmevrqYhbla+9XOQ0YkSbEmI="),
    ] {
        assert_eq!(sign(text, "PRIVKEY"), signature);
    }
}
