//! Comparing the database with the storage, as an operator does.

use std::fs;

use serde_json::Value;
use tempfile::TempDir;

use crate::server::{Server, registry};

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const EMPTY: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
const WORLD: &str = "486ea46224d1bb4fb680f34f7c9ad96a8f24ec88be73ea8e5a6c65260e9cb8a7";
const HELLO: &str = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";

/// Writes a configuration over a new storage, with a layout.
fn configured(layout: &str) -> (TempDir, String) {
    let directory = TempDir::new().unwrap();
    let root = directory.path().join("storage");
    let config = directory.path().join("config.yml").display().to_string();
    let storage = format!("{{filesystem: {{rootdirectory: {}}}, layout: {layout}}}", root.display());
    fs::write(&config, format!("version: 0.1\nhttp: {{addr: 127.0.0.1:0}}\nstorage: {storage}\n")).unwrap();
    (directory, config)
}

fn push(server: &Server, hex: &str, content: &[u8]) {
    let path = format!("/v2/a/blobs/uploads/?digest=sha256:{hex}");
    assert_eq!(server.send("POST", &path, "application/octet-stream", content).0, 201);
}

/// Compares, which must end with this status, and returns what it told, line by line.
fn fsck(arguments: &[&str], status: i32) -> Vec<Value> {
    let compared = registry(&[&["fsck", "--json"], arguments].concat());
    assert_eq!(compared.status.code(), Some(status), "{compared:?}");
    String::from_utf8(compared.stdout).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn differences_are_told_by_words_by_json_and_by_status() {
    let (directory, config) = configured("{}");
    let root = directory.path().join("storage");
    let server = Server::start(&config);
    push(&server, HELLO, b"hello");
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

#[test]
fn a_repair_says_what_became_of_each_difference() {
    let (directory, config) = configured("{}");
    let blobs = directory.path().join("storage/docker/registry/v2/blobs/sha256");
    let server = Server::start(&config);
    push(&server, HELLO, b"hello");
    push(&server, WORLD, b"world");
    server.stop();
    fs::remove_dir_all(blobs.join("2c").join(HELLO)).unwrap();
    fs::write(blobs.join("48").join(WORLD).join("data"), "wor").unwrap();
    fs::create_dir_all(blobs.join("e3").join(EMPTY)).unwrap();
    fs::write(blobs.join("e3").join(EMPTY).join("data"), "").unwrap();

    let told = fsck(&["--repair", &config], 1);
    assert_eq!(told.len(), 4, "{told:?}");
    let of = |finding: &str| told.iter().find(|line| line["finding"] == finding).unwrap();
    assert_eq!(of("missing")["repair"], "quarantined");
    assert_eq!(of("unknown")["repair"], "put_up_for_review");
    assert_eq!(of("wrong_size")["repair"], "quarantined");
    let aside = of("wrong_size")["set_aside"].as_str().unwrap();
    assert_eq!(fs::read(directory.path().join("storage").join(&aside[1..])).unwrap(), b"wor");
    assert_eq!((&told[3]["result"], &told[3]["repaired"]), (&"repaired".into(), &3.into()));

    let told = fsck(&["--repair", &config], 1);
    assert_eq!(told.len(), 3, "{told:?}");
    assert!(told[..2].iter().all(|line| line["finding"] == "quarantined" && line["repair"] == "left_alone"));
    assert_eq!(told[2]["result"], "different");

    let server = Server::start(&config);
    for hex in [HELLO, WORLD] {
        for method in ["HEAD", "GET"] {
            assert_eq!(server.send(method, &format!("/v2/a/blobs/sha256:{hex}"), "", b"").0, 404, "{method}");
        }
    }
    push(&server, HELLO, b"hello");
    push(&server, WORLD, b"world");
    assert_eq!(server.send("GET", &format!("/v2/a/blobs/sha256:{WORLD}"), "", b""), (200, b"world".to_vec()));
    server.stop();
    assert_eq!(fsck(&["--dry-run", &config], 0)[0]["result"], "clean");
}

#[test]
fn manifests_among_the_blobs_are_known_and_links_are_compared() {
    let (directory, config) = configured("{links: true}");
    let server = Server::start(&config);
    push(&server, EMPTY, b"");
    let manifest = format!(
        r#"{{"schemaVersion":2,"mediaType":"{MANIFEST}","layers":[],"config":{{"mediaType":"x/y","digest":"sha256:{EMPTY}","size":0}}}}"#
    );
    assert_eq!(server.send("PUT", "/v2/a/manifests/latest", MANIFEST, manifest.as_bytes()).0, 201);
    server.stop();
    let told = fsck(&[&config], 0);
    assert_eq!((&told[0]["recorded"], &told[0]["stored"], &told[0]["links"]), (&1.into(), &2.into(), &3.into()));

    let links = directory.path().join("storage/docker/registry/v2/repositories/a");
    fs::remove_dir_all(&links).unwrap();
    let plain = registry(&["fsck", &config]);
    let told = String::from_utf8(plain.stdout).unwrap();
    assert!(told.contains("missing link: nothing says that repository a has tag latest, expected sha256:"), "{told}");
    let told = fsck(&["--repair", &config], 1);
    assert_eq!(told.len(), 4, "{told:?}");
    assert!(told[..3].iter().all(|line| line["finding"] == "missing_link" && line["repair"] == "link_written"));
    assert_eq!((&told[3]["missing_links"], &told[3]["result"]), (&3.into(), &"repaired".into()));
    assert_eq!(fsck(&[&config], 0)[0]["result"], "clean");
}
