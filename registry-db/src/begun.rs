//! Uploads that were begun and of which nothing was taken yet.
//!
//! For a database that this process alone uses. Most blobs come whole after their upload was begun, and then its session
//! ends before a client was promised any part of it. Such a session is kept here, costs no transaction, and is gone if the
//! process is killed: its client finds it unknown and starts anew. It is recorded in the database once bytes were taken,
//! or to make room for others, or when the database is closed.
//!
//! ```text
//! begin ─► claim ─► end: the blob is committed
//!   ▲        │
//!   │        ├────► end: recorded with what was taken ─┐
//!   │        │                                         ├─► the database
//!   ├────────┴────────► no room: recorded as it is ────┘
//!   └── put_back
//! ```
//!
//! Who asks for a session looks here first. While one is recorded to make room it can be claimed, and then stays here; the
//! row that it has in the database as well shows to nobody, and goes with its end.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use registry_core::protocol::reference::RepositoryName;
use registry_core::store::metadata::{ClaimOutcome, UploadRecord};
use registry_core::store::{ClaimToken, Timestamp, UploadId};

/// How many sessions are recorded together when there is no room.
const RECORDED_TOGETHER: usize = 64;

/// The sessions. Each takes less than a kilobyte.
#[derive(Debug)]
pub(crate) struct BegunUploads {
    limit: usize,
    uploads: Mutex<HashMap<UploadId, Begun>>,
}

#[derive(Debug)]
struct Begun {
    record: UploadRecord,
    held: Option<Held>,
}

#[derive(Debug)]
struct Held {
    claim: ClaimToken,
    until: Timestamp,
    /// A transaction that ends the session is under way.
    is_ending: bool,
}

/// The session is here, and the claim does not hold it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct NotHeld;

impl BegunUploads {
    /// Makes room for so many sessions; with 0 all are recorded as they are begun.
    pub(crate) fn new(limit: usize) -> Self {
        Self { limit, uploads: Mutex::default() }
    }

    /// Keeps a new session. If there is no room, returns what is to be recorded: the session, and others that were idle
    /// for long, which are to be [forgotten](Self::forget_idle) then.
    pub(crate) fn begin(&self, upload: &UploadRecord) -> Option<Vec<UploadRecord>> {
        let mut uploads = self.uploads();
        if uploads.contains_key(&upload.id) {
            return None;
        }
        if uploads.len() < self.limit {
            uploads.insert(upload.id, Begun { record: upload.clone(), held: None });
            return None;
        }
        let mut idle: Vec<_> =
            uploads.values().filter(|begun| begun.held.is_none()).map(|begun| &begun.record).collect();
        idle.sort_unstable_by_key(|record| record.expires_at);
        Some(idle.into_iter().take(RECORDED_TOGETHER - 1).chain([upload]).cloned().collect())
    }

    /// Forgets those of the sessions, all of which are recorded, that nobody has claimed meanwhile.
    pub(crate) fn forget_idle(&self, recorded: impl IntoIterator<Item = UploadId>) {
        let mut uploads = self.uploads();
        for id in recorded {
            if uploads.get(&id).is_some_and(|begun| begun.held.is_none()) {
                uploads.remove(&id);
            }
        }
    }

    /// Forgets all sessions and returns them.
    pub(crate) fn take(&mut self) -> Vec<UploadRecord> {
        std::mem::take(&mut *self.uploads()).into_values().map(|begun| begun.record).collect()
    }

    /// Returns a session that is here, whatever repository it is in.
    pub(crate) fn find(&self, id: UploadId) -> Option<UploadRecord> {
        self.uploads().get(&id).map(|begun| begun.record.clone())
    }

    /// Claims a session that is here.
    pub(crate) fn claim(
        &self,
        repository: &RepositoryName,
        id: UploadId,
        claim: ClaimToken,
        now: Timestamp,
        until: Timestamp,
    ) -> Option<ClaimOutcome> {
        let mut uploads = self.uploads();
        let begun = uploads.get_mut(&id)?;
        if begun.record.repository != *repository || begun.record.expires_at <= now {
            return Some(ClaimOutcome::Unknown);
        }
        let outcome = match &begun.held {
            Some(held) if held.is_ending || held.claim != claim && held.until > now => return Some(ClaimOutcome::Busy),
            Some(_) => ClaimOutcome::TakenOver(begun.record.clone()),
            None => ClaimOutcome::Claimed(begun.record.clone()),
        };
        begun.held = Some(Held { claim, until, is_ending: false });
        Some(outcome)
    }

    /// Extends the claim on a session that is here.
    pub(crate) fn renew(&self, id: UploadId, claim: ClaimToken, until: Timestamp) -> Option<Result<(), NotHeld>> {
        let mut uploads = self.uploads();
        Some(uploads.get_mut(&id)?.held_by(claim).map(|(_, held)| held.until = until))
    }

    /// Gives the claim on a session that is here back, without any bytes.
    pub(crate) fn put_back(&self, upload: &UploadRecord, claim: ClaimToken) -> Option<Result<(), NotHeld>> {
        let mut uploads = self.uploads();
        let begun = uploads.get_mut(&upload.id)?;
        Some(begun.held_by(claim).map(|_| ()).map(|()| {
            let repository = begun.record.repository.clone();
            *begun = Begun { record: UploadRecord { repository, ..upload.clone() }, held: None };
        }))
    }

    /// Begins to end a session that is here, by a transaction that is yet to come.
    pub(crate) fn end(&self, id: UploadId, claim: ClaimToken) -> Option<Result<Ending<'_>, NotHeld>> {
        let mut uploads = self.uploads();
        Some(uploads.get_mut(&id)?.held_by(claim).map(|(record, held)| {
            held.is_ending = true;
            Ending { begun: self, id, repository: record.repository.clone() }
        }))
    }

    /// Removes a session that is here, and returns it, if it is in the repository and its end is not under way.
    pub(crate) fn remove(&self, repository: &RepositoryName, id: UploadId) -> Option<Option<UploadRecord>> {
        let mut uploads = self.uploads();
        let begun = uploads.get(&id)?;
        let is_ending = begun.held.as_ref().is_some_and(|held| held.is_ending);
        if begun.record.repository != *repository || is_ending {
            return Some(None);
        }
        Some(uploads.remove(&id).map(|begun| begun.record))
    }

    /// Adds to recorded sessions that have expired those that are here, and leaves out the rows of those.
    pub(crate) fn add_expired(&self, now: Timestamp, recorded: &mut Vec<UploadRecord>) {
        let uploads = self.uploads();
        recorded.retain(|record| !uploads.contains_key(&record.id));
        let is_free = |begun: &&Begun| begun.held.as_ref().is_none_or(|held| !held.is_ending && held.until <= now);
        let expired = uploads.values().filter(|begun| begun.record.expires_at <= now).filter(is_free);
        recorded.extend(expired.map(|begun| begun.record.clone()));
        recorded.sort_by_key(|record| (record.expires_at, record.id));
    }

    fn uploads(&self) -> MutexGuard<'_, HashMap<UploadId, Begun>> {
        // No method can panic between two changes that belong together.
        self.uploads.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Begun {
    fn held_by(&mut self, claim: ClaimToken) -> Result<(&UploadRecord, &mut Held), NotHeld> {
        match &mut self.held {
            Some(held) if held.claim == claim && !held.is_ending => Ok((&self.record, held)),
            _ => Err(NotHeld),
        }
    }
}

/// A session whose end is under way; nobody else can claim it. Unless the end is [confirmed](Self::confirm), it stays, and
/// its claim with it.
#[derive(Debug)]
pub(crate) struct Ending<'a> {
    begun: &'a BegunUploads,
    id: UploadId,
    repository: RepositoryName,
}

impl Ending<'_> {
    /// Returns the repository that the session was begun in.
    pub(crate) fn repository(&self) -> &RepositoryName {
        &self.repository
    }

    /// Forgets the session: the transaction is committed.
    pub(crate) fn confirm(self) {
        self.begun.uploads().remove(&self.id);
    }
}

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        if let Some(Begun { held: Some(held), .. }) = self.begun.uploads().get_mut(&self.id) {
            held.is_ending = false;
        }
    }
}

#[cfg(test)]
mod tests {
    use registry_core::protocol::digest::{Algorithm, Digester};
    use registry_core::store::StagedUpload;

    use super::*;

    fn at(micros: i64) -> Timestamp {
        Timestamp::from_micros(micros)
    }

    fn upload(expires: i64) -> UploadRecord {
        UploadRecord {
            id: UploadId::random(),
            repository: "a".parse().unwrap(),
            staged: StagedUpload::new("staged"),
            offset: 0,
            algorithm: Algorithm::Sha256,
            digester_state: Digester::new(Algorithm::Sha256).save(),
            expires_at: at(expires),
        }
    }

    fn claim(begun: &BegunUploads, upload: &UploadRecord) -> (ClaimToken, Option<ClaimOutcome>) {
        let token = ClaimToken::random();
        (token, begun.claim(&upload.repository, upload.id, token, at(0), at(10)))
    }

    #[test]
    fn what_was_idle_for_longest_makes_room() {
        let begun = BegunUploads::new(100);
        let mut uploads: Vec<UploadRecord> = (0..100).rev().map(|expires| upload(1000 + expires)).collect();
        assert!(uploads.iter().all(|upload| begun.begin(upload).is_none()));
        uploads.reverse();
        let (held, taken_meanwhile) = (&uploads[0], &uploads[1]);
        claim(&begun, held).1.unwrap();

        let one_more = upload(2000);
        let recorded = begun.begin(&one_more).unwrap();
        assert!(recorded.iter().eq(uploads[1..RECORDED_TOGETHER].iter().chain([&one_more])));
        claim(&begun, taken_meanwhile).1.unwrap();
        begun.forget_idle(recorded.iter().map(|record| record.id));
        for (number, upload) in uploads.iter().enumerate() {
            let stays = !(2..RECORDED_TOGETHER).contains(&number);
            assert_eq!(begun.find(upload.id).is_some(), stays, "{number}");
        }
        assert_eq!(begun.begin(&one_more), None, "there is room now");
    }

    #[test]
    fn nothing_is_kept_where_there_is_no_room() {
        let begun = BegunUploads::new(0);
        let upload = upload(1000);
        assert_eq!(begun.begin(&upload), Some(vec![upload.clone()]));
        assert_eq!(begun.find(upload.id), None);
        assert_eq!(claim(&begun, &upload).1, None);
    }

    #[test]
    fn a_session_whose_end_is_under_way_is_kept_from_others() {
        let begun = BegunUploads::new(10);
        let upload = upload(1000);
        assert_eq!(begun.begin(&upload), None);
        let (token, _) = claim(&begun, &upload);

        let ending = begun.end(upload.id, token).unwrap().unwrap();
        let late = begun.claim(&upload.repository, upload.id, token, at(20), at(30));
        assert_eq!(late, Some(ClaimOutcome::Busy), "even after the claim's time");
        assert_eq!(begun.remove(&upload.repository, upload.id), Some(None));
        assert_eq!(begun.renew(upload.id, token, at(20)), Some(Err(NotHeld)));
        let mut expired = vec![upload.clone()];
        begun.add_expired(at(2000), &mut expired);
        assert_eq!(expired, []);
        drop(ending);

        assert_eq!(begun.renew(upload.id, token, at(20)), Some(Ok(())), "nothing has changed");
        begun.end(upload.id, token).unwrap().unwrap().confirm();
        assert_eq!(begun.find(upload.id), None);
    }
}
