//! `registry backup`: a copy of the embedded database, taken by hand.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use futures::TryStreamExt as _;
use registry_core::registry::SnapshotOutcome;
use registry_core::store::snapshot::Snapshot;

use crate::config::Config;
use crate::wire;

/// Copies the database into a file, or else into the storage.
pub(crate) fn run(config: &Config, to: Option<&Path>) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let source = wire::snapshot_source(config)?;
        let told = match to {
            Some(file) => {
                let snapshot = source.snapshot().await?;
                let digest = snapshot.name.digest;
                write(snapshot, file).await.with_context(|| format!("writing `{}`", file.display()))?;
                format!("the database is copied to `{}`, with the digest {digest}", file.display())
            }
            None => {
                let driver = wire::driver(&config.storage).await.context("opening the storage")?;
                match wire::snapshots_into(config, source, &driver).take().await? {
                    SnapshotOutcome::Kept(name) => format!("the database is copied to the storage, as snapshot {name}"),
                    SnapshotOutcome::Unchanged => "the database has not changed since the last snapshot".to_owned(),
                }
            }
        };
        Ok(writeln!(io::stdout(), "{told}")?)
    })
}

/// Writes a copy to a file, which appears whole, durably, and for its owner alone: a database has secrets.
async fn write(mut snapshot: Snapshot, file: &Path) -> anyhow::Result<()> {
    let temporary = beside(file);
    let written = async {
        let mut copy = OpenOptions::new().create(true).truncate(true).write(true).mode(0o600).open(&temporary)?;
        while let Some(piece) = snapshot.content.try_next().await? {
            copy.write_all(&piece)?;
        }
        copy.sync_all()?;
        fs::rename(&temporary, file)?;
        let directory = file.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        Ok(fs::File::open(directory)?.sync_all()?)
    };
    let written = written.await;
    if written.is_err() {
        // The first error is the one to tell.
        let _ = fs::remove_file(&temporary);
    }
    written
}

fn beside(file: &Path) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(".tmp");
    name.into()
}
