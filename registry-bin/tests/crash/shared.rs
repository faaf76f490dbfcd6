//! A repository that all clients use at once: blobs that several push, and one tag that all move.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use anyhow::ensure;

use crate::{
    client::{MANIFEST, expect},
    ledger::Manifest,
    rig::{
        digest,
        http::{Body, Connection, Stop},
    },
};

const NAME: &str = "crash/shared";
const TAG: &str = "latest";

/// What is known of the shared repository. Nothing in it is ever deleted.
#[derive(Debug, Default)]
pub(crate) struct Shared {
    /// Counts the beginnings and ends of moves of the tag, so that they can be put in order.
    clock: u64,
    /// The blobs that were acknowledged.
    blobs: Vec<String>,
    /// The manifests that were acknowledged.
    manifests: Vec<Manifest>,
    moves: BTreeMap<String, Move>,
}

/// A push of a manifest under the tag: when it began, and when it was acknowledged if it was.
#[derive(Debug)]
struct Move {
    began: u64,
    acknowledged: Option<u64>,
}

impl Shared {
    /// Pushes a blob, and a manifest that needs it under the tag.
    pub(crate) fn push(
        shared: &Mutex<Self>,
        connection: &mut Connection,
        bytes: &[u8],
        manifest: &Manifest,
    ) -> Result<(), Stop> {
        let target = format!("/v2/{NAME}/blobs/uploads/");
        let answer = connection.send("POST", &target, &[], Body::Sized(&[]))?;
        expect(&answer, 202, &target)?;
        let blob = digest(bytes);
        let location = answer.location()?;
        let separator = if location.contains('?') { '&' } else { '?' };
        let target = format!("{location}{separator}digest={blob}");
        let headers = [("Content-Type", "application/octet-stream")];
        expect(&connection.send("PUT", &target, &headers, Body::Sized(bytes))?, 201, &target)?;
        lock(shared).blobs.push(blob);

        lock(shared).begin(&manifest.digest);
        let target = format!("/v2/{NAME}/manifests/{TAG}");
        let headers = [("Content-Type", MANIFEST)];
        expect(&connection.send("PUT", &target, &headers, Body::Sized(&manifest.bytes))?, 201, &target)?;
        lock(shared).end(manifest);
        Ok(())
    }

    fn begin(&mut self, digest: &str) {
        self.clock += 1;
        self.moves.insert(digest.to_owned(), Move { began: self.clock, acknowledged: None });
    }

    fn end(&mut self, manifest: &Manifest) {
        self.clock += 1;
        if let Some(moved) = self.moves.get_mut(&manifest.digest) {
            moved.acknowledged = Some(self.clock);
        }
        self.manifests.push(manifest.clone());
    }

    /// Looks at all that was acknowledged, and at what the tag points to.
    pub(crate) fn check(&mut self, connection: &mut Connection) -> Result<(), Stop> {
        self.blobs.sort();
        self.blobs.dedup();
        for blob in &self.blobs {
            let target = format!("/v2/{NAME}/blobs/{blob}");
            let answer = connection.get(&target)?;
            expect(&answer, 200, &target)?;
            require(digest(&answer.body) == *blob, format!("{target} has other bytes"))?;
        }
        // The newest suffice: the others were looked at when they were new.
        for manifest in self.manifests.iter().rev().take(50) {
            let target = format!("/v2/{NAME}/manifests/{}", manifest.digest);
            let answer = connection.send("GET", &target, &[("Accept", MANIFEST)], Body::Sized(&[]))?;
            expect(&answer, 200, &target)?;
            require(answer.body == manifest.bytes, format!("{target} has other bytes"))?;
        }
        self.check_tag(connection)
    }

    fn check_tag(&mut self, connection: &mut Connection) -> Result<(), Stop> {
        let last_certain = self.moves.values().filter_map(|moved| Some((moved.acknowledged?, moved.began))).max();
        let target = format!("/v2/{NAME}/manifests/{TAG}");
        let answer = connection.send("GET", &target, &[("Accept", MANIFEST)], Body::Sized(&[]))?;
        if answer.status == 404 && last_certain.is_none() {
            return Ok(());
        }
        expect(&answer, 200, &target)?;
        let found = digest(&answer.body);
        let moved = self.moves.remove(&found);
        let Some(moved) = moved else {
            return Err(Stop::Failed(anyhow::anyhow!("{target} is {found}, which nobody moved it to")));
        };
        // It must not have been overwritten for certain: by a move that began after this one was acknowledged.
        let overwritten = moved.acknowledged.is_some_and(|acknowledged| {
            self.moves.values().any(|other| other.acknowledged.is_some() && other.began > acknowledged)
        });
        require(!overwritten, format!("{target} is {found}, an earlier value than one that was acknowledged"))?;
        self.clock += 1;
        self.moves = BTreeMap::from([(found, Move { began: moved.began, acknowledged: Some(self.clock) })]);
        Ok(())
    }
}

fn require(holds: bool, otherwise: String) -> Result<(), Stop> {
    (|| {
        ensure!(holds, otherwise);
        Ok(())
    })()
    .map_err(Stop::Failed)
}

/// A client that fails ends the run, so what it held is of no use to the others.
fn lock(shared: &Mutex<Shared>) -> MutexGuard<'_, Shared> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}
