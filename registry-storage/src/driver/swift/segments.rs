//! Uploads: their parts are segments, and a note beside them says that they have not ended.
//!
//! Segments are objects like all others, so that nobody keeps a writer from writing one to an upload that another process
//! has ended. Therefore whoever writes looks for the note afterwards, and whoever ends an upload removes the note before
//! it looks for what there is: one of them removes what was written too late.

use std::collections::BTreeMap;

use async_trait::async_trait;
use bytes::Bytes;
use futures::{StreamExt, TryStreamExt};
use http::{HeaderName, HeaderValue, Method, header};
use registry_core::store::StoreErrorKind;
use serde::Serialize;
use uuid::Uuid;

use super::{AT_ONCE, REQUESTS_AT_ONCE, Swift, address, checksum, tag};
use crate::driver::object::error::Failure;
use crate::driver::object::exchange::byte_range;
use crate::driver::object::multipart::{Multipart, UnfinishedUpload, UploadPage, UploadScope};
use crate::driver::object::objects::Objects;
use crate::error::DriverError;
use crate::path::StoragePath;

/// Which upload a file was put together by.
const UPLOAD: HeaderName = HeaderName::from_static("x-object-meta-registry-segments");

/// One segment, in a list that Swift puts an object together by.
#[derive(Serialize)]
struct ListedSegment<'a> {
    path: String,
    etag: &'a str,
}

#[async_trait]
impl Multipart for Swift {
    async fn begin(&self, path: &StoragePath) -> Result<String, Failure> {
        let id = Uuid::new_v4().simple().to_string();
        let note = address::upload(path, &id);
        let mut call = self.call("begin upload", Method::PUT, Some(&self.address.key(&note)), &[]);
        // An empty object would be looked at whenever it is listed.
        call.body = Bytes::from_static(b"begun");
        self.write(call).await?;
        Ok(id)
    }

    async fn put_part(&self, path: &StoragePath, id: &str, number: usize, body: Bytes) -> Result<String, Failure> {
        let segment = address::segment(path, id, number);
        let mut call = self.call("upload part", Method::PUT, Some(&self.address.key(&segment)), &[]);
        call.headers.insert(header::ETAG, checksum(&body).await);
        call.body = body;
        let tag = self.write(call).await?;
        self.keep_segment(path, id, &segment).await?;
        Ok(tag)
    }

    async fn copy_part(
        &self,
        path: &StoragePath,
        id: &str,
        number: usize,
        source: &StoragePath,
        part: Option<(u64, u64)>,
    ) -> Result<String, Failure> {
        let segment = address::segment(path, id, number);
        let call = self.call("copy to part", Method::PUT, Some(&self.address.key(&segment)), &[]);
        let mut call = self.copying(call, source);
        call.headers.extend(part.map(|(first, last)| (Some(header::RANGE), byte_range(first, last))));
        let tag = self.write(call).await?;
        self.keep_segment(path, id, &segment).await?;
        Ok(tag)
    }

    async fn parts(&self, path: &StoragePath, id: &str, limit: usize) -> Result<Vec<String>, Failure> {
        if !self.is_begun(path, id).await? {
            return Err(self.no_such_upload("list parts of", path));
        }
        let mut known = self.segments_of(path, id).await?;
        let tags = (1..=limit).map(|number| {
            let listed = known.remove(&number);
            async move {
                match listed {
                    Some(tag) => Ok(Some(tag)),
                    // Lists lag behind, objects do not.
                    None => Ok(self.look(&address::segment(path, id, number)).await?.as_ref().and_then(tag)),
                }
            }
        });
        let tags = tags.collect::<Vec<_>>();
        let tags = futures::stream::iter(tags).buffered(REQUESTS_AT_ONCE);
        let found = tags.try_take_while(|tag| std::future::ready(Ok(tag.is_some())));
        found.try_filter_map(|tag| std::future::ready(Ok(tag))).try_collect().await
    }

    async fn complete(&self, path: &StoragePath, id: &str, tags: &[String]) -> Result<(), Failure> {
        if !self.is_begun(path, id).await? {
            return Err(self.no_such_upload("complete upload", path));
        }
        let own = self.address.name(&self.address.prefix(&address::segments(path, id)));
        let mut replaced = self.segments_at(path).await?;
        replaced.retain(|name| !name.starts_with(&own));
        self.put_list(path, id, tags).await?;
        if !self.is_begun(path, id).await? {
            // It was aborted meanwhile, maybe before there was a list that would have kept its segments.
            self.remove_whole(path).await?;
            return Err(self.no_such_upload("complete upload", path));
        }
        self.remove_segments(replaced).await?;
        self.drop_beyond(path, id, tags.len()).await?;
        self.forget(path, id).await
    }

    async fn abort(&self, path: &StoragePath, id: &str) -> Result<(), Failure> {
        self.forget(path, id).await?;
        let made_by = self.look(path).await?.and_then(|headers| headers.get(UPLOAD).cloned());
        if made_by.is_some_and(|made_by| made_by == id) {
            return Ok(());
        }
        self.drop_beyond(path, id, 0).await
    }

    async fn uploads(&self, scope: UploadScope<'_>, next: Option<&str>) -> Result<UploadPage, Failure> {
        let (UploadScope::At(path) | UploadScope::In(path)) = scope;
        let page = self.list(&address::uploads(path), None, next, AT_ONCE).await?;
        let uploads = page.objects.into_iter().filter_map(|note| {
            let (path, id) = address::noted(&note.path)?;
            Some(UnfinishedUpload { path, id: id.to_owned(), begun_at: note.modified_at })
        });
        Ok(UploadPage { uploads: uploads.collect(), next: page.next })
    }

    fn part_path(&self, path: &StoragePath, id: &str, number: usize) -> Option<StoragePath> {
        Some(address::segment(path, id, number))
    }
}

impl Swift {
    async fn is_begun(&self, path: &StoragePath, id: &str) -> Result<bool, Failure> {
        Ok(self.look(&address::upload(path, id)).await?.is_some())
    }

    /// Removes the note that an upload has not ended.
    async fn forget(&self, path: &StoragePath, id: &str) -> Result<(), Failure> {
        self.remove(&self.address.name(&self.address.key(&address::upload(path, id)))).await
    }

    /// Removes a segment that was written, if its upload ended before.
    async fn keep_segment(&self, path: &StoragePath, id: &str, segment: &StoragePath) -> Result<(), Failure> {
        if self.is_begun(path, id).await? {
            return Ok(());
        }
        self.remove(&self.address.name(&self.address.key(segment))).await?;
        Err(self.no_such_upload("upload part of", path))
    }

    /// Returns the tags of an upload's segments that are listed, by their numbers.
    async fn segments_of(&self, path: &StoragePath, id: &str) -> Result<BTreeMap<usize, String>, Failure> {
        let prefix = self.address.prefix(&address::segments(path, id));
        let mut segments = BTreeMap::new();
        let mut next: Option<String> = None;
        loop {
            let (entries, more) = self.entries(self.address.container(), &prefix, next.as_deref(), AT_ONCE).await?;
            segments.extend(entries.into_iter().filter_map(|entry| {
                let path = self.address.path(&entry.name)?;
                Some((address::segment_number(&path)?, entry.hash))
            }));
            next = more;
            if next.is_none() {
                return Ok(segments);
            }
        }
    }

    /// Removes the segments of an upload whose numbers are greater than `kept`.
    async fn drop_beyond(&self, path: &StoragePath, id: &str, kept: usize) -> Result<(), Failure> {
        let listed = self.segments_of(path, id).await?;
        let numbers = listed.into_keys().filter(|number| *number > kept);
        let names = numbers.map(|number| self.address.name(&self.address.key(&address::segment(path, id, number))));
        self.remove_segments(names.collect()).await
    }

    /// Puts an object together. Swift makes sure that every segment is there, and is the one that its tag says.
    async fn put_list(&self, path: &StoragePath, id: &str, tags: &[String]) -> Result<(), Failure> {
        let segments = tags.iter().enumerate().map(|(index, etag)| {
            let segment = address::segment(path, id, index + 1);
            ListedSegment { path: self.address.name(&self.address.key(&segment)), etag }
        });
        let list = serde_json::to_vec(&segments.collect::<Vec<_>>()).expect("texts make a document");
        let query = &[("multipart-manifest", "put")];
        let mut call = self.call("complete upload", Method::PUT, Some(&self.address.key(path)), query);
        call.headers.insert(UPLOAD, HeaderValue::try_from(id).expect("an id makes a header"));
        call.body = list.into();
        call.is_long = true;
        self.write(call).await.map(drop)
    }

    fn no_such_upload(&self, operation: &'static str, path: &StoragePath) -> Failure {
        let key = self.address.key(path);
        DriverError::new(StoreErrorKind::NotFound, operation, key, "there is no such upload").into()
    }
}
