//! `registry storage replication`: how far second copies are behind.

use std::io::{self, Write as _};

use anyhow::Context as _;
use registry_core::store::Timestamp;
use registry_core::store::replication::{FailedReplication, ReplicationStatus, ReplicationTask};
use serde_json::{Value, json};

use crate::config::Config;
use crate::wire;

/// How many failures are told of.
const SHOWN: usize = 20;

/// Prints how much is behind and what failed, and returns whether nothing is behind and nothing failed.
pub(crate) fn run(config: &Config, as_json: bool) -> anyhow::Result<bool> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let database =
            wire::database(config).context("the database is in memory, and ends with the process that has it")?;
        let (status, failed) = registry_db::look_at_replication(&database, SHOWN).await?;
        let is_done = status.behind_blobs == 0 && status.failing == 0;
        let now = Timestamp::now();
        let mut stdout = io::stdout().lock();
        if as_json {
            let failed: Vec<Value> = failed.iter().map(|failed| failed_json(failed, now)).collect();
            let since = status.behind_since.map(|since| seconds(since, now));
            let status = json!({
                "behind_blobs": status.behind_blobs,
                "behind_bytes": status.behind_bytes,
                "behind_seconds": since,
                "failing": status.failing,
                "failures": failed,
            });
            writeln!(stdout, "{status}")?;
        } else {
            failed.iter().try_for_each(|failed| writeln!(stdout, "{}", failed_text(failed, now)))?;
            writeln!(stdout, "{}", status_text(&status, now))?;
        }
        if config.storage.replicate.is_none() {
            writeln!(io::stderr(), "note: `storage.replicate` is not set; nothing is copied")?;
        }
        Ok(is_done)
    })
}

fn status_text(status: &ReplicationStatus, now: Timestamp) -> String {
    let ReplicationStatus { behind_blobs, behind_bytes, behind_since, failing } = status;
    match behind_since {
        Some(since) => format!(
            "{behind_blobs} blobs of {behind_bytes} bytes behind, the first for {} s; {failing} failed and tried again",
            seconds(*since, now)
        ),
        None if *failing > 0 => format!("nothing behind; {failing} failed and tried again"),
        None => "nothing behind".to_owned(),
    }
}

fn failed_text(failed: &FailedReplication, now: Timestamp) -> String {
    let FailedReplication { digest, size_bytes, failures, next_turn, error, .. } = failed;
    let (task, next) = (task(failed), seconds(now, *next_turn));
    format!("{task}: blob {digest} of {size_bytes} bytes failed {failures} times, again in {next} s: {error}")
}

fn failed_json(failed: &FailedReplication, now: Timestamp) -> Value {
    json!({
        "task": task(failed),
        "digest": failed.digest,
        "size_bytes": failed.size_bytes,
        "failures": failed.failures,
        "again_in_seconds": seconds(now, failed.next_turn),
        "error": failed.error,
    })
}

fn task(failed: &FailedReplication) -> &'static str {
    match failed.task {
        ReplicationTask::Copy => "copy",
        ReplicationTask::Forget => "delete",
    }
}

/// Returns how long after one moment another is.
fn seconds(from: Timestamp, to: Timestamp) -> i64 {
    (to.as_micros().saturating_sub(from.as_micros()) / 1_000_000).max(0)
}
