//! `storage.replicate` and `registry storage replication`: second copies while a server runs, dies, and runs again.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use registry_core::protocol::digest::{Algorithm, Digest};
use serde_json::Value;
use tempfile::TempDir;

use crate::server::{Server, registry};

const PATIENCE: Duration = Duration::from_secs(120);

/// A registry with a second store, in directories of its own.
struct Rig {
    directory: TempDir,
    config: String,
}

impl Rig {
    /// `replicate` are more keys of `storage.replicate`, each with a comma before it.
    fn new(replicate: &str) -> Self {
        let directory = TempDir::new().unwrap();
        let config = directory.path().join("config.yml").display().to_string();
        let rig = Self { directory, config };
        rig.configure(replicate);
        rig
    }

    fn configure(&self, replicate: &str) {
        let (first, second) = (self.path("first"), self.path("second"));
        let text = format!(
            "version: 0.1\nhttp: {{addr: 127.0.0.1:0}}\ndatabase: {{snapshots: {{interval: 1s}}}}\nstorage:\n  filesystem: \
             {{rootdirectory: {}}}\n  replicate: {{filesystem: {{rootdirectory: {}}}{replicate}}}\n",
            first.display(),
            second.display()
        );
        fs::write(&self.config, text).unwrap();
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Returns what the command says, and whether nothing is behind.
    fn status(&self) -> (Value, bool) {
        let ran = registry(&["storage", "replication", "--json", &self.config]);
        let is_done = match ran.status.code() {
            Some(0) => true,
            Some(1) => false,
            _ => panic!("{ran:?}"),
        };
        (serde_json::from_slice(&ran.stdout).unwrap(), is_done)
    }

    /// Waits until nothing is behind.
    fn wait(&self) {
        let began = Instant::now();
        loop {
            let (status, is_done) = self.status();
            if is_done {
                return;
            }
            assert!(began.elapsed() < PATIENCE, "{status}");
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// Asserts that the second store has exactly the blobs of the first.
    fn assert_is_copied(&self) {
        let blobs = |name: &str| {
            let mut found = Vec::new();
            find(&self.path(name).join("docker/registry/v2/blobs"), &mut found);
            found.sort();
            found.into_iter().map(|path| fs::read(path).unwrap()).collect::<Vec<_>>()
        };
        let first = blobs("first");
        assert!(!first.is_empty() && first == blobs("second"));
    }
}

fn find(directory: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).into_iter().flatten() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            find(&path, found);
        } else {
            found.push(path);
        }
    }
}

fn push(server: &Server, content: &[u8]) -> Digest {
    let digest = Digest::of(Algorithm::Sha256, content);
    let path = format!("/v2/a/blobs/uploads/?digest={digest}");
    assert_eq!(server.send("POST", &path, "application/octet-stream", content).0, 201);
    digest
}

fn large(index: usize) -> Vec<u8> {
    index.to_string().repeat(8_000_000).into_bytes()
}

/// Also what was pushed before there was a second store.
#[test]
fn every_blob_gets_a_copy_though_the_server_is_killed_in_the_middle() {
    let rig = Rig::new(", rate: 5000000, parallelism: 1");
    let without = [("REGISTRY_STORAGE_REPLICATE", "")];
    let server = Server::start_with(&rig.config, &without);
    for index in 0..3 {
        push(&server, &large(index));
    }
    server.stop();
    assert!(!rig.path("second").exists(), "nobody wanted it");
    for kill in 0..3 {
        let server = Server::start(&rig.config);
        push(&server, &large(3 + kill));
        let (status, is_done) = rig.status();
        assert!(!is_done && status["behind_blobs"].as_u64().unwrap() > 0, "{status}");
        assert_eq!(server.send("GET", "/readyz", "", b"").0, 200);
        // A blob takes a bit longer.
        std::thread::sleep(Duration::from_millis(1500));
        drop(server);
    }
    rig.configure("");
    let server = Server::start(&rig.config);
    rig.wait();
    rig.assert_is_copied();
    push(&server, b"another");
    rig.wait();
    rig.assert_is_copied();
    server.stop();
}

#[test]
fn a_second_store_that_is_away_holds_up_nothing_and_gets_all_when_it_is_there() {
    let rig = Rig::new("");
    fs::write(rig.path("second"), "in the way").unwrap();
    let server = Server::start(&rig.config);
    let digest = push(&server, b"content");
    assert_eq!(server.send("GET", "/readyz", "", b"").0, 200);
    assert_eq!(server.send("GET", &format!("/v2/a/blobs/{digest}"), "", b"").1, b"content");
    assert_eq!(rig.status().0["behind_blobs"], 1);
    fs::remove_file(rig.path("second")).unwrap();
    rig.wait();
    rig.assert_is_copied();
    let told = server.stop();
    assert!(told.contains("the second store cannot be used"), "{told}");
}

#[test]
fn what_fails_is_told_and_keeps_nothing_else() {
    let rig = Rig::new("");
    let server = Server::start_with(&rig.config, &[("REGISTRY_STORAGE_REPLICATE", "")]);
    let (damaged, whole) = (push(&server, b"damaged"), push(&server, b"whole"));
    server.stop();
    let data = |store: &str, digest: &Digest| {
        let hex = digest.hex();
        rig.path(store).join("docker/registry/v2/blobs/sha256").join(&hex[..2]).join(hex).join("data")
    };
    fs::write(data("first", &damaged), "dAmaged").unwrap();
    let server = Server::start(&rig.config);
    let began = Instant::now();
    while !data("second", &whole).exists() || rig.status().0["failing"] != 1 {
        assert!(began.elapsed() < PATIENCE, "{}", rig.status().0);
        std::thread::sleep(Duration::from_millis(100));
    }
    let (status, is_done) = rig.status();
    assert!(!is_done);
    assert_eq!(status["failures"][0]["digest"], damaged.to_string());
    assert!(status["failures"][0]["error"].as_str().unwrap().contains("have the digest"), "{status}");
    assert!(!data("second", &damaged).exists());
    let told = server.stop();
    assert!(told.contains("a damaged blob is not copied"), "{told}");
    let text = registry(&["storage", "replication", &rig.config]);
    let text = String::from_utf8(text.stdout).unwrap();
    assert!(text.contains("copy: blob") && text.contains("1 blobs of 7 bytes behind"), "{text}");
}

/// The second store has what a new machine needs: the blobs, and the database in a snapshot.
#[test]
fn a_lost_registry_comes_back_from_its_second_store() {
    let rig = Rig::new("");
    let server = Server::start(&rig.config);
    let digest = push(&server, b"content");
    rig.wait();
    let began = Instant::now();
    let snapshots = rig.path("second/registry/snapshots");
    while fs::read_dir(&snapshots).map_or(0, Iterator::count) < 2 {
        push(&server, began.elapsed().as_nanos().to_string().as_bytes());
        assert!(began.elapsed() < PATIENCE);
        std::thread::sleep(Duration::from_millis(200));
    }
    drop(server);
    fs::remove_dir_all(rig.path("first")).unwrap();
    let config = rig.path("second.yml").display().to_string();
    let text = format!(
        "version: 0.1\nhttp: {{addr: 127.0.0.1:0}}\nstorage: {{filesystem: {{rootdirectory: {}}}}}\n",
        rig.path("second").display()
    );
    fs::write(&config, text).unwrap();
    for arguments in [&["restore", &config, "--latest"][..], &["storage", "take-over", &config]] {
        let ran = registry(arguments);
        assert_eq!(ran.status.code(), Some(0), "{ran:?}");
    }
    let server = Server::start(&config);
    assert_eq!(server.send("GET", &format!("/v2/a/blobs/{digest}"), "", b"").1, b"content");
    server.stop();
}
