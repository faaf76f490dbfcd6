//! A storage and a database that do not belong to each other, as an operator meets them.

use std::fs;
use std::path::Path;

use tempfile::TempDir;

use crate::server::{Server, registry};

/// Writes a configuration for a storage and a database below a directory, and returns its path.
fn config(directory: &TempDir, storage: &str, database: &str) -> String {
    let below = |name: &str| directory.path().join(name).display().to_string();
    let text = format!(
        "version: 0.1\nstorage: {{filesystem: {{rootdirectory: {}}}}}\ndatabase: {{url: 'sqlite:{}'}}\nhttp: {{addr: 127.0.0.1:0}}\n",
        below(storage),
        below(database)
    );
    let path = directory.path().join(format!("{storage}-{database}.yml"));
    fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

/// Asserts that serving is refused, with these words.
fn is_refused(config: &str, words: &[&str]) {
    let output = registry(&["serve", config]);
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{told}");
    for word in words {
        assert!(told.contains(word), "{word} is not in: {told}");
    }
}

fn identity(storage: &Path) -> String {
    fs::read_to_string(storage.join("registry/identity")).unwrap()
}

#[test]
fn a_second_process_with_a_database_of_its_own_is_refused() {
    let directory = TempDir::new().unwrap();
    let (own, foreign) = (config(&directory, "storage", "a.db"), config(&directory, "storage", "b.db"));
    let server = Server::start(&own);
    let there = identity(&directory.path().join("storage"));
    is_refused(&foreign, &["belongs to another database", there.trim(), "database.url", "registry restore"]);
    assert_eq!(server.send("GET", "/v2/", "text/plain", b"").0, 200, "the first goes on");
    server.stop();
    is_refused(&foreign, &["belongs to another database"]);
    Server::start(&own).stop();
    assert_eq!(identity(&directory.path().join("storage")), there);
}

#[test]
fn a_database_that_was_used_with_another_storage_is_refused() {
    let directory = TempDir::new().unwrap();
    for names in [("one", "one.db"), ("two", "two.db")] {
        Server::start(&config(&directory, names.0, names.1)).stop();
    }
    is_refused(&config(&directory, "one", "two.db"), &["belongs to another database", "take-over"]);
    is_refused(&config(&directory, "empty", "one.db"), &["belongs to another storage", "mounted"]);
}

#[test]
fn a_storage_can_be_taken_over() {
    let directory = TempDir::new().unwrap();
    let (old, new) = (config(&directory, "storage", "a.db"), config(&directory, "storage", "b.db"));
    Server::start(&old).stop();
    let output = registry(&["storage", "take-over", &new]);
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert!(told.contains(identity(&directory.path().join("storage")).trim()), "{told}");
    Server::start(&new).stop();
    is_refused(&old, &["belongs to another database"]);
}

#[test]
fn what_distribution_has_left_is_pointed_out() {
    let directory = TempDir::new().unwrap();
    let link = "storage/docker/registry/v2/repositories/a/_manifests/tags/latest/current/link";
    let link = directory.path().join(link);
    fs::create_dir_all(link.parent().unwrap()).unwrap();
    fs::write(link, "sha256:").unwrap();
    let config = config(&directory, "storage", "a.db");
    assert!(Server::start(&config).stop().contains("`registry import`"));
    assert!(!Server::start(&config).stop().contains("`registry import`"), "once is enough");
}

#[test]
fn a_read_only_registry_leaves_the_storage_alone() {
    let directory = TempDir::new().unwrap();
    let config = config(&directory, "storage", "a.db");
    let variable = ("REGISTRY_STORAGE_MAINTENANCE_READONLY", "{enabled: true}");
    Server::start_with(&config, &[variable]).stop();
    assert!(!directory.path().join("storage/registry").exists());
    Server::start(&config).stop();
    Server::start_with(&config, &[variable]).stop();
    identity(&directory.path().join("storage"));
}
