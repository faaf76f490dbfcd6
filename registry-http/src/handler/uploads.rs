//! Uploads: POST, GET, PATCH, PUT, DELETE.

use http::StatusCode;
use http::header::RANGE;
use registry_core::body::BodyStream;
use registry_core::protocol::byte_range::received_range;
use registry_core::protocol::digest::Digest;
use registry_core::protocol::reference::RepositoryName;
use registry_core::registry::{Chunk, MountSource, UploadStatus};
use registry_core::store::UploadId;

use super::Call;
use crate::error::ApiError;
use crate::links::Links;
use crate::request;
use crate::response::{ApiResponse, DOCKER_UPLOAD_UUID, ResponseExt, empty};
use crate::route::UploadStart;

pub(crate) async fn start(
    call: &Call,
    body: BodyStream,
    repository: &RepositoryName,
    start: UploadStart,
) -> Result<ApiResponse, ApiError> {
    let algorithm = match start {
        UploadStart::Session(algorithm) => algorithm,
        UploadStart::Whole(digest) => {
            let blob = call.registry.push_blob(repository, &digest, body).await?;
            return Ok(created(&call.links, repository, &blob.digest));
        }
        UploadStart::Mount { digest, from } => {
            let source = from.map_or(MountSource::Anywhere, MountSource::Repository);
            if call.registry.mount_blob(repository, &digest, &source).await?.is_some() {
                return Ok(created(&call.links, repository, &digest));
            }
            // What cannot be mounted is uploaded instead (distribution-spec, "Mounting a blob").
            digest.algorithm()
        }
    };
    let status = call.registry.start_upload(repository, algorithm).await?;
    Ok(progress(StatusCode::ACCEPTED, &call.links, repository, status))
}

pub(crate) async fn status(call: &Call, repository: &RepositoryName, id: UploadId) -> Result<ApiResponse, ApiError> {
    let status = call.registry.upload_status(repository, id).await?;
    Ok(progress(StatusCode::NO_CONTENT, &call.links, repository, status))
}

pub(crate) async fn append(
    call: &Call,
    body: BodyStream,
    repository: &RepositoryName,
    id: UploadId,
) -> Result<ApiResponse, ApiError> {
    let chunk = Chunk { range: request::chunk_range(&call.headers)?, body };
    let status = call.registry.append_upload(repository, id, chunk).await?;
    Ok(progress(StatusCode::ACCEPTED, &call.links, repository, status))
}

pub(crate) async fn commit(
    call: &Call,
    body: BodyStream,
    repository: &RepositoryName,
    id: UploadId,
    digest: &Digest,
) -> Result<ApiResponse, ApiError> {
    let chunk = Chunk { range: request::chunk_range(&call.headers)?, body };
    let blob = call.registry.commit_upload(repository, id, chunk, digest).await?;
    Ok(created(&call.links, repository, &blob.digest))
}

pub(crate) async fn cancel(call: &Call, repository: &RepositoryName, id: UploadId) -> Result<ApiResponse, ApiError> {
    call.registry.cancel_upload(repository, id).await?;
    Ok(empty(StatusCode::NO_CONTENT))
}

/// Tells where an upload stands and where it goes on.
fn progress(status: StatusCode, links: &Links, repository: &RepositoryName, upload: UploadStatus) -> ApiResponse {
    empty(status)
        .at(links.upload(repository, upload.id))
        .with(RANGE, received_range(upload.offset))
        .with(DOCKER_UPLOAD_UUID, upload.id.to_string())
}

fn created(links: &Links, repository: &RepositoryName, digest: &Digest) -> ApiResponse {
    empty(StatusCode::CREATED).at(links.blob(repository, digest)).about(digest)
}
