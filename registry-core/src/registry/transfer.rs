//! Content on its way from one store to another, which arrives only if it has its digest.

use futures::{StreamExt, TryStreamExt};

use crate::protocol::digest::{Digest, Digester};
use crate::store::{
    BlobLocation, BlobStore, ByteStream, StagedUpload, StoreError, StoreErrorKind, StoreResult, UploadId,
};

/// How much is held before an upload is begun, so that what is small goes in one piece.
const HELD_BYTES: usize = 4 * 1024 * 1024;

/// Passes content on that has a digest. If it does not, the stream ends in an error of kind `Corrupt` instead of its last
/// piece.
pub(super) fn verified(content: ByteStream, digest: Digest) -> ByteStream {
    let passing = Passing { content: Some(content), digester: Digester::new(digest.algorithm()), held: None, digest };
    futures::stream::try_unfold(passing, async |mut passing| Ok(passing.next().await?.map(|piece| (piece, passing))))
        .boxed()
}

struct Passing {
    /// `None` once it has ended.
    content: Option<ByteStream>,
    digester: Digester,
    /// The last piece that came.
    held: Option<bytes::Bytes>,
    digest: Digest,
}

impl Passing {
    async fn next(&mut self) -> StoreResult<Option<bytes::Bytes>> {
        while let Some(content) = &mut self.content {
            match content.try_next().await? {
                Some(piece) => {
                    self.digester.update(&piece);
                    if let Some(before) = self.held.replace(piece) {
                        return Ok(Some(before));
                    }
                }
                None => {
                    self.content = None;
                    let empty = Digester::new(self.digest.algorithm());
                    let actual = std::mem::replace(&mut self.digester, empty).finish();
                    if actual != self.digest {
                        let context = format!("the bytes of `{}` have the digest `{actual}`", self.digest);
                        return Err(StoreError::new(StoreErrorKind::Corrupt, context));
                    }
                }
            }
        }
        Ok(self.held.take())
    }
}

/// Puts a blob in its place in a store, in place of what is there. Atomic. If it is dropped, or fails, an unfinished upload or
/// displaced bytes may be left.
///
/// # Errors
/// The content's, or the store's.
pub(super) async fn put_in_place(blobs: &dyn BlobStore, digest: &Digest, content: ByteStream) -> StoreResult<()> {
    let staged = blobs.stage(UploadId::random()).await?;
    let location = match write(blobs, &staged, digest, content).await {
        Ok(location) => location,
        Err(error) => {
            // The first error is the one to tell.
            let _ = blobs.discard(&staged).await;
            return Err(error);
        }
    };
    if location == blobs.place(digest) {
        return Ok(());
    }
    let copied = blobs.copy_to_place(&location, digest).await;
    let deleted = blobs.delete(&location).await;
    copied.and(deleted)
}

async fn write(
    blobs: &dyn BlobStore,
    staged: &StagedUpload,
    digest: &Digest,
    mut content: ByteStream,
) -> StoreResult<BlobLocation> {
    let mut writer = blobs.open_writer(staged, 0).await?;
    let (mut held, mut held_bytes) = (Vec::new(), 0);
    while let Some(piece) = content.try_next().await? {
        if held_bytes >= HELD_BYTES {
            writer.write(std::mem::take(&mut held)).await?;
            held_bytes = 0;
        }
        held_bytes += piece.len();
        held.push(piece);
    }
    writer.commit(held, digest).await
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::protocol::digest::Algorithm;

    fn pieces(pieces: &[&'static str]) -> ByteStream {
        let pieces: Vec<StoreResult<Bytes>> =
            pieces.iter().map(|piece| Ok(Bytes::from_static(piece.as_bytes()))).collect();
        futures::stream::iter(pieces).boxed()
    }

    #[tokio::test]
    async fn what_has_its_digest_passes_whole() {
        for parts in [&[][..], &["a"], &["a", "b", "c"], &["", "ab", ""]] {
            let digest = Digest::of(Algorithm::Sha512, parts.concat().as_bytes());
            let passed: Vec<Bytes> = verified(pieces(parts), digest).try_collect().await.unwrap();
            assert_eq!(passed.concat(), parts.concat().as_bytes(), "{parts:?}");
        }
    }

    #[tokio::test]
    async fn what_lacks_its_digest_does_not_come_to_its_end() {
        let digest = Digest::of(Algorithm::Sha256, b"abc");
        for parts in [&[][..], &["a"], &["a", "b"], &["a", "b", "d"]] {
            let mut passing = verified(pieces(parts), digest);
            let mut passed = Vec::new();
            let error = loop {
                match passing.try_next().await {
                    Ok(piece) => passed.push(piece.expect("an error before the end")),
                    Err(error) => break error,
                }
            };
            assert_eq!(error.kind(), StoreErrorKind::Corrupt);
            assert!(passed.len() < parts.len().max(1), "{parts:?}");
        }
    }
}
