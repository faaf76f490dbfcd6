use std::collections::btree_map::Entry;

use async_trait::async_trait;

use super::{Displaced, MemoryMetadataStore, Tables};
use crate::protocol::digest::Digest;
use crate::store::displaced::{DisplacedBlob, Displacement, DisplacementStore};
use crate::store::inventory::{BlobState, RecordedBlob};
use crate::store::{BlobLocation, StoreError, StoreErrorKind, StoreResult, Timestamp};

#[async_trait]
impl DisplacementStore for MemoryMetadataStore {
    async fn take_displaced(
        &self,
        now: Timestamp,
        next_turn: Timestamp,
        limit: usize,
    ) -> StoreResult<Vec<DisplacedBlob>> {
        let mut tables = self.tables();
        let mut due: Vec<_> = tables.displaced.iter_mut().filter(|(_, found)| found.turn_after <= now).collect();
        due.sort_by_key(|(_, found)| found.turn_after);
        let taken = due.into_iter().take(limit).map(|(location, found)| {
            found.turn_after = next_turn;
            let state = found.state;
            if state == Displacement::Left {
                found.state = Displacement::Deleted;
            }
            DisplacedBlob { location: location.clone(), state }
        });
        Ok(taken.collect())
    }

    async fn relocate_blob(
        &self,
        blob: &RecordedBlob,
        location: &BlobLocation,
        delete_after: Timestamp,
    ) -> StoreResult<bool> {
        let mut tables = self.tables();
        let Some(found) = tables.blobs.get_mut(&blob.digest).filter(|found| {
            (found.changed_at, found.state, &found.location) == (blob.changed_at, BlobState::Served, &blob.location)
        }) else {
            return Ok(false);
        };
        found.location = location.clone();
        found.touch();
        if let Some(left) = tables.displaced.get_mut(&blob.location) {
            *left = Displaced::left(delete_after);
        }
        Ok(true)
    }

    async fn leave_displaced(&self, location: &BlobLocation, delete_after: Timestamp) -> StoreResult<()> {
        let mut tables = self.tables();
        let Some(Displacement::Recorded(digest)) = tables.displaced.get(location).map(|found| found.state) else {
            return Ok(());
        };
        if tables.blobs.get(&digest).is_none_or(|blob| blob.location != *location) {
            tables.displaced.insert(location.clone(), Displaced::left(delete_after));
        }
        Ok(())
    }

    async fn note_displaced(&self, found: &[BlobLocation], delete_after: Timestamp) -> StoreResult<usize> {
        let mut tables = self.tables();
        let mut noted = 0;
        for location in found {
            if let Entry::Vacant(entry) = tables.displaced.entry(location.clone()) {
                entry.insert(Displaced::left(delete_after));
                noted += 1;
            }
        }
        Ok(noted)
    }

    async fn forget_displaced(&self, gone: &[BlobLocation]) -> StoreResult<()> {
        let mut tables = self.tables();
        for location in gone {
            if tables.displaced.get(location).is_some_and(|found| found.state == Displacement::Deleted) {
                tables.displaced.remove(location);
            }
        }
        Ok(())
    }
}

impl Displaced {
    fn left(delete_after: Timestamp) -> Self {
        Self { state: Displacement::Left, turn_after: delete_after }
    }
}

impl Tables {
    /// Notes that a blob is to get displaced bytes, whose turn is at once.
    pub(super) fn displace(&mut self, location: &BlobLocation, digest: Digest) -> StoreResult<()> {
        if self.displaced.get(location).is_some_and(|found| found.state == Displacement::Deleted) {
            let context = format!("what was at `{location}` is deleted");
            return Err(StoreError::new(StoreErrorKind::Conflict, context));
        }
        let recorded = Displaced { state: Displacement::Recorded(digest), turn_after: Timestamp::from_micros(0) };
        self.displaced.insert(location.clone(), recorded);
        Ok(())
    }
}
