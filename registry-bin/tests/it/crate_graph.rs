//! Which crate may depend on which, as ARCHITECTURE.md draws it. A new arrow is the rare change that needs a reason there.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

const ALLOWED: &[(&str, &[&str])] = &[
    ("registry-core", &[]),
    ("registry-storage", &["registry-core"]),
    ("registry-db", &["registry-core"]),
    ("registry-http", &["registry-core"]),
    ("registry-bin", &["registry-core", "registry-db", "registry-http", "registry-storage"]),
    ("benches", &["registry-core", "registry-db", "registry-http", "registry-storage"]),
];

/// Libraries that only one of our crates, or all but some, may use.
const CONFINED: &[(&str, &[&str])] = &[
    ("anyhow", &["registry-bin"]),
    ("diesel", &["registry-db"]),
    ("hyper", &["registry-http", "registry-storage", "benches"]),
    ("clap", &["registry-bin", "benches"]),
];

/// The libraries that each crate uses outside its tests.
fn dependencies() -> BTreeMap<String, BTreeSet<String>> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--no-deps", "--offline", "--format-version", "1", "--manifest-path"])
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.toml"))
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).expect("cargo writes JSON");
    let packages = metadata["packages"].as_array().expect("a list of packages");
    let name = |value: &serde_json::Value| value["name"].as_str().expect("a name").to_owned();
    packages
        .iter()
        .map(|package| {
            let dependencies = package["dependencies"].as_array().expect("a list of dependencies");
            let used = dependencies.iter().filter(|dependency| dependency["kind"] != "dev").map(name);
            (name(package), used.collect())
        })
        .collect()
}

#[test]
fn crates_depend_only_on_those_below_them() {
    let dependencies = dependencies();
    let ours: BTreeSet<&str> = ALLOWED.iter().map(|(name, _)| *name).collect();
    assert_eq!(dependencies.keys().map(String::as_str).collect::<BTreeSet<_>>(), ours, "the list names every crate");
    for (name, allowed) in ALLOWED {
        for used in dependencies[*name].iter().filter(|used| ours.contains(used.as_str())) {
            assert!(allowed.contains(&used.as_str()), "{name} must not depend on {used}");
        }
    }
}

#[test]
fn libraries_stay_in_their_room() {
    for (name, used) in dependencies() {
        for (library, rooms) in CONFINED {
            assert!(!used.contains(*library) || rooms.contains(&name.as_str()), "{name} must not use {library}");
        }
        let runtime = name == "registry-core" && used.contains("tokio");
        assert!(!runtime, "registry-core must run under any runtime, and so has none");
    }
}
