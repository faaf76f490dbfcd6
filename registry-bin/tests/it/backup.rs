//! Losing the database, and getting it back.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use sha2::{Digest as _, Sha256};
use tempfile::TempDir;

use crate::server::{Server, registry};

const IMAGE: &str = "application/vnd.oci.image.manifest.v1+json";

/// A registry below a directory of its own.
struct Place {
    directory: TempDir,
    config: String,
}

impl Place {
    fn new() -> Self {
        let directory = TempDir::new().unwrap();
        let config = directory.path().join("config.yml").display().to_string();
        let (root, database) = (directory.path().join("storage"), directory.path().join("database/registry.db"));
        let text = format!(
            "version: 0.1\nhttp: {{addr: 127.0.0.1:0}}\nstorage: {{filesystem: {{rootdirectory: {}}}}}\n\
             database: {{url: 'sqlite:{}', snapshots: {{interval: 1s, count: 2}}}}\n",
            root.display(),
            database.display()
        );
        fs::write(&config, text).unwrap();
        Self { directory, config }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn lose_database(&self) {
        fs::remove_dir_all(self.path("database")).unwrap();
    }

    /// Runs a command that must succeed, and returns what it printed.
    fn run(&self, command: &str, arguments: &[&str]) -> String {
        let output = registry(&[&[command, &self.config], arguments].concat());
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// Asserts that serving is refused because the storage belongs to another database.
    fn is_refused(&self) {
        let output = registry(&["serve", &self.config]);
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{told}");
        assert!(told.contains("registry restore CONFIG --latest"), "{told}");
    }
}

fn digest(content: &[u8]) -> String {
    let hex: String = Sha256::digest(content).iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{hex}")
}

/// Pushes an image of one blob to a tag, and returns its manifest.
fn push(server: &Server, tag: &str) -> String {
    let blob = format!("{{\"tag\":\"{tag}\"}}");
    let path = format!("/v2/a/b/blobs/uploads/?digest={}", digest(blob.as_bytes()));
    assert_eq!(server.send("POST", &path, "application/octet-stream", blob.as_bytes()).0, 201);
    let descriptor = format!(
        "{{\"mediaType\":\"application/vnd.oci.image.config.v1+json\",\"digest\":\"{}\",\"size\":{}}}",
        digest(blob.as_bytes()),
        blob.len()
    );
    let manifest = format!("{{\"schemaVersion\":2,\"mediaType\":\"{IMAGE}\",\"config\":{descriptor},\"layers\":[]}}");
    assert_eq!(server.send("PUT", &format!("/v2/a/b/manifests/{tag}"), IMAGE, manifest.as_bytes()).0, 201);
    manifest
}

/// Asserts that an image can be pulled as it was pushed.
fn pull(server: &Server, tag: &str, manifest: &str) {
    let (status, body) = server.send("GET", &format!("/v2/a/b/manifests/{tag}"), "text/plain", b"");
    assert_eq!((status, String::from_utf8(body).unwrap().as_str()), (200, manifest));
    let blob = format!("{{\"tag\":\"{tag}\"}}");
    let (status, body) = server.send("GET", &format!("/v2/a/b/blobs/{}", digest(blob.as_bytes())), "text/plain", b"");
    assert_eq!((status, body), (200, blob.into_bytes()));
}

fn snapshots(directory: &Path) -> Vec<String> {
    let Ok(entries) = fs::read_dir(directory) else { return Vec::new() };
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// Waits for a snapshot that is newer than another.
fn newer_snapshot(place: &Place, than: Option<&String>) -> String {
    let began = Instant::now();
    loop {
        let newest = snapshots(&place.path("storage/registry/snapshots")).pop();
        match newest.filter(|newest| Some(newest) > than) {
            Some(newest) => return newest,
            None => assert!(began.elapsed() < Duration::from_secs(120), "no snapshot was taken"),
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn a_lost_database_comes_back_from_the_storage() {
    let place = Place::new();
    let server = Server::start(&place.config);
    let mut newest = None;
    let images = ["one", "two", "three", "four"].map(|tag| {
        let manifest = push(&server, tag);
        newest = Some(newer_snapshot(&place, newest.as_ref()));
        (tag, manifest)
    });
    server.stop();
    place.run("backup", &[]);
    let kept = snapshots(&place.path("storage/registry/snapshots"));
    assert!(kept.len() <= 2, "{kept:?}");
    assert!(place.run("backup", &[]).contains("has not changed"));

    place.lose_database();
    place.is_refused();
    let listed = place.run("restore", &["--list"]);
    assert!(listed.lines().count() == kept.len() && listed.contains(&kept[0]), "{listed}");
    let told = place.run("restore", &["--latest"]);
    assert!(told.contains("registry fsck"), "{told}");
    let server = Server::start(&place.config);
    images.iter().for_each(|(tag, manifest)| pull(&server, tag, manifest));
    push(&server, "five");
    server.stop();
}

#[test]
fn a_copy_is_made_and_put_back_by_hand() {
    let place = Place::new();
    let copy = place.path("copy.db").display().to_string();
    let server = Server::start_with(&place.config, &[("REGISTRY_DATABASE_SNAPSHOTS_ENABLED", "false")]);
    let before = push(&server, "before");
    let told = place.run("backup", &[&copy]);
    assert!(told.contains(&digest(&fs::read(&copy).unwrap())), "{told}");
    push(&server, "after");
    let in_use = registry(&["restore", &place.config, &copy]);
    assert_eq!(in_use.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&in_use.stderr).contains("in use by another process"), "{in_use:?}");
    server.stop();
    assert!(!place.path("storage/registry/snapshots").exists());

    let told = place.run("restore", &[&copy]);
    assert!(told.contains("registry.db.replaced-"), "{told}");
    let server = Server::start(&place.config);
    pull(&server, "before", &before);
    assert_eq!(server.send("GET", "/v2/a/b/manifests/after", "text/plain", b"").0, 404);
    server.stop();
}

#[test]
fn what_cannot_be_restored_is_told() {
    let place = Place::new();
    for (arguments, status, words) in [
        (&["restore", &place.config][..], 2, "required"),
        (&["restore", &place.config, "--latest", "--list"], 2, "cannot be used with"),
        (&["restore", &place.config, "--snapshot", "x"], 2, "not the name of a snapshot"),
        (&["restore", &place.config, "--latest"], 1, "no such snapshot"),
        (&["restore", &place.config, "/nonexistent.db"], 1, "/nonexistent.db"),
        (&["restore", &place.config, &place.config], 1, "file is not a database"),
        (&["backup", &place.config], 1, "registry.db"),
    ] {
        let output = registry(arguments);
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(status), "{arguments:?}: {told}");
        assert!(told.contains(words), "{arguments:?}: {told}");
    }
    assert!(!place.path("database/registry.db").exists());
}
