//! `registry serve`.

use crate::config::Config;

/// Serves as the configuration says.
pub(crate) fn run(_config: Config) -> anyhow::Result<()> {
    anyhow::bail!("nothing to serve yet")
}
