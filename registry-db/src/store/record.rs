//! Blobs as they are recorded, whichever repositories have them.

use async_trait::async_trait;
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use futures::FutureExt;
use registry_core::protocol::digest::Digest;
use registry_core::store::inventory::{BlobRecordStore, RecordedBlob};
use registry_core::store::{BlobLocation, StoreResult};

use super::blob::LIVE;
use super::dialect::{Connection, Store};
use super::rows;
use crate::error::during;
use crate::schema::blobs;
use crate::stored::Stored;

#[async_trait]
impl BlobRecordStore for Store {
    async fn recorded_blobs(&self, after: Option<&Digest>, limit: usize) -> StoreResult<Vec<RecordedBlob>> {
        // Nothing is less than the empty text.
        let after = after.map_or_else(String::new, Digest::to_string);
        self.read((after, rows(limit)), |connection, (after, limit)| list(connection, after, *limit).boxed())
            .await
            .map_err(during("list recorded blobs"))
    }

    async fn recorded_blob(&self, digest: &Digest) -> StoreResult<Option<RecordedBlob>> {
        self.read(digest.to_string(), |connection, digest| find(connection, digest).boxed())
            .await
            .map_err(during(format_args!("look up blob `{digest}`")))
    }
}

type Row = (Stored<Digest>, i64, String, i16);

fn record((digest, size_bytes, location, state): Row) -> RecordedBlob {
    RecordedBlob {
        digest: digest.0,
        size_bytes: size_bytes.cast_unsigned(),
        location: BlobLocation::new(location),
        is_served: state == LIVE,
    }
}

async fn list(connection: &mut Connection, after: &str, limit: i64) -> QueryResult<Vec<RecordedBlob>> {
    let found: Vec<Row> = blobs::table
        .filter(blobs::digest.gt(after))
        .order(blobs::digest)
        .limit(limit)
        .select((blobs::digest, blobs::size_bytes, blobs::location, blobs::state))
        .load(connection)
        .await?;
    Ok(found.into_iter().map(record).collect())
}

async fn find(connection: &mut Connection, digest: &str) -> QueryResult<Option<RecordedBlob>> {
    let found: Option<Row> = blobs::table
        .filter(blobs::digest.eq(digest))
        .select((blobs::digest, blobs::size_bytes, blobs::location, blobs::state))
        .get_result(connection)
        .await
        .optional()?;
    Ok(found.map(record))
}
