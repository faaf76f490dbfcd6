//! Uploads in parts (Kodo's "resumable upload", version 2), and what Kodo does not know of them.
//!
//! Kodo lists the parts of an upload, but not the uploads there are, and drops an upload a week after it was begun. So an
//! empty object says that one was begun:
//!
//! ```text
//! <directory>/_begun/<name>/<id in hex digits>    the upload to <directory>/<name> was begun, and has not ended
//! ```
//!
//! It is written after the upload was begun, and removed after it has ended. Of the parts only uploads with such an object
//! are told of; one that was cut short before that is dropped by Kodo.

use async_trait::async_trait;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, header};
use md5::Md5;
use registry_core::store::StoreErrorKind;

use super::document::{self, Begun, Complete, CompletedPart, PartList, SentPart};
use super::objects::AT_ONCE;
use super::signing::encoded_key;
use super::{Kodo, value_of};
use crate::driver::object::address::encoded;
use crate::driver::object::checksum::{CONTENT_MD5, hash};
use crate::driver::object::error::Failure;
use crate::driver::object::exchange::Call;
use crate::driver::object::multipart::{Multipart, UnfinishedUpload, UploadPage, UploadScope};
use crate::driver::object::objects::{Objects, Purpose};
use crate::error::DriverError;
use crate::path::StoragePath;

/// Where it says which uploads of a directory were begun.
const BEGUN: &str = "_begun";
/// How many parts a list has at most.
const LISTED_AT_ONCE: usize = 1000;

/// Returns where it says that an upload was begun.
fn begun(upload: &StoragePath, id: &str) -> StoragePath {
    path(format!("{}/{}", begun_at(upload), hex::encode(id)))
}

/// Returns where it says which uploads to a path were begun.
fn begun_at(upload: &StoragePath) -> StoragePath {
    let name = upload.as_str().rsplit('/').next().unwrap_or_default();
    path(format!("{}/{name}", begun_in(upload.parent().as_ref())))
}

/// Returns where it says which uploads to paths in a directory were begun.
fn begun_in(directory: Option<&StoragePath>) -> StoragePath {
    path(format!("{}/{BEGUN}", directory.map_or("", StoragePath::as_str)))
}

/// Returns the path and the id of the upload that an object says was begun.
fn upload_of(object: &StoragePath) -> Option<(StoragePath, String)> {
    let mut components = object.as_str().rsplitn(4, '/');
    let (id, name, begun, directory) = (components.next()?, components.next()?, components.next()?, components.next()?);
    let id = String::from_utf8(hex::decode(id).ok()?).ok()?;
    (begun == BEGUN).then(|| (path(format!("{directory}/{name}")), id))
}

fn path(text: String) -> StoragePath {
    text.parse().expect("uploads have short paths, to which valid components were added")
}

impl Kodo {
    /// Prepares a request about an upload. `below` is what goes behind its address, beginning with `/`.
    fn upload_call(
        &self,
        operation: &'static str,
        method: Method,
        upload: &StoragePath,
        below: String,
        query: &[(&str, &str)],
    ) -> Call {
        let key = self.root.key(upload);
        let (bucket, object) = (encoded(&self.bucket), encoded_key(&key));
        let uri = self.hosts.up.uri(format!("/buckets/{bucket}/objects/{object}/uploads{below}"), query);
        let token = value_of(&format!("UpToken {}", self.upload_token(upload, false)));
        let headers = HeaderMap::from_iter([(header::AUTHORIZATION, token)]);
        Call { operation, subject: key, method, uri, headers, ..Call::default() }
    }
}

#[async_trait]
impl Multipart for Kodo {
    async fn begin(&self, path: &StoragePath) -> Result<String, Failure> {
        let call = self.upload_call("begin upload", Method::POST, path, String::new(), &[]);
        let id = self.document::<Begun>(&call).await?.upload_id;
        self.put(&begun(path, &id), Bytes::new(), Purpose::Checkpoint, None).await?;
        Ok(id)
    }

    async fn put_part(&self, path: &StoragePath, id: &str, number: usize, body: Bytes) -> Result<String, Failure> {
        let below = format!("/{}/{number}", encoded(id));
        let mut call = self.upload_call("upload part of", Method::PUT, path, below, &[]);
        call.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
        if !self.hosts.up.is_encrypted() {
            // In hex digits, unlike everywhere else.
            call.headers.insert(CONTENT_MD5, value_of(&hex::encode(hash::<Md5>(&body).await)));
        }
        call.body = body;
        Ok(self.document::<SentPart>(&call).await?.etag)
    }

    /// Copies through the registry: Kodo makes parts of nothing but what it is sent.
    async fn copy_part(
        &self,
        path: &StoragePath,
        id: &str,
        number: usize,
        source: &StoragePath,
        range: Option<(u64, u64)>,
    ) -> Result<String, Failure> {
        let _room = self.copying.acquire().await;
        let body = self.get_whole(source, range).await?;
        self.put_part(path, id, number, body).await
    }

    async fn parts(&self, path: &StoragePath, id: &str, limit: usize) -> Result<Vec<String>, Failure> {
        let mut tags = Vec::new();
        let mut marker = 0;
        loop {
            let wanted = (limit - tags.len()).clamp(1, LISTED_AT_ONCE).to_string();
            let query = [("max-parts", &*wanted), ("part-number-marker", &*marker.to_string())];
            let call = self.upload_call("list parts of", Method::GET, path, format!("/{}", encoded(id)), &query);
            let page: PartList = self.document(&call).await?;
            for part in page.parts {
                if tags.len() < limit && part.part_number == tags.len() + 1 {
                    tags.push(part.etag);
                }
            }
            if page.part_number_marker <= marker || tags.len() >= limit {
                return Ok(tags);
            }
            marker = page.part_number_marker;
        }
    }

    async fn complete(&self, path: &StoragePath, id: &str, tags: &[String]) -> Result<(), Failure> {
        let parts = tags.iter().enumerate().map(|(index, etag)| CompletedPart { part_number: index + 1, etag });
        let mut call = self.upload_call("complete upload", Method::POST, path, format!("/{}", encoded(id)), &[]);
        call.is_long = true;
        call.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        call.body = document::write(&Complete { parts: parts.collect() });
        if let Err(failure) = self.exchange.answer(&call).await {
            // A refusal does not say whether a part is another one.
            if failure.kind() == StoreErrorKind::Other && self.parts(path, id, tags.len()).await? != tags {
                let (key, why) = (self.root.key(path), DriverError::from(failure));
                return Err(DriverError::new(StoreErrorKind::Corrupt, "use the parts of upload", key, why).into());
            }
            return Err(failure);
        }
        // The object is there. What still says that the upload was begun is found as one that has not ended.
        drop(self.delete(&begun(path, id)).await);
        Ok(())
    }

    async fn abort(&self, path: &StoragePath, id: &str) -> Result<(), Failure> {
        let call = self.upload_call("abort upload", Method::DELETE, path, format!("/{}", encoded(id)), &[]);
        self.exchange.remove(&call).await?;
        self.delete(&begun(path, id)).await
    }

    async fn uploads(&self, scope: UploadScope<'_>, next: Option<&str>) -> Result<UploadPage, Failure> {
        let directory = match scope {
            UploadScope::At(upload) => begun_at(upload),
            UploadScope::In(directory) => begun_in(Some(directory)),
        };
        let page = self.list(&directory, None, next, AT_ONCE).await?;
        let uploads = page.objects.into_iter().filter_map(|object| {
            let (path, id) = upload_of(&object.path)?;
            Some(UnfinishedUpload { path, id, begun_at: object.modified_at })
        });
        Ok(UploadPage { uploads: uploads.collect(), next: page.next })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_says_that_an_upload_was_begun_is_beside_it() {
        let path = |text: &str| text.parse::<StoragePath>().unwrap();
        for (upload, object) in [("/a/uploads/u1", "/a/uploads/_begun/u1/692f3d"), ("/u1", "/_begun/u1/692f3d")] {
            assert_eq!(begun(&path(upload), "i/="), path(object));
            assert_eq!(upload_of(&path(object)), Some((path(upload), "i/=".into())));
        }
        for other in ["/a/_staged/u1/692f3d", "/a/_begun/u1/x", "/_begun/u1"] {
            assert_eq!(upload_of(&path(other)), None, "{other}");
        }
    }
}
