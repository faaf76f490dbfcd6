//! `registry storage`: what concerns the storage as a whole.

use std::io::{self, Write as _};

use anyhow::Context as _;
use registry_core::registry::take_over_storage;

use crate::config::Config;
use crate::wire;

/// Lets the database of a configuration have its storage, and no other.
pub(crate) fn take_over(config: &Config) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let stores = wire::stores(config).await?;
        let identity = take_over_storage(&*wire::identity_store(&stores.driver), &*stores.metadata)
            .await
            .context("taking over the storage")?;
        if let Some(replicate) = &config.storage.replicate {
            wire::take_over_replica(replicate, &*stores.metadata).await.context("taking over the second store")?;
        }
        let text = "the storage belongs to this database now, with the identity";
        Ok(writeln!(io::stdout(), "{text} {identity}")?)
    })
}
