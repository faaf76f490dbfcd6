//! Addresses for clients: temporary URLs, which are signed by a key that is kept with the container or the account.
//!
//! The key is looked at again from time to time, because somebody may replace it. There are two of them, so that addresses
//! which the old one has signed stay valid meanwhile.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use http::{HeaderMap, HeaderName, HeaderValue, Method};
use percent_encoding::percent_decode_str;
use reqsign_core::hash::{hex_hmac_sha1, hex_hmac_sha256};

use super::config::SwiftTempUrl;
use super::info::{Info, TempUrlInfo};
use super::{Swift, address};
use crate::driver::object::error::Failure;
use crate::driver::object::exchange::Call;
use crate::path::StoragePath;

/// How long what was found is believed.
const LOOK_AGAIN: Duration = Duration::from_secs(600);
/// How long nothing is signed after the key could not be had.
const REST: Duration = Duration::from_secs(60);

/// The first and the second key of a container, and those of an account.
const CONTAINER_KEYS: [HeaderName; 2] = [
    HeaderName::from_static("x-container-meta-temp-url-key"),
    HeaderName::from_static("x-container-meta-temp-url-key-2"),
];
const ACCOUNT_KEYS: [HeaderName; 2] =
    [HeaderName::from_static("x-account-meta-temp-url-key"), HeaderName::from_static("x-account-meta-temp-url-key-2")];

/// What is known of a key.
#[derive(Debug, Default)]
pub(super) struct Known(Option<(Instant, Option<Signing>)>);

/// What signs.
#[derive(Clone)]
struct Signing {
    key: String,
    digest: Digest,
}

impl std::fmt::Debug for Signing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Signing").field("digest", &self.digest).finish_non_exhaustive()
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Digest {
    Sha1,
    Sha256,
}

impl Digest {
    /// Returns the best one that a store takes for a `GET`; `None` if it takes none.
    fn taken_by(info: &Info, config: &SwiftTempUrl) -> Option<Self> {
        let said = info.temp_url.as_ref();
        let methods = config.methods.as_ref().or(said.map(|said| &said.methods))?;
        methods.iter().any(|method| method == "GET").then_some(())?;
        let Some(TempUrlInfo { allowed_digests, .. }) = said else { return Some(Self::Sha256) };
        let allows = |digest| allowed_digests.iter().any(|allowed| allowed == digest);
        match (allows("sha256"), allows("sha1")) {
            (true, _) => Some(Self::Sha256),
            (false, true) => Some(Self::Sha1),
            // Stores that name none are older than all others.
            (false, false) => allowed_digests.is_empty().then_some(Self::Sha1),
        }
    }
}

impl Signing {
    /// Returns the query that makes the address of a path one that can be read by until then.
    fn query(&self, path: &str, expires_at: u64) -> String {
        let signed = format!("GET\n{expires_at}\n{path}");
        let (key, signed) = (self.key.as_bytes(), signed.as_bytes());
        let signature = match self.digest {
            Digest::Sha1 => hex_hmac_sha1(key, signed),
            Digest::Sha256 => hex_hmac_sha256(key, signed),
        };
        format!("temp_url_sig={signature}&temp_url_expires={expires_at}")
    }
}

impl Swift {
    /// Returns an address by which anybody can read an object for a while; `None` if the store or its keys allow none.
    pub(super) async fn temp_url(&self, path: &StoragePath, lifetime: Duration) -> Result<Option<String>, Failure> {
        let Some(signing) = self.signing().await? else { return Ok(None) };
        let call = self.call("sign the address of", Method::GET, Some(&self.address.key(path)), &[]);
        let session = self.exchange.protocol().session().await.map_err(|error| call.failed(error))?;
        let whole = address::below(&session.storage, &call.uri).map_err(|error| call.misunderstood(error))?;
        let decoded = percent_decode_str(whole.path()).decode_utf8_lossy();
        let expires_at = (SystemTime::now() + lifetime).duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let query = signing.query(&decoded, expires_at);
        Ok(Some(match &self.public_endpoint {
            Some(public) => format!("{}?{query}", public.uri(whole.path().to_owned(), &[])),
            None => format!("{whole}?{query}"),
        }))
    }

    /// Returns what signs, and finds it out first if that was long ago. Of several callers at once one does.
    async fn signing(&self) -> Result<Option<Signing>, Failure> {
        let mut known = self.signing.lock().await;
        if let Some((until, signing)) = &known.0
            && Instant::now() < *until
        {
            return Ok(signing.clone());
        }
        let found = self.find_signing().await;
        let (believed, signing) = match &found {
            Ok(signing) => (LOOK_AGAIN, signing.clone()),
            Err(_) => (REST, None),
        };
        known.0 = Some((Instant::now() + believed, signing));
        found
    }

    async fn find_signing(&self) -> Result<Option<Signing>, Failure> {
        let Some(digest) = Digest::taken_by(&self.info, &self.temp_url) else { return Ok(None) };
        let (keys, mut call) = match self.temp_url.is_of_account {
            false => (CONTAINER_KEYS, self.call("look at container", Method::HEAD, None, &[])),
            true => (ACCOUNT_KEYS, self.account_call().await?),
        };
        let headers = self.exchange.answer(&call).await?.headers;
        let text = |name: &HeaderName| headers.get(name)?.to_str().ok().filter(|key| !key.is_empty());
        let there = keys.each_ref().map(text);
        let key = match &self.temp_url.key {
            None => there.into_iter().flatten().next().map(ToOwned::to_owned),
            Some(key) => {
                if !there.contains(&Some(key.as_str())) {
                    (call.operation, call.method) = ("set the key for temporary URLs of", Method::POST);
                    call.headers = new_keys(&keys, key, there[0]).map_err(|error| call.misunderstood(error))?;
                    self.exchange.answer(&call).await?;
                }
                Some(key.clone())
            }
        };
        Ok(key.map(|key| Signing { key, digest }))
    }

    async fn account_call(&self) -> Result<Call, Failure> {
        let mut call = Call { operation: "look at account", method: Method::HEAD, ..Call::default() };
        let session = self.exchange.protocol().session().await.map_err(|error| call.failed(error))?;
        call.subject = session.storage.to_string();
        call.uri = session.storage.clone();
        Ok(call)
    }
}

/// Returns the headers that put a key in the first place, and the one that was there in the second.
fn new_keys(
    [first, second]: &[HeaderName; 2],
    key: &str,
    old: Option<&str>,
) -> Result<HeaderMap, http::header::InvalidHeaderValue> {
    let secret = |text: &str| {
        let mut value = HeaderValue::try_from(text)?;
        value.set_sensitive(true);
        Ok(value)
    };
    let mut headers = HeaderMap::from_iter([(first.clone(), secret(key)?)]);
    if let Some(old) = old {
        headers.insert(second, secret(old)?);
    }
    Ok(headers)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What Python's `hmac` computes, as Swift does.
    #[test]
    fn a_path_is_signed_as_swift_says() {
        for (digest, signature) in [
            (Digest::Sha1, "64ee6032edbee2aa2722f22d4b8a1fa13624b09c"),
            (Digest::Sha256, "61df7b3ba20d14a6704267da1ab49060a460627425cc9008737ff074cbdd3702"),
        ] {
            let signing = Signing { key: "tempkey".into(), digest };
            let query = signing.query("/v1/AUTH_acc/cont/files/docker/k", 1_464_783_600);
            assert_eq!(query, format!("temp_url_sig={signature}&temp_url_expires=1464783600"));
            assert!(!format!("{signing:?}").contains("tempkey"));
        }
    }

    #[test]
    fn what_the_store_allows_decides() {
        let words = |words: &[&str]| words.iter().map(|&word| word.to_owned()).collect::<Vec<_>>();
        let told = |methods: &[&str], digests: &[&str]| {
            Some(TempUrlInfo { methods: words(methods), allowed_digests: words(digests) })
        };
        for (said, configured, expected) in [
            (told(&["GET", "PUT"], &["sha1", "sha256"]), None, Some(Digest::Sha256)),
            (told(&["GET"], &[]), None, Some(Digest::Sha1)),
            (told(&["GET"], &["sha1"]), None, Some(Digest::Sha1)),
            (told(&["GET"], &["sha512"]), None, None),
            (told(&["PUT"], &["sha256"]), None, None),
            (told(&["GET"], &["sha256"]), Some(words(&["PUT"])), None),
            (None, None, None),
            (None, Some(words(&["GET"])), Some(Digest::Sha256)),
        ] {
            let info = Info { temp_url: said, ..Info::default() };
            let config = SwiftTempUrl { methods: configured, ..SwiftTempUrl::default() };
            assert_eq!(Digest::taken_by(&info, &config), expected, "{info:?} {config:?}");
        }
    }

    #[test]
    fn a_key_that_is_replaced_is_kept_as_the_second() {
        let set = |old| new_keys(&CONTAINER_KEYS, "new", old).unwrap();
        assert_eq!(set(Some("old"))["x-container-meta-temp-url-key-2"], "old");
        assert_eq!(set(None)["x-container-meta-temp-url-key"], "new");
        assert_eq!(set(None).len(), 1);
    }
}
