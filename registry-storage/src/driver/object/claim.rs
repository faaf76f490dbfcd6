//! Writing an object where there is none, for stores that know no such condition.
//!
//! Whoever wants to write puts a *claim* beside the object, and then lists the claims. Who finds only the own one has the
//! turn for as long as it is there, since everybody who comes later finds it. Of several who find each other, all
//! but the one whose claim has the least name withdraw theirs. So one at a time looks whether there is an object, and
//! writes one if there is none.
//!
//! ```text
//! <directory>/_claims/<name>/<uuid>    somebody is about to write <directory>/<name>, or was killed meanwhile
//! ```
//!
//! This takes a store whose lists have all that was written before. The claim of who was killed runs out, by the store's own
//! clock, long after anybody gives up who has the turn.

use std::time::Duration;

use bytes::Bytes;
use registry_core::store::StoreErrorKind;
use tokio::time::Instant;

use super::backend::Backend;
use super::error::Failure;
use super::objects::Purpose;
use crate::error::DriverError;
use crate::path::StoragePath;

/// How long somebody waits for the turn.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long somebody who has it may take.
const TURN: Duration = Duration::from_secs(120);
/// How long a claim counts.
const LIFETIME: Duration = Duration::from_secs(600);
/// How long is waited at least before looking again.
const PAUSE: Duration = Duration::from_millis(50);

/// Does for a backend what [`put_new`](super::objects::Objects::put_new) is to do.
pub(crate) async fn put_new(backend: &impl Backend, path: &StoragePath, body: Bytes) -> Result<(), Failure> {
    let until = Instant::now() + PATIENCE;
    loop {
        is_missing(backend, path).await?;
        let claim = Claim::make(backend, path).await?;
        let has_the_turn = claim.wait(backend, until).await;
        let written = match has_the_turn {
            Ok(true) => Some(write(backend, path, body.clone()).await),
            Ok(false) => None,
            Err(failure) => Some(Err(failure)),
        };
        let withdrawn = backend.delete(&claim.own).await;
        if let Some(written) = written {
            return written.and(withdrawn);
        }
        withdrawn?;
        pause(backend, path, until).await?;
    }
}

/// Makes sure that there is no object.
async fn is_missing(backend: &impl Backend, path: &StoragePath) -> Result<(), Failure> {
    match backend.head(path).await? {
        None => Ok(()),
        Some(_) => {
            let why = "there is one already";
            Err(DriverError::new(StoreErrorKind::AlreadyExists, "write", backend.key(path), why).into())
        }
    }
}

/// Writes what nobody else can write meanwhile.
async fn write(backend: &impl Backend, path: &StoragePath, body: Bytes) -> Result<(), Failure> {
    let written = async {
        is_missing(backend, path).await?;
        backend.put(path, body, Purpose::File, None).await
    };
    let late =
        |_| DriverError::new(StoreErrorKind::Unavailable, "write", backend.key(path), "it takes too long").into();
    tokio::time::timeout(TURN, written).await.unwrap_or_else(|elapsed| Err(late(elapsed)))
}

/// Waits a moment, if there is time for that.
async fn pause(backend: &impl Backend, path: &StoragePath, until: Instant) -> Result<(), Failure> {
    if Instant::now() >= until {
        let (seconds, minutes) = (PATIENCE.as_secs(), LIFETIME.as_secs() / 60);
        let why = format!(
            "others are about to write it, and did not within {seconds} s; if they were killed, it can be written in \
             {minutes} minutes"
        );
        return Err(DriverError::new(StoreErrorKind::Unavailable, "write", backend.key(path), why).into());
    }
    tokio::time::sleep(PAUSE.mul_f64(1.0 + fastrand::f64())).await;
    Ok(())
}

/// That somebody is about to write an object.
struct Claim {
    /// Where the claims to the same object are.
    directory: StoragePath,
    own: StoragePath,
}

impl Claim {
    async fn make(backend: &impl Backend, path: &StoragePath) -> Result<Self, Failure> {
        let (parent, name) = path.as_str().rsplit_once('/').unwrap_or_default();
        let claims = format!("{parent}/_claims/{name}");
        let valid = |text: String| text.parse().expect("the path is short, and valid components were added");
        let own = format!("{claims}/{}", uuid::Uuid::new_v4().simple());
        let claim = Self { directory: valid(claims), own: valid(own) };
        backend.put(&claim.own, Bytes::new(), Purpose::Checkpoint, None).await?;
        Ok(claim)
    }

    /// Waits until this is the only claim, as long as it is the first. Returns whether it is the only one.
    async fn wait(&self, backend: &impl Backend, until: Instant) -> Result<bool, Failure> {
        loop {
            let page = backend.list(&self.directory, None, None, backend.limits().at_once).await?;
            let Some(own) = page.objects.iter().find(|claim| claim.path == self.own) else { return Ok(false) };
            let mut others = page.next.is_some();
            for other in page.objects.iter().filter(|claim| claim.path != self.own) {
                if other.modified_at.plus(LIFETIME) < own.modified_at {
                    backend.delete(&other.path).await?;
                } else if other.path < self.own {
                    return Ok(false);
                } else {
                    others = true;
                }
            }
            if !others {
                return Ok(true);
            }
            pause(backend, &self.own, until).await?;
        }
    }
}
