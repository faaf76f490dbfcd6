//! `GET /v2/_catalog`.

use http::StatusCode;
use http::header::LINK;
use registry_core::protocol::error_code::ErrorCode;
use serde_json::json;

use super::Call;
use crate::error::ApiError;
use crate::response::{ApiResponse, ResponseExt, json};
use crate::route::ListQuery;

/// How many repositories a page has if the client does not say, as in distribution.
const PAGE: usize = 100;

pub(crate) async fn list(call: &Call, query: &ListQuery) -> Result<ApiResponse, ApiError> {
    let most = call.config.catalog_max_entries;
    let n = query.n.unwrap_or(PAGE.min(most));
    if n > most {
        let message = format!("query parameter `n` is {n}; expected at most {most} repositories a page");
        return Err(ApiError::new(StatusCode::BAD_REQUEST, ErrorCode::PaginationNumberInvalid, message));
    }
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
