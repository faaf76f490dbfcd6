//! `registry storage`: the storage as a whole.

use std::io::{self, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Subcommand;
use registry_core::registry::CopyOptions;

use super::{Environment, NOT_COMPARED, Source, compared};
use crate::{command, scrub};

/// What a copy ends with that left something out.
const INCOMPLETE: u8 = 1;

pub(super) const EXAMPLES: &str = "\
Examples:
  registry storage copy old.yml new.yml            copy all blobs, also while a server uses the first storage
  registry storage copy --finish old.yml new.yml   copy the rest once it has stopped, and let the database have the second
  registry storage replication config.yml          how far the second copies of `storage.replicate` are behind
  registry storage take-over config.yml            let the database have the storage that the configuration names";

const COPY_HELP: &str = "\
REGISTRY_ variables have no effect, since they would set the same in both configurations.

Exit status: 0 if everything was copied, 1 if something is damaged or missing, 2 for a failure.";

const REPLICATION_HELP: &str = "\
Exit status: 0 if nothing is behind, 1 if something is, 2 for a failure.";

#[derive(Debug, Subcommand)]
pub(super) enum StorageCommand {
    /// Copy a storage to another one, with another driver or the same
    #[command(after_help = COPY_HELP)]
    Copy(Copy),
    /// Show how far the second copies of blobs are behind, and what failed
    #[command(after_help = REPLICATION_HELP)]
    Replication {
        #[command(flatten)]
        source: Source,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Let the database of the configuration have the storage, whatever they were used with before
    TakeOver(Source),
}

#[derive(Debug, clap::Args)]
pub(super) struct Copy {
    /// The configuration of the storage that is copied
    #[arg(value_name = "FROM")]
    from: PathBuf,
    /// The configuration with the storage that it is copied to
    #[arg(value_name = "TO")]
    to: PathBuf,
    /// Also make sure that nothing is missing, and let the database be used with the second storage; no server may run
    #[arg(long)]
    finish: bool,
    /// Read the blobs that are there already, and copy those again that do not have their digest
    #[arg(long)]
    verify: bool,
    /// How many blobs are copied at the same time
    #[arg(long, value_name = "COUNT", default_value_t = 4, value_parser = clap::value_parser!(u8).range(1..=64))]
    parallelism: u8,
    /// Read no more than this in a second [default: as fast as it goes]
    #[arg(long, value_name = "BYTES", value_parser = clap::value_parser!(u64).range(scrub::SLOWEST..))]
    rate: Option<u64>,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

impl StorageCommand {
    pub(super) fn run(self, environment: &Environment) -> anyhow::Result<ExitCode> {
        Ok(match self {
            Self::Copy(copy) => copy.run(environment),
            Self::Replication { source, json } => {
                compared(environment, &source, |config| command::replication::run(config, json))
            }
            Self::TakeOver(source) => {
                command::storage::take_over(&environment.load(&source)?.config)?;
                ExitCode::SUCCESS
            }
        })
    }
}

impl Copy {
    fn run(&self, environment: &Environment) -> ExitCode {
        let copied = || {
            let (from, to) = (environment.load_alone(&self.from)?.config, environment.load_alone(&self.to)?.config);
            let arguments = command::storage_copy::Arguments {
                finish: self.finish,
                rate: self.rate,
                json: self.json,
                options: CopyOptions { parallelism: self.parallelism.into(), verify: self.verify },
            };
            command::storage_copy::run(&from, &to, &arguments)
        };
        match copied() {
            Ok(true) => ExitCode::SUCCESS,
            Ok(false) => ExitCode::from(INCOMPLETE),
            Err(error) => {
                let _ = writeln!(io::stderr(), "{error:#}");
                ExitCode::from(NOT_COMPARED)
            }
        }
    }
}
