//! Query parameters, decoded once.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;
use registry_core::protocol::reference::Tag;

use super::position::Position;
use super::{ListQuery, ReferrersQuery, RouteError, UploadStart};

/// The parameters of a query, in their order.
pub(super) struct Query<'a>(Vec<(Cow<'a, str>, Cow<'a, str>)>);

impl<'a> Query<'a> {
    pub(super) fn parse(query: &'a str) -> Self {
        let pairs = query.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decode(key), decode(value))
        });
        Self(pairs.collect())
    }

    fn all(&self, key: &'static str) -> impl Iterator<Item = &str> {
        self.0.iter().filter(move |(k, _)| k == key).map(|(_, value)| value.as_ref())
    }

    fn one(&self, key: &'static str) -> Result<Option<&str>, RouteError> {
        let mut values = self.all(key);
        let first = values.next();
        if values.next().is_some() { Err(RouteError::Repeated(key)) } else { Ok(first) }
    }

    fn page_size(&self) -> Result<Option<usize>, RouteError> {
        let Some(n) = self.one("n")? else { return Ok(None) };
        if n.is_empty() || n.len() > 20 || n.bytes().any(|b| !b.is_ascii_digit()) {
            return Err(RouteError::PageSize(n.chars().take(40).collect()));
        }
        // A number too large for this machine asks for everything, as any other large one does.
        Ok(Some(n.parse().unwrap_or(usize::MAX)))
    }

    fn non_empty(&self, key: &'static str) -> Result<Option<&str>, RouteError> {
        Ok(self.one(key)?.filter(|value| !value.is_empty()))
    }

    pub(super) fn list(&self) -> Result<ListQuery, RouteError> {
        Ok(ListQuery { n: self.page_size()?, last: self.non_empty("last")?.map(str::to_owned) })
    }

    /// As [`list`](Self::list); an empty name is that of a namespace, and can be the last one.
    pub(super) fn namespaces(&self) -> Result<ListQuery, RouteError> {
        Ok(ListQuery { n: self.page_size()?, last: self.one("last")?.map(str::to_owned) })
    }

    pub(super) fn list_after<P: Position>(&self) -> Result<ListQuery<P>, RouteError> {
        let last = self.non_empty("last")?;
        let position = |text: &str| P::parse(text).ok_or_else(|| RouteError::Last(text.chars().take(40).collect()));
        Ok(ListQuery { n: self.page_size()?, last: last.map(position).transpose()? })
    }

    pub(super) fn referrers(&self) -> Result<ReferrersQuery, RouteError> {
        Ok(ReferrersQuery {
            artifact_type: self.non_empty("artifactType")?.map(str::to_owned),
            n: self.page_size()?,
            last: self.non_empty("last")?.map(str::parse).transpose()?,
        })
    }

    pub(super) fn tags(&self) -> Result<Vec<Tag>, RouteError> {
        self.all("tag").map(|tag| tag.parse().map_err(RouteError::Tag)).collect()
    }

    pub(super) fn digest(&self) -> Result<Option<registry_core::protocol::digest::Digest>, RouteError> {
        Ok(self.one("digest")?.map(str::parse).transpose()?)
    }

    pub(super) fn upload_start(&self) -> Result<UploadStart, RouteError> {
        if let Some(digest) = self.one("mount")? {
            let from = self.non_empty("from")?.map(str::parse).transpose().map_err(RouteError::Name)?;
            return Ok(UploadStart::Mount { digest: digest.parse()?, from });
        }
        if let Some(digest) = self.digest()? {
            return Ok(UploadStart::Whole(digest));
        }
        let algorithm = self.one("digest-algorithm")?.unwrap_or("sha256");
        Ok(UploadStart::Session(algorithm.parse()?))
    }
}

/// `+` stays a plus: digests and media types have it, and no value of this API has a space.
fn decode(text: &str) -> Cow<'_, str> {
    percent_decode_str(text).decode_utf8_lossy()
}
