//! Requests about whole objects.

use std::collections::HashMap;
use std::time::Duration;

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE;
use bytes::Bytes;
use http::{Method, header};
use registry_core::store::{StoreErrorKind, Timestamp};

use super::document::{self, Marker, NOTE, ObjectList, Outcome, Stat};
use super::{Kodo, deadline, deadline_in, form, value_of};
use crate::driver::object::address::encoded;
use crate::driver::object::error::Failure;
use crate::driver::object::exchange::Call;
use crate::driver::object::objects::{ListedObject, ObjectInfo, ObjectPage, ObjectRead, Objects, Purpose};
use crate::error::DriverError;
use crate::path::StoragePath;

/// How many objects a list has, and a deletion takes, at most.
pub(super) const AT_ONCE: usize = 1000;

impl Kodo {
    /// Sends an object as a whole.
    async fn send(
        &self,
        path: &StoragePath,
        body: &[u8],
        note: Option<&str>,
        is_new_only: bool,
    ) -> Result<(), Failure> {
        let (key, token) = (self.root.key(path), self.upload_token(path, is_new_only));
        let (meta, boundary) = (format!("x-qn-meta-{NOTE}"), uuid::Uuid::new_v4().simple().to_string());
        let mut fields = vec![("token", token.as_str()), ("key", &key)];
        fields.extend(note.map(|note| (meta.as_str(), note)));
        let mut call = Call {
            operation: "write",
            method: Method::POST,
            uri: self.hosts.up.uri("/".to_owned(), &[]),
            body: form::write(&boundary, &fields, body),
            subject: key.clone(),
            ..Call::default()
        };
        let content_type = value_of(&format!("multipart/form-data; boundary={boundary}"));
        call.headers.insert(header::CONTENT_TYPE, content_type);
        self.exchange.answer(&call).await.map(drop)
    }

    fn exists(&self, path: &StoragePath, is_ambiguous: bool) -> Failure {
        let error = DriverError::new(StoreErrorKind::AlreadyExists, "write", self.root.key(path), "there is another");
        Failure::from(error).ambiguous(is_ambiguous)
    }
}

#[async_trait]
impl Objects for Kodo {
    async fn put(&self, path: &StoragePath, body: Bytes, _: Purpose, note: Option<&str>) -> Result<(), Failure> {
        self.send(path, &body, note, false).await
    }

    /// Kodo lets everybody write what is there already, so that the object's note has to say who was the first.
    async fn put_new(&self, path: &StoragePath, body: Bytes) -> Result<(), Failure> {
        let note = uuid::Uuid::new_v4().simple().to_string();
        let is_ambiguous = match self.send(path, &body, Some(&note), true).await {
            Ok(()) => false,
            Err(failure) if failure.kind() == StoreErrorKind::AlreadyExists => failure.is_ambiguous,
            Err(failure) => return Err(failure),
        };
        match self.head(path).await? {
            Some(object) if object.note.as_deref() == Some(&note) => Ok(()),
            _ => Err(self.exists(path, is_ambiguous)),
        }
    }

    async fn get(
        &self,
        path: &StoragePath,
        first: u64,
        last: u64,
        version: Option<&str>,
    ) -> Result<ObjectRead, Failure> {
        let uri = self.download_uri(&self.hosts.domain, path, deadline());
        let mut call = Call { operation: "read", subject: self.root.key(path), uri, ..Call::default() };
        call.read_range(first, last, None)?;
        let response = self.exchange.open(&call).await?;
        let read = ObjectRead::new(response, first).ok_or_else(|| call.misunderstood("it has another range"))?;
        if version.is_some_and(|version| read.version.as_deref() != Some(version)) {
            let why = "it was replaced meanwhile";
            return Err(DriverError::new(StoreErrorKind::Corrupt, "go on reading", &call.subject, why).into());
        }
        Ok(read)
    }

    async fn redirect(&self, path: &StoragePath, lifetime: Duration) -> Result<Option<String>, Failure> {
        Ok(Some(self.download_uri(&self.hosts.public_domain, path, deadline_in(lifetime)).to_string()))
    }

    async fn head(&self, path: &StoragePath) -> Result<Option<ObjectInfo>, Failure> {
        let call = self.object_call("look at", path, format!("/stat/{}", self.entry(path)));
        match self.document::<Stat>(&call).await {
            Ok(stat) => Ok(Some(ObjectInfo { size_bytes: stat.fsize, note: stat.note() })),
            Err(failure) if failure.kind() == StoreErrorKind::NotFound => Ok(None),
            Err(failure) => Err(failure),
        }
    }

    async fn list(
        &self,
        directory: &StoragePath,
        after: Option<&StoragePath>,
        next: Option<&str>,
        limit: usize,
    ) -> Result<ObjectPage, Failure> {
        let prefix = self.root.prefix(directory);
        let limit = limit.clamp(1, AT_ONCE).to_string();
        let after = after.map(|after| self.root.key(after));
        let after = after.map(|key| URL_SAFE.encode(document::write(&Marker { c: 0, k: &key })));
        let mut query = vec![("bucket", self.bucket.as_str()), ("limit", &limit), ("prefix", &prefix)];
        query.extend(next.or(after.as_deref()).map(|marker| ("marker", marker)));
        let target = (&self.hosts.rsf, "/list".to_owned(), &query[..]);
        let call = self.managing_call("list", prefix.clone(), Method::GET, target, String::new());
        let page: ObjectList = self.document(&call).await?;
        let listed = page.items.unwrap_or_default().into_iter().filter_map(|object| {
            // Others may keep things in the bucket whose keys are no paths.
            let path = self.root.path(&object.key)?;
            let modified_at = Timestamp::from_micros(object.put_time / 10);
            Some(ListedObject { path, size_bytes: object.fsize, modified_at })
        });
        Ok(ObjectPage { objects: listed.collect(), next: page.marker.filter(|marker| !marker.is_empty()) })
    }

    async fn copy(&self, source: &StoragePath, path: &StoragePath) -> Result<(), Failure> {
        let request = format!("/copy/{}/{}/force/true", self.entry(source), self.entry(path));
        let mut call = self.object_call("copy to", path, request);
        call.is_long = true;
        self.exchange.answer(&call).await.map(drop)
    }

    async fn delete(&self, path: &StoragePath) -> Result<(), Failure> {
        let call = self.object_call("delete", path, format!("/delete/{}", self.entry(path)));
        self.exchange.remove(&call).await
    }

    async fn delete_each(&self, paths: &[StoragePath]) -> Result<HashMap<StoragePath, DriverError>, Failure> {
        let deletion = |path| format!("op={}", encoded(&format!("/delete/{}", self.entry(path))));
        let deletions: Vec<_> = paths.iter().map(deletion).collect();
        let target = (&self.hosts.rs, "/batch".to_owned(), &[][..]);
        let call = self.managing_call("delete from", self.bucket.clone(), Method::POST, target, deletions.join("&"));
        let outcomes: Vec<Outcome> = self.document(&call).await?;
        if outcomes.len() != paths.len() {
            return Err(call.misunderstood("it does not say what became of each"));
        }
        let failed = outcomes.into_iter().zip(paths).filter(|(outcome, _)| !matches!(outcome.code, 200 | 612));
        let failed = failed.map(|(outcome, path)| {
            let why = format!("the object store answered {} {}", outcome.code, outcome.data.unwrap_or_default().error);
            (path.clone(), DriverError::new(StoreErrorKind::Unavailable, "delete", self.root.key(path), why))
        });
        Ok(failed.collect())
    }
}
