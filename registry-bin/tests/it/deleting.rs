//! Deleting, undoing it, and what is freed by it, as clients and an operator see it.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use registry_core::protocol::digest::{Algorithm, Digest};
use tempfile::TempDir;

use crate::server::{Server, registry};

const IMAGE: &str = "application/vnd.oci.image.manifest.v1+json";
/// How long the server may take to free something; it takes a second.
const PATIENCE: Duration = Duration::from_secs(60);

struct Bed {
    directory: TempDir,
    config: String,
}

impl Bed {
    fn new(settings: &str) -> Self {
        let directory = TempDir::new().unwrap();
        let config = directory.path().join("config.yml").display().to_string();
        let root = directory.path().join("storage");
        let text = format!(
            "version: 0.1\nhttp: {{addr: 127.0.0.1:0}}\n{}",
            settings.replace("ROOT", &root.display().to_string())
        );
        fs::write(&config, text).unwrap();
        Self { directory, config }
    }

    /// Where the bytes of a blob are.
    fn data(&self, digest: &Digest) -> PathBuf {
        let (hex, root) = (digest.hex(), self.directory.path().join("storage"));
        root.join(format!("docker/registry/v2/blobs/sha256/{}/{hex}/data", &hex[..2]))
    }

    /// Runs a command that has to succeed, and returns what it wrote.
    fn run(&self, arguments: &[&str]) -> String {
        let output = registry(&[arguments, &[self.config.as_str()]].concat());
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    }
}

fn sha256(content: &[u8]) -> Digest {
    Digest::of(Algorithm::Sha256, content)
}

/// Pushes an image of these blobs, the first of which is its config.
fn push(server: &Server, tag: &str, blobs: &[&str]) -> Digest {
    let descriptor = |content: &&str| {
        let digest = sha256(content.as_bytes());
        let path = format!("/v2/a/blobs/uploads/?digest={digest}");
        assert_eq!(server.send("POST", &path, "application/octet-stream", content.as_bytes()).0, 201);
        serde_json::json!({"mediaType": "application/octet-stream", "digest": digest, "size": content.len()})
    };
    let blobs: Vec<_> = blobs.iter().map(descriptor).collect();
    let manifest = serde_json::json!({
        "schemaVersion": 2, "mediaType": IMAGE, "config": blobs[0], "layers": blobs[1..],
    });
    let manifest = serde_json::to_vec(&manifest).unwrap();
    assert_eq!(server.send("PUT", &format!("/v2/a/manifests/{tag}"), IMAGE, &manifest).0, 201);
    sha256(&manifest)
}

fn delete(server: &Server, reference: &str) {
    assert_eq!(server.send("DELETE", &format!("/v2/a/manifests/{reference}"), "", b"").0, 202);
}

fn goes(file: &Path) -> bool {
    let deadline = Instant::now() + PATIENCE;
    while Instant::now() < deadline {
        if !file.exists() {
            return true;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    false
}

#[test]
fn without_grace_and_history_a_deleted_tag_frees_what_no_other_needs() {
    let bed = Bed::new(
        "tags: {history: 0s}\nstorage: {filesystem: {rootdirectory: ROOT}, delete: {enabled: true}, \
         maintenance: {garbagecollection: {graceperiod: 0s}}}\n",
    );
    let server = Server::start(&bed.config);
    push(&server, "1", &["config one", "shared", "one"]);
    push(&server, "2", &["config two", "shared", "two"]);
    delete(&server, "1");
    for own in ["config one", "one"] {
        assert!(goes(&bed.data(&sha256(own.as_bytes()))), "{own} is still there");
    }
    for needed in ["config two", "shared", "two"] {
        assert!(bed.data(&sha256(needed.as_bytes())).exists(), "{needed} is gone");
    }
    assert_eq!(server.send("GET", "/v2/a/manifests/2", "", b"").0, 200);
    assert_eq!(server.send("GET", "/v2/a/manifests/1", "", b"").0, 404);
}

#[test]
fn what_is_deleted_is_explained_and_restored() {
    let bed = Bed::new("storage: {filesystem: {rootdirectory: ROOT}, delete: {enabled: true}}\n");
    let server = Server::start(&bed.config);
    let digest = push(&server, "1", &["config", "layer"]);
    delete(&server, &digest.to_string());
    assert_eq!(server.send("GET", "/v2/a/manifests/1", "", b"").0, 404);
    server.stop();

    let history = bed.run(&["tag", "history", "a:1"]);
    assert!(history.starts_with(&format!("1  {digest}  ")) && history.lines().count() == 1, "{history}");
    let (_, until) = history.trim_end().split_once("restorable until ").unwrap();
    let explained = bed.run(&["garbage-collect", "--explain", &digest.to_string()]);
    assert!(explained.contains(&format!("kept until {until} because tag 1 may be restored")), "{explained}");
    assert!(explained.contains("was deleted, and nobody can see it"), "{explained}");
    assert_eq!(bed.run(&["tag", "restore", "a:1"]), format!("a:1 points to {digest}\n"));

    let server = Server::start(&bed.config);
    assert_eq!(server.send("GET", &format!("/v2/a/manifests/{digest}"), "", b"").0, 200);
    drop(server);
    let unknown = registry(&["tag", "restore", "a:2", &bed.config]);
    assert_eq!(unknown.status.code(), Some(1), "{unknown:?}");
}

#[test]
fn rules_and_whole_repositories_are_applied_and_removed_by_hand() {
    let bed = Bed::new(
        "storage: {filesystem: {rootdirectory: ROOT}}\nretention: {rules: [{repositories: a, keepmatching: keep}]}\n",
    );
    let server = Server::start(&bed.config);
    push(&server, "keep", &["config", "layer"]);
    push(&server, "other", &["config", "another"]);
    server.stop();

    assert_eq!(bed.run(&["retention", "--dry-run"]), "a:other\n");
    let before = bed.run(&["repository", "usage", "a"]);
    assert!(before.contains("manifests      2\ntags           2\n"), "{before}");
    assert_eq!(bed.run(&["retention"]), "a:other\n");
    assert_eq!(bed.run(&["retention"]), "");
    let after = bed.run(&["repository", "usage", "a"]);
    assert!(after.contains("manifests      2\ntags           1\n"), "{after}");
    assert!(bed.run(&["tag", "history", "a"]).starts_with("other  sha256:"));

    assert_eq!(bed.run(&["repository", "delete", "a"]), "a deleted\n");
    let gone = registry(&["repository", "usage", "a", &bed.config]);
    assert_eq!(gone.status.code(), Some(1), "{gone:?}");
}
