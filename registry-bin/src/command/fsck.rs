//! `registry fsck`: the database and the storage, compared.

use std::io::{self, Write};

use registry_core::registry::{Finding, FsckReport, fsck};
use registry_core::store::inventory::RecordedBlob;
use serde_json::{Value, json};

use crate::config::Config;
use crate::wire;

/// Prints every difference and what was compared, and returns whether there was none.
pub(crate) fn run(config: &Config, as_json: bool) -> anyhow::Result<bool> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let stores = wire::bound_stores(config).await?;
        let mut stdout = io::stdout().lock();
        let mut printed = Ok(());
        let print = |finding| {
            let line = if as_json { to_json(&finding).to_string() } else { to_text(&finding) };
            if printed.is_ok() {
                printed = writeln!(stdout, "{line}");
            }
        };
        let report = fsck(&*stores.metadata, &*wire::inventory(&stores.driver), print).await?;
        printed?;
        let result = if as_json { summary_json(&report).to_string() } else { summary_text(&report) };
        writeln!(stdout, "{result}")?;
        Ok(report.is_clean())
    })
}

fn to_text(finding: &Finding) -> String {
    match finding {
        Finding::Missing(blob) => {
            format!("missing: blob {} of {} bytes is not at {}", blob.digest, blob.size_bytes, blob.location)
        }
        Finding::WrongSize { blob: RecordedBlob { digest, size_bytes, location, .. }, stored_bytes } => {
            format!("wrong size: blob {digest} has {stored_bytes} bytes at {location}, expected {size_bytes}")
        }
        Finding::Unknown { location, size_bytes, .. } => {
            format!("unknown: the database does not know the {size_bytes} bytes at {location}")
        }
    }
}

fn to_json(finding: &Finding) -> Value {
    match finding {
        Finding::Missing(blob) => json!({
            "finding": "missing",
            "digest": blob.digest,
            "location": blob.location.as_str(),
            "size_bytes": blob.size_bytes,
        }),
        Finding::WrongSize { blob, stored_bytes } => json!({
            "finding": "wrong_size",
            "digest": blob.digest,
            "location": blob.location.as_str(),
            "size_bytes": blob.size_bytes,
            "stored_bytes": stored_bytes,
        }),
        Finding::Unknown { location, digest, size_bytes } => json!({
            "finding": "unknown",
            "digest": digest,
            "location": location.as_str(),
            "stored_bytes": size_bytes,
        }),
    }
}

fn summary_text(report: &FsckReport) -> String {
    let FsckReport { recorded, recorded_bytes, stored, stored_bytes, missing, wrong_size, unknown, unknown_bytes } =
        report;
    format!(
        "{recorded} blobs of {recorded_bytes} bytes in the database, {stored} files of {stored_bytes} bytes in the storage: \
         {missing} missing, {wrong_size} of the wrong size, {unknown} of {unknown_bytes} bytes unknown"
    )
}

fn summary_json(report: &FsckReport) -> Value {
    json!({
        "result": if report.is_clean() { "clean" } else { "different" },
        "recorded": report.recorded,
        "recorded_bytes": report.recorded_bytes,
        "stored": report.stored,
        "stored_bytes": report.stored_bytes,
        "missing": report.missing,
        "wrong_size": report.wrong_size,
        "unknown": report.unknown,
        "unknown_bytes": report.unknown_bytes,
    })
}
