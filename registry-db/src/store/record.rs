//! What is recorded, whichever repositories have it, and what a look at the storage corrects.

use std::collections::BTreeSet;

use async_trait::async_trait;
use diesel::dsl::exists;
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use futures::FutureExt;
use registry_core::protocol::digest::Digest;
use registry_core::protocol::reference::RepositoryName;
use registry_core::store::inventory::{BlobRecordStore, BlobState, RecordedBlob, RecordedManifest, RepositoryBlob};
use registry_core::store::{BlobLocation, StoreResult, Timestamp};

use super::blob::{CONDEMNED, LIVE, QUARANTINED, record_if_unknown};
use super::dialect::{Connection, Store};
use super::{repository, review, rows};
use crate::cache::Subject;
use crate::error::during;
use crate::prepared::{PreparedDsl, lists};
use crate::schema::{blobs, manifests, repositories, repository_blobs};
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

    async fn repository_blobs(
        &self,
        repository: &RepositoryName,
        after: u64,
        limit: usize,
    ) -> StoreResult<Vec<RepositoryBlob>> {
        self.read((repository.clone(), after.cast_signed(), rows(limit)), |connection, (repository, after, limit)| {
            list_of(connection, repository, *after, *limit).boxed()
        })
        .await
        .map_err(during(format_args!("list the blobs of repository `{repository}`")))
    }

    async fn recorded_manifests(&self, after: u64, limit: usize) -> StoreResult<Vec<RecordedManifest>> {
        self.read((after.cast_signed(), rows(limit)), |connection, (after, limit)| {
            list_manifests(connection, *after, *limit).boxed()
        })
        .await
        .map_err(during("list recorded manifests"))
    }

    async fn manifests_among(&self, digests: &[Digest]) -> StoreResult<Vec<Digest>> {
        self.read(digests.to_vec(), |connection, digests| manifests_among(connection, digests).boxed())
            .await
            .map_err(during("look up manifests by digest"))
    }

    async fn quarantine_blob(&self, blob: &RecordedBlob) -> StoreResult<bool> {
        let change = Change { digest: blob.digest, seen_at: blob.changed_at, from: LIVE, to: QUARANTINED };
        self.write([Subject::Blob(&blob.digest)], change, |connection, change| change.run(connection).boxed())
            .await
            .map_err(during(format_args!("quarantine blob `{}`", blob.digest)))
    }

    async fn release_blob(&self, blob: &RecordedBlob) -> StoreResult<bool> {
        let change = Change { digest: blob.digest, seen_at: blob.changed_at, from: QUARANTINED, to: LIVE };
        self.write([Subject::Blob(&blob.digest)], change, |connection, change| change.run(connection).boxed())
            .await
            .map_err(during(format_args!("release blob `{}`", blob.digest)))
    }

    async fn record_stray_blob(
        &self,
        digest: &Digest,
        size_bytes: u64,
        location: &BlobLocation,
        review_after: Timestamp,
    ) -> StoreResult<bool> {
        let stray = Stray { digest: *digest, size_bytes, location: location.clone(), review_after };
        self.write([Subject::Blob(digest)], stray, |connection, stray| stray.run(connection).boxed())
            .await
            .map_err(during(format_args!("record the stray blob `{digest}`")))
    }
}

type Row = (Stored<Digest>, i64, String, i16, i64);

fn record((digest, size_bytes, location, state, changed_at): Row) -> RecordedBlob {
    RecordedBlob {
        digest: digest.0,
        size_bytes: size_bytes.cast_unsigned(),
        location: BlobLocation::new(location),
        state: match state {
            CONDEMNED => BlobState::Condemned,
            QUARANTINED => BlobState::Quarantined,
            _ => BlobState::Served,
        },
        changed_at: Timestamp::from_micros(changed_at),
    }
}

async fn list(connection: &mut Connection, after: &str, limit: i64) -> QueryResult<Vec<RecordedBlob>> {
    let found: Vec<Row> = blobs::table
        .filter(blobs::digest.gt(after))
        .order(blobs::digest)
        .limit(limit)
        .select((blobs::digest, blobs::size_bytes, blobs::location, blobs::state, blobs::created_at))
        .load(connection)
        .await?;
    Ok(found.into_iter().map(record).collect())
}

async fn list_of(
    connection: &mut Connection,
    repository: &RepositoryName,
    after: i64,
    limit: i64,
) -> QueryResult<Vec<RepositoryBlob>> {
    let found: Vec<(i64, Row)> = repository_blobs::table
        .inner_join(blobs::table)
        .filter(repository_blobs::repository_id.nullable().eq(repository::by_name(repository.as_str()).single_value()))
        .filter(repository_blobs::blob_id.gt(after))
        .order(repository_blobs::blob_id)
        .limit(limit)
        .select((
            repository_blobs::blob_id,
            (blobs::digest, blobs::size_bytes, blobs::location, blobs::state, blobs::created_at),
        ))
        .load(connection)
        .await?;
    let blob = |(id, row): (i64, Row)| RepositoryBlob { cursor: id.cast_unsigned(), blob: record(row) };
    Ok(found.into_iter().map(blob).collect())
}

async fn find(connection: &mut Connection, digest: &str) -> QueryResult<Option<RecordedBlob>> {
    let found: Option<Row> = blobs::table
        .filter(blobs::digest.eq(digest))
        .select((blobs::digest, blobs::size_bytes, blobs::location, blobs::state, blobs::created_at))
        .get_result(connection)
        .await
        .optional()?;
    Ok(found.map(record))
}

/// A manifest's id, its repository, its name and its bytes.
type ManifestRow = (i64, Stored<RepositoryName>, Stored<Digest>, Vec<u8>);

async fn list_manifests(connection: &mut Connection, after: i64, limit: i64) -> QueryResult<Vec<RecordedManifest>> {
    let found: Vec<ManifestRow> = manifests::table
        .inner_join(repositories::table)
        .filter(manifests::id.gt(after))
        .order(manifests::id)
        .limit(limit)
        .select((manifests::id, repositories::name, manifests::digest, manifests::payload))
        .load(connection)
        .await?;
    let manifest =
        |(id, repository, digest, payload): (i64, Stored<RepositoryName>, Stored<Digest>, Vec<u8>)| RecordedManifest {
            cursor: id.cast_unsigned(),
            repository: repository.0,
            digest: digest.0,
            payload: payload.into(),
        };
    Ok(found.into_iter().map(manifest).collect())
}

async fn manifests_among(connection: &mut Connection, digests: &[Digest]) -> QueryResult<Vec<Digest>> {
    let digests: Vec<String> = digests.iter().map(Digest::to_string).collect();
    // Each comes once for every repository that has it: MariaDB reads a whole index to leave out the others.
    let mut among = BTreeSet::new();
    for digests in lists(&digests) {
        let found: Vec<Stored<Digest>> = manifests::table
            .filter(manifests::digest.eq_any(digests))
            .select(manifests::digest)
            .prepared()
            .load(connection)
            .await?;
        among.extend(found.into_iter().map(|Stored(digest)| digest));
    }
    Ok(among.into_iter().collect())
}

/// A change of state of a record that is still the one that was seen.
struct Change {
    digest: Digest,
    seen_at: Timestamp,
    from: i16,
    to: i16,
}

impl Change {
    async fn run(&self, connection: &mut Connection) -> QueryResult<bool> {
        // A clock that stands still, or goes back, must not make a later record look like this one.
        let now = Timestamp::now().as_micros().max(self.seen_at.as_micros() + 1);
        let seen = blobs::table
            .filter(blobs::digest.eq(self.digest.to_string()))
            .filter(blobs::state.eq(self.from))
            .filter(blobs::created_at.eq(self.seen_at.as_micros()));
        let changed = diesel::update(seen).set((blobs::state.eq(self.to), blobs::created_at.eq(now)));
        Ok(changed.prepared().execute(connection).await? > 0)
    }
}

struct Stray {
    digest: Digest,
    size_bytes: u64,
    location: BlobLocation,
    review_after: Timestamp,
}

impl Stray {
    async fn run(&self, connection: &mut Connection) -> QueryResult<bool> {
        let digest = self.digest.to_string();
        let known = blobs::table.filter(blobs::digest.eq(&digest));
        if diesel::select(exists(known.select(blobs::id))).get_result(connection).await? {
            return Ok(false);
        }
        // Whoever records it in this very moment has it reviewed as well.
        record_if_unknown(connection, &digest, self.size_bytes, &self.location).await?;
        let id = known.select(blobs::id).get_result(connection).await?;
        review::blob(connection, id, self.review_after).await?;
        Ok(true)
    }
}
