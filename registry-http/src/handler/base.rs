//! `/`, `/v2/` and what the registry has beyond the spec.

use http::StatusCode;
use http::header::{CACHE_CONTROL, HeaderValue};
use registry_core::protocol::reference::RepositoryName;
use serde_json::json;

use crate::response::{ApiResponse, empty, json};
use crate::route::ROUTES;

/// Tells load balancers that somebody is here, as distribution does.
pub(crate) fn root() -> ApiResponse {
    let mut response = empty(StatusCode::OK);
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    response
}

pub(crate) fn base() -> ApiResponse {
    json(&json!({}))
}

/// Lists the extensions (distribution-spec `extensions/_oci.md`): discovery itself, our own, and the catalog, which is one of
/// the whole registry and not of a repository.
pub(crate) fn discover(repository: Option<&RepositoryName>) -> ApiResponse {
    let discovery = json!({
        "name": "_oci",
        "description": "discovery of extensions",
        "url": "https://github.com/opencontainers/distribution-spec/blob/main/extensions/_oci.md",
        "endpoints": ["_oci/ext/discover"],
    });
    let catalog = json!({
        "name": "_catalog",
        "description": "list of all repositories",
        "url": "https://distribution.github.io/distribution/spec/api/#listing-repositories",
        "endpoints": ["_catalog"],
    });
    let prefix = if repository.is_none() { "/v2/" } else { "/v2/<name>/" };
    let own = ROUTES.iter().filter_map(|route| route.template.strip_prefix(prefix));
    let own = json!({
        "name": "_registry",
        "description": "what this registry has beyond the spec",
        "endpoints": own.filter(|path| path.starts_with("_registry/")).collect::<Vec<_>>(),
    });
    let extensions = if repository.is_none() { vec![discovery, catalog, own] } else { vec![discovery, own] };
    json(&json!({ "extensions": extensions }))
}
