//! Whether whoever had the database last has recorded all that it put in place.
//!
//! Holds of blobs are not recorded here, since no other process needs to know of them. So that what a killed process held
//! is looked for, each process notes that it has the database, and takes that back at its end, if all its holds are settled.

use diesel::dsl::exists;
use diesel::prelude::*;
use registry_core::store::gc::BlobHolds;

use super::connection::{self, Connection};
use crate::schema::{blobs, settings};

/// The name of the setting.
const NAME: &str = "holds";
/// Nobody holds anything.
const SETTLED: &str = "settled";
/// A process has the database, or was killed.
const OPEN: &str = "open";

/// Notes that this process has the database, durably, and tells what is forgotten of those before it.
pub(super) fn begin(connection: &mut SqliteConnection) -> QueryResult<BlobHolds> {
    let noted: Option<String> = settings::table.find(NAME).select(settings::value).get_result(connection).optional()?;
    let is_settled = match noted.as_deref() {
        Some(noted) => noted == SETTLED,
        // Nobody noted anything in a database that is new, or of an older release.
        None => !diesel::select(exists(blobs::table.select(blobs::id))).get_result::<bool>(connection)?,
    };
    note(connection, OPEN)?;
    Ok(if is_settled { BlobHolds::default() } else { BlobHolds::after_a_kill() })
}

/// Notes that all is recorded that was put in place.
pub(super) fn end(connection: &mut Connection) -> QueryResult<()> {
    connection::in_place(connection.spawn_blocking(|inner| note(inner, SETTLED)))
}

/// Has a copy say that nobody holds anything: what was put in place while it was made, or after, is not forgotten.
pub(super) fn end_in_copy(copy: &mut SqliteConnection) -> QueryResult<()> {
    note(copy, SETTLED)
}

fn note(connection: &mut SqliteConnection, value: &str) -> QueryResult<()> {
    diesel::insert_into(settings::table)
        .values((settings::name.eq(NAME), settings::value.eq(value)))
        .on_conflict(settings::name)
        .do_update()
        .set(settings::value.eq(value))
        .execute(connection)
        .map(drop)
}
