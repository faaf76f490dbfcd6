//! Requests about uploads in parts, which here are blocks that were not put together to a blob yet.
//!
//! Azure knows blocks, each by an id of the client's own, and no uploads. So the id of a block says it all: the upload, the
//! number of the part, and when it was sent.
//!
//! ```text
//! 6920c0de2f6b8d01c35a9e77 0003 6440f2c1b7a90 9f86d081884c7d65
//! the upload's id          part sent at       of its own
//! ```
//!
//! Part 0 is one byte that is put when an upload begins and never becomes part of a blob: an upload has not ended while that
//! is there. No block is sent twice under the same id, so that a lost writer cannot change what was acknowledged; of
//! several blocks with one number the latest counts. What is completed is named block by block, and the service drops all others.
//!
//! Blocks cannot be deleted. An upload is aborted by making an empty blob of none of its blocks, which drops them, and deleting
//! that. If there is a blob at the path, the blocks stay until it goes; the service drops them after a week.

use std::collections::BTreeMap;

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{HeaderValue, Method, header};
use registry_core::store::{StoreErrorKind, Timestamp};

use super::Azure;
use super::blobs::{AT_ONCE, NOTE, parse_time};
use super::position::Position;
use super::xml::{self, BlockList, ChosenBlocks};
use crate::driver::object::error::Failure;
use crate::driver::object::exchange::Call;
use crate::driver::object::multipart::{Multipart, UnfinishedUpload, UploadPage, UploadScope};
use crate::driver::object::objects::Objects;
use crate::error::DriverError;
use crate::path::StoragePath;

/// How many characters the id of an upload has.
const ID_CHARS: usize = 24;
/// The note of the empty blob that an upload is aborted by, and the id by which it is found if it was not deleted.
const DISCARDED: &str = "discarded";

/// What the id of a block says.
#[derive(Debug, Clone, PartialEq, Eq)]
struct BlockId {
    upload: String,
    number: usize,
    sent_at: Timestamp,
    unique: u64,
}

impl BlockId {
    fn new(upload: &str, number: usize) -> Self {
        Self { upload: upload.to_owned(), number, sent_at: Timestamp::now(), unique: fastrand::u64(..) }
    }

    /// Writes it as the service wants it. All have the same length, as the service wants it too.
    fn encode(&self) -> String {
        let Self { upload, number, sent_at, unique } = self;
        STANDARD.encode(format!("{upload:0>ID_CHARS$}{number:04x}{:013x}{unique:016x}", sent_at.as_micros()))
    }

    /// Reads one; `None` if somebody else's block has it.
    fn decode(encoded: &str) -> Option<Self> {
        let text = String::from_utf8(STANDARD.decode(encoded).ok()?).ok()?;
        let (upload, rest) = text.split_at_checked(ID_CHARS)?;
        let (number, rest) = rest.split_at_checked(4)?;
        let (sent_at, unique) = rest.split_at_checked(13)?;
        Some(Self {
            upload: upload.to_owned(),
            number: usize::from_str_radix(number, 16).ok()?,
            sent_at: Timestamp::from_micros(i64::from_str_radix(sent_at, 16).ok()?),
            unique: u64::from_str_radix(unique, 16).ok()?,
        })
    }
}

#[async_trait]
impl Multipart for Azure {
    async fn begin(&self, path: &StoragePath) -> Result<String, Failure> {
        let seconds = Timestamp::now().as_micros() / 1_000_000;
        let id = format!("{seconds:08x}{:016x}", fastrand::u64(..));
        self.put_block("begin upload", path, &BlockId::new(&id, 0), Bytes::from_static(b"0")).await?;
        Ok(id)
    }

    async fn put_part(&self, path: &StoragePath, id: &str, number: usize, body: Bytes) -> Result<String, Failure> {
        self.put_block("upload part of", path, &BlockId::new(id, number), body).await
    }

    async fn copy_part(
        &self,
        path: &StoragePath,
        id: &str,
        number: usize,
        source: &StoragePath,
        range: Option<(u64, u64)>,
    ) -> Result<String, Failure> {
        // The service would copy by itself only from an address that is signed for that.
        let _room = self.copying.acquire().await;
        let body = self.get_whole(source, range).await?;
        self.put_part(path, id, number, body).await
    }

    async fn parts(&self, path: &StoragePath, id: &str, limit: usize) -> Result<Vec<String>, Failure> {
        let blocks = self.blocks(path).await?.unwrap_or_default();
        let mut parts: BTreeMap<usize, (Timestamp, String)> = BTreeMap::new();
        for block in blocks.uncommitted_blocks.blocks {
            let Some(of) = BlockId::decode(&block.name).filter(|of| of.upload == id) else { continue };
            if parts.get(&of.number).is_none_or(|(sent_at, _)| *sent_at <= of.sent_at) {
                parts.insert(of.number, (of.sent_at, block.name));
            }
        }
        if parts.remove(&0).is_none() {
            let (why, name) = ("it has ended", self.address().root.key(path));
            return Err(DriverError::new(StoreErrorKind::NotFound, "list parts of", name, why).into());
        }
        let without_gap = (1..=limit).map_while(|number| Some(parts.remove(&number)?.1));
        Ok(without_gap.collect())
    }

    async fn complete(&self, path: &StoragePath, id: &str, tags: &[String]) -> Result<(), Failure> {
        // Whoever aborts the upload later drops blocks that are named here; whoever did before has dropped part 0.
        if let Err(failure) = self.parts(path, id, 0).await {
            if failure.kind() == StoreErrorKind::NotFound {
                self.abort(path, id).await?;
            }
            return Err(failure);
        }
        let uncommitted = tags.iter().map(String::as_str).collect();
        self.put_block_list("complete upload", path, uncommitted, &[]).await.map(drop)
    }

    async fn abort(&self, path: &StoragePath, id: &str) -> Result<(), Failure> {
        if id == DISCARDED {
            return self.delete_discarded(path, None).await;
        }
        let is_there = |blocks: &BlockList| {
            let ids = blocks.uncommitted_blocks.blocks.iter().filter_map(|block| BlockId::decode(&block.name));
            ids.into_iter().any(|of| of.upload == id)
        };
        if !self.blocks(path).await?.as_ref().is_some_and(is_there) {
            return Ok(());
        }
        let nothing_there = (header::IF_NONE_MATCH, HeaderValue::from_static("*"));
        let note = (NOTE, HeaderValue::from_static(DISCARDED));
        match self.put_block_list("abort upload", path, Vec::new(), &[nothing_there, note]).await {
            Ok(version) => self.delete_discarded(path, version).await,
            // There is a blob, which is none of the upload's business; or the blob is what an attempt before this one has made.
            Err(failure) if failure.kind() == StoreErrorKind::AlreadyExists => self.delete_discarded(path, None).await,
            Err(failure) => Err(failure),
        }
    }

    async fn uploads(&self, scope: UploadScope<'_>, next: Option<&str>) -> Result<UploadPage, Failure> {
        let prefix = match scope {
            UploadScope::At(path) => self.address().root.key(path),
            UploadScope::In(directory) => self.address().root.prefix(directory),
        };
        let position = next.map(Position::parse).unwrap_or_default();
        let (_, page) = self.page(&prefix, &position, AT_ONCE, "metadata,uncommittedblobs").await?;
        let mut uploads = Vec::new();
        for blob in page.blobs.blobs.into_iter().filter(|blob| blob.properties.content_length == 0) {
            let Some(path) = self.address().root.path(&blob.name) else { continue };
            if blob.metadata.registry_note == DISCARDED {
                let begun_at = parse_time(&blob.properties.last_modified).unwrap_or_else(Timestamp::now);
                uploads.push(UnfinishedUpload { path, id: DISCARDED.to_owned(), begun_at });
            } else {
                uploads.extend(self.uploads_at(path).await?);
            }
        }
        let next = position.next(&mut Vec::new(), 0, page.next_marker);
        Ok(UploadPage { uploads, next: next.map(|next| next.to_string()) })
    }
}

impl Azure {
    async fn put_block(
        &self,
        operation: &'static str,
        path: &StoragePath,
        id: &BlockId,
        body: Bytes,
    ) -> Result<String, Failure> {
        let id = id.encode();
        let query = &[("blockid", id.as_str()), ("comp", "block")];
        let call = Call { body, ..self.call(operation, Method::PUT, path, query) };
        self.exchange.answer(&call).await?;
        Ok(id)
    }

    /// Makes a blob of blocks, drops all others, and returns the blob's version.
    async fn put_block_list(
        &self,
        operation: &'static str,
        path: &StoragePath,
        uncommitted: Vec<&str>,
        headers: &[(header::HeaderName, HeaderValue)],
    ) -> Result<Option<HeaderValue>, Failure> {
        let mut call = self.call(operation, Method::PUT, path, &[("comp", "blocklist")]);
        call.body = xml::write(&ChosenBlocks { uncommitted }).into();
        call.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/xml"));
        call.headers.extend(headers.iter().cloned());
        call.is_long = true;
        Ok(self.exchange.answer(&call).await?.headers.remove(header::ETAG))
    }

    /// Returns the blocks of the blob and of the uploads at a path, `None` if there is neither.
    async fn blocks(&self, path: &StoragePath) -> Result<Option<BlockList>, Failure> {
        let query = &[("blocklisttype", "uncommitted"), ("comp", "blocklist")];
        let call = self.call("list parts of", Method::GET, path, query);
        let Some(answer) = self.exchange.find(&call).await? else { return Ok(None) };
        xml::parse(&answer.body).map(Some).map_err(|error| call.misunderstood(error))
    }

    /// Finds the uploads at a path.
    async fn uploads_at(&self, path: StoragePath) -> Result<Vec<UnfinishedUpload>, Failure> {
        let mut latest: BTreeMap<String, Timestamp> = BTreeMap::new();
        for block in self.blocks(&path).await?.unwrap_or_default().uncommitted_blocks.blocks {
            let Some(of) = BlockId::decode(&block.name) else { continue };
            let sent_at = latest.entry(of.upload).or_insert(of.sent_at);
            *sent_at = of.sent_at.max(*sent_at);
        }
        let unfinished = |(id, begun_at)| UnfinishedUpload { path: path.clone(), id, begun_at };
        Ok(latest.into_iter().map(unfinished).collect())
    }

    /// Deletes the empty blob that an upload was aborted by: that of a version, or any that is noted to be one.
    async fn delete_discarded(&self, path: &StoragePath, version: Option<HeaderValue>) -> Result<(), Failure> {
        let mut call = self.call("abort upload", Method::DELETE, path, &[]);
        match version {
            Some(version) => {
                call.headers.insert(header::IF_MATCH, version);
            }
            None if self.head(path).await?.is_some_and(|blob| blob.note.as_deref() == Some(DISCARDED)) => {}
            None => return Ok(()),
        }
        match self.exchange.answer(&call).await {
            // It is gone, or something else is there now.
            Err(failure) if matches!(failure.kind(), StoreErrorKind::NotFound | StoreErrorKind::AlreadyExists) => {
                Ok(())
            }
            deleted => deleted.map(drop),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_id_of_a_block_says_it_all() {
        let id = "6920c0de2f6b8d01c35a9e77";
        for number in [0, 1, 50_000] {
            let block = BlockId::new(id, number);
            assert_eq!(BlockId::decode(&block.encode()), Some(block.clone()));
            // The service takes 64 bytes before the encoding, and one length; padding would have to be escaped.
            assert_eq!(block.encode().len(), 76);
        }
        assert_ne!(BlockId::new(id, 1).encode(), BlockId::new(id, 1).encode());
    }

    #[test]
    fn blocks_of_others_are_told_apart() {
        for text in ["", "YQ==", "not base64", &STANDARD.encode("x".repeat(57))] {
            assert_eq!(BlockId::decode(text), None, "{text}");
        }
    }
}
