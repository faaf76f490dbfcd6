//! Differences on their way into the table.

use std::iter::repeat_n;

use mysql_async::prelude::Queryable as _;
use mysql_async::{Conn, Error, Params, Value};
use registry_core::protocol::reference::RepositoryName;
use registry_core::store::Timestamp;

use super::CatalogTableReport;

/// How many names one statement has at most.
const BATCH: usize = 500;

/// Those that are not written yet, and how many there were.
#[derive(Default)]
pub(super) struct Changes {
    added: Vec<RepositoryName>,
    removed: Vec<Vec<u8>>,
    report: CatalogTableReport,
}

impl Changes {
    pub(super) fn add(&mut self, name: Option<RepositoryName>) {
        self.added.extend(name);
    }

    pub(super) fn remove(&mut self, name: Option<Vec<u8>>) {
        self.removed.extend(name);
    }

    pub(super) fn are_many(&self) -> bool {
        self.added.len() >= BATCH || self.removed.len() >= BATCH
    }

    pub(super) fn report(&self) -> CatalogTableReport {
        self.report
    }

    /// Writes them. First what goes: a column that does not tell capitals may keep the new name out until then.
    pub(super) async fn write(&mut self, connection: &mut Conn) -> Result<(), Error> {
        if !self.removed.is_empty() {
            let places = repeat_n("?", self.removed.len()).collect::<Vec<_>>().join(", ");
            let names = self.removed.iter().map(Value::from).collect();
            let delete = format!("DELETE FROM repositories WHERE name IN ({places})");
            connection.exec_drop(delete, Params::Positional(names)).await?;
            self.report.removed += self.removed.len() as u64;
            self.removed.clear();
        }
        if !self.added.is_empty() {
            let now_seconds = Timestamp::now().as_micros() / 1_000_000;
            let rows = repeat_n("(?, ?)", self.added.len()).collect::<Vec<_>>().join(", ");
            let values = self.added.iter().flat_map(|name| [Value::from(name.as_str()), Value::from(now_seconds)]);
            // Another registry may have been faster.
            let insert = format!(
                "INSERT INTO repositories (name, createTime) VALUES {rows} ON DUPLICATE KEY UPDATE name = repositories.name"
            );
            connection.exec_drop(insert, Params::Positional(values.collect())).await?;
            self.report.added += self.added.len() as u64;
            self.added.clear();
        }
        Ok(())
    }
}
