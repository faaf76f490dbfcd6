//! A control group with a limit of memory, of whichever version the system has.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

const ROOT: &str = "/sys/fs/cgroup";

/// A control group, which is removed when this is dropped; whatever ran in it must have ended by then.
#[derive(Debug)]
pub(crate) struct Cgroup {
    path: PathBuf,
    version: Version,
}

#[derive(Debug, Clone, Copy)]
enum Version {
    V1,
    V2,
}

impl Cgroup {
    /// Makes a group. Page cache counts, but is given back when there is no room; there is no swap for the rest.
    ///
    /// # Errors
    /// If the system has no such groups here or the user may not make one.
    pub(crate) fn new(limit_bytes: u64) -> io::Result<Self> {
        let v2 = fs::read_to_string(format!("{ROOT}/cgroup.controllers"));
        let (version, parent) = match v2 {
            Ok(controllers) if controllers.split_whitespace().any(|name| name == "memory") => {
                (Version::V2, ROOT.into())
            }
            _ => (Version::V1, Path::new(ROOT).join("memory")),
        };
        if matches!(version, Version::V2) {
            fs::write(parent.join("cgroup.subtree_control"), "+memory")?;
        }
        let directory = tempfile::Builder::new().prefix("registry-compare-").tempdir_in(parent)?;
        // Its files are the kernel's and cannot be removed, only the directory can: by `drop`.
        let group = Self { path: directory.keep(), version };
        let limit = match version {
            Version::V1 => "memory.limit_in_bytes",
            Version::V2 => "memory.max",
        };
        fs::write(group.path.join(limit), limit_bytes.to_string())?;
        Ok(group)
    }

    /// Returns the directory of the group.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the memory that is no page cache.
    ///
    /// # Errors
    /// What the file system says.
    pub(crate) fn anonymous_bytes(&self) -> io::Result<u64> {
        let name = match self.version {
            Version::V1 => "total_rss",
            Version::V2 => "anon",
        };
        let stat = fs::read_to_string(self.path.join("memory.stat"))?;
        field(&stat, name).ok_or_else(|| io::Error::other(format!("memory.stat has no {name}")))
    }
}

impl Drop for Cgroup {
    fn drop(&mut self) {
        // A group that cannot be removed stays behind empty and does no harm.
        let _ = fs::remove_dir(&self.path);
    }
}

fn field(stat: &str, name: &str) -> Option<u64> {
    stat.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_found_by_their_whole_name() {
        let stat = "rss 1\nrss_huge 2\ntotal_rss_huge 3\ntotal_rss 4\n";
        assert_eq!(field(stat, "total_rss"), Some(4));
        assert_eq!(field(stat, "rss"), Some(1));
        assert_eq!(field(stat, "anon"), None);
    }
}
