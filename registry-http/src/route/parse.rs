//! From method, path and query to a [`Route`].

use std::borrow::Cow;

use http::{Method, Uri};
use percent_encoding::percent_decode_str;
use registry_core::protocol::reference::{Namespace, ReferenceError, RepositoryName};

use super::query::Query;
use super::table::Endpoint;
use super::{NO_NAMESPACE, Route, RouteError};

/// Where a request goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Destination {
    /// To an operation.
    Route(Route),
    /// Nowhere: it asks which methods the path takes.
    Options(&'static [Method]),
}

/// A path cut into what it names, before the names are looked at.
struct Parts<'a> {
    endpoint: Endpoint,
    name: &'a str,
    last: &'a str,
}

impl Route {
    /// Tells where a request goes. `prefix` is what stands before `/v2/` in the path, `""` or `/…`.
    ///
    /// # Errors
    /// The first of: no such path, a method that it does not take, an invalid name, reference or parameter.
    pub fn parse(method: &Method, uri: &Uri, prefix: &str) -> Result<Destination, RouteError> {
        let path = uri.path().strip_prefix(prefix).ok_or(RouteError::NotFound)?;
        let path = decode(path).ok_or(RouteError::NotFound)?;
        let parts = cut(&path).ok_or(RouteError::NotFound)?;
        let allowed = parts.endpoint.methods();
        if !allowed.contains(method) {
            return Err(RouteError::MethodNotAllowed { method: method.as_str().chars().take(40).collect(), allowed });
        }
        if method == Method::OPTIONS {
            return Ok(Destination::Options(allowed));
        }
        let method = if method == Method::HEAD { &Method::GET } else { method };
        route(method, &parts, &Query::parse(uri.query().unwrap_or_default())).map(Destination::Route)
    }
}

/// Percent-decodes a path, if the result is text. Few paths have anything to decode, and a search for that is quicker.
fn decode(path: &str) -> Option<Cow<'_, str>> {
    if path.contains('%') { percent_decode_str(path).decode_utf8().ok() } else { Some(Cow::Borrowed(path)) }
}

fn cut(path: &str) -> Option<Parts<'_>> {
    let part = |endpoint, name, last| Some(Parts { endpoint, name, last });
    if path.is_empty() || path == "/" {
        return part(Endpoint::Root, "", "");
    }
    let rest = path.strip_prefix("/v2")?;
    let rest = rest.strip_suffix('/').unwrap_or(rest);
    let Some(rest) = rest.strip_prefix('/') else {
        return if rest.is_empty() { part(Endpoint::Base, "", "") } else { None };
    };
    match rest {
        "_catalog" => return part(Endpoint::Catalog, "", ""),
        "_oci/ext/discover" => return part(Endpoint::Discover, "", ""),
        _ => {}
    }
    if let Some(rest) = rest.strip_prefix("_registry/") {
        return cut_own(rest);
    }
    if let Some(name) = rest.strip_suffix("/_oci/ext/discover") {
        return part(Endpoint::Discover, name, "");
    }
    if let Some(name) = rest.strip_suffix("/tags/list") {
        return part(Endpoint::Tags, name, "");
    }
    if let Some(name) = rest.strip_suffix("/blobs/uploads") {
        return part(Endpoint::Uploads, name, "");
    }
    let (head, last) = rest.rsplit_once('/')?;
    if let Some(name) = head.strip_suffix("/blobs/uploads") {
        return part(Endpoint::Upload, name, last);
    }
    let (name, kind) = head.rsplit_once('/')?;
    match (kind, last) {
        ("manifests", _) => part(Endpoint::Manifest, name, last),
        ("blobs", _) => part(Endpoint::Blob, name, last),
        ("referrers", _) => part(Endpoint::Referrers, name, last),
        ("_registry", "repository") => part(Endpoint::Repository, name, ""),
        ("_registry", "history") => part(Endpoint::History, name, ""),
        ("history", _) => part(Endpoint::TagHistory, name.strip_suffix("/_registry")?, last),
        ("restore", _) => part(Endpoint::Restore, name.strip_suffix("/_registry")?, last),
        _ => None,
    }
}

/// Cuts what stands after `/v2/_registry/`, where no repository can be.
fn cut_own(rest: &str) -> Option<Parts<'_>> {
    let part = |endpoint, last| Some(Parts { endpoint, name: "", last });
    let rest = rest.strip_prefix("namespaces")?;
    if rest.is_empty() {
        return part(Endpoint::Namespaces, "");
    }
    let rest = rest.strip_prefix('/')?;
    let (namespace, endpoint) = match rest.strip_suffix("/tags") {
        Some(namespace) => (namespace, Endpoint::NamespaceTags),
        None => (rest, Endpoint::Namespace),
    };
    if namespace.contains('/') { None } else { part(endpoint, namespace) }
}

fn route(method: &Method, parts: &Parts<'_>, query: &Query<'_>) -> Result<Route, RouteError> {
    let name = || parts.name.parse::<RepositoryName>().map_err(RouteError::Name);
    let reference = || parts.last.parse().map_err(RouteError::Reference);
    let existing = || {
        parts.last.parse().map_err(|error| match error {
            ReferenceError::Tag(_) => RouteError::NoSuchManifest(error),
            _ => RouteError::Reference(error),
        })
    };
    let tag = || parts.last.parse().map_err(RouteError::Tag);
    let namespace = || match parts.last {
        NO_NAMESPACE => Ok(Namespace::default()),
        name => name.parse().map_err(RouteError::Name),
    };
    let upload = || parts.last.parse().map_err(|_| RouteError::UploadId);
    Ok(match (parts.endpoint, method) {
        (Endpoint::Root, _) => Route::Root,
        (Endpoint::Base, _) => Route::Base,
        (Endpoint::Catalog, _) => Route::Catalog(query.list()?),
        (Endpoint::Discover, _) if parts.name.is_empty() => Route::Discover(None),
        (Endpoint::Discover, _) => Route::Discover(Some(name()?)),
        (Endpoint::Repository, &Method::DELETE) => Route::DeleteRepository(name()?),
        (Endpoint::Repository, _) => Route::GetRepository(name()?),
        (Endpoint::History, _) => Route::ListHistory(name()?, None, query.list_after()?),
        (Endpoint::TagHistory, _) => Route::ListHistory(name()?, Some(tag()?), query.list_after()?),
        (Endpoint::Restore, _) => Route::RestoreTag(name()?, tag()?, query.digest()?),
        (Endpoint::Namespaces, _) => Route::ListNamespaces(query.namespaces()?),
        (Endpoint::Namespace, _) => Route::GetNamespace(namespace()?),
        (Endpoint::NamespaceTags, _) => Route::ListNamespaceTags(namespace()?, query.list_after()?),
        (Endpoint::Tags, _) => Route::ListTags(name()?, query.list()?),
        (Endpoint::Manifest, &Method::PUT) => Route::PutManifest(name()?, reference()?, query.tags()?),
        (Endpoint::Manifest, &Method::DELETE) => Route::DeleteManifest(name()?, existing()?),
        (Endpoint::Manifest, _) => Route::GetManifest(name()?, existing()?),
        (Endpoint::Blob, &Method::DELETE) => Route::DeleteBlob(name()?, parts.last.parse()?),
        (Endpoint::Blob, _) => Route::GetBlob(name()?, parts.last.parse()?),
        (Endpoint::Referrers, _) => Route::ListReferrers(name()?, parts.last.parse()?, query.referrers()?),
        (Endpoint::Uploads, _) => Route::StartUpload(name()?, query.upload_start()?),
        (Endpoint::Upload, &Method::PATCH) => Route::AppendUpload(name()?, upload()?),
        (Endpoint::Upload, &Method::PUT) => {
            Route::CommitUpload(name()?, upload()?, query.digest()?.ok_or(RouteError::DigestMissing)?)
        }
        (Endpoint::Upload, &Method::DELETE) => Route::CancelUpload(name()?, upload()?),
        (Endpoint::Upload, _) => Route::GetUpload(name()?, upload()?),
    })
}
