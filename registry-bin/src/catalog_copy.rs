//! Keeping a copy of the list of repositories for other programs, beside what the registry serves.
//!
//! The copy follows the catalog at intervals. Nobody who pushes waits for it, and after a time in which it could not be
//! written it is made right as a whole.

mod file;

use std::error::Error;
use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use registry_core::store::MetadataStore;
use registry_db::CatalogTable;
use tokio::time::{MissedTickBehavior, interval};

pub(crate) use self::file::CatalogFile;

/// The shortest time between two comparisons.
const SHORTEST_INTERVAL: Duration = Duration::from_secs(1);

/// Where the copy is.
#[derive(Debug)]
pub(crate) enum CatalogCopy {
    /// In a table.
    Table(CatalogTable),
    /// In a file.
    File(CatalogFile),
}

impl CatalogCopy {
    async fn update(&mut self, metadata: &Arc<dyn MetadataStore>) -> Result<(), Box<dyn Error + Send + Sync>> {
        match self {
            Self::Table(table) => {
                let report = table.update(&**metadata).await?;
                tracing::debug!(report.added, report.removed, "the copy of the list of repositories is up to date");
            }
            Self::File(file) => file.update(&**metadata).await?,
        }
        Ok(())
    }
}

/// Keeps the copy up to date, until dropped. Of failures in a row only the first is an error in the log.
pub(crate) async fn keep(copy: Option<CatalogCopy>, metadata: Arc<dyn MetadataStore>, every: Duration) {
    let Some(mut copy) = copy else { return pending().await };
    let mut ticks = interval(every.max(SHORTEST_INTERVAL));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut is_behind = false;
    loop {
        ticks.tick().await;
        match copy.update(&metadata).await {
            Ok(()) if is_behind => tracing::info!("the copy of the list of repositories is up to date again"),
            Ok(()) => {}
            Err(error) => {
                let (error, text) =
                    (&*error as &(dyn Error + 'static), "the copy of the list of repositories is behind");
                if is_behind {
                    tracing::debug!(error, "{text}; trying again later");
                } else {
                    tracing::error!(error, "{text}; trying again at intervals");
                }
                is_behind = true;
                continue;
            }
        }
        is_behind = false;
    }
}
