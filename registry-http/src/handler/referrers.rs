//! `GET /v2/<name>/referrers/<digest>`.

use std::collections::BTreeMap;

use http::header::{CONTENT_TYPE, HeaderValue, LINK};
use registry_core::protocol::digest::Digest;
use registry_core::protocol::media_type::OCI_INDEX;
use registry_core::protocol::reference::RepositoryName;
use registry_core::store::metadata::Referrer;
use serde::Serialize;

use super::Call;
use crate::error::ApiError;
use crate::response::{ApiResponse, OCI_FILTERS_APPLIED, ResponseExt, json};
use crate::route::ReferrersQuery;

/// How many referrers a page has at most.
const PAGE: usize = 1000;

/// The answer is an image index, so that clients read it with what they have.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Index<'a> {
    schema_version: u8,
    media_type: &'static str,
    manifests: Vec<Entry<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Entry<'a> {
    media_type: &'a str,
    digest: &'a Digest,
    size: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    artifact_type: Option<&'a str>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    annotations: &'a BTreeMap<String, String>,
}

pub(crate) async fn list(
    call: &Call,
    repository: &RepositoryName,
    subject: &Digest,
    query: &ReferrersQuery,
) -> Result<ApiResponse, ApiError> {
    let n = query.n.unwrap_or(PAGE).clamp(1, PAGE);
    let artifact_type = query.artifact_type.as_deref();
    let page = call.registry.list_referrers(repository, subject, artifact_type, query.last.as_ref(), n).await?;
    let index = Index { schema_version: 2, media_type: OCI_INDEX, manifests: page.items.iter().map(entry).collect() };
    let mut response = json(&index);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(OCI_INDEX));
    if artifact_type.is_some() {
        response = response.with(OCI_FILTERS_APPLIED, "artifactType");
    }
    if let Some(last) = page.items.last().filter(|_| page.more) {
        let (last, n) = (last.digest.to_string(), n.to_string());
        let mut parameters = vec![("last", last.as_str()), ("n", &n)];
        parameters.extend(artifact_type.map(|artifact_type| ("artifactType", artifact_type)));
        response = response.with(LINK, call.links.next_page(&format!("{repository}/referrers/{subject}"), &parameters));
    }
    Ok(response)
}

fn entry(referrer: &Referrer) -> Entry<'_> {
    Entry {
        media_type: &referrer.media_type,
        digest: &referrer.digest,
        size: referrer.size_bytes,
        artifact_type: referrer.artifact_type.as_deref(),
        annotations: &referrer.annotations,
    }
}
