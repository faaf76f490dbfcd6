//! `registry tag`: what tags pointed to, and back to it.

use std::io::{self, Write as _};
use std::str::FromStr;

use anyhow::Context as _;
use clap::Subcommand;
use registry_core::protocol::digest::Digest;
use registry_core::protocol::reference::{ReferenceError, RepositoryName, Tag};
use registry_core::registry::HistoryPosition;

use super::{Environment, Source};
use crate::command;

pub(super) const EXAMPLES: &str = "\
Examples:
  registry tag history library/app config.yml            what the tags of a repository pointed to
  registry tag history library/app:latest config.yml     what one of them did
  registry tag restore library/app:latest config.yml     undo the last push to it, or its deletion
  registry tag restore library/app:1.0@sha256:… config.yml

With an embedded database, the server has to be stopped meanwhile.";

/// How many lines are read at once.
const PAGE: usize = 500;

#[derive(Debug, Subcommand)]
pub(super) enum TagCommand {
    /// Show what tags pointed to before they moved or were deleted, for as long as it can be restored
    History {
        /// The repository, or one of its tags
        #[arg(value_name = "REPO[:TAG]")]
        name: Named,
        #[command(flatten)]
        source: Source,
    },
    /// Point a tag to what it pointed to last, or to a digest that it once pointed to
    Restore {
        /// The tag, and the digest that it is to point to
        #[arg(value_name = "REPO:TAG[@DIGEST]")]
        name: Named,
        #[command(flatten)]
        source: Source,
    },
}

impl TagCommand {
    pub(super) fn run(self, environment: &Environment) -> anyhow::Result<()> {
        match self {
            Self::History { name, source } => {
                anyhow::ensure!(name.digest.is_none(), "expected REPO or REPO:TAG, without a digest");
                history(&environment.load(&source)?.config, &name.repository, name.tag.as_ref())
            }
            Self::Restore { name, source } => {
                let Named { repository, tag, digest } = name;
                let tag = tag.context("expected REPO:TAG or REPO:TAG@DIGEST, found no tag")?;
                let config = environment.load(&source)?.config;
                let restored = command::with_registry(&config, async |registry| {
                    Ok(registry.restore_tag(&repository, &tag, digest.as_ref()).await?)
                })?;
                Ok(writeln!(io::stdout(), "{repository}:{tag} points to {restored}")?)
            }
        }
    }
}

/// A repository, and what of it is named.
#[derive(Debug, Clone)]
pub(super) struct Named {
    repository: RepositoryName,
    tag: Option<Tag>,
    digest: Option<Digest>,
}

impl FromStr for Named {
    type Err = ReferenceError;

    /// Neither a repository's name nor a tag has a `:` or an `@`.
    fn from_str(text: &str) -> Result<Self, ReferenceError> {
        let (name, digest) = text.split_once('@').map_or((text, None), |(name, digest)| (name, Some(digest)));
        let (repository, tag) = name.split_once(':').map_or((name, None), |(name, tag)| (name, Some(tag)));
        Ok(Self {
            repository: repository.parse()?,
            tag: tag.map(str::parse).transpose()?,
            digest: digest.map(str::parse).transpose()?,
        })
    }
}

fn history(config: &crate::config::Config, repository: &RepositoryName, tag: Option<&Tag>) -> anyhow::Result<()> {
    command::with_registry(config, async |registry| {
        let mut stdout = io::stdout().lock();
        let mut after: Option<HistoryPosition> = None;
        loop {
            let page = registry.tag_history(repository, tag, after.as_ref(), PAGE).await?;
            for past in &page.items {
                let [set, ended, until] = [past.set_at, past.ended_at, past.restorable_until].map(command::date);
                writeln!(stdout, "{}  {}  {set} to {ended}, restorable until {until}", past.tag, past.digest)?;
            }
            match page.items.into_iter().last() {
                Some(last) if page.more => after = Some((last.tag, last.ended_at)),
                _ => return Ok(()),
            }
        }
    })
}
