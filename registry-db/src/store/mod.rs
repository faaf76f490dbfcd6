//! The port, written once and compiled for each database.
//!
//! Every method is a call of `read` or `write` with plain functions over a connection; in what words databases differ,
//! they come from the `dialect` beside this module. A transaction locks in one order, so that two of them do not wait
//! for each other: displaced bytes, the upload, blobs by digest, the repository, its manifest, the repository's and the namespace's figures,
//! review rows by id, second copies.

mod blob;
mod displaced;
mod explanation;
mod gc;
mod history;
mod import;
mod manifest;
mod record;
mod referrer;
mod removal;
pub(super) mod replication;
mod repository;
mod review;
mod setting;
mod tag;
pub(super) mod upload;
mod usage;

use super::dialect;

/// Returns a limit as the database counts.
fn rows(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}
