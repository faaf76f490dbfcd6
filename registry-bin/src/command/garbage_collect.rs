//! `registry garbage-collect`: frees what nothing refers to any more, now.

use std::io::{self, Write as _};

use registry_core::Registry;
use registry_core::gc::{Candidate, CollectOptions, Collected};
use registry_core::protocol::digest::Digest;
use registry_core::store::Timestamp;
use registry_core::store::gc::{BlobExplanation, Explanation, ManifestExplanation};
use registry_core::store::metadata::ReviewSubject;
use registry_http::metrics::Metrics;

use crate::config::Config;
use crate::{command, wire};

/// How much of every list an explanation shows.
const SHOWN: usize = 20;

/// Collects, or with `dry_run` shows what would be collected. The lines are those of distribution.
pub(crate) fn run(config: Config, dry_run: bool, delete_untagged: bool, quiet: bool) -> anyhow::Result<()> {
    let mut options = wire::collection(&config);
    options.delete_untagged |= delete_untagged;
    with_registry(config, async move |registry| {
        let mut lines = Lines { quiet, written: Ok(()) };
        let tally = match dry_run {
            true => preview(&registry, options.delete_untagged, &mut lines).await?,
            false => collect(&registry, options, &mut lines).await?,
        };
        lines.written?;
        let Tally { kept, manifests, blobs, bytes, failed } = tally;
        let what = if dry_run { "eligible for deletion" } else { "deleted" };
        writeln!(io::stdout(), "\n{kept} kept, {blobs} blobs and {manifests} manifests {what}, {bytes} bytes")?;
        anyhow::ensure!(failed == 0, "{failed} blobs or manifests could not be deleted; they are tried again later");
        Ok(())
    })
}

/// Says what keeps a blob or manifest, or when it goes.
pub(crate) fn explain(config: Config, digest: Digest) -> anyhow::Result<()> {
    let options = wire::collection(&config);
    with_registry(config, async move |registry| {
        let found = registry.explain(&digest, SHOWN).await?;
        Ok(write!(io::stdout(), "{}", describe(&digest, &found, options, Timestamp::now()))?)
    })
}

fn with_registry(config: Config, run: impl AsyncFnOnce(Registry) -> anyhow::Result<()>) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut metrics = Metrics::new(env!("CARGO_PKG_VERSION"), "");
        let stores = wire::bound_stores(&config).await?;
        run(wire::registry(&config, stores, &mut metrics)?).await
    })
}

/// What came of it.
struct Tally {
    kept: u64,
    manifests: u64,
    blobs: u64,
    bytes: u64,
    failed: u64,
}

/// Writes a line for each thing, until that fails.
struct Lines {
    quiet: bool,
    written: io::Result<()>,
}

impl Lines {
    fn write(&mut self, line: std::fmt::Arguments<'_>) {
        if !self.quiet && self.written.is_ok() {
            self.written = writeln!(io::stdout(), "{line}");
        }
    }
}

async fn collect(registry: &Registry, options: CollectOptions, lines: &mut Lines) -> anyhow::Result<Tally> {
    let mut progress = |collected: Collected<'_>| match collected {
        Collected::Manifest(repository, digest) => lines.write(format_args!("manifest deleted: {repository}@{digest}")),
        Collected::Blob(digest, _) => lines.write(format_args!("blob deleted: {digest}")),
    };
    let report = registry.collect_garbage(Timestamp::now(), options, &mut progress).await?;
    let (kept, manifests, blobs) = (report.kept, report.manifests, report.blobs);
    Ok(Tally { kept, manifests, blobs, bytes: report.bytes, failed: report.failed })
}

async fn preview(registry: &Registry, delete_untagged: bool, lines: &mut Lines) -> anyhow::Result<Tally> {
    let mut tally = Tally { kept: 0, manifests: 0, blobs: 0, bytes: 0, failed: 0 };
    let mut look = |Candidate { subject, size_bytes, is_eligible }: Candidate| {
        if !is_eligible {
            tally.kept += 1;
            return;
        }
        tally.bytes += size_bytes;
        match subject {
            ReviewSubject::Blob(digest) => {
                tally.blobs += 1;
                lines.write(format_args!("blob eligible for deletion: {digest}"));
            }
            ReviewSubject::Manifest(repository, digest) => {
                tally.manifests += 1;
                lines.write(format_args!("manifest eligible for deletion: {repository}@{digest}"));
            }
        }
    };
    registry.preview_garbage(Timestamp::now(), delete_untagged, &mut look).await?;
    Ok(tally)
}

fn describe(digest: &Digest, found: &Explanation, options: CollectOptions, now: Timestamp) -> String {
    let mut text = String::new();
    if found.blob.is_none() && found.manifests.is_empty() {
        return format!("{digest} is neither a blob nor a manifest of this registry\n");
    }
    if let Some(blob) = &found.blob {
        text.push_str(&describe_blob(digest, blob, now));
    }
    for manifest in &found.manifests {
        text.push_str(&describe_manifest(digest, manifest, options, now));
    }
    if found.more {
        text.push_str(&format!("of every list the first {SHOWN} are shown\n"));
    }
    text
}

fn describe_blob(digest: &Digest, blob: &BlobExplanation, now: Timestamp) -> String {
    let mut text = format!("blob {digest}, {} bytes\n", blob.size_bytes);
    if blob.is_quarantined {
        text.push_str("  quarantined: its bytes are damaged or missing; not served until it is pushed again\n");
    }
    let verb = if blob.is_quarantined { "linked to" } else { "served by" };
    for repository in &blob.repositories {
        text.push_str(&format!("  {verb} repository {repository}\n"));
    }
    for (repository, manifest) in &blob.manifests {
        text.push_str(&format!("  referred to by manifest {repository}@{manifest}\n"));
    }
    let verdict = match blob.review_after {
        _ if blob.is_condemned => "is being deleted".to_owned(),
        _ if !blob.manifests.is_empty() => "stays for as long as a manifest refers to it".to_owned(),
        Some(review_after) => format!("nothing refers to it; goes {}", when(review_after, now)),
        None => "nothing refers to it, but it is not in the review queue".to_owned(),
    };
    text + &format!("  {verdict}\n")
}

fn describe_manifest(
    digest: &Digest,
    manifest: &ManifestExplanation,
    options: CollectOptions,
    now: Timestamp,
) -> String {
    let mut text = format!("manifest {}@{digest}\n", manifest.repository);
    for tag in &manifest.tags {
        text.push_str(&format!("  tag {tag} points to it\n"));
    }
    for (tag, until) in &manifest.past_tags {
        text.push_str(&format!("  kept until {} because tag {tag} may be restored\n", command::date(*until)));
    }
    if manifest.is_withdrawn {
        text.push_str("  was deleted, and nobody can see it\n");
    }
    for parent in &manifest.parents {
        text.push_str(&format!("  listed by {parent}\n"));
    }
    if let Some(subject) = &manifest.subject {
        text.push_str(&format!("  refers to {subject}, which is there\n"));
    }
    let is_kept = !manifest.tags.is_empty()
        || !manifest.past_tags.is_empty()
        || !manifest.parents.is_empty()
        || manifest.subject.is_some();
    let verdict = match manifest.review_after {
        _ if is_kept => "stays for as long as one of these is so".to_owned(),
        Some(_) if !options.delete_untagged => "has no tag; stays unless untagged manifests are deleted".to_owned(),
        Some(review_after) => format!("has no tag; goes {}", when(review_after, now)),
        None => "has no tag, but is not in the review queue".to_owned(),
    };
    text + &format!("  {verdict}\n")
}

fn when(review_after: Timestamp, now: Timestamp) -> String {
    match review_after.as_micros().saturating_sub(now.as_micros()) {
        ..=0 => "with the next collection".to_owned(),
        micros => format!("with the first collection in {} minutes or more", micros / 60_000_000 + 1),
    }
}
