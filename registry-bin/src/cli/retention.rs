//! `registry retention`: delete what the rules do not keep.

use std::io::{self, Write as _};

use registry_core::registry::{RetentionMode, Unkept};
use registry_core::store::Timestamp;

use super::{Environment, Source};
use crate::{command, retention};

pub(super) const EXAMPLES: &str = "\
Examples:
  registry retention --dry-run config.yml   show what the rules do not keep
  registry retention config.yml             delete it

With an embedded database, the server has to be stopped meanwhile; it applies the rules itself if `retention.enabled`.";

#[derive(Debug, clap::Args)]
pub(super) struct RetentionCommand {
    /// Only show what would be deleted
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    source: Source,
}

impl RetentionCommand {
    pub(super) fn run(self, environment: &Environment) -> anyhow::Result<()> {
        let config = environment.load(&self.source)?.config;
        let policy = retention::policy(&config.retention)?;
        let (mode, deleted) = match self.dry_run {
            true => (RetentionMode::DryRun, "would be deleted"),
            false => (RetentionMode::Delete, "deleted"),
        };
        let mut written = Ok(());
        let total = command::with_registry(&config, async |registry| {
            let mut show = |unkept: Unkept<'_>| {
                if written.is_ok() {
                    written = match unkept {
                        Unkept::Tag(repository, tag) => writeln!(io::stdout(), "{repository}:{tag}"),
                        Unkept::Manifest(repository, digest) => writeln!(io::stdout(), "{repository}@{digest}"),
                    };
                }
            };
            Ok(registry.apply_retention(&policy, Timestamp::now(), mode, &mut show).await?)
        })?;
        written?;
        Ok(writeln!(
            io::stderr(),
            "{} tags and {} manifests {deleted} in {} repositories that there is a rule for",
            total.tags,
            total.manifests,
            total.repositories
        )?)
    }
}
