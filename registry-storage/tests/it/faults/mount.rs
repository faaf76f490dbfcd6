//! A file system of its own for a test, where that is permitted.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A small file system in memory, mounted until this is dropped.
pub(crate) struct Tmpfs(PathBuf);

impl Tmpfs {
    /// Mounts one, or says why the test is skipped.
    pub(crate) fn mount(at: &Path, options: &str) -> Option<Self> {
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", options, "tmpfs"]).arg(at).stderr(Stdio::null());
        if mount.status().is_ok_and(|status| status.success()) {
            return Some(Self(at.to_owned()));
        }
        #[expect(clippy::print_stderr, reason = "whoever reads the test's output has to know")]
        {
            eprintln!("skipped: mounting a tmpfs is not permitted here");
        }
        None
    }
}

impl Drop for Tmpfs {
    fn drop(&mut self) {
        // Lazily: a failing test may still have files open.
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}
