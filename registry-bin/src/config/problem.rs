//! What is wrong with a configuration, told so that it can be put right.

use std::fmt;
use std::io;
use std::path::PathBuf;

use super::tree::Origin;

/// How many problems one load reports.
pub(super) const MAX_PROBLEMS: usize = 50;
/// How many characters of a value are repeated in a message.
const SHOWN_CHARACTERS: usize = 60;

/// One thing that is wrong, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Where it was written.
    pub origin: Origin,
    /// What is wrong, and what is expected.
    pub message: String,
}

/// Why a configuration was not loaded.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// The file is not readable as text.
    #[error("configuration file `{}` cannot be read", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The configuration has problems: all that were found, in the order in which they were written, at most 50.
    #[error("{}", Lines { source_name, problems })]
    Invalid {
        /// What the lines belong to: the file's name.
        source_name: String,
        /// At least one problem.
        problems: Vec<Problem>,
    },
}

impl ConfigError {
    pub(super) fn invalid(source_name: &str, mut problems: Vec<Problem>) -> Self {
        problems.sort_by_key(|problem| problem.origin.order());
        Self::Invalid { source_name: source_name.to_owned(), problems }
    }
}

/// Shows one problem a line, `FILE:LINE: MESSAGE` or `VARIABLE: MESSAGE`.
struct Lines<'a> {
    source_name: &'a str,
    problems: &'a [Problem],
}

impl fmt::Display for Lines<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.problems.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            match &problem.origin {
                Origin::Line(line) => write!(f, "{}:{line}: {}", self.source_name, problem.message)?,
                Origin::Variable(name) => write!(f, "{name}: {}", problem.message)?,
            }
        }
        Ok(())
    }
}

/// Returns `text`, cut to what fits into a message.
pub(super) fn shorten(text: &str) -> String {
    match text.char_indices().nth(SHOWN_CHARACTERS) {
        Some((end, _)) => format!("{}…", text[..end].escape_debug()),
        None => text.escape_debug().to_string(),
    }
}

/// Returns names as `` `a`, `b`, `c` ``.
pub(super) fn quoted<T: AsRef<str>>(names: &[T]) -> String {
    names.iter().map(|name| format!("`{}`", name.as_ref())).collect::<Vec<_>>().join(", ")
}

/// Returns the name nearest to `name`, if one is near enough to be what was meant.
pub(super) fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let limit = 1 + name.chars().count() / 5;
    candidates
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(name, candidate), candidate))
        .filter(|(distance, _)| *distance <= limit)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}
