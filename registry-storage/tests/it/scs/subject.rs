//! A bucket of SCS to test with.

use std::collections::HashMap;

use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Uri};
use md5::{Digest, Md5};
use registry_storage::driver::object::{ObjectDriver, TransferConfig};
use registry_storage::driver::scs::{ScsConfig, open};

use super::signature;
use crate::object::subject::{ObjectSubject, object_subject};
use crate::object::translator::{Documents, Translator, Vendor};
use crate::subject::{Bucket, s3};

pub(super) const ACCESS_KEY: &str = "scsaccess";
pub(super) const SECRET_KEY: &str = "scssecret";
pub(super) const BUCKET: &str = "images";
/// The headers of the vendor's own that there is a use for.
const HEADERS: [&str; 3] = ["x-scs-copy-source", "x-scs-metadata-directive", "x-scs-meta-registry-upload"];
/// How many objects a list has, and a deletion takes, at most.
const AT_ONCE: usize = 100;

const SCS: Vendor = Vendor {
    prefix: "x-scs-",
    verify: signature::verify,
    own_metadata: "REPLACE",
    copy_source: |_| format!("/{BUCKET}"),
    asks_for_strict_ranges: false,
    is_quiet: false,
    documents: Some(Documents { request: adapt, answer: |document| document }),
};

/// Refuses what the store does not know, and takes out what the store behind does not.
fn adapt(mut request: Request<Bytes>) -> Option<Request<Bytes>> {
    let mut own = request.headers().keys().filter(|name| name.as_str().starts_with("x-scs-"));
    if own.any(|name| !HEADERS.contains(&name.as_str())) {
        return None;
    }
    let query = request.uri().query().unwrap_or_default().to_owned();
    let pairs: HashMap<_, _> = query.split('&').map(|pair| pair.split_once('=').unwrap_or((pair, "none"))).collect();
    let is_part = pairs.contains_key("partNumber");
    let too_many = pairs.get("max-keys").is_some_and(|most| most.parse().is_ok_and(|most: usize| most > AT_ONCE))
        || String::from_utf8_lossy(request.body()).matches("<Object>").count() > AT_ONCE;
    if too_many || pairs.get("uploads").or(pairs.get("delete")).is_some_and(|value| *value != "none") {
        return None;
    }
    if is_part && request.headers().contains_key("x-scs-copy-source") {
        return None;
    }
    let checksum = request.headers_mut().remove("content-md5");
    let expected = is_part.then(|| hex::encode(Md5::digest(request.body())));
    let is_signed_body = *request.method() == http::Method::PUT && is_part;
    if checksum.as_ref().map(|checksum| checksum.to_str().unwrap_or_default())
        != expected.as_deref().filter(|_| is_signed_body)
    {
        return None;
    }
    let target = request.uri().path_and_query().map_or("", |target| target.as_str());
    let inner = target.strip_prefix(&format!("/{BUCKET}"))?;
    *request.uri_mut() = inner.parse::<Uri>().ok()?;
    Some(request)
}

/// A part of a bucket of its own.
pub(crate) struct ScsBucket {
    pub(crate) config: ScsConfig,
    /// The same part, by Amazon's protocol.
    pub(crate) bucket: Bucket,
    _translator: Translator,
}

pub(crate) async fn scs() -> ScsBucket {
    let bucket = s3().await;
    let translator = Translator::start(SCS, &bucket.0).await;
    let mut config = ScsConfig::new(BUCKET, translator.endpoint(), ACCESS_KEY, SECRET_KEY);
    config.root_directory.clone_from(&bucket.0.root_directory);
    ScsBucket { config, bucket, _translator: translator }
}

#[async_trait]
impl ObjectSubject for ScsBucket {
    async fn driver_with(&self, transfer: TransferConfig) -> ObjectDriver {
        let config = ScsConfig { transfer, ..self.config.clone() };
        open(&config).await.expect("the store can be reached")
    }

    fn seals(&self) -> bool {
        true
    }

    async fn kept(&self) -> Vec<String> {
        // By Amazon's protocol.
        self.bucket.kept().await
    }
}

// SeaweedFS walks directories.
object_subject!(ScsBucket, sorts_by_names_alone: true);
