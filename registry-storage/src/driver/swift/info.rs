//! What a store says of itself.

use http::Uri;
use http::uri::PathAndQuery;
use registry_core::store::StoreErrorKind;
use serde::Deserialize;

use super::Swift;
use super::config::SwiftConfig;
use crate::driver::object::error::Failure;
use crate::driver::object::exchange::Call;
use crate::error::DriverError;

/// What a store allows.
#[derive(Debug)]
pub(super) struct Info {
    /// How many segments an object is put together of at most.
    pub(super) max_segments: usize,
    /// How large an object may be that is no list of segments.
    pub(super) max_object_bytes: u64,
    /// What addresses it takes that are signed for clients, if it says so.
    pub(super) temp_url: Option<TempUrlInfo>,
}

/// What a store says of temporary URLs.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct TempUrlInfo {
    #[serde(default)]
    pub(super) methods: Vec<String>,
    /// None if the store does not name them.
    #[serde(default)]
    pub(super) allowed_digests: Vec<String>,
}

impl Default for Info {
    /// What stores allow that do not tell.
    fn default() -> Self {
        Self { max_segments: 1000, max_object_bytes: SwiftConfig::MAX_PART_BYTES, temp_url: None }
    }
}

#[derive(Deserialize)]
struct InfoDocument {
    swift: Option<SwiftInfo>,
    slo: Option<SegmentsInfo>,
    tempurl: Option<TempUrlInfo>,
}

#[derive(Deserialize)]
struct SwiftInfo {
    max_file_size: Option<u64>,
}

#[derive(Deserialize)]
struct SegmentsInfo {
    max_manifest_segments: Option<usize>,
}

impl Swift {
    /// Asks the store what it allows. An operator may have it keep that to itself.
    ///
    /// # Errors
    /// `Unsupported` if it does not put objects together of segments.
    pub(super) async fn ask_info(&self) -> Result<Info, Failure> {
        let mut call = Call { operation: "ask for what is allowed by", subject: "/info".into(), ..Call::default() };
        let session = self.exchange.protocol().session().await.map_err(|error| call.failed(error))?;
        let mut parts = session.storage.clone().into_parts();
        parts.path_and_query = Some(PathAndQuery::from_static("/info"));
        call.uri = Uri::from_parts(parts).expect("an address keeps its authority");
        let answer = match self.exchange.answer(&call).await {
            Err(failure) if failure.kind() == StoreErrorKind::Unavailable => return Err(failure),
            Err(_) => return Ok(Info::default()),
            Ok(answer) => answer,
        };
        info(&answer.body).ok_or_else(|| {
            let why = "it has no static large objects, which uploads are made of";
            DriverError::new(StoreErrorKind::Unsupported, "use the object store of", self.address.container(), why)
                .into()
        })
    }
}

/// Reads what a store says; `None` if it says that it has no static large objects.
fn info(body: &[u8]) -> Option<Info> {
    let default = Info::default();
    let Ok(InfoDocument { swift: Some(swift), slo, tempurl }) = serde_json::from_slice(body) else {
        return Some(default);
    };
    let max_segments = slo?.max_manifest_segments.filter(|most| *most > 0).unwrap_or(default.max_segments);
    let max_object_bytes = swift.max_file_size.unwrap_or(default.max_object_bytes);
    let max_object_bytes = max_object_bytes.max(SwiftConfig::MIN_PART_BYTES);
    Some(Info { max_segments, max_object_bytes, temp_url: tempurl })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_is_believed() {
        for (body, expected) in [
            (r#"{"swift":{"max_file_size":2000000},"slo":{"max_manifest_segments":7}}"#, Some((7, 2_000_000))),
            (r#"{"swift":{},"slo":{"max_manifest_segments":0}}"#, Some((1000, 5_368_709_120))),
            (r#"{"swift":{"max_file_size":1},"slo":{}}"#, Some((1000, 1_048_576))),
            (r#"{"swift":{}}"#, None),
            ("{}", Some((1000, 5_368_709_120))),
            ("<html>", Some((1000, 5_368_709_120))),
        ] {
            let found = info(body.as_bytes()).map(|info| (info.max_segments, info.max_object_bytes));
            assert_eq!(found, expected, "{body}");
        }
        let said = r#"{"swift":{},"slo":{},"tempurl":{"methods":["GET"],"allowed_digests":["sha256"],"other":1}}"#;
        let expected = TempUrlInfo { methods: vec!["GET".into()], allowed_digests: vec!["sha256".into()] };
        assert_eq!(info(said.as_bytes()).unwrap().temp_url, Some(expected));
    }
}
