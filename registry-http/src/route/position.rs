//! Places in lists whose items have more than a name: what `last` is in the link to the next page.

use registry_core::registry::HistoryPosition;
use registry_core::store::Timestamp;
use registry_core::store::usage::RepositoryTag;

/// A place in a list.
pub(crate) trait Position: Sized {
    /// Reads what [`to_text`](Self::to_text) has written.
    fn parse(text: &str) -> Option<Self>;

    /// Writes it so that it can be read back.
    fn to_text(&self) -> String;
}

/// `<tag>@<microseconds>`: no tag has an `@`.
impl Position for HistoryPosition {
    fn parse(text: &str) -> Option<Self> {
        let (tag, ended_at) = text.split_once('@')?;
        Some((tag.parse().ok()?, Timestamp::from_micros(ended_at.parse().ok()?)))
    }

    fn to_text(&self) -> String {
        let (tag, ended_at) = self;
        format!("{tag}@{}", ended_at.as_micros())
    }
}

/// `<repository>:<tag>`: neither has a `:`.
impl Position for RepositoryTag {
    fn parse(text: &str) -> Option<Self> {
        let (repository, tag) = text.split_once(':')?;
        Some(Self { repository: repository.parse().ok()?, tag: tag.parse().ok()? })
    }

    fn to_text(&self) -> String {
        format!("{}:{}", self.repository, self.tag)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_back_and_nothing_else_is() {
        let history: HistoryPosition = ("v1.0-rc_2".parse().unwrap(), Timestamp::from_micros(-5));
        assert_eq!(HistoryPosition::parse(&history.to_text()), Some(history));
        for text in ["", "v1", "v1@", "@5", "v1@x", "-@5", "v1@5@5", "v1@99999999999999999999"] {
            assert_eq!(HistoryPosition::parse(text), None, "{text}");
        }
        let tag = RepositoryTag { repository: "a/b".parse().unwrap(), tag: "T".parse().unwrap() };
        assert_eq!(RepositoryTag::parse(&tag.to_text()), Some(tag));
        for text in ["", "a/b", "a:", ":b", "A:b", "a:b:c"] {
            assert_eq!(RepositoryTag::parse(text), None, "{text}");
        }
    }
}
