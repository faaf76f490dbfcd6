//! Files that must load: the examples, and those that distribution comes with.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use proptest::prelude::*;
use registry_bin::config::{self, StorageDriver};

use crate::support::{load, load_embedded, load_valid, problems};

const COMPLETE: &str = include_str!("../../config/complete.yml");

#[test]
fn every_example_loads() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("config");
    let mut names = BTreeSet::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        let loaded = load_valid(&fs::read_to_string(&path).unwrap(), &[]);
        assert_eq!(loaded.warnings, [""; 0], "{}", path.display());
        names.insert(path.file_name().unwrap().to_str().unwrap().to_owned());
    }
    assert_eq!(names.into_iter().collect::<Vec<_>>(), ["complete.yml", "default.yml", "memory.yml", "team.yml"]);
}

#[test]
fn the_complete_example_has_every_key_at_its_default() {
    let loaded = load_valid(COMPLETE, &[]);
    let shown = serde_json::to_value(&loaded.config).unwrap();
    let minimal = load_valid("version: 0.1\nstorage: filesystem\n", &[]);
    assert_eq!(shown, serde_json::to_value(&minimal.config).unwrap());
    for key in config::keys() {
        let section = key.split('.').next().unwrap();
        if key != section && ["middleware", "notifications", "policy", "proxy", "redis"].contains(&section) {
            continue;
        }
        let name = key.rsplit(['.', ']']).next().unwrap();
        assert!(COMPLETE.contains(&format!("{name}:")), "{key} is not in the example");
    }
}

/// Returns the whole configurations that a document shows.
fn shown(document: &Path) -> Vec<String> {
    let text = fs::read_to_string(document).unwrap_or_else(|error| panic!("{}: {error}", document.display()));
    let blocks = text.split("```yaml\n").skip(1).map(|block| block.split_once("```").expect("an end").0);
    blocks.filter(|block| block.starts_with("version:")).map(ToOwned::to_owned).collect()
}

#[test]
fn every_driver_has_a_page_whose_examples_load() {
    let documents = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs");
    let expected = problems("version: 0.1\nstorage: {}\n", &[]);
    let drivers: Vec<_> = expected.split("`storage.").skip(1).map(|name| name.split_once('`').unwrap().0).collect();
    assert!(drivers.contains(&"filesystem") && drivers.contains(&"swift"), "{expected}");
    for driver in drivers.into_iter().filter(|driver| *driver != "inmemory") {
        let page = format!("storage-{driver}.md");
        let examples = shown(&documents.join(&page));
        assert!(!examples.is_empty(), "{page} shows no whole configuration");
        for example in examples {
            let storage = serde_json::to_value(load_valid(&example, &[]).config.storage).unwrap();
            assert!(storage[driver].is_object(), "{page}: {example}");
        }
    }
}

#[test]
fn the_example_of_the_readme_loads() {
    let examples = shown(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../README.md"));
    assert_eq!(examples.len(), 1);
    load_valid(&examples[0], &[]);
}

#[test]
fn the_files_of_distribution_load() {
    for text in [include_str!("data/distribution-2.8.yml"), include_str!("data/distribution-3.yml")] {
        let config = load_valid(text, &[]).config;
        let StorageDriver::Filesystem(filesystem) = config.storage.driver() else { panic!("another driver") };
        assert_eq!(filesystem.rootdirectory.to_str(), Some("/var/lib/registry"));
        assert_eq!(String::from(config.http.addr.clone()), ":5000");
        assert_eq!(config.http.headers["X-Content-Type-Options"], ["nosniff"]);
        assert!(config.health.storagedriver.enabled);
        assert_eq!(config.health.storagedriver.threshold, 3);
    }
}

#[test]
fn what_is_printed_is_read_back() {
    for text in [COMPLETE, include_str!("data/distribution-3.yml"), include_str!("../../config/team.yml")] {
        let first = load_valid(text, &[]).config;
        let printed = serde_saphyr::to_string(&first).unwrap();
        let second = load_valid(&printed, &[]).config;
        assert_eq!(serde_json::to_value(&first).unwrap(), serde_json::to_value(&second).unwrap());
    }
}

/// Every variable there is, with numbers and free keys filled in.
fn variable() -> impl Strategy<Value = String> {
    let names: Vec<String> = config::variables().into_iter().map(|(name, _)| name).collect();
    (proptest::sample::select(names), "[A-Z_0-9-]{0,6}", 0..3_u8).prop_map(|(name, free, index)| {
        name.replace("<NAME>", if free.is_empty() { "X" } else { &free }).replace("<N>", &index.to_string())
    })
}

fn scalar() -> impl Strategy<Value = String> {
    proptest::sample::select(vec![
        "",
        "~",
        "true",
        "0",
        "-1",
        "1e9",
        "0.1",
        "10s",
        ":1",
        "/a",
        "[a, {b: c}]",
        "{a: [b]}",
        "*a",
        "'",
    ])
    .prop_map(str::to_owned)
}

proptest! {
    #[test]
    fn no_text_makes_loading_panic(text in "(?s).{0,200}") {
        let _ = load(&text, &[]);
    }

    #[test]
    fn no_arrangement_of_keys_makes_loading_panic(
        lines in proptest::collection::vec((0..4_usize, proptest::sample::select(config::keys()), scalar()), 0..20),
    ) {
        let text: String = lines
            .iter()
            .map(|(depth, key, value)| {
                let name = key.rsplit(['.', ']']).next().unwrap_or_default();
                format!("{}{name}: {value}\n", "  ".repeat(*depth))
            })
            .collect();
        let _ = load(&text, &[]);
    }

    #[test]
    fn no_variable_makes_loading_panic(variables in proptest::collection::vec((variable(), scalar()), 0..8)) {
        let variables: Vec<_> = variables.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let _ = load_embedded(&variables);
        let _ = load(COMPLETE, &variables);
    }

    #[test]
    fn a_damaged_file_does_not_make_loading_panic(at in 0..COMPLETE.len(), length in 0..40_usize, insert in "[ -~]{0,4}") {
        let mut bytes = COMPLETE.as_bytes().to_vec();
        bytes.splice(at..(at + length).min(COMPLETE.len()), insert.bytes());
        let _ = load(&String::from_utf8_lossy(&bytes), &[]);
    }
}
