//! `registry fsck`: the database and the storage, compared and brought together.

use std::io::{self, Write};

use registry_core::registry::{Finding, FsckReport, MissingLink, Repair};
use registry_core::store::inventory::{RecordedBlob, StoredFile};
use registry_core::store::{BlobLocation, Timestamp};
use serde_json::{Value, json};

use crate::config::Config;
use crate::wire::{self, LookedAfter};

/// Prints every difference and what was compared, and returns whether there was none. With `repair`, also what became of
/// each.
pub(crate) fn run(config: &Config, repair: bool, as_json: bool) -> anyhow::Result<bool> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let looked_after = wire::open_looked_after(config).await?;
        let LookedAfter { registry, inventory, .. } = &looked_after;
        let mut stdout = io::stdout().lock();
        let mut fsck = registry.fsck(&**inventory);
        let mut repairer = registry.repairer(looked_after.stores());
        let mut done = Done::default();
        while let Some(finding) = fsck.next_finding().await? {
            let mut line = if as_json { to_json(&finding).to_string() } else { to_text(&finding) };
            if repair {
                let repaired = repairer.repair(&finding).await?;
                done.count(&repaired);
                line = match as_json {
                    true => with_repair(to_json(&finding), &repaired).to_string(),
                    false => format!("{line}; {}", repair_text(&repaired)),
                };
            }
            writeln!(stdout, "{line}")?;
        }
        if repair {
            let purged = registry.purge_uploads(Timestamp::now()).await?;
            done.uploads = purged.expired + purged.abandoned;
        }
        let (report, done) = (fsck.report(), repair.then_some(&done));
        let summary = if as_json { summary_json(&report, done).to_string() } else { summary_text(&report, done) };
        writeln!(stdout, "{summary}")?;
        Ok(report.is_clean())
    })
}

/// What repairs have done.
#[derive(Default)]
struct Done {
    repaired: u64,
    left: u64,
    uploads: u64,
}

impl Done {
    fn count(&mut self, repaired: &Repair) {
        match repaired {
            Repair::LeftAlone(_) => self.left += 1,
            _ => self.repaired += 1,
        }
    }
}

fn to_text(finding: &Finding) -> String {
    match finding {
        Finding::Missing(blob) => {
            format!("missing: blob {} of {} bytes is not at {}", blob.digest, blob.size_bytes, blob.location)
        }
        Finding::WrongSize { blob: RecordedBlob { digest, size_bytes, location, .. }, stored_bytes } => {
            format!("wrong size: blob {digest} has {stored_bytes} bytes at {location}, expected {size_bytes}")
        }
        Finding::Quarantined(RecordedBlob { digest, size_bytes, location, .. }) => {
            format!("quarantined: blob {digest} of {size_bytes} bytes at {location} waits to be pushed again")
        }
        Finding::Unknown(StoredFile { location, size_bytes, .. }) => {
            format!("unknown: the database does not know the {size_bytes} bytes at {location}")
        }
        Finding::MissingLink(MissingLink { repository, link, target }) => {
            format!("missing link: nothing says that repository {repository} has {link}, expected {target}")
        }
    }
}

fn to_json(finding: &Finding) -> Value {
    let of_blob = |name: &str, blob: &RecordedBlob| {
        json!({
            "finding": name,
            "digest": blob.digest,
            "location": blob.location.as_str(),
            "size_bytes": blob.size_bytes,
        })
    };
    match finding {
        Finding::Missing(blob) => of_blob("missing", blob),
        Finding::WrongSize { blob, stored_bytes } => {
            let mut value = of_blob("wrong_size", blob);
            value["stored_bytes"] = (*stored_bytes).into();
            value
        }
        Finding::Quarantined(blob) => of_blob("quarantined", blob),
        Finding::Unknown(StoredFile { location, digest, size_bytes }) => json!({
            "finding": "unknown",
            "digest": digest,
            "location": location.as_str(),
            "stored_bytes": size_bytes,
        }),
        Finding::MissingLink(MissingLink { repository, link, target }) => json!({
            "finding": "missing_link",
            "repository": repository.as_str(),
            "link": link.to_string(),
            "digest": target,
        }),
    }
}

fn repair_text(repaired: &Repair) -> String {
    match repaired {
        Repair::Quarantined(quarantine) => {
            let aside = quarantine.aside.as_ref().map(|aside| format!(", and its bytes are set aside at {aside}"));
            format!("it is quarantined until it is pushed again{}", aside.unwrap_or_default())
        }
        Repair::Released => "it is whole, and served again".to_owned(),
        Repair::PutUpForReview(_) => {
            "it is recorded, and collected after the grace period unless somebody pushes it".to_owned()
        }
        Repair::LinkWritten => "it is written".to_owned(),
        Repair::Changed => "it has changed meanwhile, and is not as it was found any more".to_owned(),
        Repair::LeftAlone(why) => format!("left alone: {}", why.reason()),
    }
}

fn with_repair(mut finding: Value, repaired: &Repair) -> Value {
    finding["repair"] = match repaired {
        Repair::Quarantined(_) => "quarantined".into(),
        Repair::Released => "released".into(),
        Repair::PutUpForReview(_) => "put_up_for_review".into(),
        Repair::LinkWritten => "link_written".into(),
        Repair::Changed => "changed".into(),
        Repair::LeftAlone(_) => "left_alone".into(),
    };
    match repaired {
        Repair::Quarantined(quarantine) => {
            finding["set_aside"] = json!(quarantine.aside.as_ref().map(BlobLocation::as_str))
        }
        Repair::LeftAlone(why) => finding["reason"] = why.reason().into(),
        _ => {}
    }
    finding
}

fn summary_text(report: &FsckReport, done: Option<&Done>) -> String {
    let FsckReport { recorded, recorded_bytes, stored, stored_bytes, missing, wrong_size, .. } = report;
    let FsckReport { quarantined, unknown, unknown_bytes, links, missing_links, .. } = report;
    let mut compared = format!(
        "{recorded} blobs of {recorded_bytes} bytes in the database, {stored} files of {stored_bytes} bytes in the storage: \
         {missing} missing, {wrong_size} of the wrong size, {quarantined} quarantined before, {unknown} of \
         {unknown_bytes} bytes unknown"
    );
    if *links > 0 {
        compared += &format!("; {links} links: {missing_links} missing");
    }
    match done {
        Some(Done { repaired, left, uploads }) => {
            format!("{compared}; {repaired} repaired, {left} left alone, {uploads} unfinished uploads removed")
        }
        None => compared,
    }
}

fn summary_json(report: &FsckReport, done: Option<&Done>) -> Value {
    let mut summary = json!({
        "result": match done {
            _ if report.is_clean() => "clean",
            Some(Done { left: 0, .. }) => "repaired",
            _ => "different",
        },
        "recorded": report.recorded,
        "recorded_bytes": report.recorded_bytes,
        "stored": report.stored,
        "stored_bytes": report.stored_bytes,
        "missing": report.missing,
        "wrong_size": report.wrong_size,
        "quarantined": report.quarantined,
        "unknown": report.unknown,
        "unknown_bytes": report.unknown_bytes,
        "links": report.links,
        "missing_links": report.missing_links,
    });
    if let Some(done) = done {
        summary["repaired"] = done.repaired.into();
        summary["left_alone"] = done.left.into();
        summary["uploads_removed"] = done.uploads.into();
    }
    summary
}
