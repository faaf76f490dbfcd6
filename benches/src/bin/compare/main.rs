//! Compares this registry with others and with nginx: the same content, the same client, the same disk.
//!
//! Every case is taken for some rounds; in each, the servers come in random order, so that whatever else happens on the
//! machine strikes all alike. benches/README.md says how to run it and how to read what it prints.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program for the terminal")]

mod bed;
mod cases;
mod cgroup;
mod client;
mod content;
mod dataset;
mod http;
mod machine;
mod meter;
mod peer;
mod report;
mod run;
mod sample;
mod server;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;

/// Compares registries side by side.
#[derive(Debug, Parser)]
pub(crate) struct Arguments {
    /// The registry to compare with the others.
    #[arg(long, default_value = "target/release/registry")]
    pub(crate) registry: PathBuf,

    /// Where the servers are that come as Go modules.
    #[arg(long)]
    pub(crate) go_programs: PathBuf,

    /// Where the results go.
    #[arg(long, default_value = "target/compare")]
    pub(crate) out: PathBuf,

    /// A directory on the disk that is to be measured; about 10 GiB are used below it, and freed again.
    #[arg(long, default_value = "target")]
    pub(crate) data: PathBuf,

    /// One round of the most important cases.
    #[arg(long)]
    pub(crate) quick: bool,

    /// How often each case is taken on each server (default 5, with --quick 1).
    #[arg(long)]
    pub(crate) rounds: Option<u32>,

    /// Only the cases whose names have one of these texts in them; `x` stands for `×`.
    #[arg(long, value_delimiter = '|')]
    pub(crate) cases: Vec<String>,

    /// Only these servers.
    #[arg(long, value_delimiter = ',')]
    pub(crate) servers: Vec<String>,

    /// Decides the order of the servers and the content, to have a run again.
    #[arg(long)]
    pub(crate) seed: Option<u64>,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match run::run(&arguments) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
