//! `registry import`.

use std::fmt;
use std::fs::File;
use std::io::{self, IsTerminal as _, Write as _};
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use registry_core::import::{Counts, ImportObserver, ImportOptions, ImportReport, Skipped};
use registry_core::protocol::reference::RepositoryName;

use crate::config::Config;
use crate::wire;

/// How often progress is shown: on a terminal in one line, elsewhere in a line each.
const ON_TERMINAL: Duration = Duration::from_millis(100);
const ELSEWHERE: Duration = Duration::from_secs(10);

/// What the command line says.
pub(crate) struct Arguments {
    /// Write nothing.
    pub(crate) dry_run: bool,
    /// Where to note what was skipped, beside the terminal.
    pub(crate) log: Option<PathBuf>,
    /// What to import.
    pub(crate) options: ImportOptions,
}

/// Imports the storage and prints what became of it. Returns how many things were skipped.
pub(crate) fn run(config: &Config, arguments: Arguments) -> anyhow::Result<u64> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let told = Told::new(arguments.log)?;
    let report = runtime.block_on(async {
        let importer = if arguments.dry_run {
            wire::dry_importer(config, arguments.options).await?
        } else {
            wire::importer(config, arguments.options).await?
        };
        importer.run(&told).await.context("importing the storage")
    })?;
    let summary = Summary { report, dry_run: arguments.dry_run }.to_string();
    told.end(&summary)?;
    io::stdout().write_all(summary.as_bytes())?;
    Ok(report.skipped)
}

/// Shows an import to whoever waits for it.
struct Told {
    terminal: bool,
    log: Option<Mutex<File>>,
    shown: Mutex<Instant>,
}

impl Told {
    fn new(log: Option<PathBuf>) -> anyhow::Result<Self> {
        let open = |path: PathBuf| {
            let file = File::options().create(true).append(true).open(&path);
            file.with_context(|| format!("opening the log file `{}`", path.display()))
        };
        let log = log.map(open).transpose()?.map(Mutex::new);
        Ok(Self { terminal: io::stderr().is_terminal(), log, shown: Mutex::new(Instant::now()) })
    }

    /// Clears the line that shows progress, and notes the result.
    fn end(&self, summary: &str) -> io::Result<()> {
        if self.terminal {
            let _ = write!(io::stderr(), "\r\x1b[K");
        }
        match &self.log {
            Some(log) => log.lock().unwrap_or_else(PoisonError::into_inner).write_all(summary.as_bytes()),
            None => Ok(()),
        }
    }
}

/// What cannot be shown is not worth ending an import for.
impl ImportObserver for Told {
    fn progress(&self, repository: &RepositoryName, report: &ImportReport) {
        let every = if self.terminal { ON_TERMINAL } else { ELSEWHERE };
        let mut shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        if shown.elapsed() < every {
            return;
        }
        *shown = Instant::now();
        let ImportReport { repositories, left_out, tally, skipped, .. } = report;
        let line = format!(
            "{} repositories, {} manifests, {} blobs, {} tags, {skipped} skipped: {repository}",
            repositories + left_out,
            all(tally.manifests),
            all(tally.blobs),
            all(tally.tags)
        );
        let _ = if self.terminal {
            // Cut off, so that it stays one line.
            write!(io::stderr(), "\r\x1b[K{}", line.chars().take(79).collect::<String>())
        } else {
            writeln!(io::stderr(), "{line}")
        };
    }

    fn skipped(&self, skipped: &Skipped) {
        let clear = if self.terminal { "\r\x1b[K" } else { "" };
        let _ = writeln!(io::stderr(), "{clear}skipped: {skipped}");
        if let Some(log) = &self.log {
            let _ = writeln!(log.lock().unwrap_or_else(PoisonError::into_inner), "skipped: {skipped}");
        }
    }
}

fn all(counts: Counts) -> u64 {
    counts.adopted + counts.kept
}

/// The result, a line for each kind of thing.
struct Summary {
    report: ImportReport,
    dry_run: bool,
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ImportReport { repositories, left_out, tally, images, skipped } = &self.report;
        let imported = if self.dry_run { "to be imported" } else { "imported" };
        if *images != Counts::default() {
            let converted = if self.dry_run { "to be converted" } else { "converted" };
            writeln!(f, "v1 images     {} {converted}, {} converted before", images.adopted, images.kept)?;
        }
        writeln!(f, "repositories  {repositories} gone through, {left_out} left out")?;
        for (name, counts) in [("manifests", tally.manifests), ("blobs", tally.blobs), ("tags", tally.tags)] {
            writeln!(f, "{name:<13} {} {imported}, {} there already", counts.adopted, counts.kept)?;
        }
        writeln!(f, "bytes         {} in blobs {imported}", tally.blob_bytes)?;
        writeln!(f, "skipped       {skipped}")
    }
}
