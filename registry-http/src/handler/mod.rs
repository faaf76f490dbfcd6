//! Handlers: typed arguments in, an operation called, an answer out. They hold no rules.

mod base;
mod blobs;
mod catalog;
mod manifests;
mod referrers;
mod tags;
mod uploads;

use http::HeaderMap;
use registry_core::Registry;
use registry_core::body::BodyStream;

use crate::body::PieceBuffers;
use crate::config::ServiceConfig;
use crate::error::ApiError;
use crate::links::Links;
use crate::response::ApiResponse;
use crate::route::Route;

/// A request on its way to a handler, apart from its body.
pub(crate) struct Call {
    pub(crate) registry: Registry,
    pub(crate) config: std::sync::Arc<ServiceConfig>,
    pub(crate) headers: HeaderMap,
    pub(crate) links: Links,
    pub(crate) buffers: PieceBuffers,
    /// Whether the method is HEAD, so that only the answer's head is wanted.
    pub(crate) head: bool,
}

/// Does what a route asks for. A request whose method is HEAD gets the answer of GET; its body is dropped later.
pub(crate) async fn handle(route: Route, call: Call, body: BodyStream) -> Result<ApiResponse, ApiError> {
    match route {
        Route::Root => Ok(base::root()),
        Route::Base => Ok(base::base()),
        Route::Discover(repository) => Ok(base::discover(repository.as_ref())),
        Route::Catalog(query) => catalog::list(&call, query).await,
        Route::ListTags(repository, query) => tags::list(&call, repository, query).await,
        Route::GetManifest(repository, reference) => manifests::get(&call, &repository, &reference).await,
        Route::PutManifest(repository, reference, tags) => {
            manifests::put(&call, body, &repository, reference, tags).await
        }
        Route::DeleteManifest(repository, reference) => manifests::delete(&call, &repository, &reference).await,
        Route::GetBlob(repository, digest) => blobs::get(&call, &repository, &digest).await,
        Route::DeleteBlob(repository, digest) => blobs::delete(&call, &repository, &digest).await,
        Route::ListReferrers(repository, subject, query) => referrers::list(&call, &repository, &subject, query).await,
        Route::StartUpload(repository, start) => uploads::start(&call, body, &repository, start).await,
        Route::GetUpload(repository, id) => uploads::status(&call, &repository, id).await,
        Route::AppendUpload(repository, id) => uploads::append(&call, body, &repository, id).await,
        Route::CommitUpload(repository, id, digest) => uploads::commit(&call, body, &repository, id, &digest).await,
        Route::CancelUpload(repository, id) => uploads::cancel(&call, &repository, id).await,
    }
}

/// Tells whether an operation changes something, so that it has to run to its end even if the client goes away.
pub(crate) fn changes(route: &Route) -> bool {
    matches!(
        route,
        Route::PutManifest(..)
            | Route::DeleteManifest(..)
            | Route::DeleteBlob(..)
            | Route::StartUpload(..)
            | Route::AppendUpload(..)
            | Route::CommitUpload(..)
            | Route::CancelUpload(..)
    )
}
