//! Comparing the database with the storage, as an operator does.

use std::fs;

use serde_json::Value;
use tempfile::TempDir;

use crate::server::{Server, registry};

const HELLO: &str = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";

#[test]
fn differences_are_told_by_words_by_json_and_by_status() {
    let directory = TempDir::new().unwrap();
    let root = directory.path().join("storage");
    let config = directory.path().join("config.yml").display().to_string();
    let text = format!(
        "version: 0.1\nhttp: {{addr: 127.0.0.1:0}}\nstorage: {{filesystem: {{rootdirectory: {}}}}}\n",
        root.display()
    );
    fs::write(&config, text).unwrap();
    let server = Server::start(&config);
    let path = format!("/v2/a/blobs/uploads/?digest=sha256:{HELLO}");
    assert_eq!(server.send("POST", &path, "application/octet-stream", b"hello").0, 201);
    let in_use = registry(&["fsck", &config]);
    assert_eq!(in_use.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&in_use.stderr).contains("in use by another process"), "{in_use:?}");
    server.stop();

    let clean = registry(&["fsck", &config]);
    assert_eq!(clean.status.code(), Some(0), "{clean:?}");
    let told = String::from_utf8(clean.stdout).unwrap();
    assert!(
        told.starts_with("1 blobs of 5 bytes in the database, 1 files of 5 bytes in the storage: 0 missing"),
        "{told}"
    );

    let blobs = root.join("docker/registry/v2/blobs/sha256");
    fs::rename(blobs.join("2c").join(HELLO), blobs.join("00").join(HELLO)).unwrap();
    let different = registry(&["fsck", &config]);
    assert_eq!(different.status.code(), Some(1), "{different:?}");
    let told = String::from_utf8(different.stdout).unwrap();
    assert!(told.contains(&format!("missing: blob sha256:{HELLO} of 5 bytes")), "{told}");
    assert!(told.contains("unknown: the database does not know the 5 bytes at"), "{told}");

    let different = registry(&["fsck", "--json", &config]);
    let told = String::from_utf8(different.stdout).unwrap();
    let lines: Vec<Value> = told.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 3, "{told}");
    let missing = lines.iter().find(|line| line["finding"] == "missing").unwrap();
    assert_eq!(missing["digest"], format!("sha256:{HELLO}"));
    let last = &lines[2];
    assert_eq!((&last["result"], &last["missing"], &last["unknown"]), (&"different".into(), &1.into(), &1.into()));

    assert_eq!(registry(&["fsck", "/nonexistent.yml"]).status.code(), Some(2));
}
