//! Patterns that names match as a whole.

use regex::{Regex, RegexBuilder};

/// The longest pattern in bytes.
const MAX_BYTES: usize = 1024;
/// The most memory that a pattern may take once it is compiled, and again while it runs.
const MAX_COMPILED_BYTES: usize = 1024 * 1024;

/// A regular expression that a name has to match from its beginning to its end. It runs in time linear in the name.
#[derive(Debug, Clone)]
pub struct Pattern(Regex);

/// The text is not a pattern.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum PatternError {
    /// It is too long.
    #[error("pattern of {0} bytes is too long; at most {MAX_BYTES} are allowed")]
    TooLong(usize),
    /// It is not a regular expression, or one that takes too much memory.
    #[error(transparent)]
    Invalid(#[from] regex::Error),
}

impl Pattern {
    /// Compiles a pattern.
    ///
    /// # Errors
    /// If it is not a regular expression, or a very large one.
    pub fn new(text: &str) -> Result<Self, PatternError> {
        if text.len() > MAX_BYTES {
            return Err(PatternError::TooLong(text.len()));
        }
        // By itself first, so that no parenthesis in it can undo those around it.
        compile(text)?;
        Ok(Self(compile(&format!("^(?:{text})$"))?))
    }

    /// Tells whether a name matches as a whole.
    pub fn matches(&self, name: &str) -> bool {
        self.0.is_match(name)
    }
}

fn compile(text: &str) -> Result<Regex, regex::Error> {
    RegexBuilder::new(text).size_limit(MAX_COMPILED_BYTES).dfa_size_limit(MAX_COMPILED_BYTES).build()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_matches_as_a_whole() {
        for (pattern, name, matches) in [
            ("a", "a", true),
            ("a", "ab", false),
            ("a|b", "b", true),
            ("a|b", "ba", false),
            ("library/.*", "library/alpine", true),
            ("library/.*", "my/library/alpine", false),
            (".*", "", true),
        ] {
            assert_eq!(Pattern::new(pattern).unwrap().matches(name), matches, "{pattern} {name}");
        }
    }

    #[test]
    fn what_is_no_pattern_or_a_very_large_one_is_refused() {
        for pattern in ["(", "a)|(b", "*", "(?=a)", r"(a)\1", "(a{1000}){1000}", &"a".repeat(MAX_BYTES + 1)] {
            assert!(Pattern::new(pattern).is_err(), "{pattern}");
        }
    }
}
