//! `registry import` as a process: what it prints, what it leaves and what it ends with.

use std::fs;
use std::path::Path;

use registry_core::protocol::digest::{Algorithm, Digest};

use crate::server::registry;

const LINKS: &str = "storage/docker/registry/v2/repositories/a";

fn write(root: &Path, path: &str, content: &str) {
    let file = root.join(path);
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    fs::write(file, content).unwrap();
}

/// Makes a storage with an index and its tag, as distribution writes them, and returns the path of its configuration.
fn storage(root: &Path) -> String {
    let index = r#"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]}"#;
    let digest = Digest::of(Algorithm::Sha256, index.as_bytes());
    let (hex, digest) = (digest.hex(), digest.to_string());
    write(root, &format!("storage/docker/registry/v2/blobs/sha256/{}/{hex}/data", &hex[..2]), index);
    write(root, &format!("{LINKS}/_manifests/revisions/sha256/{hex}/link"), &digest);
    write(root, &format!("{LINKS}/_manifests/tags/v1/current/link"), &digest);
    let config = format!("version: 0.1\nstorage:\n  filesystem: {{rootdirectory: '{}/storage'}}\n", root.display());
    write(root, "config.yml", &config);
    root.join("config.yml").display().to_string()
}

#[test]
fn an_import_tells_by_its_status_what_became_of_it() {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path();
    let config = storage(root);
    let log = root.join("import.log").display().to_string();
    write(root, &format!("{LINKS}/_manifests/tags/broken/current/link"), "");

    let dry = registry(&["import", "--dry-run", &config]);
    let (stdout, stderr) = (String::from_utf8_lossy(&dry.stdout), String::from_utf8_lossy(&dry.stderr));
    assert_eq!(dry.status.code(), Some(1), "{stderr}");
    assert!(stderr.contains("skipped: repository `a`: tag broken: its link cannot be read"), "{stderr}");
    assert!(stdout.contains("tags          1 to be imported, 0 there already\n"), "{stdout}");
    assert!(!root.join("storage/registry.db").exists());

    fs::remove_dir_all(root.join(LINKS).join("_manifests/tags/broken")).unwrap();
    for (resume, imported) in
        [(false, "1 imported, 0 there"), (true, "0 imported, 0 there"), (false, "0 imported, 1 there")]
    {
        let mut arguments = vec!["import", "--log", &log];
        arguments.extend(resume.then_some("--resume"));
        arguments.push(&config);
        let done = registry(&arguments);
        assert_eq!(done.status.code(), Some(0), "{}", String::from_utf8_lossy(&done.stderr));
        let stdout = String::from_utf8_lossy(&done.stdout).into_owned();
        assert!(stdout.contains(&format!("tags          {imported}")), "{stdout}");
        assert!(fs::read_to_string(&log).unwrap().ends_with(&stdout));
    }
}

#[test]
fn an_import_that_cannot_begin_has_a_status_of_its_own() {
    let directory = tempfile::tempdir().unwrap();
    let config = storage(directory.path());
    for arguments in [
        &["import", "/nowhere/config.yml"][..],
        &["import", "--log", "/nowhere/import.log", &config],
        &["import", "--repository", "Not A Name", &config],
    ] {
        let failed = registry(arguments);
        assert_eq!(failed.status.code(), Some(2), "{arguments:?}");
        assert!(!failed.stderr.is_empty());
    }
}
