//! Objects that are put together of others, their segments: our own, by a list, and distribution's, by what the segments'
//! names begin with.
//!
//! Whoever replaces or removes one has to see to the segments, since nobody else finds them any more.

use futures::{StreamExt, TryStreamExt};
use http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use percent_encoding::percent_decode_str;
use registry_core::store::StoreErrorKind;
use serde::Deserialize;

use super::{AT_ONCE, REQUESTS_AT_ONCE, Swift};
use crate::driver::object::error::Failure;
use crate::driver::object::exchange::Call;
use crate::error::DriverError;
use crate::path::StoragePath;

/// What says that an object is a list of segments.
const STATIC: HeaderName = HeaderName::from_static("x-static-large-object");
/// What names the container of segments, and after a `/` what their names begin with.
const DYNAMIC: HeaderName = HeaderName::from_static("x-object-manifest");

/// How an object is put together.
enum Kind {
    /// It is not.
    Plain,
    /// By a list.
    Static,
    /// Of all in a container that have a prefix.
    Dynamic { container: String, prefix: String },
}

#[derive(Deserialize)]
struct Segment {
    name: String,
}

/// What became of an object and its segments.
#[derive(Deserialize)]
struct Removed {
    #[serde(rename = "Response Status")]
    status: String,
    #[serde(rename = "Response Body", default)]
    text: String,
    #[serde(rename = "Errors", default)]
    errors: Vec<(String, String)>,
}

impl Kind {
    fn of(headers: &HeaderMap) -> Self {
        let text = |name| headers.get(name)?.to_str().ok();
        if text(STATIC).is_some_and(|value| value.eq_ignore_ascii_case("true")) {
            return Self::Static;
        }
        let decoded = |text| percent_decode_str(text).decode_utf8_lossy().into_owned();
        match text(DYNAMIC).and_then(|manifest| manifest.split_once('/')) {
            // A prefix of nothing would be everything.
            Some((container, prefix)) if !prefix.is_empty() => {
                Self::Dynamic { container: decoded(container), prefix: decoded(prefix) }
            }
            _ => Self::Plain,
        }
    }
}

impl Swift {
    /// Returns the names of the segments of what is at a path; none if there is nothing, or no segments.
    pub(super) async fn segments_at(&self, path: &StoragePath) -> Result<Vec<String>, Failure> {
        match self.look(path).await?.as_ref().map(Kind::of) {
            None | Some(Kind::Plain) => Ok(Vec::new()),
            Some(Kind::Static) => self.listed_segments(path).await,
            Some(Kind::Dynamic { container, prefix }) => self.prefixed_segments(&container, &prefix).await,
        }
    }

    async fn listed_segments(&self, path: &StoragePath) -> Result<Vec<String>, Failure> {
        let call = self.call("read", Method::GET, Some(&self.address.key(path)), &[("multipart-manifest", "get")]);
        let answer = self.exchange.answer(&call).await?;
        let segments: Vec<Segment> = serde_json::from_slice(&answer.body).map_err(|error| call.misunderstood(error))?;
        Ok(segments.into_iter().map(|segment| segment.name).collect())
    }

    async fn prefixed_segments(&self, container: &str, prefix: &str) -> Result<Vec<String>, Failure> {
        let mut names = Vec::new();
        let mut next: Option<String> = None;
        loop {
            let (entries, more) = self.entries(container, prefix, next.as_deref(), AT_ONCE).await?;
            names.extend(entries.into_iter().map(|entry| format!("/{container}/{}", entry.name)));
            next = more;
            if next.is_none() {
                return Ok(names);
            }
        }
    }

    /// Removes segments by their names.
    pub(super) async fn remove_segments(&self, names: Vec<String>) -> Result<(), Failure> {
        let removals = names.into_iter().map(|name| async move { self.remove(&name).await });
        futures::stream::iter(removals).buffer_unordered(REQUESTS_AT_ONCE).try_collect().await
    }

    /// Removes what is at a path with all that it is put together of. Succeeds if there is nothing.
    pub(super) async fn remove_whole(&self, path: &StoragePath) -> Result<(), Failure> {
        let Some(headers) = self.look(path).await? else { return Ok(()) };
        match Kind::of(&headers) {
            Kind::Plain => {}
            Kind::Static => return self.remove_listed(path).await,
            // What is left when this is cut short can still be found by the object.
            Kind::Dynamic { container, prefix } => {
                let segments = self.prefixed_segments(&container, &prefix).await?;
                self.remove_segments(segments).await?;
            }
        }
        self.remove(&self.address.name(&self.address.key(path))).await
    }

    /// Has an object removed with the segments of its list.
    async fn remove_listed(&self, path: &StoragePath) -> Result<(), Failure> {
        let query = &[("multipart-manifest", "delete")];
        let mut call = self.call("delete", Method::DELETE, Some(&self.address.key(path)), query);
        call.headers.insert(header::ACCEPT, HeaderValue::from_static("application/json"));
        call.is_long = true;
        let Some(answer) = self.exchange.find(&call).await? else { return Ok(()) };
        // The status is sent before the work is done.
        let removed: Removed = serde_json::from_slice(&answer.body).map_err(|error| call.misunderstood(error))?;
        if removed.status.starts_with('2') || removed.status.starts_with("404") {
            return Ok(());
        }
        Err(self.not_removed(&call, &removed))
    }

    fn not_removed(&self, call: &Call, removed: &Removed) -> Failure {
        let first = removed.errors.first().map(|(name, why)| format!("; `{name}`: {why}")).unwrap_or_default();
        let Removed { status, text, .. } = removed;
        let why =
            format!("the object store answered {status} {text} (container `{}`){first}", self.address.container());
        DriverError::new(StoreErrorKind::Unavailable, call.operation, &call.subject, why).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(name: HeaderName, value: &str) -> Kind {
        Kind::of(&HeaderMap::from_iter([(name, value.parse().unwrap())]))
    }

    #[test]
    fn headers_tell_how_an_object_is_put_together() {
        assert!(matches!(kind(STATIC, "True"), Kind::Static));
        assert!(matches!(kind(STATIC, "False"), Kind::Plain));
        assert!(matches!(
            kind(DYNAMIC, "c%20d/segments/a%2Fb"),
            Kind::Dynamic { container, prefix } if container == "c d" && prefix == "segments/a/b"
        ));
        for value in ["c", "c/", ""] {
            assert!(matches!(kind(DYNAMIC, value), Kind::Plain), "{value}");
        }
    }
}
