//! The migrations of the embedded database.

use std::path::Path;

use diesel::sqlite::{Sqlite, SqliteConnection};
use diesel_migrations::{EmbeddedMigrations, embed_migrations};

use crate::error::OpenError;
use crate::migration;

pub(super) const MIGRATIONS: EmbeddedMigrations = embed_migrations!("migrations/sqlite");

/// Brings the schema up to date.
pub(super) fn run(connection: &mut SqliteConnection, path: &Path) -> Result<(), OpenError> {
    migration::run::<_, Sqlite>(connection, MIGRATIONS, &path.display().to_string())
}

#[cfg(test)]
mod tests {
    use diesel::prelude::*;
    use diesel_migrations::MigrationHarness as _;

    use super::*;

    #[derive(Debug, PartialEq, QueryableByName)]
    struct Object {
        #[diesel(sql_type = diesel::sql_types::Text)]
        name: String,
        #[diesel(sql_type = diesel::sql_types::Nullable<diesel::sql_types::Text>)]
        sql: Option<String>,
    }

    fn schema(connection: &mut SqliteConnection) -> Vec<Object> {
        diesel::sql_query("SELECT name, sql FROM sqlite_schema ORDER BY name").load(connection).unwrap()
    }

    #[test]
    fn every_migration_can_be_undone_and_done_again() {
        let mut connection = SqliteConnection::establish(":memory:").unwrap();
        let path = Path::new("test");
        run(&mut connection, path).unwrap();
        let done = schema(&mut connection);
        assert!(done.iter().any(|object| object.name == "manifests_by_subject"), "{done:?}");

        connection.revert_all_migrations(MIGRATIONS).unwrap();
        let left = schema(&mut connection);
        assert!(left.iter().all(|object| object.name.contains("__diesel_schema_migrations")), "{left:?}");

        run(&mut connection, path).unwrap();
        assert_eq!(schema(&mut connection), done);
        run(&mut connection, path).unwrap();
        assert_eq!(schema(&mut connection), done, "a migration runs once");
    }

    #[test]
    fn a_start_that_was_interrupted_is_made_good_by_the_next() {
        let mut connection = SqliteConnection::establish(":memory:").unwrap();
        let interrupted: QueryResult<()> = connection.immediate_transaction(|connection| {
            run(connection, Path::new("test")).unwrap();
            Err(diesel::result::Error::RollbackTransaction)
        });
        interrupted.unwrap_err();
        assert_eq!(schema(&mut connection), []);
        run(&mut connection, Path::new("test")).unwrap();
    }
}
