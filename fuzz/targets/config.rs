//! Configurations: a file, and after it variables as `NAME=VALUE`, each after a NUL. `REGISTRY_` is left out of the names.

#![no_main]

use std::io;
use std::path::Path;

use libfuzzer_sys::fuzz_target;
use registry_bin::config::{self, ConfigError, File, Sources};

fuzz_target!(|text: &str| {
    let mut parts = text.split('\0');
    let file = parts.next().filter(|text| !text.is_empty()).map(|text| File { name: "config.yml", text });
    let variables: Vec<_> = parts
        .filter_map(|variable| variable.split_once('='))
        .map(|(name, value)| (format!("REGISTRY_{name}"), value.to_owned()))
        .collect();
    let read_secret = |path: &Path| match path.to_str() {
        Some("/run/secret") => Ok("secret\n".to_owned()),
        _ => Err(io::ErrorKind::NotFound.into()),
    };
    match config::parse(&Sources { file, variables: &variables, read_secret: &read_secret }) {
        Ok(loaded) => {
            assert_eq!(loaded.source_name == "config.yml", file.is_some());
            let told = loaded.warnings.iter().chain(&loaded.notes);
            assert!(told.into_iter().all(|text| !text.trim().is_empty()));
        }
        Err(ConfigError::Invalid { problems, .. }) => {
            assert!(!problems.is_empty());
            for problem in problems {
                assert!(!problem.message.trim().is_empty());
                assert!(!problem.message.contains('\n'), "more than a line: {}", problem.message);
            }
        }
        Err(error) => panic!("{error}"),
    }
});
