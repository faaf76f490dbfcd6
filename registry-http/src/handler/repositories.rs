//! `/v2/<name>/_registry/repository`: a repository as a whole.

use http::StatusCode;
use registry_core::protocol::reference::RepositoryName;
use registry_core::store::usage::Usage;
use serde::Serialize;

use super::Call;
use crate::error::ApiError;
use crate::response::{ApiResponse, empty, json};

/// How much there is in a repository or a namespace.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Used<'a> {
    name: &'a str,
    manifests: u64,
    tags: u64,
    logical_bytes: u64,
    unique_bytes: u64,
}

impl<'a> Used<'a> {
    pub(super) fn new(name: &'a str, usage: &Usage) -> Self {
        let Usage { manifests, tags, logical_bytes, unique_bytes } = *usage;
        Self { name, manifests, tags, logical_bytes, unique_bytes }
    }
}

/// Tells how much there is in it.
pub(crate) async fn get(call: &Call, repository: &RepositoryName) -> Result<ApiResponse, ApiError> {
    let usage = call.registry.repository_usage(repository).await?;
    Ok(json(&Used::new(repository.as_str(), &usage)))
}

pub(crate) async fn delete(call: &Call, repository: &RepositoryName) -> Result<ApiResponse, ApiError> {
    call.registry.delete_repository(repository).await?;
    Ok(empty(StatusCode::ACCEPTED))
}
