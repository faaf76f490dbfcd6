//! A copy of the list of repositories for other programs.

use std::fs;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::server::Server;
use crate::support::{MINIMAL, load_valid, problems};

const INDEX: &[u8] = br#"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]}"#;
const MEDIA_TYPE: &str = "application/vnd.oci.image.index.v1+json";

#[test]
fn the_variables_of_the_sohu_registry_are_known() {
    for (variables, shown) in [
        (&[("SEARCH_BACKEND", "")][..], "null null"),
        (&[("SEARCH_BACKEND", "LOCAL")], "\"local\" null"),
        (
            &[
                ("SEARCH_BACKEND", "MYSQL"),
                ("SEARCH_BACKEND_MYSQL", "root:&*#: @tcp(db:1)/domeos?loc=Local&parseTime=true"),
            ],
            "\"mysql\" \"root@tcp(db:1)/domeos\"",
        ),
        // It would be a hint that has nothing to do with this registry.
        (&[("SEARCH_BACKEND_MYSQL", "root@/domeos")], "null \"root@tcp(127.0.0.1:3306)/domeos\""),
        (&[("SEARCH_BACKEND", "MYSQL"), ("REGISTRY_SEARCH_BACKEND", "local")], "\"local\" null"),
    ] {
        let loaded = load_valid(MINIMAL, variables);
        assert_eq!(loaded.warnings, [""; 0], "{variables:?}");
        let search = serde_json::to_value(&loaded.config.search).unwrap();
        assert_eq!(format!("{} {}", search["backend"], search["mysql"]), shown, "{variables:?}");
    }
    let file = format!("{MINIMAL}search: {{backend: mysql, mysql: root@/domeos}}\n");
    assert_eq!(load_valid(&file, &[("SEARCH_BACKEND", "")]).config.search.backend, None);
}

#[test]
fn the_name_of_the_database_may_come_from_a_file() {
    let variables = [("SEARCH_BACKEND", "MYSQL"), ("SEARCH_BACKEND_MYSQL_FILE", "/run/secrets/one")];
    // What the file has is no such name, and is not repeated.
    let text = problems(MINIMAL, &variables);
    assert!(text.contains("SEARCH_BACKEND_MYSQL_FILE") && text.contains("`search.mysql`: expected"), "{text}");
    assert!(!text.contains("hunter2"), "{text}");
}

#[test]
fn other_values_are_named() {
    for (variables, expected) in [
        (
            &[("SEARCH_BACKEND", "REDIS")][..],
            "SEARCH_BACKEND: `search.backend`: expected one of `mysql`, `local`, found `REDIS`",
        ),
        (
            &[("SEARCH_BACKEND", "MYSQL")],
            "SEARCH_BACKEND: missing key `search.mysql`; expected a database, `USER:PASSWORD@tcp(HOST:PORT)/DATABASE`",
        ),
        (
            &[("SEARCH_BACKEND", "MYSQL"), ("SEARCH_BACKEND_MYSQL", "root@tcp(db)/domeos?tls=mine")],
            "SEARCH_BACKEND_MYSQL: `search.mysql`: parameter `tls`: expected `true`, `false`, `preferred` or `skip-verify`",
        ),
    ] {
        let text = problems(MINIMAL, variables);
        assert!(text.contains(expected), "{text}");
    }
    let loaded = load_valid(MINIMAL, &[("SEARCH_BACKEND_MYSQL", "root@/domeos?sql_mode=ANSI")]);
    assert_eq!(loaded.warnings, ["`search.mysql`: the parameter `sql_mode` has no effect"]);
}

fn config(directory: &TempDir, search: &str) -> String {
    let root = directory.path().display();
    let text = format!(
        "version: 0.1\nstorage: {{filesystem: {{rootdirectory: {root}/storage}}}}\nhttp: {{addr: 127.0.0.1:0}}\nsearch: {search}\n"
    );
    let path = directory.path().join("config.yml");
    fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

#[test]
fn the_list_is_kept_in_a_file() {
    let directory = TempDir::new().unwrap();
    let list = directory.path().join("repositories");
    let server = Server::start_with(
        &config(&directory, &format!("{{local: {}, interval: 1s}}", list.display())),
        &[("SEARCH_BACKEND", "LOCAL")],
    );
    for repository in ["b", "a/b"] {
        assert_eq!(server.send("PUT", &format!("/v2/{repository}/manifests/1"), MEDIA_TYPE, INDEX).0, 201);
    }
    let begun = Instant::now();
    while fs::read_to_string(&list).ok().as_deref() != Some("a/b\nb\n") {
        assert!(begun.elapsed() < Duration::from_secs(60), "{:?}", fs::read_to_string(&list));
        std::thread::sleep(Duration::from_millis(50));
    }
    server.stop();
}

#[test]
fn a_database_that_is_not_there_holds_up_nobody() {
    let directory = TempDir::new().unwrap();
    // Nobody listens at port 1.
    let config = config(&directory, "{interval: 1s}");
    let dsn = ("SEARCH_BACKEND_MYSQL", "root:hunter2@tcp(127.0.0.1:1)/domeos");
    let server = Server::start_with(&config, &[("SEARCH_BACKEND", "MYSQL"), dsn]);
    assert_eq!(server.send("PUT", "/v2/a/manifests/1", MEDIA_TYPE, INDEX).0, 201);
    std::thread::sleep(Duration::from_millis(2500));
    assert_eq!(server.send("PUT", "/v2/b/manifests/1", MEDIA_TYPE, INDEX).0, 201);
    let log = server.stop();
    assert_eq!(log.matches("the copy of the list of repositories is behind").count(), 1, "{log}");
    assert!(log.contains("root@tcp(127.0.0.1:1)/domeos") && !log.contains("hunter2"), "{log}");
}
