//! The command line.

mod repository;
mod retention;
mod storage;
mod tag;

use std::ffi::OsString;
use std::io::{self, IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{ArgAction, CommandFactory as _, Parser, Subcommand};
use clap_complete::Shell;
use registry_core::import::ImportOptions;
use registry_core::protocol::digest::Digest;
use registry_core::protocol::reference::RepositoryName;
use registry_core::registry::ScrubOptions;
use registry_core::store::snapshot::SnapshotName;

use self::repository::RepositoryCommand;
use self::retention::RetentionCommand;
use self::storage::StorageCommand;
use self::tag::TagCommand;
use crate::command;
use crate::config::{self, Config, ConfigError, Loaded};
use crate::{scrub, telemetry};

/// What a process ends with when something failed.
const FAILURE: u8 = 1;
/// What a process ends with when the command line or the configuration is wrong.
const USAGE: u8 = 2;
/// What a comparison ends with that found differences.
const DIFFERENCES: u8 = 1;
/// What a comparison ends with that could not be made.
const NOT_COMPARED: u8 = 2;

/// What an import ends with that left something out.
const SKIPPED: u8 = 1;
/// What an import ends with that did not come to its end.
const IMPORT_FAILURE: u8 = 2;

const EXAMPLES: &str = "\
Examples:
  registry serve                           serve from ./registry-data on 127.0.0.1:5000
  registry serve /etc/registry/config.yml  serve as a file says
  REGISTRY_HTTP_ADDR=:5000 registry serve  override a key of the configuration
  registry config check config.yml         look for mistakes without serving

Exit status: 0 for success, 1 for a failure, 2 for a wrong command line or configuration.";

const CONFIG_EXAMPLES: &str = "\
Examples:
  registry config check config.yml         name every mistake, with its line
  registry config print config.yml         show what is in effect, defaults and variables included
  registry config schema > schema.json     let an editor check and complete the file
  registry config env | grep TLS           find the variable for a key";

const IMPORT_EXAMPLES: &str = "\
Examples:
  registry import --dry-run config.yml             find out what there is, and what of it is damaged
  registry import --log import.log config.yml      record all that the storage has in the database
  registry import --resume config.yml              go on after an import was stopped

Exit status: 0 if everything was imported, 1 if some things were skipped, 2 for a failure.";

const GARBAGE_COLLECT_EXAMPLES: &str = "\
Examples:
  registry garbage-collect --dry-run config.yml              show what would go
  registry garbage-collect --delete-untagged config.yml      also delete manifests that have no tag
  registry garbage-collect --explain sha256:... config.yml   say why something is kept, or when it goes

A registry that serves collects by itself. Nothing goes within the grace period of the configuration.";

const BACKUP_EXAMPLES: &str = "\
Examples:
  registry backup config.yml               into the storage, beside those that the server makes
  registry backup config.yml backup.db     into a file";

const RESTORE_EXAMPLES: &str = "\
Examples:
  registry restore config.yml --list       what there is to be restored
  registry restore config.yml --latest     the newest snapshot
  registry restore config.yml backup.db    a file";

const FSCK_HELP: &str = "\
Examples:
  registry fsck config.yml              name every difference
  registry fsck --repair config.yml     repair what can be repaired, and say what became of each

Exit status: 0 if database and storage agree, 1 if they did not, whether or not that was repaired, 2 if they could not be
compared.";

const SCRUB_HELP: &str = "\
Examples:
  registry scrub config.yml                       read everything
  registry scrub --rate 20000000 config.yml       at 20 MB a second
  registry scrub --resume config.yml              go on where the last one was stopped
  registry scrub --repository app config.yml      read what one repository has

Exit status: 0 if everything is whole, 1 if something is damaged, 2 if it could not be read.";

/// A container registry.
#[derive(Debug, Parser)]
#[command(name = "registry", version, disable_version_flag = true, after_help = EXAMPLES)]
struct Cli {
    /// Print the version
    #[arg(short = 'v', long, action = ArgAction::Version)]
    version: Option<bool>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve the registry until SIGTERM or SIGINT
    Serve(Source),
    /// Free what nothing refers to any more
    #[command(after_help = GARBAGE_COLLECT_EXAMPLES)]
    GarbageCollect(GarbageCollect),
    /// Take over the storage of distribution
    #[command(after_help = IMPORT_EXAMPLES)]
    Import(Import),
    /// Copy the embedded database, while it is served or not
    #[command(after_help = BACKUP_EXAMPLES)]
    Backup {
        #[command(flatten)]
        source: Source,
        /// Where the copy goes [default: into the storage, as a snapshot]
        #[arg(value_name = "FILE")]
        to: Option<PathBuf>,
    },
    /// Put a copy in the place of the embedded database, while it is not served
    #[command(after_help = RESTORE_EXAMPLES)]
    Restore(RestoreArguments),
    /// Compare the database with the storage, and name every difference
    #[command(after_help = FSCK_HELP)]
    Fsck {
        #[command(flatten)]
        source: Source,
        /// Repair what can be repaired without losing anything that somebody may need
        #[arg(long)]
        repair: bool,
        /// Change nothing, which is the rule
        #[arg(long, conflicts_with = "repair")]
        dry_run: bool,
        /// Print a line of JSON for each difference, and one for the result
        #[arg(long)]
        json: bool,
    },
    /// Read every blob and manifest, and quarantine what does not have its digest
    #[command(after_help = SCRUB_HELP)]
    Scrub(Scrub),
    /// Look after the storage as a whole
    #[command(subcommand, after_help = storage::EXAMPLES)]
    Storage(StorageCommand),
    /// Look at what tags pointed to, and point them to it again
    #[command(subcommand, after_help = tag::EXAMPLES)]
    Tag(TagCommand),
    /// Look at a repository as a whole, or delete it
    #[command(subcommand, after_help = repository::EXAMPLES)]
    Repository(RepositoryCommand),
    /// Delete the tags and untagged manifests that the rules do not keep
    #[command(after_help = retention::EXAMPLES)]
    Retention(RetentionCommand),
    /// Look at the configuration
    #[command(subcommand, after_help = CONFIG_EXAMPLES)]
    Config(ConfigCommand),
    /// Print the completions for a shell
    #[command(after_help = "Example:\n  registry completions bash > /etc/bash_completion.d/registry")]
    Completions {
        /// The shell
        shell: Shell,
    },
}

#[derive(Debug, Subcommand)]
enum ConfigCommand {
    /// Check the configuration, and name every mistake
    Check(Source),
    /// Print the configuration in effect, with secrets masked
    Print(Source),
    /// Print the JSON schema of the configuration
    Schema,
    /// Print the name of every environment variable, and the key that it sets
    Env,
}

#[derive(Debug, clap::Args)]
struct Import {
    /// Find out what would be imported, and write nothing; needs no database
    #[arg(long)]
    dry_run: bool,
    /// Leave out the repositories that an earlier import finished
    #[arg(long)]
    resume: bool,
    /// Point tags where the storage says, also those that were pushed to this registry
    #[arg(long)]
    overwrite: bool,
    /// Read every blob, and import only those that have their digest
    #[arg(long)]
    verify: bool,
    /// Import only this repository; may be repeated
    #[arg(long, value_name = "NAME")]
    repository: Vec<RepositoryName>,
    /// Append what was skipped, and the result, to this file
    #[arg(long, value_name = "FILE")]
    log: Option<PathBuf>,
    #[command(flatten)]
    source: Source,
}

impl Import {
    fn run(self, environment: &Environment) -> ExitCode {
        let arguments = command::import::Arguments {
            dry_run: self.dry_run,
            log: self.log,
            options: ImportOptions {
                resume: self.resume,
                overwrite: self.overwrite,
                verify: self.verify,
                repositories: self.repository,
            },
        };
        let imported = environment.load(&self.source).map_err(anyhow::Error::from);
        match imported.and_then(|loaded| command::import::run(&loaded.config, arguments)) {
            Ok(0) => ExitCode::SUCCESS,
            Ok(_) => ExitCode::from(SKIPPED),
            Err(error) => {
                let _ = writeln!(io::stderr(), "{error:#}");
                ExitCode::from(IMPORT_FAILURE)
            }
        }
    }
}

#[derive(Debug, clap::Args)]
#[group(id = "copy", required = true, multiple = false, args = ["from", "latest", "snapshot", "list"])]
struct RestoreArguments {
    #[command(flatten)]
    source: Source,
    /// A file that `registry backup` has made
    #[arg(value_name = "FILE")]
    from: Option<PathBuf>,
    /// The newest snapshot in the storage
    #[arg(long)]
    latest: bool,
    /// A snapshot in the storage, by its name
    #[arg(long, value_name = "NAME")]
    snapshot: Option<SnapshotName>,
    /// Only list the snapshots in the storage: when each was taken, its size in bytes, its name
    #[arg(long)]
    list: bool,
}

#[derive(Debug, clap::Args)]
struct GarbageCollect {
    /// Show what would go, and delete nothing
    #[arg(short, long)]
    dry_run: bool,
    /// Delete manifests that have no tag, unless an index lists them or they refer to one that is there
    #[arg(short = 'm', long)]
    delete_untagged: bool,
    /// Print only the result
    #[arg(short, long)]
    quiet: bool,
    /// Say what keeps a blob or manifest, or when it goes, and delete nothing
    #[arg(long, value_name = "DIGEST", conflicts_with_all = ["dry_run", "delete_untagged", "quiet"])]
    explain: Option<Digest>,
    #[command(flatten)]
    source: Source,
}

impl GarbageCollect {
    fn run(self, environment: &Environment) -> anyhow::Result<()> {
        let config = environment.load(&self.source)?.config;
        match self.explain {
            Some(digest) => command::garbage_collect::explain(config, digest),
            None => {
                let Self { dry_run, delete_untagged, quiet, .. } = self;
                command::garbage_collect::run(config, dry_run, delete_untagged, quiet)
            }
        }
    }
}

#[derive(Debug, clap::Args)]
struct Scrub {
    /// Read no more than this in a second [default: as fast as it goes]
    #[arg(long, value_name = "BYTES", value_parser = clap::value_parser!(u64).range(scrub::SLOWEST..))]
    rate: Option<u64>,
    /// Go on where the last one was stopped, if it was
    #[arg(long)]
    resume: bool,
    /// Read only what this repository has
    #[arg(long, value_name = "NAME", conflicts_with = "resume")]
    repository: Option<RepositoryName>,
    /// How many blobs are read at the same time
    #[arg(long, value_name = "COUNT", default_value_t = 2, value_parser = clap::value_parser!(u8).range(1..=64))]
    parallelism: u8,
    /// Print a line of JSON for each thing that is found, and one for the result
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    source: Source,
}

impl Scrub {
    fn run(&self, environment: &Environment) -> ExitCode {
        let options =
            ScrubOptions { resume: self.resume, parallelism: self.parallelism.into(), note_every: scrub::NOTED_EVERY };
        let repository = self.repository.clone();
        let arguments = command::scrub::Arguments { rate: self.rate, repository, json: self.json, options };
        compared(environment, &self.source, |config| command::scrub::run(config, arguments))
    }
}

#[derive(Debug, clap::Args)]
struct Source {
    /// The configuration file [default: the one that REGISTRY_CONFIGURATION_PATH names, else built-in settings]
    #[arg(value_name = "CONFIG")]
    file: Option<PathBuf>,
}

/// Runs the program with its arguments, of which the first is its name, and its environment, and returns the exit
/// status: 0 for success, 1 for a failure, 2 for a wrong command line or configuration.
pub fn run(
    arguments: impl IntoIterator<Item = OsString>,
    environment: impl IntoIterator<Item = (OsString, OsString)>,
) -> ExitCode {
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(error) => {
            // There is nobody to tell when the terminal is gone.
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(USAGE));
        }
    };
    let result = match Environment::read(environment) {
        Ok(environment) => cli.command.run(&environment),
        Err(error) => Err(error),
    };
    match result {
        Ok(status) => status,
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(io::stderr(), "{error:#}");
            ExitCode::from(if error.is::<ConfigError>() || error.is::<NotUnicode>() { USAGE } else { FAILURE })
        }
    }
}

/// Tells whether whoever read the output has had enough, as `head` has after some lines.
fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}

/// What the program takes from the process's environment.
struct Environment {
    /// The registry's own variables.
    variables: Vec<(String, String)>,
    no_color: bool,
}

/// A variable of the registry is not text.
#[derive(Debug, thiserror::Error)]
#[error("{0}: the value is not UTF-8")]
struct NotUnicode(String);

impl Environment {
    fn read(all: impl IntoIterator<Item = (OsString, OsString)>) -> anyhow::Result<Self> {
        let mut environment = Self { variables: Vec::new(), no_color: false };
        for (name, value) in all {
            let Some(name) = name.to_str() else { continue };
            if name == "NO_COLOR" {
                environment.no_color = !value.is_empty();
            } else if config::is_variable(name) {
                match value.into_string() {
                    Ok(value) => environment.variables.push((name.to_owned(), value)),
                    Err(_) if config::is_own_variable(name) => return Err(NotUnicode(name.to_owned()).into()),
                    Err(_) => {}
                }
            }
        }
        Ok(environment)
    }

    fn load(&self, source: &Source) -> Result<Loaded, ConfigError> {
        config::load(source.file.as_deref(), &self.variables)
    }

    /// Loads one of several files. Variables that set something would set it in all of them, and have no effect.
    fn load_alone(&self, file: &Path) -> Result<Loaded, ConfigError> {
        let mut variables = self.variables.clone();
        variables.retain(|(name, _)| !config::is_own_variable(name));
        config::load(Some(file), &variables)
    }
}

impl Command {
    fn run(self, environment: &Environment) -> anyhow::Result<ExitCode> {
        match self {
            Self::Serve(source) => return serve(environment, &source),
            Self::GarbageCollect(collection) => collection.run(environment)?,
            Self::Import(import) => return Ok(import.run(environment)),
            Self::Backup { source, to } => command::backup::run(&environment.load(&source)?.config, to.as_deref())?,
            Self::Restore(arguments) => {
                let config = environment.load(&arguments.source)?.config;
                match (arguments.from, arguments.snapshot) {
                    (Some(file), _) => command::restore::run(&config, &command::restore::Source::File(file))?,
                    (_, Some(name)) => command::restore::run(&config, &command::restore::Source::Snapshot(name))?,
                    _ if arguments.latest => command::restore::run(&config, &command::restore::Source::Latest)?,
                    _ => command::restore::list(&config)?,
                }
            }
            Self::Fsck { source, repair, dry_run: _, json } => {
                return Ok(compared(environment, &source, |config| command::fsck::run(config, repair, json)));
            }
            Self::Scrub(scrub) => return Ok(scrub.run(environment)),
            Self::Storage(command) => return command.run(environment),
            Self::Tag(command) => command.run(environment)?,
            Self::Repository(command) => command.run(environment)?,
            Self::Retention(command) => command.run(environment)?,
            Self::Config(ConfigCommand::Check(source)) => command::config::check(&environment.load(&source)?)?,
            Self::Config(ConfigCommand::Print(source)) => command::config::print(&environment.load(&source)?)?,
            Self::Config(ConfigCommand::Schema) => command::config::schema()?,
            Self::Config(ConfigCommand::Env) => command::config::variables()?,
            Self::Completions { shell } => {
                let mut script = Vec::new();
                clap_complete::generate(shell, &mut Cli::command(), "registry", &mut script);
                io::stdout().write_all(&script)?;
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// Compares. A failure to do so has a status of its own, because 1 says that there are differences.
fn compared(
    environment: &Environment,
    source: &Source,
    compare: impl FnOnce(&Config) -> anyhow::Result<bool>,
) -> ExitCode {
    let loaded = environment.load(source).map_err(anyhow::Error::from);
    match loaded.and_then(|loaded| compare(&loaded.config)) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(DIFFERENCES),
        Err(error) => {
            let _ = writeln!(io::stderr(), "{error:#}");
            ExitCode::from(NOT_COMPARED)
        }
    }
}

/// Serves. From where the log begins, a failure is a record in it.
fn serve(environment: &Environment, source: &Source) -> anyhow::Result<ExitCode> {
    let loaded = environment.load(source)?;
    let _telemetry = telemetry::init(&loaded.config.log, !environment.no_color && io::stderr().is_terminal())?;
    loaded.warnings.iter().for_each(|warning| tracing::warn!("{warning}"));
    loaded.notes.iter().for_each(|note| tracing::info!("{note}"));
    match command::serve::run(loaded.config) {
        Ok(()) => Ok(ExitCode::SUCCESS),
        Err(error) => {
            tracing::error!(error = error.as_ref() as &dyn std::error::Error, "the registry ended");
            Ok(ExitCode::from(FAILURE))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
