//! What is known of a repository that is gone through.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::Tally;
use super::adopter::{Adopted, Failure};
use super::problem::Problem;
use crate::protocol::digest::Digest;
use crate::protocol::reference::RepositoryName;
use crate::store::import::AdoptOutcome;

/// A repository, and what was found out about it before.
#[derive(Debug)]
pub(crate) struct Scope<'a> {
    pub(crate) repository: &'a RepositoryName,
    findings: Mutex<Findings>,
}

#[derive(Debug, Default)]
struct Findings {
    known: HashMap<(Kind, Digest), Known>,
    tally: Tally,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Kind {
    Blob,
    Manifest,
}

#[derive(Debug, Clone)]
enum Known {
    Adopted,
    Kept,
    Damaged(String),
}

impl<'a> Scope<'a> {
    pub(crate) fn new(repository: &'a RepositoryName) -> Self {
        Self { repository, findings: Mutex::default() }
    }

    /// Returns what was counted so far. Everything is counted once.
    pub(super) fn tally(&self) -> Tally {
        self.findings().tally
    }

    /// Returns what became of something when its turn came before.
    pub(super) fn known(&self, kind: Kind, digest: &Digest) -> Option<Adopted> {
        Some(match self.findings().known.get(&(kind, *digest))? {
            Known::Adopted | Known::Kept => Ok(Some(AdoptOutcome::Kept)),
            Known::Damaged(reason) => Err(Failure::Skip(Problem::Known(reason.clone()))),
        })
    }

    pub(super) fn note(&self, kind: Kind, digest: &Digest, adopted: &Adopted) {
        let known = match adopted {
            Ok(Some(AdoptOutcome::Adopted)) => Known::Adopted,
            Ok(Some(AdoptOutcome::Kept)) => Known::Kept,
            Err(Failure::Skip(problem)) => Known::Damaged(problem.line()),
            _ => return,
        };
        let findings = &mut *self.findings();
        let counts = match kind {
            Kind::Blob => &mut findings.tally.blobs,
            Kind::Manifest => &mut findings.tally.manifests,
        };
        match (findings.known.get(&(kind, *digest)), &known) {
            (None, Known::Adopted) => counts.adopted += 1,
            (None, Known::Kept) => counts.kept += 1,
            (None, Known::Damaged(_)) => {}
            // Of two that had it in hand at the same time, the other has found what this one adopted.
            (Some(Known::Kept), Known::Adopted) => {
                counts.kept -= 1;
                counts.adopted += 1;
            }
            (Some(_), _) => return,
        }
        findings.known.insert((kind, *digest), known);
    }

    pub(super) fn count_bytes(&self, digest: &Digest, size_bytes: u64) {
        let findings = &mut *self.findings();
        if !findings.known.contains_key(&(Kind::Blob, *digest)) {
            findings.tally.blob_bytes += size_bytes;
        }
    }

    pub(super) fn note_tag(&self, adopted: &Adopted) {
        let counts = &mut self.findings().tally.tags;
        match adopted {
            Ok(Some(AdoptOutcome::Adopted)) => counts.adopted += 1,
            Ok(Some(AdoptOutcome::Kept)) => counts.kept += 1,
            _ => {}
        }
    }

    fn findings(&self) -> MutexGuard<'_, Findings> {
        self.findings.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
