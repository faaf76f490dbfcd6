//! `registry scrub`: everything that is stored, read and compared with its digest.

use std::io::{self, IsTerminal as _, StdoutLock, Write as _};
use std::sync::Arc;
use std::time::{Duration, Instant};

use registry_core::protocol::reference::RepositoryName;
use registry_core::registry::{RepairStores, ScrubFinding, ScrubObserver, ScrubOptions, ScrubReport};
use registry_core::store::BlobLocation;
use serde_json::{Value, json};

use crate::config::Config;
use crate::paced_inventory::PacedInventory;
use crate::scrub;
use crate::wire::{self, LookedAfter};

/// How often progress is shown: on a terminal in one line, elsewhere in a line each.
const ON_TERMINAL: Duration = Duration::from_millis(100);
const ELSEWHERE: Duration = Duration::from_secs(10);

/// What the command line says.
pub(crate) struct Arguments {
    /// The most bytes that are read in a second.
    pub(crate) rate: Option<u64>,
    /// The only repository that is read.
    pub(crate) repository: Option<RepositoryName>,
    /// Print JSON.
    pub(crate) json: bool,
    /// How to scrub.
    pub(crate) options: ScrubOptions,
}

/// Scrubs, prints what was found and how much was read, and returns whether all of it is whole.
pub(crate) fn run(config: &Config, arguments: Arguments) -> anyhow::Result<bool> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let LookedAfter { registry, mut inventory, identity } = wire::open_looked_after(config).await?;
        if let Some(rate) = arguments.rate {
            inventory = Arc::new(PacedInventory::new(inventory, rate));
        }
        let mut told = Told::new(arguments.json);
        let stores = RepairStores { inventory: &*inventory, identity: &*identity };
        let options = arguments.options;
        let scrubbed = match &arguments.repository {
            Some(repository) => registry.scrub_repository(stores, repository, options.parallelism, &mut told).await,
            None => scrub::keeping_turn(&registry, registry.scrub(stores, options, &mut told)).await,
        };
        told.clear();
        let report = scrubbed?;
        told.written?;
        let result = if arguments.json { summary_json(&report).to_string() } else { summary_text(&report) };
        writeln!(io::stdout(), "{result}")?;
        Ok(report.is_clean())
    })
}

/// Shows a scrub to whoever waits for it.
struct Told {
    json: bool,
    terminal: bool,
    shown: Instant,
    written: io::Result<()>,
}

impl Told {
    fn new(json: bool) -> Self {
        Self { json, terminal: io::stderr().is_terminal(), shown: Instant::now(), written: Ok(()) }
    }

    /// Clears the line that shows progress.
    fn clear(&self) {
        if self.terminal {
            let _ = write!(io::stderr(), "\r\x1b[K");
        }
    }
}

impl ScrubObserver for Told {
    fn found(&mut self, finding: &ScrubFinding) {
        self.clear();
        let line = if self.json { to_json(finding).to_string() } else { to_text(finding) };
        let write = |mut stdout: StdoutLock<'_>| writeln!(stdout, "{line}").and_then(|()| stdout.flush());
        if self.written.is_ok() {
            self.written = write(io::stdout().lock());
        }
    }

    fn progress(&mut self, report: &ScrubReport) {
        if self.shown.elapsed() < if self.terminal { ON_TERMINAL } else { ELSEWHERE } {
            return;
        }
        self.shown = Instant::now();
        let ScrubReport { blobs, manifests, bytes, .. } = report;
        let line = format!("{blobs} blobs and {manifests} manifests of {bytes} bytes read");
        // What cannot be shown is not worth ending a scrub for.
        let _ = if self.terminal { write!(io::stderr(), "\r\x1b[K{line}") } else { writeln!(io::stderr(), "{line}") };
    }
}

fn to_text(finding: &ScrubFinding) -> String {
    match finding {
        ScrubFinding::Damaged { blob, damage, quarantine } => {
            let aside = quarantine.aside.as_ref().map(|aside| format!(", and its bytes are set aside at {aside}"));
            format!(
                "{}: blob {} of {} bytes at {} is quarantined until it is pushed again{}",
                damage.name().replace('_', " "),
                blob.digest,
                blob.size_bytes,
                blob.location,
                aside.unwrap_or_default()
            )
        }
        ScrubFinding::Quarantined { blob, damage } => format!(
            "quarantined: blob {} of {} bytes at {} waits to be pushed again ({})",
            blob.digest,
            blob.size_bytes,
            blob.location,
            damage.name().replace('_', " ")
        ),
        ScrubFinding::Released(blob) => format!("released: blob {} is whole, and served again", blob.digest),
        ScrubFinding::Manifest(repository, digest) => {
            format!(
                "manifest: {repository}@{digest} is damaged in the database, and not served until it is pushed again"
            )
        }
    }
}

fn to_json(finding: &ScrubFinding) -> Value {
    match finding {
        ScrubFinding::Damaged { blob, quarantine, .. } => json!({
            "finding": finding.name(),
            "digest": blob.digest,
            "location": blob.location.as_str(),
            "size_bytes": blob.size_bytes,
            "set_aside": quarantine.aside.as_ref().map(BlobLocation::as_str),
        }),
        ScrubFinding::Quarantined { blob, damage } => json!({
            "finding": finding.name(),
            "damage": damage.name(),
            "digest": blob.digest,
            "location": blob.location.as_str(),
            "size_bytes": blob.size_bytes,
        }),
        ScrubFinding::Released(blob) => json!({ "finding": finding.name(), "digest": blob.digest }),
        ScrubFinding::Manifest(repository, digest) => {
            json!({ "finding": finding.name(), "repository": repository.as_str(), "digest": digest })
        }
    }
}

fn summary_text(report: &ScrubReport) -> String {
    let ScrubReport { blobs, manifests, bytes, damaged_blobs, quarantined_blobs, released_blobs, damaged_manifests } =
        report;
    format!(
        "{blobs} blobs and {manifests} manifests of {bytes} bytes read: {damaged_blobs} blobs damaged, {quarantined_blobs} \
         damaged before, {released_blobs} whole again, {damaged_manifests} manifests damaged"
    )
}

fn summary_json(report: &ScrubReport) -> Value {
    json!({
        "result": if report.is_clean() { "clean" } else { "damaged" },
        "blobs": report.blobs,
        "manifests": report.manifests,
        "bytes": report.bytes,
        "damaged_blobs": report.damaged_blobs,
        "quarantined_blobs": report.quarantined_blobs,
        "released_blobs": report.released_blobs,
        "damaged_manifests": report.damaged_manifests,
    })
}
