//! `GET /v2/<name>/tags/list`.

use bytes::Bytes;
use futures::StreamExt;
use http::Response;
use http::header::{CONTENT_TYPE, LINK};
use registry_core::Registry;
use registry_core::protocol::reference::{RepositoryName, Tag};
use registry_core::store::metadata::Page;
use serde_json::json;

use super::Call;
use crate::body::{ResponseBody, ResponseError};
use crate::error::ApiError;
use crate::response::{ApiResponse, JSON, ResponseExt, json};
use crate::route::ListQuery;

/// How many tags are read at once where all are asked for.
const PIECE: usize = 1000;

/// Without `n`, all tags are listed, as distribution does: many clients do not follow pages. They are streamed, so that
/// no list is ever in memory as a whole.
pub(crate) async fn list(call: &Call, repository: &RepositoryName, query: &ListQuery) -> Result<ApiResponse, ApiError> {
    let n = query.n.map_or(PIECE, |n| n.min(call.config.tags_max));
    let page = call.registry.list_tags(repository, query.last.as_deref(), n).await?;
    let last = page.items.last().cloned();
    match last {
        Some(last) if page.more && query.n.is_some() => {
            let link = call
                .links
                .next_page(&format!("{repository}/tags/list"), &[("last", last.as_str()), ("n", &n.to_string())]);
            Ok(whole(repository, &page.items).with(LINK, link))
        }
        Some(_) if page.more => Ok(streamed(call.registry.clone(), repository.clone(), page)),
        _ => Ok(whole(repository, &page.items)),
    }
}

fn whole(repository: &RepositoryName, tags: &[Tag]) -> ApiResponse {
    let tags: Vec<&str> = tags.iter().map(Tag::as_str).collect();
    json(&json!({ "name": repository.as_str(), "tags": tags }))
}

/// What is left to send of a streamed list.
enum Rest {
    Page(Page<Tag>),
    After(Tag),
    Done,
}

fn streamed(registry: Registry, repository: RepositoryName, first: Page<Tag>) -> ApiResponse {
    let opening = Bytes::from(format!("{{\"name\":\"{repository}\",\"tags\":["));
    let opening = futures::stream::once(async { Ok(opening) });
    let pages = futures::stream::try_unfold((Rest::Page(first), true), move |(rest, is_first)| {
        let (registry, repository) = (registry.clone(), repository.clone());
        async move {
            let page = match rest {
                Rest::Page(page) => page,
                Rest::After(last) => registry.list_tags(&repository, Some(last.as_str()), PIECE).await?,
                Rest::Done => return Ok(None),
            };
            let mut text = String::new();
            for (index, tag) in page.items.iter().enumerate() {
                let separator = if is_first && index == 0 { "\"" } else { ",\"" };
                text.extend([separator, tag.as_str(), "\""]);
            }
            let rest = match page.items.last() {
                Some(last) if page.more => Rest::After(last.clone()),
                _ => {
                    text.push_str("]}");
                    Rest::Done
                }
            };
            Ok::<_, ResponseError>(Some((Bytes::from(text), (rest, false))))
        }
    });
    let mut response = Response::new(ResponseBody::stream(opening.chain(pages).boxed(), None));
    response.headers_mut().insert(CONTENT_TYPE, JSON);
    response
}
