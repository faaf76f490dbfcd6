//! Brings a schema up to date.

use std::collections::BTreeSet;
use std::error::Error;

use diesel::backend::Backend;
use diesel::migration::{Migration, MigrationSource, MigrationVersion};
use diesel_migrations::{EmbeddedMigrations, MigrationHarness};

use crate::error::OpenError;

/// Runs the migrations that have not run yet, each in a transaction of its own: after a crash the next start goes on
/// with the first that is missing.
///
/// Nobody else may do the same at the same time.
pub(crate) fn run<C, DB>(connection: &mut C, migrations: EmbeddedMigrations, database: &str) -> Result<(), OpenError>
where
    C: MigrationHarness<DB>,
    DB: Backend,
{
    let failed = |source: Box<dyn Error + Send + Sync>| OpenError::Migration { database: database.to_owned(), source };

    let known = MigrationSource::<DB>::migrations(&migrations).map_err(failed)?;
    let known: BTreeSet<_> = known.iter().map(|migration| migration.name().version().as_owned()).collect();
    let mut applied: Vec<MigrationVersion<'_>> = connection.applied_migrations().map_err(failed)?;
    applied.sort();
    if let Some(version) = applied.into_iter().find(|version| !known.contains(version)) {
        return Err(OpenError::Newer { database: database.to_owned(), version: version.to_string() });
    }

    for version in connection.run_pending_migrations(migrations).map_err(failed)? {
        tracing::info!(%database, %version, "migrated the database");
    }
    Ok(())
}
