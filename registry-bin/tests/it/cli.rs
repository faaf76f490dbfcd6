//! The binary as a user sees it.

use std::fs;
use std::process::{Command, Output};

/// Runs the binary with nothing in its environment but `variables`.
fn registry(arguments: &[&str], variables: &[(&str, &str)]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_registry"))
        .args(arguments)
        .env_clear()
        .envs(variables.iter().copied())
        .output()
        .expect("the binary starts")
}

fn stdout(output: &Output) -> &str {
    std::str::from_utf8(&output.stdout).unwrap()
}

fn stderr(output: &Output) -> &str {
    std::str::from_utf8(&output.stderr).unwrap()
}

/// Writes a file below a directory of its own, and returns its path.
fn file(directory: &tempfile::TempDir, text: &str) -> String {
    let path = directory.path().join("config.yml");
    fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

#[test]
fn the_version_is_told() {
    for flag in ["--version", "-v"] {
        let output = registry(&[flag], &[]);
        assert_eq!(output.status.code(), Some(0));
        assert_eq!(stdout(&output), concat!("registry ", env!("CARGO_PKG_VERSION"), "\n"));
    }
}

#[test]
fn help_has_examples() {
    let output = registry(&["--help"], &[]);
    assert_eq!(output.status.code(), Some(0));
    assert!(stdout(&output).contains("registry serve /etc/registry/config.yml"));
    assert!(stdout(&output).contains("Exit status"));
}

#[test]
fn a_wrong_command_line_is_status_2() {
    for arguments in [&[][..], &["srve"], &["serve", "--port"], &["config"], &["completions", "tcsh"]] {
        let output = registry(arguments, &[]);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(!output.stderr.is_empty());
    }
}

#[test]
fn check_says_that_a_configuration_is_valid() {
    let output = registry(&["config", "check"], &[]);
    assert_eq!(
        (output.status.code(), stdout(&output), stderr(&output)),
        (Some(0), "built-in configuration: valid\n", "")
    );

    let directory = tempfile::tempdir().unwrap();
    let path = file(&directory, "version: 0.1\nstorage: {inmemory: , tag: {concurrencylimit: 8}}\n");
    let expected = (
        Some(0),
        format!("{path}: valid\n"),
        "warning: Ignoring unrecognized environment variable REGISTRY_SERVICE_HOST
note: `storage.tag.concurrencylimit` has no effect: one query finds all tags
"
        .to_owned(),
    );
    let variable = ("REGISTRY_SERVICE_HOST", "10.0.0.1");
    let output = registry(&["config", "check", &path], &[variable]);
    assert_eq!((output.status.code(), stdout(&output).to_owned(), stderr(&output).to_owned()), expected);
    let output = registry(&["config", "check"], &[variable, ("REGISTRY_CONFIGURATION_PATH", &path)]);
    assert_eq!((output.status.code(), stdout(&output).to_owned(), stderr(&output).to_owned()), expected);
}

#[test]
fn mistakes_are_named_with_status_2() {
    let directory = tempfile::tempdir().unwrap();
    let path =
        file(&directory, "version: 0.1\nstorage: inmemory\nhttp:\n  adr: :5000\n  tls: {letsencrypt: {email: a@b}}\n");
    let expected = format!(
        "{path}:4: unknown key `http.adr`; did you mean `http.addr`?\n{path}:5: not supported yet: http.tls.letsencrypt\n"
    );
    for command in [&["config", "check"][..], &["config", "print"], &["serve"]] {
        let output = registry(&[command, &[&path]].concat(), &[]);
        assert_eq!(output.status.code(), Some(2), "{command:?}");
        assert_eq!((stdout(&output), stderr(&output)), ("", expected.as_str()), "{command:?}");
    }
    let output = registry(&["config", "check"], &[("REGISTRY_LOG_LEVEL", "loud")]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).starts_with("REGISTRY_LOG_LEVEL: `log.level`: expected one of"), "{}", stderr(&output));
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let output = registry(&["config", "check", "/nonexistent/config.yml"], &[]);
    assert_eq!(output.status.code(), Some(2));
    let expected = "configuration file `/nonexistent/config.yml` cannot be read: No such file or directory";
    assert!(stderr(&output).starts_with(expected), "{}", stderr(&output));
}

#[test]
fn a_failure_is_a_record_and_status_1() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let variables = [
        ("REGISTRY_STORAGE", "inmemory"),
        ("REGISTRY_HTTP_ADDR", address.as_str()),
        ("REGISTRY_LOG_FORMATTER", "json"),
    ];
    let output = registry(&["serve"], &variables);
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    let records: Vec<serde_json::Value> =
        stderr(&output).lines().map(|line| serde_json::from_str(line).expect("a record is JSON")).collect();
    let last = records.last().unwrap();
    assert_eq!(last["level"], "error");
    assert!(last["error"].as_str().unwrap().contains(&address), "{last}");
}

#[cfg(unix)]
#[test]
fn a_value_that_is_no_text_is_named() {
    use std::os::unix::ffi::OsStrExt as _;

    let output = Command::new(env!("CARGO_BIN_EXE_registry"))
        .args(["config", "check"])
        .env_clear()
        .env("REGISTRY_HTTP_SECRET", std::ffi::OsStr::from_bytes(b"\xff"))
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(stderr(&output), "REGISTRY_HTTP_SECRET: the value is not UTF-8\n");
}

#[test]
fn print_shows_what_is_in_effect_without_secrets() {
    let directory = tempfile::tempdir().unwrap();
    let secret = directory.path().join("secret");
    fs::write(&secret, "hunter2\n").unwrap();
    let variables = [("REGISTRY_HTTP_SECRET_FILE", secret.to_str().unwrap()), ("REGISTRY_HTTP_ADDR", ":8080")];
    let output = registry(&["config", "print"], &variables);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert!(!stdout(&output).contains("hunter2"));
    let shown: serde_json::Value = serde_saphyr::from_str(stdout(&output)).unwrap();
    assert_eq!(shown["http"]["addr"], ":8080");
    assert_eq!(shown["http"]["secret"], "********");
    assert_eq!(shown["database"]["url"], "sqlite:./registry-data/registry.db");
    assert_eq!(shown["storage"]["maintenance"]["uploadpurging"]["age"], "168h");
}

#[test]
fn schema_is_json() {
    let output = registry(&["config", "schema"], &[]);
    let schema: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
    assert_eq!(schema["properties"]["http"]["properties"]["addr"]["type"], "string");
    assert_eq!(schema["additionalProperties"], false);
}

#[test]
fn env_lists_every_variable() {
    let output = registry(&["config", "env"], &[]);
    let names: Vec<&str> = stdout(&output).lines().map(|line| line.split(' ').next().unwrap()).collect();
    for name in ["REGISTRY_CONFIGURATION_PATH", "REGISTRY_DATA", "REGISTRY_HTTP_ADDR", "REGISTRY_HTTP_SECRET_FILE"] {
        assert!(names.contains(&name), "{name}");
    }
}

#[test]
fn completions_are_there_for_every_shell() {
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let output = registry(&["completions", shell], &[]);
        assert_eq!(output.status.code(), Some(0));
        assert!(stdout(&output).contains("registry"), "{shell}");
    }
}
