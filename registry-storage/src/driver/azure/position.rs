//! Where a list of blobs goes on.
//!
//! Azure goes on only where a page before ended, at a marker that says nothing to anybody else. To begin after a path, the
//! blobs before it are skipped; to have few of them, the markers of lists that went on are remembered.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Mutex, PoisonError};

use crate::driver::object::objects::ListedObject;
use crate::path::StoragePath;

/// How many markers are remembered.
const REMEMBERED: usize = 64;

/// Where a list goes on: at the marker of a page, after a path on it or on one that follows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Position {
    marker: String,
    after: Option<StoragePath>,
}

impl Position {
    /// Reads what was [written](fmt::Display).
    pub(super) fn parse(text: &str) -> Self {
        let (after, marker) = text.split_once(' ').unwrap_or(("", text));
        Self { marker: marker.to_owned(), after: after.parse().ok() }
    }

    pub(super) fn marker(&self) -> &str {
        &self.marker
    }

    /// Tells whether there is anything to be skipped.
    pub(super) fn skips(&self) -> bool {
        self.after.is_some()
    }

    /// Tells whether a path is not to be skipped.
    pub(super) fn is_past(&self, path: &StoragePath) -> bool {
        self.after.as_ref().is_none_or(|after| path > after)
    }

    /// Keeps up to `limit` objects of the page that is here, and returns where the list goes on after them, if it does.
    pub(super) fn next(&self, objects: &mut Vec<ListedObject>, limit: usize, next_marker: String) -> Option<Self> {
        if objects.len() > limit {
            objects.truncate(limit);
            let after = objects.last().map(|last| last.path.clone());
            return Some(Self { marker: self.marker.clone(), after });
        }
        // The paths of further pages may still have to be skipped.
        let after = self.after.clone().filter(|_| objects.is_empty());
        (!next_marker.is_empty()).then_some(Self { marker: next_marker, after })
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.after.as_ref().map_or("", StoragePath::as_str), self.marker)
    }
}

/// Where lists went on lately.
#[derive(Debug, Default)]
pub(super) struct Positions(Mutex<VecDeque<(StoragePath, StoragePath, Position)>>);

impl Positions {
    /// Finds where the list of a directory goes on after a path; at its beginning if that is not known.
    pub(super) fn find(&self, directory: &StoragePath, after: &StoragePath) -> Position {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let found = known.iter().find(|(of, last, _)| of == directory && last == after);
        let mut position = found.map(|(.., position)| position.clone()).unwrap_or_default();
        position.after.get_or_insert_with(|| after.clone());
        position
    }

    /// Remembers where the list of a directory goes on after a path.
    pub(super) fn keep(&self, directory: &StoragePath, last: &StoragePath, position: &Position) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.retain(|(of, after, _)| of != directory || after != last);
        known.truncate(REMEMBERED - 1);
        known.push_front((directory.clone(), last.clone(), position.clone()));
    }
}

#[cfg(test)]
mod tests {
    use registry_core::store::Timestamp;

    use super::*;

    fn path(text: &str) -> StoragePath {
        text.parse().unwrap()
    }

    fn objects(paths: &[&str]) -> Vec<ListedObject> {
        let object =
            |text: &&str| ListedObject { path: path(text), size_bytes: 0, modified_at: Timestamp::from_micros(0) };
        paths.iter().map(object).collect()
    }

    #[test]
    fn a_page_may_end_anywhere() {
        let begin = Position::default();
        let mut page = objects(&["/a/1", "/a/2", "/a/3"]);
        let within = begin.next(&mut page, 2, "m".into()).unwrap();
        assert_eq!(page.len(), 2);
        assert!(within.skips() && !within.is_past(&path("/a/2")) && within.is_past(&path("/a/3")));
        assert_eq!((within.marker(), Position::parse(&within.to_string())), ("", within.clone()));
        let mut page = objects(&["/a/3"]);
        let behind = within.next(&mut page, 2, "m".into()).unwrap();
        assert_eq!((behind.marker(), behind.skips()), ("m", false));
        assert_eq!(Position::parse(&behind.to_string()), behind);
        assert_eq!(behind.next(&mut objects(&["/a/4"]), 2, String::new()), None);
    }

    #[test]
    fn what_is_skipped_may_fill_pages() {
        let begin = Positions::default().find(&path("/a"), &path("/a/2"));
        let later = begin.next(&mut Vec::new(), 10, "m".into()).unwrap();
        assert!(later.marker() == "m" && !later.is_past(&path("/a/2")));
    }

    #[test]
    fn markers_are_remembered() {
        let positions = Positions::default();
        let marked = |marker: usize| Position { marker: marker.to_string(), after: None };
        for index in 0..=REMEMBERED {
            positions.keep(&path("/a"), &path(&format!("/a/{index}")), &marked(index));
        }
        for (index, marker) in [(REMEMBERED, REMEMBERED.to_string()), (0, String::new())] {
            let after = path(&format!("/a/{index}"));
            assert_eq!(positions.find(&path("/a"), &after), Position { marker, after: Some(after) });
        }
        assert_eq!(positions.find(&path("/b"), &path(&format!("/a/{REMEMBERED}"))).marker(), "");
    }
}
