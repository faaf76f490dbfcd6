//! `registry storage copy`: a registry that moves to another storage.

use std::fs;
use std::path::PathBuf;
use std::process::{Output, Stdio};
use std::thread;
use std::time::Duration;

use registry_core::protocol::digest::{Algorithm, Digest};
use serde_json::Value;
use tempfile::TempDir;

use crate::server::{Server, command, registry};

const BLOBS: usize = 40;

/// Two storages, and one database.
struct Rig {
    directory: TempDir,
    from: String,
    to: String,
}

impl Rig {
    fn new() -> Self {
        let directory = TempDir::new().unwrap();
        let path = |name: &str| directory.path().join(name).display().to_string();
        let (from, to) = (path("from.yml"), path("to.yml"));
        for (config, root) in [(&from, "first"), (&to, "second")] {
            let text = format!(
                "version: 0.1\nhttp: {{addr: 127.0.0.1:0}}\nstorage: {{filesystem: {{rootdirectory: {}}}}}\n\
                 database: {{url: 'sqlite:{}'}}\n",
                path(root),
                path("registry.db")
            );
            fs::write(config, text).unwrap();
        }
        Self { directory, from, to }
    }

    fn copy(&self, arguments: &[&str]) -> Output {
        registry(&[&["storage", "copy", "--json"], arguments, &[&self.from, &self.to]].concat())
    }

    /// Copies, and returns what was copied.
    fn copied(&self, arguments: &[&str]) -> Value {
        let ran = self.copy(arguments);
        assert_eq!(ran.status.code(), Some(0), "{ran:?}");
        serde_json::from_slice(&ran.stdout).unwrap()
    }

    fn data(&self, storage: &str, digest: &Digest) -> PathBuf {
        let hex = digest.hex();
        let blobs = self.directory.path().join(storage).join("docker/registry/v2/blobs/sha256");
        blobs.join(&hex[..2]).join(hex).join("data")
    }
}

fn blob(index: usize) -> (Digest, Vec<u8>) {
    let content = index.to_string().repeat(20_000).into_bytes();
    (Digest::of(Algorithm::Sha256, &content), content)
}

fn push(server: &Server, index: usize) {
    let (digest, content) = blob(index);
    let path = format!("/v2/a/blobs/uploads/?digest={digest}");
    assert_eq!(server.send("POST", &path, "application/octet-stream", &content).0, 201);
}

#[test]
fn a_registry_moves_while_it_serves_and_goes_on_in_the_second_storage() {
    let rig = Rig::new();
    let server = Server::start(&rig.from);
    (0..BLOBS).for_each(|index| push(&server, index));
    // Killed again and again in the middle.
    for kill in 1..8 {
        let mut process = command(&["storage", "copy", "--parallelism", "1", &rig.from, &rig.to], &[]);
        let mut process = process.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        thread::sleep(Duration::from_millis(20 * kill));
        process.kill().unwrap();
        process.wait().unwrap();
    }
    let copied = rig.copied(&[]);
    assert_eq!(copied["copied"].as_u64().unwrap() + copied["present"].as_u64().unwrap(), BLOBS as u64);
    assert_eq!((&copied["result"], &copied["missing"]), (&"copied".into(), &Value::Null));
    push(&server, BLOBS);
    assert!(String::from_utf8_lossy(&rig.copy(&["--finish"]).stderr).contains("stop the server"));
    let refused = registry(&["serve", &rig.to]);
    assert_eq!(refused.status.code(), Some(1), "{refused:?}");
    server.stop();
    let refused = registry(&["serve", &rig.to]);
    assert!(String::from_utf8_lossy(&refused.stderr).contains("belongs to another storage"), "{refused:?}");

    let copied = rig.copied(&["--finish"]);
    assert_eq!((&copied["copied"], &copied["present"]), (&1.into(), &BLOBS.into()));
    assert_eq!((&copied["result"], &copied["missing"]), (&"finished".into(), &0.into()));
    fs::remove_dir_all(rig.directory.path().join("first")).unwrap();
    let server = Server::start(&rig.to);
    for index in 0..=BLOBS {
        let (digest, content) = blob(index);
        assert_eq!(server.send("GET", &format!("/v2/a/blobs/{digest}"), "", b"").1, content);
    }
    server.stop();
    for check in ["fsck", "scrub"] {
        let ran = registry(&[check, &rig.to]);
        assert_eq!(ran.status.code(), Some(0), "{ran:?}");
    }
}

#[test]
fn a_storage_that_lacks_something_is_not_the_databases() {
    let rig = Rig::new();
    let server = Server::start(&rig.from);
    (0..3).for_each(|index| push(&server, index));
    server.stop();
    let (damaged, mut content) = blob(0);
    content[0] ^= 1;
    fs::write(rig.data("first", &damaged), &content).unwrap();
    fs::remove_file(rig.data("first", &blob(1).0)).unwrap();
    let ran = rig.copy(&["--finish"]);
    assert_eq!(ran.status.code(), Some(1), "{ran:?}");
    let told: Value = serde_json::from_slice(&ran.stdout).unwrap();
    assert_eq!((&told["result"], &told["damaged"], &told["missing"]), (&"incomplete".into(), &1.into(), &2.into()));
    assert!(String::from_utf8_lossy(&ran.stderr).contains(&format!("damaged: blob {damaged}")));
    assert!(!rig.data("second", &damaged).exists());
    assert!(!rig.directory.path().join("second/registry/identity").exists());
    // A scrub says that they are lost; then the rest can go.
    assert_eq!(registry(&["scrub", &rig.from]).status.code(), Some(1));
    assert_eq!(rig.copied(&["--finish"])["result"], "finished");
    assert!(rig.directory.path().join("second/registry/identity").exists());
}

#[test]
fn the_storage_of_another_registry_is_left_alone() {
    let (rig, other) = (Rig::new(), Rig::new());
    for config in [&rig.from, &other.from] {
        Server::start(config).stop();
    }
    for arguments in [&[][..], &["--finish"]] {
        let ran = registry(&[&["storage", "copy"], arguments, &[&rig.from, &other.from]].concat());
        assert_eq!(ran.status.code(), Some(2));
        assert!(String::from_utf8_lossy(&ran.stderr).contains("another registry"), "{ran:?}");
    }
}
