//! Requests about whole objects.

use std::collections::HashMap;
use std::time::Duration;

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderValue, Method, header};
use registry_core::store::StoreErrorKind;

use super::address::Resource;
use super::backend::Gcs;
use super::document::{self, NewObject, Object, ObjectList, Rewritten};
use crate::driver::object::batch_deletion::{BatchDeletion, delete_in_batches};
use crate::driver::object::error::Failure;
use crate::driver::object::exchange::{Call, byte_range};
use crate::driver::object::objects::{ListedObject, ObjectInfo, ObjectPage, ObjectRead, Objects, Purpose, parse_time};
use crate::error::DriverError;
use crate::path::StoragePath;

/// What every object is.
pub(super) const CONTENT_TYPE: &str = "application/octet-stream";
/// The key of the metadata that has an object's note.
const NOTE: &str = "registry-note";
/// How many objects a list has at most.
pub(super) const AT_ONCE: usize = 1000;
/// In how many steps a copy is made at most.
const COPY_STEPS: usize = 10_000;

/// What has to hold before an object is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Condition {
    None,
    IsMissing,
}

impl Gcs {
    /// Writes an object in one request with its properties.
    async fn insert(
        &self,
        path: &StoragePath,
        body: &Bytes,
        note: Option<&str>,
        condition: Condition,
    ) -> Result<(), Failure> {
        let name = self.address.root.key(path);
        let mut query = vec![("uploadType", "multipart"), ("name", &name), ("fields", "generation")];
        if condition == Condition::IsMissing {
            query.push(("ifGenerationMatch", "0"));
        }
        let metadata = note.map(|note| (NOTE, note)).into_iter().collect();
        let object = document::write(&NewObject { content_type: CONTENT_TYPE, metadata });
        let boundary = uuid::Uuid::new_v4().simple().to_string();
        let content_type = HeaderValue::try_from(format!("multipart/related; boundary={boundary}"));
        let call = Call {
            operation: "write",
            method: Method::POST,
            uri: self.address.uri(Resource::Upload, &query),
            headers: HeaderMap::from_iter([(header::CONTENT_TYPE, content_type.expect("hex digits make a header"))]),
            body: related(&boundary, &object, body),
            ..self.call(path)
        };
        self.exchange.answer(&call).await.map(drop)
    }

    /// Writes an object without properties of its own, and returns its generation.
    pub(super) async fn insert_media(
        &self,
        operation: &'static str,
        path: &StoragePath,
        body: Bytes,
    ) -> Result<String, Failure> {
        let name = self.address.root.key(path);
        let query = [("uploadType", "media"), ("name", &name), ("fields", "generation")];
        let call = Call {
            operation,
            method: Method::POST,
            uri: self.address.uri(Resource::Upload, &query),
            headers: HeaderMap::from_iter([(header::CONTENT_TYPE, HeaderValue::from_static(CONTENT_TYPE))]),
            body,
            ..self.call(path)
        };
        Ok(self.document::<Object>(&call).await?.generation)
    }

    /// Has an object copied to a path, without its metadata, and returns the copy's generation. Atomic.
    pub(super) async fn rewrite(
        &self,
        operation: &'static str,
        source: &StoragePath,
        path: &StoragePath,
    ) -> Result<String, Failure> {
        let mut token: Option<String> = None;
        let fields = ("fields", "done,rewriteToken,resource(generation)");
        let mut call = Call {
            operation,
            method: Method::POST,
            headers: self.json(),
            body: document::write(&NewObject { content_type: CONTENT_TYPE, metadata: HashMap::new() }),
            is_long: true,
            ..self.call(path)
        };
        for _ in 0..COPY_STEPS {
            let mut query = vec![fields];
            query.extend(token.as_deref().map(|token| ("rewriteToken", token)));
            call.uri = self.address.uri(Resource::Rewrite(source, path), &query);
            let rewritten: Rewritten = self.document(&call).await?;
            if rewritten.done {
                return Ok(rewritten.resource.generation);
            }
            token = Some(rewritten.rewrite_token.ok_or_else(|| call.misunderstood("a copy cannot be gone on with"))?);
        }
        Err(call.misunderstood("the copy does not end"))
    }

    /// Lists objects whose names begin with `prefix`, in byte order, from `start` on or where a page before ended.
    pub(super) async fn page(
        &self,
        operation: &'static str,
        prefix: &str,
        start: Option<&str>,
        next: Option<&str>,
        limit: usize,
    ) -> Result<ObjectList, Failure> {
        let limit = limit.clamp(1, AT_ONCE).to_string();
        let fields = "items(name,size,generation,timeCreated),nextPageToken";
        let mut query = vec![("prefix", prefix), ("maxResults", &limit), ("fields", fields)];
        query.extend(start.map(|start| ("startOffset", start)));
        query.extend(next.map(|next| ("pageToken", next)));
        let uri = self.address.uri(Resource::Objects, &query);
        self.document(&Call { operation, subject: prefix.to_owned(), uri, ..Call::default() }).await
    }
}

#[async_trait]
impl Objects for Gcs {
    async fn put(&self, path: &StoragePath, body: Bytes, _: Purpose, note: Option<&str>) -> Result<(), Failure> {
        match note {
            Some(_) => self.insert(path, &body, note, Condition::None).await,
            None => self.insert_media("write", path, body).await.map(drop),
        }
    }

    async fn put_new(&self, path: &StoragePath, body: Bytes) -> Result<(), Failure> {
        self.insert(path, &body, None, Condition::IsMissing).await
    }

    async fn get(
        &self,
        path: &StoragePath,
        first: u64,
        last: u64,
        version: Option<&str>,
    ) -> Result<ObjectRead, Failure> {
        let mut query = vec![("alt", "media")];
        query.extend(version.map(|generation| ("generation", generation)));
        let call = Call {
            operation: "read",
            uri: self.address.uri(Resource::Object(path), &query),
            headers: HeaderMap::from_iter([(header::RANGE, byte_range(first, last))]),
            ..self.call(path)
        };
        let response = self.exchange.open(&call).await?;
        let generation = response.headers().get("x-goog-generation").and_then(|text| text.to_str().ok());
        let version = generation.map(ToOwned::to_owned);
        let read = ObjectRead::new(response, first).ok_or_else(|| call.misunderstood("it has another range"))?;
        Ok(ObjectRead { version, ..read })
    }

    async fn redirect(&self, path: &StoragePath, lifetime: Duration) -> Result<Option<String>, Failure> {
        let signed = self.exchange.protocol().presign(self.address.public_uri(path), lifetime).await;
        let failed = |error| Call { operation: "sign the address of", ..self.call(path) }.failed(error);
        Ok(signed.map_err(failed)?.map(|uri| uri.to_string()))
    }

    async fn head(&self, path: &StoragePath) -> Result<Option<ObjectInfo>, Failure> {
        let uri = self.address.uri(Resource::Object(path), &[("fields", "size,metadata")]);
        match self.document::<Object>(&Call { operation: "look at", uri, ..self.call(path) }).await {
            Ok(mut object) => Ok(Some(ObjectInfo { size_bytes: object.size, note: object.metadata.remove(NOTE) })),
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
        // The offset itself is in the list; the least name that is greater ends with `!` among those that are paths.
        let start = after.map(|after| format!("{}!", self.address.root.key(after)));
        let prefix = self.address.root.prefix(directory);
        let page = self.page("list", &prefix, start.as_deref(), next, limit).await?;
        let listed = page.items.into_iter().filter_map(|object| {
            // Others may keep things in the bucket whose names are no paths.
            let path = self.address.root.path(&object.name)?;
            let modified_at = parse_time(&object.time_created);
            Some(modified_at.map(|modified_at| ListedObject { path, size_bytes: object.size, modified_at }))
        });
        let objects = listed.collect::<Option<_>>();
        let unknown = || DriverError::new(StoreErrorKind::Other, "list", prefix, "an object has no time");
        Ok(ObjectPage { objects: objects.ok_or_else(unknown)?, next: page.next_page_token })
    }

    async fn copy(&self, source: &StoragePath, path: &StoragePath) -> Result<(), Failure> {
        self.rewrite("copy to", source, path).await.map(drop)
    }

    async fn delete(&self, path: &StoragePath) -> Result<(), Failure> {
        self.exchange.remove(&self.delete_call(path)).await
    }

    async fn delete_each(&self, paths: &[StoragePath]) -> Result<HashMap<StoragePath, DriverError>, Failure> {
        Ok(delete_in_batches(self, paths).await)
    }
}

/// Puts an object's properties and its content into one body (RFC 2387).
fn related(boundary: &str, object: &[u8], content: &[u8]) -> Bytes {
    let mut body = BytesMut::with_capacity(object.len() + content.len() + 4 * boundary.len() + 160);
    for (content_type, part) in [("application/json; charset=UTF-8", object), (CONTENT_TYPE, content)] {
        body.extend_from_slice(format!("--{boundary}\r\nContent-Type: {content_type}\r\n\r\n").as_bytes());
        body.extend_from_slice(part);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(format!("--{boundary}--\r\n").as_bytes());
    body.freeze()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn properties_and_content_are_one_body() {
        assert_eq!(
            related("B", b"{}", b"x\r\ny"),
            "--B\r\nContent-Type: application/json; charset=UTF-8\r\n\r\n{}\r\n\
             --B\r\nContent-Type: application/octet-stream\r\n\r\nx\r\ny\r\n--B--\r\n"
        );
    }
}
