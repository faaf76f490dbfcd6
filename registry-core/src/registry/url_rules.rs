//! Where descriptors may point outside of the registry.

use regex::RegexSet;

/// Which URLs the descriptors of a manifest may have: one of the allowed ones, and none of the denied ones.
///
/// Patterns run in time linear in the URL.
#[derive(Debug, Clone, Default)]
pub struct UrlRules {
    /// If not empty, a URL has to match one of these.
    allow: RegexSet,
    /// A URL must match none of these.
    deny: RegexSet,
}

impl UrlRules {
    /// Compiles rules from regular expressions. Without any, every URL is welcome.
    ///
    /// # Errors
    /// If one of them is not a regular expression, or a very large one.
    pub fn new(allow: &[String], deny: &[String]) -> Result<Self, regex::Error> {
        Ok(Self { allow: RegexSet::new(allow)?, deny: RegexSet::new(deny)? })
    }

    /// Tells whether a descriptor may have this URL.
    pub fn permit(&self, url: &str) -> bool {
        (self.allow.is_empty() || self.allow.is_match(url)) && !self.deny.is_match(url)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(allow: &[&str], deny: &[&str]) -> UrlRules {
        let owned = |patterns: &[&str]| patterns.iter().map(|&pattern| pattern.to_owned()).collect::<Vec<_>>();
        UrlRules::new(&owned(allow), &owned(deny)).unwrap()
    }

    #[test]
    fn what_is_denied_is_denied_even_if_it_is_allowed() {
        let rules = rules(&["^https://a/", "^https://b/"], &["/secret/"]);
        for (url, permitted) in
            [("https://a/x", true), ("https://b/x", true), ("https://c/x", false), ("https://a/secret/x", false)]
        {
            assert_eq!(rules.permit(url), permitted, "{url}");
        }
    }

    #[test]
    fn one_list_alone_is_enough() {
        assert!(rules(&[], &["^ftp:"]).permit("https://a/x"));
        assert!(!rules(&[], &["^ftp:"]).permit("ftp://a/x"));
        assert!(UrlRules::default().permit("anything"));
        assert!(UrlRules::new(&["(".to_owned()], &[]).is_err());
    }
}
