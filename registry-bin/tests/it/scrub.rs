//! Reading everything that is stored, as an operator does.

use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

use crate::server::{Server, registry};

/// `one`, `two` and `three`.
const ONE: &str = "7692c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed";
const TWO: &str = "3fc4ccfe745870e2c0d99f71f30ff0656c8dedd41cc1d7d3d376b0dbe685e2f3";
const THREE: &str = "8b5b9db0c13db24256c829aa364aa90c6d2eba318b9232a4ab9313b954d3555f";

/// How long a server may take for what it does by itself; far more than it does.
const PATIENCE: Duration = Duration::from_secs(60);

/// A storage with three blobs and its configuration.
struct Rig {
    directory: TempDir,
    config: String,
}

impl Rig {
    fn new() -> Self {
        let directory = TempDir::new().unwrap();
        let config = directory.path().join("config.yml").display().to_string();
        let storage = format!("{{filesystem: {{rootdirectory: {}}}}}", directory.path().join("storage").display());
        fs::write(&config, format!("version: 0.1\nhttp: {{addr: 127.0.0.1:0}}\nstorage: {storage}\n")).unwrap();
        let rig = Self { directory, config };
        let server = Server::start(&rig.config);
        for (hex, content) in [(ONE, "one"), (TWO, "two"), (THREE, "three")] {
            push(&server, hex, content);
        }
        server.stop();
        rig
    }

    fn root(&self) -> PathBuf {
        self.directory.path().join("storage")
    }

    fn data(&self, hex: &str) -> PathBuf {
        self.root().join("docker/registry/v2/blobs/sha256").join(&hex[..2]).join(hex).join("data")
    }

    /// Scrubs, which must end with this status, and returns what it told, line by line.
    fn scrub(&self, arguments: &[&str], status: i32) -> Vec<Value> {
        let scrubbed = registry(&[&["scrub", "--json"], arguments, &[&self.config]].concat());
        assert_eq!(scrubbed.status.code(), Some(status), "{scrubbed:?}");
        String::from_utf8(scrubbed.stdout).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// Asks a server for blobs, each of which it must know or not.
    fn assert_pulls(&self, expected: &[(&str, Option<&str>)]) {
        let server = Server::start(&self.config);
        for (hex, content) in expected {
            let path = format!("/v2/a/blobs/sha256:{hex}");
            let (status, body) = server.send("GET", &path, "", b"");
            assert_eq!(server.send("HEAD", &path, "", b"").0, status);
            match content {
                Some(content) => assert_eq!((status, body.as_slice()), (200, content.as_bytes())),
                None => assert_eq!(status, 404),
            }
        }
        server.stop();
    }
}

fn push(server: &Server, hex: &str, content: &str) {
    let path = format!("/v2/a/blobs/uploads/?digest=sha256:{hex}");
    assert_eq!(server.send("POST", &path, "application/octet-stream", content.as_bytes()).0, 201);
}

fn flip_first_byte(file: &Path) {
    let mut content = fs::read(file).unwrap();
    content[0] ^= 1;
    fs::write(file, content).unwrap();
}

/// Waits for what a server does by itself.
fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let give_up = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < give_up, "{what}: not in time");
        thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn what_a_disk_has_damaged_is_found_quarantined_and_repaired_by_a_push() {
    let rig = Rig::new();
    let whole = rig.scrub(&[], 0);
    assert_eq!((whole.len(), &whole[0]["result"], &whole[0]["blobs"]), (1, &"clean".into(), &3.into()));
    assert_eq!(whole[0]["bytes"], 11);

    flip_first_byte(&rig.data(ONE));
    fs::write(rig.data(TWO), "tw").unwrap();
    fs::remove_file(rig.data(THREE)).unwrap();
    let told = rig.scrub(&[], 1);
    assert_eq!(told.len(), 4, "{told:?}");
    for (damage, hex) in [("wrong_content", ONE), ("wrong_size", TWO), ("missing", THREE)] {
        let found = told.iter().find(|line| line["finding"] == damage).unwrap();
        assert_eq!(found["digest"], format!("sha256:{hex}"));
        let aside = found["set_aside"].as_str().map(|aside| fs::read(rig.root().join(&aside[1..])).unwrap());
        let expected = [(ONE, Some(&b"nne"[..])), (TWO, Some(b"tw")), (THREE, None)];
        assert_eq!((hex, aside.as_deref()), *expected.iter().find(|(of, _)| *of == hex).unwrap());
    }
    assert_eq!((&told[3]["result"], &told[3]["damaged_blobs"]), (&"damaged".into(), &3.into()));
    rig.assert_pulls(&[(ONE, None), (TWO, None), (THREE, None)]);

    let again = rig.scrub(&[], 1);
    assert!(again[..3].iter().all(|line| line["finding"] == "quarantined"), "{again:?}");
    fs::write(rig.data(TWO), "two").unwrap();
    let server = Server::start(&rig.config);
    push(&server, ONE, "one");
    push(&server, THREE, "three");
    server.stop();
    let told = rig.scrub(&[], 0);
    assert_eq!((&told[0]["finding"], &told[0]["digest"]), (&"released".into(), &format!("sha256:{TWO}").into()));
    rig.assert_pulls(&[(ONE, Some("one")), (TWO, Some("two")), (THREE, Some("three"))]);
}

#[test]
fn a_blob_that_was_cut_off_is_not_served_as_a_whole() {
    let rig = Rig::new();
    fs::write(rig.data(TWO), "tw").unwrap();
    rig.assert_pulls(&[(TWO, None), (ONE, Some("one"))]);
    let server = Server::start(&rig.config);
    push(&server, TWO, "two");
    let log = server.stop();
    assert!(!log.contains("quarantined"), "{log}");
    rig.assert_pulls(&[(TWO, Some("two"))]);
}

#[test]
fn a_server_scrubs_by_itself() {
    let rig = Rig::new();
    flip_first_byte(&rig.data(ONE));
    fs::remove_file(rig.data(TWO)).unwrap();
    let server = Server::start_with(
        &rig.config,
        &[
            ("REGISTRY_STORAGE_MAINTENANCE_SCRUB_ENABLED", "true"),
            ("REGISTRY_STORAGE_MAINTENANCE_SCRUB_INTERVAL", "1s"),
        ],
    );
    let path = format!("/v2/a/blobs/sha256:{ONE}");
    wait_until("the blob is quarantined", || server.send("HEAD", &path, "", b"").0 == 404);
    push(&server, ONE, "one");
    fs::write(rig.data(TWO), "two").unwrap();
    let path = format!("/v2/a/blobs/sha256:{TWO}");
    wait_until("the blob is served again", || server.send("HEAD", &path, "", b"").0 == 200);
    let log = server.stop();
    let lines = |text: &str, hex: &str| log.lines().filter(|line| line.contains(text) && line.contains(hex)).count();
    for hex in [ONE, TWO] {
        assert_eq!(lines("a blob is quarantined until it is pushed again", hex), 1, "{log}");
    }
    assert_eq!(lines("a quarantined blob is whole, and served again", TWO), 1, "{log}");
    assert!(lines("everything that is stored was read", "blobs=3") > 0, "{log}");
    rig.assert_pulls(&[(ONE, Some("one")), (TWO, Some("two")), (THREE, Some("three"))]);
}

#[test]
fn an_explanation_says_that_a_blob_is_quarantined() {
    let rig = Rig::new();
    let explain = |hex: &str| {
        let explained = registry(&["garbage-collect", "--explain", &format!("sha256:{hex}"), &rig.config]);
        assert!(explained.status.success(), "{explained:?}");
        String::from_utf8(explained.stdout).unwrap()
    };
    fs::remove_file(rig.data(ONE)).unwrap();
    rig.scrub(&[], 1);
    let (damaged, whole) = (explain(ONE), explain(TWO));
    assert!(damaged.contains("  quarantined: ") && damaged.contains("  linked to repository a\n"), "{damaged}");
    assert!(!whole.contains("quarantined") && whole.contains("  served by repository a\n"), "{whole}");
}

#[test]
fn what_cannot_be_scrubbed_has_a_status_of_its_own() {
    let rig = Rig::new();
    assert_eq!(rig.scrub(&["--resume", "--rate", "1000000", "--parallelism", "4"], 0)[0]["blobs"], 3);
    assert_eq!(rig.scrub(&["--repository", "a"], 0)[0]["blobs"], 3);
    rig.scrub(&["--repository", "b"], 2);
    for arguments in [&["--rate", "1"][..], &["--parallelism", "0"], &["--resume", "--repository", "a"]] {
        let refused = registry(&[&["scrub"], arguments, &[&rig.config]].concat());
        assert_eq!(refused.status.code(), Some(2), "{refused:?}");
    }
    let server = Server::start(&rig.config);
    rig.scrub(&[], 2);
    server.stop();
    assert_eq!(registry(&["scrub", "/nonexistent.yml"]).status.code(), Some(2));
}
