//! `/v2/_registry/namespaces`: lists across repositories.

use http::header::LINK;
use registry_core::protocol::reference::Namespace;
use registry_core::store::usage::RepositoryTag;
use serde_json::{Value, json as value};

use super::Call;
use super::catalog::page_size;
use super::repositories::Used;
use crate::error::ApiError;
use crate::response::{ApiResponse, ResponseExt, json};
use crate::route::{ListQuery, NO_NAMESPACE, Position};

/// Lists the namespaces, and how much there is in each.
pub(crate) async fn list(call: &Call, query: &ListQuery) -> Result<ApiResponse, ApiError> {
    let n = page_size(call, query.n)?;
    let page = call.registry.list_namespaces(query.last.as_deref(), n).await?;
    let namespaces: Vec<_> = page.items.iter().map(|found| Used::new(&found.namespace, &found.usage)).collect();
    let response = json(&value!({ "namespaces": namespaces }));
    Ok(match page.items.last() {
        Some(last) if page.more => {
            let parameters = [("last", last.namespace.as_str()), ("n", &n.to_string())];
            response.with(LINK, call.links.next_page("_registry/namespaces", &parameters))
        }
        _ => response,
    })
}

/// Tells how much there is in one.
pub(crate) async fn get(call: &Call, namespace: &Namespace) -> Result<ApiResponse, ApiError> {
    let usage = call.registry.namespace_usage(namespace).await?;
    Ok(json(&Used::new(namespace.as_str(), &usage)))
}

/// Lists the tags of all its repositories.
pub(crate) async fn tags(
    call: &Call,
    namespace: &Namespace,
    query: &ListQuery<RepositoryTag>,
) -> Result<ApiResponse, ApiError> {
    let most = call.config.tags_max;
    let n = query.n.map_or(most, |n| n.min(most));
    let page = call.registry.list_namespace_tags(namespace, query.last.as_ref(), n).await?;
    let entry = |found: &RepositoryTag| -> Value {
        value!({ "repository": found.repository.as_str(), "tag": found.tag.as_str() })
    };
    let tags: Vec<_> = page.items.iter().map(entry).collect();
    let response = json(&value!({ "name": namespace.as_str(), "tags": tags }));
    Ok(match page.items.last() {
        Some(last) if page.more => {
            let segment = if namespace.as_str().is_empty() { NO_NAMESPACE } else { namespace.as_str() };
            let parameters = [("last", last.to_text()), ("n", n.to_string())];
            let parameters = parameters.each_ref().map(|(key, text)| (*key, text.as_str()));
            response.with(LINK, call.links.next_page(&format!("_registry/namespaces/{segment}/tags"), &parameters))
        }
        _ => response,
    })
}
