//! `GET /v2/_catalog`.

use http::StatusCode;
use http::header::LINK;
use registry_core::protocol::error_code::ErrorCode;
use serde_json::json;

use super::Call;
use crate::error::ApiError;
use crate::response::{ApiResponse, ResponseExt, json};
use crate::route::ListQuery;

/// How many items a page has if the client does not say, as in distribution.
const PAGE: usize = 100;

pub(crate) async fn list(call: &Call, query: &ListQuery) -> Result<ApiResponse, ApiError> {
    let n = page_size(call, query.n)?;
    let page = call.registry.list_repositories(query.last.as_deref(), n).await?;
    let names: Vec<&str> = page.items.iter().map(|name| name.as_str()).collect();
    let response = json(&json!({ "repositories": names }));
    Ok(match names.last() {
        Some(last) if page.more => {
            response.with(LINK, call.links.next_page("_catalog", &[("last", last), ("n", &n.to_string())]))
        }
        _ => response,
    })
}

/// Tells how many items a page of a list of the whole registry has, of which the client asks for `n`.
pub(super) fn page_size(call: &Call, n: Option<usize>) -> Result<usize, ApiError> {
    let most = call.config.catalog_max_entries;
    let n = n.unwrap_or(PAGE.min(most));
    if n > most {
        let message = format!("query parameter `n` is {n}; expected at most {most} items a page");
        return Err(ApiError::new(StatusCode::BAD_REQUEST, ErrorCode::PaginationNumberInvalid, message));
    }
    Ok(n)
}
