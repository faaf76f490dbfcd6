//! Handlers: typed arguments in, an operation called, an answer out. They hold no rules.

mod base;
mod blobs;
mod catalog;
mod history;
mod manifests;
mod namespaces;
mod referrers;
mod repositories;
mod tags;
mod uploads;

use std::ops::Deref;
use std::sync::Arc;

use http::HeaderMap;
use registry_core::Registry;
use registry_core::body::BodyStream;

use crate::body::PieceBuffers;
use crate::config::ServiceConfig;
use crate::error::ApiError;
use crate::links::Links;
use crate::manifest_intake::ManifestIntake;
use crate::response::ApiResponse;
use crate::route::Route;

/// What all handlers work with.
#[derive(Clone)]
pub(crate) struct Served {
    pub(crate) registry: Registry,
    pub(crate) config: ServiceConfig,
    pub(crate) buffers: PieceBuffers,
    pub(crate) manifests: ManifestIntake,
}

/// A request on its way to a handler, apart from its body.
pub(crate) struct Call {
    pub(crate) served: Arc<Served>,
    pub(crate) route: Route,
    pub(crate) headers: HeaderMap,
    pub(crate) links: Links,
    /// Whether the method is HEAD, so that only the answer's head is wanted.
    pub(crate) head: bool,
    /// Whether the client can be sent to the storage for bytes.
    pub(crate) redirects: bool,
}

impl Deref for Call {
    type Target = Served;

    fn deref(&self) -> &Served {
        &self.served
    }
}

/// Does what a route asks for. A request whose method is HEAD gets the answer of GET; its body is dropped later.
///
/// What is no pull is in a box of its own, so that the future of every pull is not as large.
pub(crate) async fn handle(call: &Call, body: BodyStream) -> Result<ApiResponse, ApiError> {
    match &call.route {
        Route::Root => Ok(base::root()),
        Route::Base => Ok(base::base()),
        Route::Discover(repository) => Ok(base::discover(repository.as_ref())),
        Route::Catalog(query) => Box::pin(catalog::list(call, query)).await,
        Route::GetRepository(repository) => repositories::get(call, repository).await,
        Route::DeleteRepository(repository) => Box::pin(repositories::delete(call, repository)).await,
        Route::ListHistory(repository, tag, query) => {
            Box::pin(history::list(call, repository, tag.as_ref(), query)).await
        }
        Route::RestoreTag(repository, tag, digest) => {
            Box::pin(history::restore(call, repository, tag, digest.as_ref())).await
        }
        Route::ListNamespaces(query) => Box::pin(namespaces::list(call, query)).await,
        Route::GetNamespace(namespace) => Box::pin(namespaces::get(call, namespace)).await,
        Route::ListNamespaceTags(namespace, query) => Box::pin(namespaces::tags(call, namespace, query)).await,
        Route::ListTags(repository, query) => Box::pin(tags::list(call, repository, query)).await,
        Route::GetManifest(repository, reference) => manifests::get(call, repository, reference).await,
        Route::PutManifest(repository, reference, tags) => {
            Box::pin(manifests::put(call, body, repository, reference.clone(), tags.clone())).await
        }
        Route::DeleteManifest(repository, reference) => Box::pin(manifests::delete(call, repository, reference)).await,
        Route::GetBlob(repository, digest) => blobs::get(call, repository, digest).await,
        Route::DeleteBlob(repository, digest) => Box::pin(blobs::delete(call, repository, digest)).await,
        Route::ListReferrers(repository, subject, query) => {
            Box::pin(referrers::list(call, repository, subject, query)).await
        }
        Route::StartUpload(repository, start) => Box::pin(uploads::start(call, body, repository, start.clone())).await,
        Route::GetUpload(repository, id) => Box::pin(uploads::status(call, repository, *id)).await,
        Route::AppendUpload(repository, id) => Box::pin(uploads::append(call, body, repository, *id)).await,
        Route::CommitUpload(repository, id, digest) => {
            Box::pin(uploads::commit(call, body, repository, *id, digest)).await
        }
        Route::CancelUpload(repository, id) => Box::pin(uploads::cancel(call, repository, *id)).await,
    }
}

/// Tells whether an operation changes something, so that it has to run to its end even if the client goes away.
pub(crate) fn changes(route: &Route) -> bool {
    matches!(
        route,
        Route::PutManifest(..)
            | Route::DeleteManifest(..)
            | Route::DeleteBlob(..)
            | Route::DeleteRepository(..)
            | Route::RestoreTag(..)
            | Route::StartUpload(..)
            | Route::AppendUpload(..)
            | Route::CommitUpload(..)
            | Route::CancelUpload(..)
    )
}
