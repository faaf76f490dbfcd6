//! A service account: the assertions that it gets tokens for, and the addresses that it signs.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use rcgen::{KeyPair, PKCS_RSA_SHA256};
use reqsign_core::hash::hex_sha256;
use reqsign_core::time::Timestamp;
use rustls::SignatureScheme;
use rustls::crypto::aws_lc_rs::default_provider;
use serde_json::{Value, json};

use super::request::Asked;
use super::{Refused, refused};

const EMAIL: &str = "registry@tests.iam.gserviceaccount.com";
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
/// What an address has besides its signature.
const PARAMETERS: [&str; 5] =
    ["X-Goog-Algorithm", "X-Goog-Credential", "X-Goog-Date", "X-Goog-Expires", "X-Goog-SignedHeaders"];

/// A service account with one key.
pub(super) struct Account(KeyPair);

impl Account {
    pub(super) fn new() -> Self {
        Self(KeyPair::generate_for(&PKCS_RSA_SHA256).expect("a key"))
    }

    /// Returns the file that the account's user has.
    pub(super) fn key_file(&self, token_uri: &str) -> Value {
        json!({
            "type": "service_account",
            "client_email": EMAIL,
            "private_key": self.0.serialize_pem(),
            "token_uri": token_uri,
        })
    }

    /// Tells whether the key signed a request for a token.
    pub(super) fn asserts(&self, body: &str) -> bool {
        let assertion = body.split('&').find_map(|field| field.strip_prefix("assertion=")).unwrap_or_default();
        let (message, signature) = assertion.rsplit_once('.').unwrap_or_default();
        URL_SAFE_NO_PAD.decode(signature).is_ok_and(|signature| self.has_signed(message, &signature))
    }

    /// Checks the signature of an address, and whether its time is over.
    pub(super) fn check(&self, asked: &Asked) -> Result<(), Refused> {
        let field = |name| asked.parameter(name).unwrap_or_default();
        let mut query: Vec<_> = asked.query.iter().filter(|(name, _)| *name != "X-Goog-Signature").collect();
        query.sort();
        let is_whole = query.iter().map(|(name, _)| name.as_str()).eq(PARAMETERS);
        let (email, scope) = field("X-Goog-Credential").split_once('/').unwrap_or_default();
        let date = field("X-Goog-Date");
        let right = format!("{}/auto/storage/goog4_request", date.split('T').next().unwrap_or_default());
        if !is_whole || email != EMAIL || scope != right || field("X-Goog-SignedHeaders") != "host" {
            return Err(refused(400, "", "<Error><Code>InvalidArgument</Code></Error>"));
        }
        let query: Vec<_> = query.iter().map(|(name, value)| format!("{}={}", encode(name), encode(value))).collect();
        let path: Vec<_> = asked.path.iter().map(|segment| encode(segment)).collect();
        let canonical = format!(
            "{}\n/{}\n{}\nhost:{}\n\nhost\nUNSIGNED-PAYLOAD",
            asked.method,
            path.join("/"),
            query.join("&"),
            asked.header("host").unwrap_or_default(),
        );
        let signed = format!("GOOG4-RSA-SHA256\n{date}\n{scope}\n{}", hex_sha256(canonical.as_bytes()));
        let signature = hex::decode(field("X-Goog-Signature")).unwrap_or_default();
        if !self.has_signed(&signed, &signature) {
            return Err(refused(403, "", "<Error><Code>SignatureDoesNotMatch</Code></Error>"));
        }
        let begun: Timestamp = date.parse().expect("a time, since it was signed");
        let lifetime = Duration::from_secs(field("X-Goog-Expires").parse().expect("a number, since it was signed"));
        if begun + lifetime < Timestamp::now() {
            return Err(refused(400, "", "<Error><Code>ExpiredToken</Code></Error>"));
        }
        Ok(())
    }

    /// By other code than that which signs.
    fn has_signed(&self, message: &str, signature: &[u8]) -> bool {
        let known = default_provider().signature_verification_algorithms.mapping;
        let (_, algorithms) = known.iter().find(|(scheme, _)| *scheme == SignatureScheme::RSA_PKCS1_SHA256).unwrap();
        algorithms.iter().any(|a| a.verify_signature(self.0.public_key_raw(), message.as_bytes(), signature).is_ok())
    }
}

fn encode(text: &str) -> String {
    utf8_percent_encode(text, UNRESERVED).to_string()
}
