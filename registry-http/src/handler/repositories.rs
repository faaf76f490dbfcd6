//! `/v2/<name>/_registry/repository`: a repository as a whole.

use http::StatusCode;
use registry_core::protocol::reference::RepositoryName;
use serde_json::json;

use super::Call;
use crate::error::ApiError;
use crate::response::{ApiResponse, empty, json};

/// Tells how much there is in it.
pub(crate) async fn get(call: &Call, repository: &RepositoryName) -> Result<ApiResponse, ApiError> {
    let usage = call.registry.repository_usage(repository).await?;
    Ok(json(&json!({
        "name": repository.as_str(),
        "manifests": usage.manifests,
        "tags": usage.tags,
        "logicalBytes": usage.logical_bytes,
        "uniqueBytes": usage.unique_bytes,
    })))
}

pub(crate) async fn delete(call: &Call, repository: &RepositoryName) -> Result<ApiResponse, ApiError> {
    call.registry.delete_repository(repository).await?;
    Ok(empty(StatusCode::ACCEPTED))
}
