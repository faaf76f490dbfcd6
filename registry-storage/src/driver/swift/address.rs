//! Where an object is: from a path of the storage to a key, and to an address.
//!
//! ```text
//! <prefix>
//! ├── files/docker/registry/v2/…           files, where distribution has them
//! ├── segments/<path>/<id>/<number>        what a file at <path> is put together of, and the parts of an upload
//! └── uploads/<path>/<id>                  says that an upload to <path> has not ended
//! ```
//!
//! distribution keeps its own segments below `segments/<3 hex digits>/<hex>`, which no path begins with.

use http::Uri;
use http::uri::InvalidUri;

use crate::driver::object::address::{Root, encoded_path, with_query};
use crate::path::StoragePath;

/// The directory of segments, among the driver's own paths.
const SEGMENTS: &str = "/_segments";
/// The directory of notes about uploads, among the driver's own paths.
const UPLOADS: &str = "/_uploads";

/// Turns paths into keys and addresses.
#[derive(Debug)]
pub(super) struct Address {
    container: String,
    root: Root,
}

impl Address {
    pub(super) fn new(container: &str, root_directory: &str) -> Self {
        Self { container: container.to_owned(), root: Root::new(root_directory) }
    }

    pub(super) fn container(&self) -> &str {
        &self.container
    }

    /// Returns the key of a path.
    pub(super) fn key(&self, path: &StoragePath) -> String {
        // The driver's own directories are beside that of the files.
        match path.as_str().strip_prefix("/_") {
            Some(own) => format!("{}{own}", self.root.as_str()),
            None => format!("{}files{path}", self.root.as_str()),
        }
    }

    /// Returns what the keys of all that is below a directory begin with.
    pub(super) fn prefix(&self, directory: &StoragePath) -> String {
        format!("{}/", self.key(directory))
    }

    /// Returns the path that has a key, if one can.
    pub(super) fn path(&self, key: &str) -> Option<StoragePath> {
        let below = key.strip_prefix(self.root.as_str())?;
        let path = match below.strip_prefix("files/") {
            Some(file) => format!("/{file}"),
            None => format!("/_{below}"),
        };
        path.parse().ok()
    }

    /// Returns how a copy, or a list of segments, names an object: below the account, not encoded.
    pub(super) fn name(&self, key: &str) -> String {
        format!("/{}/{key}", self.container)
    }

    /// Returns the address of an object, or of the container, below the account.
    pub(super) fn uri(&self, key: Option<&str>, query: &[(&str, &str)]) -> Uri {
        let name = match key {
            Some(key) => self.name(key),
            None => format!("/{}", self.container),
        };
        uri(&name, query)
    }
}

/// Returns the address of what has a name, below the account.
pub(super) fn uri(name: &str, query: &[(&str, &str)]) -> Uri {
    with_query(encoded_path(name).to_string(), query).into()
}

/// Returns the address of what is below an account, whose own address is `storage`.
pub(super) fn below(storage: &Uri, relative: &Uri) -> Result<Uri, InvalidUri> {
    format!("{}{relative}", storage.to_string().trim_end_matches('/')).parse()
}

/// Returns the directory of an upload's segments.
pub(super) fn segments(path: &StoragePath, id: &str) -> StoragePath {
    own(format!("{SEGMENTS}{path}/{id}"))
}

/// Returns where a segment is.
pub(super) fn segment(path: &StoragePath, id: &str, number: usize) -> StoragePath {
    own(format!("{SEGMENTS}{path}/{id}/{number:08}"))
}

/// Returns the number of the segment that is at a path.
pub(super) fn segment_number(segment: &StoragePath) -> Option<usize> {
    segment.as_str().rsplit('/').next()?.parse().ok()
}

/// Returns the directory of the notes about uploads to a path, or to all paths in a directory.
pub(super) fn uploads(path: &StoragePath) -> StoragePath {
    own(format!("{UPLOADS}{path}"))
}

/// Returns where it is noted that an upload has not ended.
pub(super) fn upload(path: &StoragePath, id: &str) -> StoragePath {
    own(format!("{UPLOADS}{path}/{id}"))
}

/// Returns the path and the id of the upload that a note is about.
pub(super) fn noted(upload: &StoragePath) -> Option<(StoragePath, &str)> {
    let (path, id) = upload.as_str().strip_prefix(UPLOADS)?.rsplit_once('/')?;
    Some((path.parse().ok()?, id))
}

fn own(text: String) -> StoragePath {
    text.parse().expect("files that are put together have short paths, to which valid components were added")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> StoragePath {
        text.parse().unwrap()
    }

    #[test]
    fn a_path_has_a_key_and_an_address() {
        for (root, path, key, uri) in [
            ("", path("/a/b_c"), "files/a/b_c", "/con%20tainer/files/a/b_c?x=1%2F2&y="),
            ("/my root/", path("/a"), "my root/files/a", "/con%20tainer/my%20root/files/a?x=1%2F2&y="),
            (
                "r",
                segment(&path("/u"), "1", 7),
                "r/segments/u/1/00000007",
                "/con%20tainer/r/segments/u/1/00000007?x=1%2F2&y=",
            ),
            ("r", upload(&path("/a/u"), "1"), "r/uploads/a/u/1", "/con%20tainer/r/uploads/a/u/1?x=1%2F2&y="),
        ] {
            let address = Address::new("con tainer", root);
            assert_eq!(address.key(&path), key);
            assert_eq!(address.path(key), Some(path.clone()));
            assert_eq!(address.uri(Some(key), &[("x", "1/2"), ("y", "")]).to_string(), uri);
        }
    }

    #[test]
    fn what_is_elsewhere_has_no_path() {
        let address = Address::new("c", "root");
        for key in ["other/files/a", "root", "root/files/a//b", "root/files/a b", "root/files/a/"] {
            assert_eq!(address.path(key), None, "{key}");
        }
        assert_eq!(address.uri(None, &[]).to_string(), "/c");
    }

    #[test]
    fn an_address_is_below_the_account() {
        let relative = Address::new("c", "").uri(Some("files/a"), &[("limit", "1")]);
        for storage in ["http://h:1/v1/AUTH_a", "http://h:1/v1/AUTH_a/"] {
            let whole = below(&storage.parse().unwrap(), &relative).unwrap();
            assert_eq!(whole.to_string(), "http://h:1/v1/AUTH_a/c/files/a?limit=1");
        }
    }

    #[test]
    fn notes_and_segments_are_read_back() {
        let upload_path = path("/a/uploads/u1");
        assert_eq!(noted(&upload(&upload_path, "id")), Some((upload_path.clone(), "id")));
        assert_eq!(noted(&path("/_uploads/id")), None);
        assert_eq!(segment_number(&segment(&upload_path, "id", 12)), Some(12));
        assert_eq!(segment_number(&path("/_segments/a/b")), None);
    }
}
