//! Under which name metrics count a request.

use super::{Destination, Route};
use crate::metrics::HandlerLabel;

impl Destination {
    /// Returns the part of the API that the request is for.
    pub(crate) fn label(&self) -> HandlerLabel {
        let Self::Route(route) = self else { return HandlerLabel::Other };
        match route {
            Route::Base => HandlerLabel::Base,
            Route::Catalog(_) => HandlerLabel::Catalog,
            Route::ListTags(..) => HandlerLabel::Tags,
            Route::GetManifest(..) | Route::PutManifest(..) | Route::DeleteManifest(..) => HandlerLabel::Manifest,
            Route::GetBlob(..) | Route::DeleteBlob(..) => HandlerLabel::Blob,
            Route::ListReferrers(..) => HandlerLabel::Referrers,
            Route::StartUpload(..) => HandlerLabel::BlobUpload,
            Route::GetUpload(..) | Route::AppendUpload(..) | Route::CommitUpload(..) | Route::CancelUpload(..) => {
                HandlerLabel::BlobUploadChunk
            }
            Route::Root
            | Route::Discover(_)
            | Route::GetRepository(_)
            | Route::DeleteRepository(_)
            | Route::ListHistory(..)
            | Route::RestoreTag(..)
            | Route::ListNamespaces(_)
            | Route::GetNamespace(_)
            | Route::ListNamespaceTags(..) => HandlerLabel::Other,
        }
    }
}
