//! Qiniu's tokens, which say that somebody with the secret key allows a request: to send an object, to read one, or to
//! manage the bucket. Each is `<access key>:<signature>`, by HMAC-SHA-1, in the base64 that addresses take.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE;
use http::{Method, Uri};
use reqsign_core::hash::base64_hmac_sha1;
use serde::Serialize;

use super::config::KodoCredentials;

/// What the body of a request to manage is.
pub(super) const FORM: &str = "application/x-www-form-urlencoded";

/// What may be sent: an object, until a time.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct UploadPolicy {
    /// The bucket and the key: `bucket:key`.
    pub(super) scope: String,
    /// In seconds since 1970.
    pub(super) deadline: i64,
    /// Whether there may be no other object with the key; one with the same content does not count. 0 or 1.
    #[serde(skip_serializing_if = "is_zero")]
    pub(super) insert_only: u8,
}

fn is_zero(number: &u8) -> bool {
    *number == 0
}

impl KodoCredentials {
    /// Returns the token of a text.
    fn token(&self, text: &str) -> String {
        let signature = base64_hmac_sha1(self.secret_key.as_bytes(), text.as_bytes());
        format!("{}:{}", self.access_key, signature.replace('+', "-").replace('/', "_"))
    }

    /// Returns what allows an upload.
    pub(super) fn upload_token(&self, policy: &UploadPolicy) -> String {
        let policy = serde_json::to_vec(policy).expect("structures of text and numbers can be written");
        let policy = URL_SAFE.encode(policy);
        format!("{}:{policy}", self.token(&policy))
    }

    /// Returns the query by which the object at an address, which has none, can be read until a time.
    pub(super) fn download_query(&self, address: &str, deadline: i64) -> [(&'static str, String); 2] {
        let token = self.token(&format!("{address}?e={deadline}"));
        [("e", deadline.to_string()), ("token", token)]
    }

    /// Returns the `Authorization` of a request to manage, whose body is a form. `date` is its `X-Qiniu-Date`.
    pub(super) fn authorization(&self, method: &Method, uri: &Uri, date: &str, form: &str) -> String {
        let target = uri.path_and_query().map_or("/", |target| target.as_str());
        let host = uri.authority().map_or("", |authority| authority.as_str());
        let signed = format!("{method} {target}\nHost: {host}\nContent-Type: {FORM}\nX-Qiniu-Date: {date}\n\n{form}");
        format!("Qiniu {}", self.token(&signed))
    }
}

/// Returns the name that requests about uploads in parts have for an object.
pub(super) fn encoded_key(key: &str) -> String {
    URL_SAFE.encode(key)
}

/// Returns the name that requests to manage have for an object.
pub(super) fn entry(bucket: &str, key: &str) -> String {
    URL_SAFE.encode(format!("{bucket}:{key}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "docker/registry/k";

    fn credentials() -> KodoCredentials {
        KodoCredentials { access_key: "AKEXAMPLE".into(), secret_key: "SKEXAMPLE".into() }
    }

    /// What Qiniu's own `qiniu` 7.18.0 computed.
    #[test]
    fn the_vendor_computes_the_same() {
        let policy = UploadPolicy { scope: format!("mybucket:{KEY}"), deadline: 1_464_786_000, insert_only: 0 };
        assert_eq!(
            credentials().upload_token(&policy),
            "AKEXAMPLE:7Bfa4gbDYOD7n4FPtKhbX6sTncU=:\
             eyJzY29wZSI6Im15YnVja2V0OmRvY2tlci9yZWdpc3RyeS9rIiwiZGVhZGxpbmUiOjE0NjQ3ODYwMDB9"
        );
        let [expiry, token] = credentials().download_query(&format!("http://cdn.example.com/{KEY}"), 1_464_783_600);
        assert_eq!(expiry, ("e", "1464783600".into()));
        assert_eq!(token, ("token", "AKEXAMPLE:WJHBw4A-4w5JgjunHGVlBC0BV6o=".into()));
        let uri = format!("http://rs.qiniuapi.com/stat/{}", entry("mybucket", KEY)).parse().unwrap();
        assert_eq!(
            credentials().authorization(&Method::POST, &uri, "20160601T120000Z", ""),
            "Qiniu AKEXAMPLE:ELlj36GHYt0c22iwvVHGzzKoMC8="
        );
    }

    #[test]
    fn what_is_only_to_be_new_is_said() {
        let policy = UploadPolicy { scope: "b:k".into(), deadline: 1, insert_only: 1 };
        let token = credentials().upload_token(&policy);
        let policy = URL_SAFE.decode(token.rsplit(':').next().unwrap()).unwrap();
        assert_eq!(policy, br#"{"scope":"b:k","deadline":1,"insertOnly":1}"#);
    }
}
