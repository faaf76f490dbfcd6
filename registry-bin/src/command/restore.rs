//! `registry restore`: a copy of the embedded database, put back.

use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use futures::TryStreamExt as _;
use registry_core::store::identity::IdentityStore;
use registry_core::store::snapshot::{KeptSnapshot, SnapshotName, SnapshotStore};
use registry_db::{Restore, Restored};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::config::Config;
use crate::wire;

/// What is put back.
#[derive(Debug, Clone)]
pub(crate) enum Source {
    File(PathBuf),
    Latest,
    Snapshot(SnapshotName),
}

/// Prints the snapshots in the storage, the newest first.
pub(crate) fn list(config: &Config) -> anyhow::Result<()> {
    block_on(async {
        let driver = wire::driver(&config.storage).await.context("opening the storage")?;
        let mut stdout = io::stdout().lock();
        for snapshot in wire::snapshot_store(&driver).snapshots().await? {
            writeln!(stdout, "{}  {:>12}  {}", taken_at(&snapshot.name)?, snapshot.size_bytes, snapshot.name)?;
        }
        Ok(())
    })
}

/// Puts a copy in the place of the database.
pub(crate) fn run(config: &Config, source: &Source) -> anyhow::Result<()> {
    block_on(async {
        let driver = wire::driver(&config.storage).await.context("opening the storage")?;
        let mut restore = wire::restore(config)?;
        let (restored, what) = match source {
            Source::File(file) => {
                read_file(&mut restore, file).with_context(|| format!("reading `{}`", file.display()))?;
                (restore.finish(None)?, format!("file `{}`", file.display()))
            }
            Source::Latest | Source::Snapshot(_) => {
                let snapshots = wire::snapshot_store(&driver);
                let snapshot = choose(&*snapshots, source).await?;
                let mut content = snapshots.read_snapshot(&snapshot).await?;
                while let Some(piece) = content.try_next().await? {
                    restore.write(&piece)?;
                }
                let name = snapshot.name;
                (restore.finish(Some(&name.digest))?, format!("snapshot {name} of {}", taken_at(&name)?))
            }
        };
        tell(&restored, &what, &*wire::identity_store(&driver)).await
    })
}

fn block_on(done: impl Future<Output = anyhow::Result<()>>) -> anyhow::Result<()> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(done)
}

fn read_file(restore: &mut Restore, file: &Path) -> anyhow::Result<()> {
    let mut file = File::open(file)?;
    let mut piece = vec![0; 1024 * 1024];
    loop {
        match file.read(&mut piece)? {
            0 => return Ok(()),
            piece_bytes => restore.write(&piece[..piece_bytes])?,
        }
    }
}

async fn choose(snapshots: &dyn SnapshotStore, source: &Source) -> anyhow::Result<KeptSnapshot> {
    let kept = snapshots.snapshots().await?;
    let chosen = match source {
        Source::Snapshot(name) => kept.iter().find(|snapshot| snapshot.name == *name),
        _ => kept.first(),
    };
    chosen
        .copied()
        .context("the storage has no such snapshot; `registry restore CONFIG --list` names those that it has")
}

fn taken_at(name: &SnapshotName) -> anyhow::Result<String> {
    let nanoseconds = i128::from(name.taken_at.as_micros() / 1_000_000) * 1_000_000_000;
    Ok(OffsetDateTime::from_unix_timestamp_nanos(nanoseconds)?.format(&Rfc3339)?)
}

/// Says what was done, and what is left to do.
async fn tell(restored: &Restored, what: &str, identity: &dyn IdentityStore) -> anyhow::Result<()> {
    let mut stdout = io::stdout().lock();
    writeln!(stdout, "the database is restored from {what}")?;
    if let Some(previous) = &restored.previous {
        writeln!(stdout, "the one that was there before is kept at `{}`", previous.display())?;
    }
    let storage = identity.identity().await?;
    if storage.is_some() && storage != restored.identity {
        writeln!(stdout, "it belongs to another storage; `registry storage take-over CONFIG` lets it have this one")?;
    }
    writeln!(
        stdout,
        "what was pushed since it was taken is unknown to it, and what was deleted since may be missing from the storage; \
         `registry fsck CONFIG` names both"
    )?;
    Ok(())
}
