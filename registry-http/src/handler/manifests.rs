//! Manifests: GET, HEAD, PUT, DELETE.

use http::StatusCode;
use http::header::{CONTENT_TYPE, HeaderValue};
use registry_core::body::BodyStream;
use registry_core::protocol::reference::{Reference, RepositoryName, Tag};
use registry_core::registry::ManifestPush;

use super::Call;
use crate::body::ResponseBody;
use crate::error::ApiError;
use crate::request;
use crate::response::{ApiResponse, OCI_SUBJECT, OCI_TAG, ResponseExt, Room, empty, header_value, with_body};

/// The stored bytes and media type come back as they were pushed. `Accept` is not looked at: the spec obliges nobody to
/// convert or to refuse, and a client that does not understand a media type says so better than we could.
pub(crate) async fn get(
    call: &Call,
    repository: &RepositoryName,
    reference: &Reference,
) -> Result<ApiResponse, ApiError> {
    let manifest = call.registry.get_manifest(repository, reference).await?;
    if request::has_already(&call.headers, &manifest.digest) {
        return Ok(empty(StatusCode::NOT_MODIFIED).cacheable(&manifest.digest));
    }
    let room = if call.head { Room::Common } else { Room::Small };
    let mut response = with_body(StatusCode::OK, ResponseBody::full(manifest.payload), room);
    response.headers_mut().insert(CONTENT_TYPE, header_value(manifest.media_type.into_bytes()));
    Ok(response.cacheable(&manifest.digest))
}

pub(crate) async fn put(
    call: &Call,
    body: BodyStream,
    repository: &RepositoryName,
    reference: Reference,
    tags: Vec<Tag>,
) -> Result<ApiResponse, ApiError> {
    let content_type = request::content_type(&call.headers)?;
    let received = call.manifests.receive(request::content_length(&call.headers), body).await?;
    let push = ManifestPush { reference, tags: tags.clone(), content_type, payload: received.payload.clone() };
    let pushed = call.manifests.put(&call.registry, repository, push).await?;
    let mut response =
        empty(StatusCode::CREATED).at(call.links.manifest(repository, &pushed.digest)).about(&pushed.digest);
    if let Some(subject) = pushed.subject {
        response = response.with(OCI_SUBJECT, subject.to_string());
    }
    for tag in tags {
        let tag = HeaderValue::try_from(tag.as_str()).expect("tags are header text");
        response.headers_mut().append(OCI_TAG, tag);
    }
    Ok(response)
}

pub(crate) async fn delete(
    call: &Call,
    repository: &RepositoryName,
    reference: &Reference,
) -> Result<ApiResponse, ApiError> {
    match reference {
        Reference::Digest(digest) => call.registry.delete_manifest(repository, digest).await?,
        Reference::Tag(tag) => call.registry.delete_tag(repository, tag).await?,
    }
    Ok(empty(StatusCode::ACCEPTED))
}
