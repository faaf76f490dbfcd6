//! `/v2/<name>/_registry/history` and `…/restore/<tag>`: what tags pointed to, and back to it.

use http::StatusCode;
use http::header::LINK;
use registry_core::protocol::digest::Digest;
use registry_core::protocol::reference::{RepositoryName, Tag};
use registry_core::registry::HistoryPosition;
use registry_core::store::Timestamp;
use registry_core::store::history::PastTag;
use serde::Serialize;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::Call;
use crate::error::ApiError;
use crate::response::{ApiResponse, ResponseExt, empty, json};
use crate::route::{ListQuery, Position};

#[derive(Serialize)]
struct History<'a> {
    name: &'a str,
    tags: Vec<Entry<'a>>,
}

/// What a tag pointed to, with dates as RFC 3339 has them. One that it has no year for is none.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Entry<'a> {
    tag: &'a str,
    digest: &'a Digest,
    set_at: Option<String>,
    ended_at: Option<String>,
    restorable_until: Option<String>,
}

pub(crate) async fn list(
    call: &Call,
    repository: &RepositoryName,
    tag: Option<&Tag>,
    query: &ListQuery<HistoryPosition>,
) -> Result<ApiResponse, ApiError> {
    let most = call.config.tags_max;
    let n = query.n.map_or(most, |n| n.min(most));
    let page = call.registry.tag_history(repository, tag, query.last.as_ref(), n).await?;
    let response = json(&History { name: repository.as_str(), tags: page.items.iter().map(entry).collect() });
    Ok(match page.items.last() {
        Some(last) if page.more => {
            let path = format!("{repository}/_registry/history");
            let path = tag.map_or_else(|| path.clone(), |tag| format!("{path}/{tag}"));
            let position = (last.tag.clone(), last.ended_at).to_text();
            response.with(LINK, call.links.next_page(&path, &[("last", &position), ("n", &n.to_string())]))
        }
        _ => response,
    })
}

fn entry(past: &PastTag) -> Entry<'_> {
    Entry {
        tag: past.tag.as_str(),
        digest: &past.digest,
        set_at: date(past.set_at),
        ended_at: date(past.ended_at),
        restorable_until: date(past.restorable_until),
    }
}

fn date(at: Timestamp) -> Option<String> {
    OffsetDateTime::from_unix_timestamp_nanos(i128::from(at.as_micros()) * 1000).ok()?.format(&Rfc3339).ok()
}

/// Answers as a push by the tag does.
pub(crate) async fn restore(
    call: &Call,
    repository: &RepositoryName,
    tag: &Tag,
    digest: Option<&Digest>,
) -> Result<ApiResponse, ApiError> {
    let restored = call.registry.restore_tag(repository, tag, digest).await?;
    Ok(empty(StatusCode::CREATED).at(call.links.manifest(repository, &restored)).about(&restored))
}
