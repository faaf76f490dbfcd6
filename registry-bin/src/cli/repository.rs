//! `registry repository`: repositories as a whole.

use std::io::{self, Write as _};

use clap::Subcommand;
use registry_core::protocol::reference::RepositoryName;

use super::{Environment, Source};
use crate::command;

pub(super) const EXAMPLES: &str = "\
Examples:
  registry repository usage library/app config.yml    how many manifests, tags and bytes it has
  registry repository delete library/app config.yml   delete it with all that is in it, for good

With an embedded database, the server has to be stopped meanwhile.";

#[derive(Debug, Subcommand)]
pub(super) enum RepositoryCommand {
    /// Show how much there is in a repository
    Usage {
        /// The repository
        #[arg(value_name = "REPO")]
        name: RepositoryName,
        #[command(flatten)]
        source: Source,
    },
    /// Delete a repository with all that is in it: none of its tags can be restored
    Delete {
        /// The repository
        #[arg(value_name = "REPO")]
        name: RepositoryName,
        #[command(flatten)]
        source: Source,
    },
}

impl RepositoryCommand {
    pub(super) fn run(self, environment: &Environment) -> anyhow::Result<()> {
        match self {
            Self::Usage { name, source } => {
                let config = environment.load(&source)?.config;
                let usage =
                    command::with_registry(&config, async |registry| Ok(registry.repository_usage(&name).await?))?;
                let mut stdout = io::stdout().lock();
                writeln!(stdout, "manifests      {}", usage.manifests)?;
                writeln!(stdout, "tags           {}", usage.tags)?;
                writeln!(stdout, "logical bytes  {}", usage.logical_bytes)?;
                Ok(writeln!(stdout, "unique bytes   {}", usage.unique_bytes)?)
            }
            Self::Delete { name, source } => {
                let mut config = environment.load(&source)?.config;
                // The key is about clients.
                config.storage.delete.enabled = true;
                command::with_registry(&config, async |registry| Ok(registry.delete_repository(&name).await?))?;
                Ok(writeln!(io::stdout(), "{name} deleted")?)
            }
        }
    }
}
