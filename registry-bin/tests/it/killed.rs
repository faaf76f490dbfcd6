//! `registry scrub` and `registry fsck --repair`, killed again and again: what the next run finds and leaves is what one
//! finds and leaves that nobody has killed.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::thread;
use std::time::{Duration, Instant};

use registry_core::protocol::digest::{Algorithm, Digest};
use serde_json::Value;
use tempfile::TempDir;

use crate::server::{Server, command, registry};

/// How many blobs there are, every fifth of which has one kind of damage.
const BLOBS: usize = 60;
/// How often a command is killed, at moments that are spread over its life.
const KILLS: u32 = 20;

/// A storage and its configuration.
struct Rig {
    directory: TempDir,
    config: String,
}

impl Rig {
    fn at(directory: TempDir) -> Self {
        let config = directory.path().join("config.yml").display().to_string();
        let root = directory.path().join("storage");
        let storage = format!("{{filesystem: {{rootdirectory: {}}}}}", root.display());
        fs::write(&config, format!("version: 0.1\nhttp: {{addr: 127.0.0.1:0}}\nstorage: {storage}\n")).unwrap();
        Self { directory, config }
    }

    /// Pushes blobs, and damages some of the files: their content, their size, their being there, and one that nobody knows.
    fn damaged() -> Self {
        let rig = Self::at(TempDir::new().unwrap());
        let server = Server::start(&rig.config);
        for index in 0..BLOBS {
            let (digest, content) = blob(index);
            let path = format!("/v2/a/blobs/uploads/?digest={digest}");
            assert_eq!(server.send("POST", &path, "application/octet-stream", &content).0, 201);
        }
        server.stop();
        for index in 0..BLOBS {
            let (digest, mut content) = blob(index);
            let data = rig.data(&digest);
            match index % 5 {
                0 => {
                    content[0] ^= 1;
                    fs::write(data, content).unwrap();
                }
                1 => fs::write(data, &content[1..]).unwrap(),
                2 => fs::remove_file(data).unwrap(),
                3 => {
                    let stray = rig.data(&Digest::of(Algorithm::Sha256, format!("stray {index}").as_bytes()));
                    fs::create_dir_all(stray.parent().unwrap()).unwrap();
                    fs::write(stray, format!("stray {index}")).unwrap();
                }
                _ => {}
            }
        }
        rig
    }

    fn copy(&self) -> Self {
        let copy = TempDir::new().unwrap();
        copy_directory(self.directory.path(), copy.path());
        Self::at(copy)
    }

    fn data(&self, digest: &Digest) -> PathBuf {
        let hex = digest.hex();
        let blobs = self.directory.path().join("storage/docker/registry/v2/blobs/sha256");
        blobs.join(&hex[..2]).join(hex).join("data")
    }

    /// Runs a command to its end, and returns what it found, and its last line.
    fn run(&self, arguments: &[&str]) -> (BTreeSet<String>, Value) {
        let ran = registry(&[arguments, &["--json", &self.config]].concat());
        assert!(matches!(ran.status.code(), Some(0 | 1)), "{ran:?}");
        let told = String::from_utf8(ran.stdout).unwrap();
        let mut lines: Vec<Value> = told.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let last = lines.pop().unwrap();
        (lines.iter().map(|line| line["digest"].as_str().unwrap().to_owned()).collect(), last)
    }

    /// Kills a command at moments that are spread over the time that it takes.
    fn kill(&self, arguments: &[&str], life: Duration) {
        for kill in 0..KILLS {
            let mut process = command(&[arguments, &[&self.config]].concat(), &[]);
            let mut process = process.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
            thread::sleep(life * kill / KILLS);
            process.kill().unwrap();
            process.wait().unwrap();
        }
    }

    /// Asks for all blobs: those that are whole are there, and of the others nobody is told.
    fn assert_serves_what_is_whole(&self, is_whole: fn(usize) -> bool) {
        let server = Server::start(&self.config);
        for index in 0..BLOBS {
            let (digest, content) = blob(index);
            let (status, body) = server.send("GET", &format!("/v2/a/blobs/{digest}"), "", b"");
            let expected = if is_whole(index) { 200 } else { 404 };
            assert_eq!(status, expected, "blob {index}");
            assert!(status == 404 || body == content, "blob {index}");
        }
        server.stop();
    }
}

fn blob(index: usize) -> (Digest, Vec<u8>) {
    let content = index.to_string().repeat(1000).into_bytes();
    (Digest::of(Algorithm::Sha256, &content), content)
}

fn copy_directory(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        match entry.file_type().unwrap().is_dir() {
            true => copy_directory(&entry.path(), &target),
            false => drop(fs::copy(entry.path(), target).unwrap()),
        }
    }
}

/// Returns what comes of some work, and how long it takes.
fn timed<T>(work: impl FnOnce() -> T) -> (T, Duration) {
    let begun = Instant::now();
    (work(), begun.elapsed())
}

#[test]
fn a_scrub_that_was_killed_again_and_again_finds_all_the_same() {
    let (rig, undisturbed) = (Rig::damaged(), Rig::damaged());
    let ((found, last), life) = timed(|| undisturbed.run(&["scrub"]));
    assert_eq!(found.len(), BLOBS * 3 / 5, "{last}");
    for arguments in [&["scrub"][..], &["scrub", "--resume"]] {
        rig.kill(arguments, life);
    }
    assert_eq!(rig.run(&["scrub"]).0, found);
    rig.assert_serves_what_is_whole(|index| index % 5 > 2);
}

#[test]
fn a_repair_that_was_killed_again_and_again_leaves_all_the_same() {
    let rig = Rig::damaged();
    let undisturbed = rig.copy();
    let ((found, last), life) = timed(|| undisturbed.run(&["fsck", "--repair"]));
    assert_eq!(found.len(), BLOBS * 3 / 5, "{last}");
    let left = undisturbed.run(&["fsck"]);
    rig.kill(&["fsck", "--repair"], life);
    rig.run(&["fsck", "--repair"]);
    assert_eq!(rig.run(&["fsck"]), left);
    // Whose content alone is wrong is found by a scrub.
    for rig in [&rig, &undisturbed] {
        rig.run(&["scrub"]);
    }
    rig.assert_serves_what_is_whole(|index| index % 5 > 2);
    assert_eq!(rig.run(&["fsck"]), undisturbed.run(&["fsck"]));
}
