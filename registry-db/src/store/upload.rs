//! Upload sessions and their claims.

use async_trait::async_trait;
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use futures::FutureExt;
use registry_core::protocol::digest::Algorithm;
use registry_core::protocol::reference::RepositoryName;
use registry_core::store::metadata::{ClaimOutcome, UploadRecord, UploadStore};
use registry_core::store::{ClaimToken, StagedUpload, StoreError, StoreErrorKind, StoreResult, Timestamp, UploadId};

use super::dialect::{Connection, Store, conflict_key, lock};
use super::rows;
use crate::begun::NotHeld;
use crate::error::during;
use crate::prepared::PreparedDsl;
use crate::schema::uploads;
use crate::stored::Stored;

#[async_trait]
impl UploadStore for Store {
    async fn create_upload(&self, upload: &UploadRecord) -> StoreResult<()> {
        let Some(uploads) = self.begun.begin(upload) else { return Ok(()) };
        let ids: Vec<UploadId> = uploads.iter().map(|upload| upload.id).collect();
        self.write_relaxed(uploads, |connection, uploads| create(connection, uploads).boxed())
            .await
            .map_err(during(format_args!("record upload `{}`", upload.id)))?;
        self.begun.forget_idle(ids);
        Ok(())
    }

    async fn upload(
        &self,
        repository: &RepositoryName,
        id: UploadId,
        now: Timestamp,
    ) -> StoreResult<Option<UploadRecord>> {
        let found = match self.begun.find(id) {
            Some(begun) => Some(begun).filter(|begun| begun.repository == *repository),
            None => self
                .read_once((repository.clone(), id), |connection, (repository, id)| {
                    async move {
                        let row: Option<UploadRow> =
                            of_repository(repository, *id).get_result(connection).await.optional()?;
                        Ok(row.map(UploadRecord::from))
                    }
                    .boxed()
                })
                .await
                .map_err(during(format_args!("look up upload `{id}`")))?,
        };
        Ok(found.filter(|upload| upload.expires_at > now))
    }

    async fn claim_upload(
        &self,
        repository: &RepositoryName,
        id: UploadId,
        claim: ClaimToken,
        now: Timestamp,
        until: Timestamp,
    ) -> StoreResult<ClaimOutcome> {
        if let Some(outcome) = self.begun.claim(repository, id, claim, now, until) {
            return Ok(outcome);
        }
        let attempt = Claim { repository: repository.clone(), id, token: claim, now, until };
        self.write_relaxed(attempt, |connection, attempt| attempt.run(connection).boxed())
            .await
            .map_err(during(format_args!("claim upload `{id}`")))
    }

    async fn renew_claim(&self, id: UploadId, claim: ClaimToken, until: Timestamp) -> StoreResult<()> {
        if let Some(renewed) = self.begun.renew(id, claim, until) {
            return renewed.map_err(|NotHeld| not_held(id));
        }
        let renewed = self
            .write_relaxed((id, claim, until), |connection, (id, claim, until)| {
                async move {
                    let until = uploads::claimed_until.eq(until.as_micros());
                    let held = is_held(connection, *id, *claim).await?;
                    if held {
                        diesel::update(uploads::table.find(id.to_string()))
                            .set(until)
                            .prepared()
                            .execute(connection)
                            .await?;
                    }
                    Ok(held)
                }
                .boxed()
            })
            .await
            .map_err(during(format_args!("renew the claim on upload `{id}`")))?;
        if renewed { Ok(()) } else { Err(not_held(id)) }
    }

    async fn release_upload(&self, upload: &UploadRecord, claim: ClaimToken) -> StoreResult<()> {
        let lost = |NotHeld| not_held(upload.id);
        if upload.offset == 0
            && let Some(put_back) = self.begun.put_back(upload, claim)
        {
            return put_back.map_err(lost);
        }
        let failed = |failure| during(format_args!("record the progress of upload `{}`", upload.id))(failure);
        if let Some(ending) = self.begun.end(upload.id, claim) {
            let ending = ending.map_err(lost)?;
            let upload = UploadRecord { repository: ending.repository().clone(), ..upload.clone() };
            let recorded = self.write([], upload, |connection, upload| record(connection, upload).boxed()).await;
            recorded.map_err(failed)?;
            ending.confirm();
            return Ok(());
        }
        let released = self
            .write([], (upload.clone(), claim), |connection, (upload, claim)| {
                release(connection, upload, *claim).boxed()
            })
            .await
            .map_err(failed)?;
        if released { Ok(()) } else { Err(not_held(upload.id)) }
    }

    async fn remove_upload(&self, repository: &RepositoryName, id: UploadId) -> StoreResult<Option<UploadRecord>> {
        let begun = match self.begun.remove(repository, id) {
            Some(None) => return Ok(None),
            Some(begun) => begun,
            None => None,
        };
        let recorded = self
            .write([], (repository.clone(), id), |connection, (repository, id)| {
                async move {
                    let row: Option<UploadRow> =
                        lock!(of_repository(repository, *id)).get_result(connection).await.optional()?;
                    diesel::delete(uploads::table.find(id.to_string()))
                        .filter(uploads::repository.eq(repository.as_str()))
                        .execute(connection)
                        .await?;
                    Ok(row.map(UploadRecord::from))
                }
                .boxed()
            })
            .await
            .map_err(during(format_args!("remove upload `{id}`")))?;
        Ok(begun.or(recorded))
    }

    async fn expired_uploads(&self, now: Timestamp, limit: usize) -> StoreResult<Vec<UploadRecord>> {
        let mut found = self
            .read_once((now, rows(limit)), |connection, (now, limit)| expired(connection, *now, *limit).boxed())
            .await
            .map_err(during("list expired uploads"))?;
        self.begun.add_expired(now, &mut found);
        found.truncate(limit);
        Ok(found)
    }
}

/// A session that a transaction is to end.
#[derive(Debug, Clone, Copy)]
pub(super) enum Session {
    /// One of [`BegunUploads`](crate::begun::BegunUploads), which may have a row as well.
    Begun(UploadId),
    /// One that only its row tells of.
    Recorded(UploadId, ClaimToken),
}

impl Session {
    /// Ends the session, and returns whether it was held by the claim; otherwise nothing has changed.
    pub(super) async fn end(self, connection: &mut Connection) -> QueryResult<bool> {
        match self {
            Self::Begun(id) => {
                diesel::delete(uploads::table.find(id.to_string())).execute(connection).await?;
                Ok(true)
            }
            Self::Recorded(id, claim) => {
                let held = uploads::table.find(id.to_string()).filter(uploads::claim.eq(claim.to_string()));
                Ok(diesel::delete(held).execute(connection).await? > 0)
            }
        }
    }
}

/// Tells a writer that it lost its upload.
pub(super) fn not_held(id: UploadId) -> StoreError {
    StoreError::new(StoreErrorKind::Conflict, format!("upload `{id}` is not held by this claim"))
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = uploads)]
struct UploadRow {
    id: Stored<UploadId>,
    repository: Stored<RepositoryName>,
    staged: String,
    offset_bytes: i64,
    algorithm: Stored<Algorithm>,
    digester_state: Vec<u8>,
    expires_at: i64,
}

impl From<UploadRow> for UploadRecord {
    fn from(row: UploadRow) -> Self {
        Self {
            id: row.id.0,
            repository: row.repository.0,
            staged: StagedUpload::new(row.staged),
            offset: row.offset_bytes.cast_unsigned(),
            algorithm: row.algorithm.0,
            digester_state: row.digester_state,
            expires_at: Timestamp::from_micros(row.expires_at),
        }
    }
}

#[diesel::dsl::auto_type]
fn of_repository(repository: &RepositoryName, id: UploadId) -> _ {
    let id: String = id.to_string();
    let repository: String = repository.to_string();
    let columns: diesel::dsl::AsSelect<UploadRow, super::dialect::Backend> = UploadRow::as_select();
    uploads::table.filter(uploads::id.eq(id)).filter(uploads::repository.eq(repository)).select(columns)
}

struct Claim {
    repository: RepositoryName,
    id: UploadId,
    token: ClaimToken,
    now: Timestamp,
    until: Timestamp,
}

impl Claim {
    async fn run(&self, connection: &mut Connection) -> QueryResult<ClaimOutcome> {
        let row =
            lock!(of_repository(&self.repository, self.id)).get_result::<UploadRow>(connection).await.optional()?;
        let Some(upload) = row.map(UploadRecord::from).filter(|upload| upload.expires_at > self.now) else {
            return Ok(ClaimOutcome::Unknown);
        };
        let id = self.id.to_string();
        let (holder, held_until): (Option<String>, Option<i64>) =
            uploads::table.find(&id).select((uploads::claim, uploads::claimed_until)).get_result(connection).await?;
        let token = self.token.to_string();
        let outcome = match (holder, held_until) {
            (Some(holder), Some(until)) if holder != token && until > self.now.as_micros() => {
                return Ok(ClaimOutcome::Busy);
            }
            // Also after our own claim: whether its caller ever heard of it, and began to write, cannot be known.
            (Some(_), _) => ClaimOutcome::TakenOver(upload),
            (None, _) => ClaimOutcome::Claimed(upload),
        };
        diesel::update(uploads::table.find(&id))
            .set((uploads::claim.eq(&token), uploads::claimed_until.eq(self.until.as_micros())))
            .prepared()
            .execute(connection)
            .await?;
        Ok(outcome)
    }
}

/// Records sessions, unless they are recorded already.
pub(crate) async fn create(connection: &mut Connection, begun: &[UploadRecord]) -> QueryResult<()> {
    for upload in begun {
        diesel::insert_into(uploads::table).values(row(upload)).on_conflict_do_nothing().execute(connection).await?;
    }
    Ok(())
}

/// Records a session of [`BegunUploads`](crate::begun::BegunUploads), which may have a row already, with its progress.
async fn record(connection: &mut Connection, upload: &UploadRecord) -> QueryResult<()> {
    diesel::insert_into(uploads::table)
        .values(row(upload))
        .on_conflict(conflict_key(uploads::id))
        .do_update()
        .set(progress(upload))
        .prepared()
        .execute(connection)
        .await?;
    Ok(())
}

#[diesel::dsl::auto_type]
fn row(upload: &UploadRecord) -> _ {
    let id: String = upload.id.to_string();
    let repository: String = upload.repository.to_string();
    let started_at: i64 = Timestamp::now().as_micros();
    let progress: progress = progress(upload);
    (uploads::id.eq(id), uploads::repository.eq(repository), uploads::started_at.eq(started_at), progress)
}

/// Finds out whether a claim holds an upload, and locks that upload.
async fn is_held(connection: &mut Connection, id: UploadId, claim: ClaimToken) -> QueryResult<bool> {
    let held = uploads::table.find(id.to_string()).filter(uploads::claim.eq(claim.to_string())).select(uploads::id);
    Ok(lock!(held).get_result::<String>(connection).await.optional()?.is_some())
}

async fn release(connection: &mut Connection, upload: &UploadRecord, claim: ClaimToken) -> QueryResult<bool> {
    let held = is_held(connection, upload.id, claim).await?;
    if held {
        diesel::update(uploads::table.find(upload.id.to_string()))
            .set((progress(upload), uploads::claim.eq(None::<String>), uploads::claimed_until.eq(None::<i64>)))
            .prepared()
            .execute(connection)
            .await?;
    }
    Ok(held)
}

#[diesel::dsl::auto_type]
fn progress(upload: &UploadRecord) -> _ {
    let staged: String = upload.staged.as_str().to_owned();
    let offset: i64 = upload.offset.cast_signed();
    let algorithm: &'static str = upload.algorithm.name();
    let state: Vec<u8> = upload.digester_state.clone();
    let expires_at: i64 = upload.expires_at.as_micros();
    (
        uploads::staged.eq(staged),
        uploads::offset_bytes.eq(offset),
        uploads::algorithm.eq(algorithm),
        uploads::digester_state.eq(state),
        uploads::expires_at.eq(expires_at),
    )
}

async fn expired(connection: &mut Connection, now: Timestamp, limit: i64) -> QueryResult<Vec<UploadRecord>> {
    let rows: Vec<UploadRow> = uploads::table
        .filter(uploads::expires_at.le(now.as_micros()))
        .filter(uploads::claim.is_null().or(uploads::claimed_until.le(now.as_micros())))
        .order((uploads::expires_at, uploads::id))
        .limit(limit)
        .select(UploadRow::as_select())
        .load(connection)
        .await?;
    Ok(rows.into_iter().map(UploadRecord::from).collect())
}
