//! Which request is which operation, and what permission it needs: pure, without any I/O.
//!
//! Names are parsed from the right, so that `blobs`, `manifests`, `tags` and `uploads` stay legal components of a
//! repository's name. The path is percent-decoded once, before anything is decided, so that every spelling of a path
//! gets the same decision.

mod access;
mod label;
mod parse;
mod position;
mod query;
mod table;

use http::Method;
use registry_core::protocol::digest::{Algorithm, Digest, DigestError};
use registry_core::protocol::reference::{Namespace, Reference, ReferenceError, RepositoryName, Tag};
use registry_core::registry::HistoryPosition;
use registry_core::store::UploadId;
use registry_core::store::usage::RepositoryTag;

pub use parse::Destination;
pub(crate) use position::Position;
pub use table::{ROUTES, RouteSpec};

/// What stands in a path for the namespace of names without a `/`: no namespace has a name that begins like this.
pub(crate) const NO_NAMESPACE: &str = "_";

/// An operation of the API with its arguments. HEAD is the GET of the same path without its body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Route {
    /// `GET /`: the server is alive.
    Root,
    /// `GET /v2/` (end-1): the API is spoken here.
    Base,
    /// `GET /v2/_catalog`.
    Catalog(ListQuery),
    /// `GET /v2/_oci/ext/discover` and `GET /v2/<name>/_oci/ext/discover`.
    Discover(Option<RepositoryName>),
    /// `GET /v2/<name>/_registry/repository`.
    GetRepository(RepositoryName),
    /// `DELETE /v2/<name>/_registry/repository`.
    DeleteRepository(RepositoryName),
    /// `GET /v2/<name>/_registry/history`, and the same of one tag: `GET /v2/<name>/_registry/history/<tag>`.
    ListHistory(RepositoryName, Option<Tag>, ListQuery<HistoryPosition>),
    /// `POST /v2/<name>/_registry/restore/<tag>`, with the digest that it is to point to if there is a choice.
    RestoreTag(RepositoryName, Tag, Option<Digest>),
    /// `GET /v2/_registry/namespaces`.
    ListNamespaces(ListQuery),
    /// `GET /v2/_registry/namespaces/<namespace>`.
    GetNamespace(Namespace),
    /// `GET /v2/_registry/namespaces/<namespace>/tags`.
    ListNamespaceTags(Namespace, ListQuery<RepositoryTag>),
    /// `GET /v2/<name>/tags/list` (end-8).
    ListTags(RepositoryName, ListQuery),
    /// `GET /v2/<name>/manifests/<reference>` (end-3).
    GetManifest(RepositoryName, Reference),
    /// `PUT /v2/<name>/manifests/<reference>` (end-7), with the tags of its `tag` parameters.
    PutManifest(RepositoryName, Reference, Vec<Tag>),
    /// `DELETE /v2/<name>/manifests/<reference>` (end-9).
    DeleteManifest(RepositoryName, Reference),
    /// `GET /v2/<name>/blobs/<digest>` (end-2).
    GetBlob(RepositoryName, Digest),
    /// `DELETE /v2/<name>/blobs/<digest>` (end-10).
    DeleteBlob(RepositoryName, Digest),
    /// `GET /v2/<name>/referrers/<digest>` (end-12).
    ListReferrers(RepositoryName, Digest, ReferrersQuery),
    /// `POST /v2/<name>/blobs/uploads/` (end-4, end-11).
    StartUpload(RepositoryName, UploadStart),
    /// `GET` of an upload's location (end-13).
    GetUpload(RepositoryName, UploadId),
    /// `PATCH` of an upload's location (end-5).
    AppendUpload(RepositoryName, UploadId),
    /// `PUT` of an upload's location (end-6).
    CommitUpload(RepositoryName, UploadId, Digest),
    /// `DELETE` of an upload's location (end-14).
    CancelUpload(RepositoryName, UploadId),
}

/// Which part of a list is asked for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ListQuery<P = String> {
    /// How many items at most.
    pub n: Option<usize>,
    /// The item after which to begin.
    pub last: Option<P>,
}

/// Which part of the referrers is asked for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ReferrersQuery {
    /// Only those of this type.
    pub artifact_type: Option<String>,
    /// How many at most.
    pub n: Option<usize>,
    /// The digest after which to begin.
    pub last: Option<Digest>,
}

/// How an upload starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UploadStart {
    /// A session for a digest of this algorithm (end-4a, end-4c).
    Session(Algorithm),
    /// The whole blob in this request (end-4b).
    Whole(Digest),
    /// A blob that another repository has, or any other if none is named (end-11).
    Mount {
        /// The blob.
        digest: Digest,
        /// The repository that has it.
        from: Option<RepositoryName>,
    },
}

/// Why a request is not an operation.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RouteError {
    /// Nothing is at the path.
    #[error("there is nothing at this path; the API begins at /v2/")]
    NotFound,
    /// The path takes other methods.
    #[error("this path does not take the method {method}; it takes {}", allow(.allowed))]
    MethodNotAllowed {
        /// What the request has.
        method: String,
        /// What the path takes.
        allowed: &'static [Method],
    },
    /// The repository's name is not one.
    #[error(transparent)]
    Name(ReferenceError),
    /// The tag that a manifest is to get, or the digest that names one, is not one.
    #[error(transparent)]
    Reference(ReferenceError),
    /// What is asked for is named by what cannot be a tag, so that it cannot be there.
    #[error(transparent)]
    NoSuchManifest(ReferenceError),
    /// A digest in the path or query is not one.
    #[error(transparent)]
    Digest(#[from] DigestError),
    /// A `tag` parameter is not a tag.
    #[error(transparent)]
    Tag(ReferenceError),
    /// The upload's name is not one of ours.
    #[error("there is no upload by that name")]
    UploadId,
    /// The PUT that ends an upload does not name the blob's digest.
    #[error("the query lacks `digest`, the digest of the whole blob")]
    DigestMissing,
    /// A list parameter is not valid.
    #[error("query parameter `n` is `{0}`; expected a number of items, 0 or more")]
    PageSize(String),
    /// The place in a list at which a page begins is not one.
    #[error("query parameter `last` is `{0}`; expected what it is in the link to the next page")]
    Last(String),
    /// A parameter is given twice.
    #[error("query parameter `{0}` is given more than once")]
    Repeated(&'static str),
}

/// Writes methods as the `Allow` header takes them.
pub fn allow(methods: &[Method]) -> String {
    methods.iter().map(Method::as_str).collect::<Vec<_>>().join(", ")
}
