//! Brings the schema up to date.

use std::collections::BTreeSet;
use std::error::Error;
use std::path::Path;

use diesel::migration::{Migration, MigrationSource, MigrationVersion};
use diesel::sqlite::{Sqlite, SqliteConnection};
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};

use crate::error::OpenError;

pub(super) const MIGRATIONS: EmbeddedMigrations = embed_migrations!("migrations/sqlite");

/// Runs the migrations that have not run yet, each in a transaction of its own: after a crash the next start goes on
/// with the first that is missing.
pub(super) fn run(connection: &mut SqliteConnection, path: &Path) -> Result<(), OpenError> {
    let failed = |source: Box<dyn Error + Send + Sync>| OpenError::Migration { path: path.to_owned(), source };

    let known = MigrationSource::<Sqlite>::migrations(&MIGRATIONS).map_err(failed)?;
    let known: BTreeSet<_> = known.iter().map(|migration| migration.name().version().as_owned()).collect();
    let mut applied: Vec<MigrationVersion<'_>> = connection.applied_migrations().map_err(failed)?;
    applied.sort();
    if let Some(version) = applied.into_iter().find(|version| !known.contains(version)) {
        return Err(OpenError::Newer { path: path.to_owned(), version: version.to_string() });
    }

    for version in connection.run_pending_migrations(MIGRATIONS).map_err(failed)? {
        tracing::info!(database = %path.display(), %version, "migrated the database");
    }
    Ok(())
}
