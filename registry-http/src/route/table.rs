//! Every path of the API and the methods it takes: the one list from which parsing, `Allow` and tests work.

use http::Method;

/// The kind of thing at a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Endpoint {
    Root,
    Base,
    Catalog,
    Discover,
    Repository,
    History,
    TagHistory,
    Restore,
    Namespaces,
    Namespace,
    NamespaceTags,
    Tags,
    Manifest,
    Blob,
    Referrers,
    Uploads,
    Upload,
}

/// A path of the API.
#[derive(Debug)]
pub struct RouteSpec {
    pub(super) endpoint: Endpoint,
    /// The path as the spec writes it.
    pub template: &'static str,
    /// What the path takes, HEAD where there is GET, and OPTIONS.
    pub methods: &'static [Method],
    /// Where the path is described.
    pub source: &'static str,
}

const READ: &[Method] = &[Method::GET, Method::HEAD, Method::OPTIONS];
const READ_DELETE: &[Method] = &[Method::GET, Method::HEAD, Method::DELETE, Method::OPTIONS];
const MANIFEST: &[Method] = &[Method::GET, Method::HEAD, Method::PUT, Method::DELETE, Method::OPTIONS];
const POST: &[Method] = &[Method::POST, Method::OPTIONS];
const UPLOAD: &[Method] = &[Method::GET, Method::HEAD, Method::PATCH, Method::PUT, Method::DELETE, Method::OPTIONS];

/// Every path of the API.
pub const ROUTES: &[RouteSpec] = &[
    spec(Endpoint::Root, "/", READ, "distribution: liveness"),
    spec(Endpoint::Base, "/v2/", READ, "distribution-spec end-1"),
    spec(Endpoint::Catalog, "/v2/_catalog", READ, "distribution: catalog"),
    spec(Endpoint::Discover, "/v2/_oci/ext/discover", READ, "distribution-spec extensions/_oci"),
    spec(Endpoint::Discover, "/v2/<name>/_oci/ext/discover", READ, "distribution-spec extensions/_oci"),
    spec(Endpoint::Repository, "/v2/<name>/_registry/repository", READ_DELETE, "our own"),
    spec(Endpoint::Tags, "/v2/<name>/tags/list", READ, "distribution-spec end-8"),
    spec(Endpoint::Manifest, "/v2/<name>/manifests/<reference>", MANIFEST, "distribution-spec end-3, end-7, end-9"),
    spec(Endpoint::Blob, "/v2/<name>/blobs/<digest>", READ_DELETE, "distribution-spec end-2, end-10"),
    spec(Endpoint::Referrers, "/v2/<name>/referrers/<digest>", READ, "distribution-spec end-12"),
    spec(Endpoint::Uploads, "/v2/<name>/blobs/uploads/", POST, "distribution-spec end-4, end-11"),
    spec(Endpoint::Upload, "/v2/<name>/blobs/uploads/<id>", UPLOAD, "distribution-spec end-5, end-6, end-13, end-14"),
    spec(Endpoint::History, "/v2/<name>/_registry/history", READ, "our own"),
    spec(Endpoint::TagHistory, "/v2/<name>/_registry/history/<tag>", READ, "our own"),
    spec(Endpoint::Restore, "/v2/<name>/_registry/restore/<tag>", POST, "our own"),
    spec(Endpoint::Namespaces, "/v2/_registry/namespaces", READ, "our own"),
    spec(Endpoint::Namespace, "/v2/_registry/namespaces/<namespace>", READ, "our own"),
    spec(Endpoint::NamespaceTags, "/v2/_registry/namespaces/<namespace>/tags", READ, "our own"),
];

const fn spec(
    endpoint: Endpoint,
    template: &'static str,
    methods: &'static [Method],
    source: &'static str,
) -> RouteSpec {
    RouteSpec { endpoint, template, methods, source }
}

impl Endpoint {
    pub(super) fn methods(self) -> &'static [Method] {
        ROUTES.iter().find(|spec| spec.endpoint == self).map_or(&[], |spec| spec.methods)
    }
}
