//! The rule for environment variables, sentence by sentence as distribution has it.

use registry_bin::config::{self, AuthKind, Config, DatabaseUrl, StorageDriver};
use serde_json::{Value, json};

use crate::support::{MINIMAL, load_embedded, load_valid, problems};

/// Returns the value at a path of the configuration in effect.
fn value(config: &Config, path: &str) -> Value {
    let shown = serde_json::to_value(config).unwrap();
    path.split('.').fold(shown, |value, key| value[key].clone())
}

#[test]
fn a_variable_sets_the_key_that_its_parts_name() {
    for (name, text, path, expected) in [
        ("REGISTRY_HTTP_ADDR", ":8080", "http.addr", json!(":8080")),
        ("REGISTRY_LOG_LEVEL", "DEBUG", "log.level", json!("debug")),
        ("REGISTRY_LOGLEVEL", "warn", "log.level", json!("warn")),
        ("REGISTRY_STORAGE_DELETE_ENABLED", "true", "storage.delete.enabled", json!(true)),
        ("REGISTRY_STORAGE_DELETE_ENABLED", "yes", "storage.delete.enabled", json!(true)),
        ("REGISTRY_STORAGE_MAINTENANCE_READONLY_ENABLED", "true", "storage.maintenance.readonly.enabled", json!(true)),
        ("REGISTRY_HTTP_RELATIVEURLS", "false", "http.relativeurls", json!(false)),
        ("REGISTRY_HTTP_DEBUG_PROMETHEUS_ENABLED", "true", "http.debug.prometheus.enabled", json!(true)),
        ("REGISTRY_CATALOG_MAXENTRIES", "20", "catalog.maxentries", json!(20)),
        ("REGISTRY_HTTP_HTTP2_DISABLED", "true", "http.http2.disabled", json!(true)),
        ("REGISTRY_DATABASE_URL", "sqlite:/db", "database.url", json!("sqlite:/db")),
        ("REGISTRY_LOG_FIELDS_SERVICE", "registry", "log.fields.service", json!("registry")),
    ] {
        let loaded = load_valid(MINIMAL, &[(name, text)]);
        assert_eq!(value(&loaded.config, path), expected, "{name}={text}");
        assert_eq!(loaded.warnings, [""; 0], "{name}");
    }
}

#[test]
fn a_variable_overrides_the_file() {
    let file = format!("{MINIMAL}http: {{addr: ':1', prefix: /a/}}\n");
    let config = load_valid(&file, &[("REGISTRY_HTTP_ADDR", ":2")]).config;
    assert_eq!(value(&config, "http.addr"), ":2");
    assert_eq!(value(&config, "http.prefix"), "/a");
}

#[test]
fn names_match_in_capitals_only() {
    let loaded = load_valid(MINIMAL, &[("REGISTRY_http_addr", ":2"), ("registry_http_addr", ":2")]);
    assert_eq!(value(&loaded.config, "http.addr"), "127.0.0.1:5000");
    assert_eq!(loaded.warnings, ["Ignoring unrecognized environment variable REGISTRY_http_addr"]);
}

#[test]
fn a_few_keys_have_another_name() {
    let loaded = load_valid(
        MINIMAL,
        &[
            ("REGISTRY_HEALTH_FILECHECKERS_0_FILE", "/down"),
            ("REGISTRY_HEALTH_HTTPCHECKERS_0_URI", "http://a/"),
            ("REGISTRY_HEALTH_TCPCHECKERS_0_ADDR", "a:1"),
            ("REGISTRY_NOTIFICATIONS_EVENTCONFIG_INCLUDEREFERENCES", "false"),
        ],
    );
    assert_eq!(loaded.warnings, [""; 0]);
    assert_eq!(loaded.config.health.file[0].file.to_str(), Some("/down"));
    assert_eq!(loaded.config.health.http[0].uri, "http://a/");
    assert_eq!(loaded.config.health.tcp[0].addr, "a:1");

    let ignored = load_valid(MINIMAL, &[("REGISTRY_HEALTH_FILE_0_FILE", "/down")]);
    assert!(ignored.config.health.file.is_empty());
    assert!(ignored.warnings[0].starts_with("Ignoring unrecognized environment variable REGISTRY_HEALTH_FILE_0_FILE"));
    assert_eq!(
        problems(MINIMAL, &[("REGISTRY_NOTIFICATIONS_EVENTCONFIG_INCLUDEREFERENCES", "true")]),
        "REGISTRY_NOTIFICATIONS_EVENTCONFIG_INCLUDEREFERENCES: not supported yet: notifications.events"
    );
    assert_eq!(
        problems(MINIMAL, &[("REGISTRY_REDIS_ADDRS_0", "r:6379")]),
        "REGISTRY_REDIS_ADDRS_0: not supported yet: redis.addrs"
    );
    assert_eq!(
        problems(MINIMAL, &[("REGISTRY_LOG_HOOKS_0_MAILOPTIONS_FROM", "a@b")]),
        "REGISTRY_LOG_HOOKS_0_MAILOPTIONS_FROM: not supported yet: log.hooks"
    );
}

#[test]
fn variables_are_applied_in_the_order_of_their_names() {
    let variables = [("REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY", "/b"), ("REGISTRY_STORAGE", "filesystem")];
    let loaded = load_valid(MINIMAL, &variables);
    let StorageDriver::Filesystem(filesystem) = loaded.config.storage.driver() else { panic!("another driver") };
    assert_eq!(filesystem.rootdirectory.to_str(), Some("/b"));
    assert_eq!(loaded.config.database.url, Some(DatabaseUrl::Sqlite("/b/registry.db".into())));
}

#[test]
fn a_value_is_yaml() {
    let loaded = load_valid(
        MINIMAL,
        &[
            ("REGISTRY_HTTP_HEADERS_X-Content-Type-Options", "[nosniff]"),
            ("REGISTRY_HEALTH_TCPCHECKERS", "[{addr: 'a:1'}, {addr: 'b:2', interval: 1s}]"),
            ("REGISTRY_HTTP_DRAINTIMEOUT", "1500000000"),
            ("REGISTRY_HTTP_SECRET", "007"),
        ],
    );
    let headers = &loaded.config.http.headers;
    assert_eq!(headers["x-content-type-options"], ["nosniff"]);
    assert_eq!(loaded.config.health.tcp[1].addr, "b:2");
    assert_eq!(value(&loaded.config, "http.draintimeout"), "1s500ms");
    assert_eq!(loaded.config.http.secret.expose(), "007");

    assert_eq!(
        problems(MINIMAL, &[("REGISTRY_HTTP_ADDR", "[")]),
        "REGISTRY_HTTP_ADDR: invalid YAML: unclosed bracket '['"
    );
    assert_eq!(
        problems(MINIMAL, &[("REGISTRY_HTTP_ADDR", "a: b")]),
        "REGISTRY_HTTP_ADDR: `http.addr`: expected a single value, found a section"
    );
}

#[test]
fn an_empty_value_is_the_default() {
    let file = format!("{MINIMAL}http: {{addr: ':1', tls: {{certificate: /c, key: /k}}}}\n");
    let variables = [("REGISTRY_HTTP_ADDR", ""), ("REGISTRY_HTTP_TLS_CERTIFICATE", ""), ("REGISTRY_HTTP_TLS_KEY", "")];
    let config = load_valid(&file, &variables).config;
    assert_eq!(value(&config, "http.addr"), "127.0.0.1:5000");
    assert_eq!(config.http.tls.key_pair(), None);
}

#[test]
fn a_number_is_a_place_in_a_list() {
    let file = format!("{MINIMAL}http: {{trustedproxies: [10.0.0.1, 10.0.0.2]}}\n");
    let proxies = |variables: &[(&str, &str)]| value(&load_valid(&file, variables).config, "http.trustedproxies");
    assert_eq!(proxies(&[("REGISTRY_HTTP_TRUSTEDPROXIES_1", "::1")]), json!(["10.0.0.1/32", "::1/128"]));
    assert_eq!(proxies(&[("REGISTRY_HTTP_TRUSTEDPROXIES_2", "unix")]), json!(["10.0.0.1/32", "10.0.0.2/32", "unix"]));
    assert_eq!(proxies(&[("REGISTRY_HTTP_TRUSTEDPROXIES", "[unix]")]), json!(["unix"]));
    assert_eq!(
        problems(&file, &[("REGISTRY_HTTP_TRUSTEDPROXIES_3", "unix")]),
        "REGISTRY_HTTP_TRUSTEDPROXIES_3: undefined index 3; the list has 2 entries"
    );
    assert_eq!(
        problems(&file, &[("REGISTRY_HTTP_TRUSTEDPROXIES_X", "unix")]),
        "REGISTRY_HTTP_TRUSTEDPROXIES_X: non-numeric index `X`; expected the place in a list, counted from 0"
    );
}

#[test]
fn a_free_key_is_found_whatever_its_case() {
    let file = format!("{MINIMAL}http: {{headers: {{X-Frame-Options: [DENY]}}}}\n");
    let headers = |name| value(&load_valid(&file, &[(name, "[SAMEORIGIN]")]).config, "http.headers");
    assert_eq!(headers("REGISTRY_HTTP_HEADERS_X-FRAME-OPTIONS"), json!({ "X-Frame-Options": ["SAMEORIGIN"] }));
    assert_eq!(
        headers("REGISTRY_HTTP_HEADERS_X-Other"),
        json!({ "X-Frame-Options": ["DENY"], "x-other": ["SAMEORIGIN"] })
    );
    let appended = load_valid(&file, &[("REGISTRY_HTTP_HEADERS_X-FRAME-OPTIONS_1", "b")]).config;
    assert_eq!(value(&appended, "http.headers"), json!({ "X-Frame-Options": ["DENY", "b"] }));
}

/// A second store has the variables of the first, with the name of its section.
#[test]
fn a_second_store_has_variables_and_secrets_in_files() {
    let file = "version: 0.1\nstorage: filesystem\n";
    let variables = [
        ("REGISTRY_STORAGE_REPLICATE_S3_BUCKET", "b"),
        ("REGISTRY_STORAGE_REPLICATE_S3_REGION", "r"),
        ("REGISTRY_STORAGE_REPLICATE_S3_ACCESSKEY", "a"),
        ("REGISTRY_STORAGE_REPLICATE_S3_SECRETKEY_FILE", "/run/secrets/one"),
        ("REGISTRY_STORAGE_REPLICATE_DELETE", "true"),
    ];
    let loaded = load_valid(file, &variables);
    assert_eq!(loaded.warnings, [""; 0]);
    let replicate = loaded.config.storage.replicate.unwrap();
    let s3 = replicate.s3.unwrap();
    assert_eq!((s3.bucket.as_str(), s3.secretkey.expose(), replicate.delete), ("b", "hunter2", true));
}

/// Whatever can be the first store can be the second, apart from memory.
#[test]
fn every_driver_can_be_the_second_store() {
    let schema = config::schema();
    let storage = schema["properties"]["storage"]["properties"].as_object().unwrap();
    let section = |schema: &Value| schema["anyOf"].get(0).unwrap_or(schema)["properties"].as_object().cloned();
    let replicate = section(&storage["replicate"]).unwrap();
    let is_driver = |name: &str| {
        let common = ["cache", "delete", "layout", "maintenance", "redirect", "replicate", "tag"];
        !common.contains(&name) && !["inmemory", "s3aws"].contains(&name)
    };
    let drivers: Vec<_> = storage.keys().filter(|name| is_driver(name)).collect();
    assert!(drivers.len() >= 7, "{drivers:?}");
    for name in drivers {
        assert!(replicate.contains_key(name), "storage.replicate lacks {name}");
        assert_eq!(section(&replicate[name]), section(&storage[name]), "{name}");
    }
}

/// What vendors' programs find credentials by is passed on.
#[test]
fn variables_of_vendors_are_looked_at() {
    for name in [
        "AWS_PROFILE",
        "GOOGLE_APPLICATION_CREDENTIALS",
        "AZURE_CLIENT_ID",
        "ALIBABA_CLOUD_ROLE_ARN",
        "TENCENTCLOUD_SECRET_ID",
    ] {
        assert!(config::is_variable(name) && !config::is_own_variable(name), "{name}");
    }
    assert!(!config::is_variable("AWS"));
}

#[test]
fn a_single_value_selects_a_kind_without_settings() {
    let file = "version: 0.1\nstorage: {filesystem: {rootdirectory: /a}, delete: {enabled: true}}\n";
    let config = load_valid(file, &[("REGISTRY_STORAGE", "inmemory")]).config;
    assert!(matches!(config.storage.driver(), StorageDriver::InMemory));
    assert!(!config.storage.delete.enabled, "the section is replaced as a whole");

    let variables =
        [("REGISTRY_AUTH", "htpasswd"), ("REGISTRY_AUTH_HTPASSWD_PATH", "/p"), ("REGISTRY_AUTH_HTPASSWD_REALM", "r")];
    let config = load_valid(MINIMAL, &variables).config;
    let AuthKind::Htpasswd(htpasswd) = config.auth.kind() else { panic!("another kind") };
    assert_eq!((htpasswd.realm.as_str(), htpasswd.path.to_str()), ("r", Some("/p")));
    assert!(matches!(load_valid(MINIMAL, &[("REGISTRY_AUTH", "none")]).config.auth.kind(), AuthKind::None));

    let variables = [
        ("REGISTRY_STORAGE", "s3"),
        ("REGISTRY_STORAGE_S3_BUCKET", "b"),
        ("REGISTRY_STORAGE_S3_REGION", "r"),
        ("REGISTRY_STORAGE_S3_ACCESSKEY", "a"),
        ("REGISTRY_STORAGE_S3_SECRETKEY", "hidden"),
    ];
    let config = load_valid(MINIMAL, &variables).config;
    let StorageDriver::S3(s3) = config.storage.driver() else { panic!("another driver") };
    assert_eq!((s3.bucket.as_str(), s3.region.as_str(), s3.secretkey.expose()), ("b", "r", "hidden"));
    assert!(!format!("{config:?}").contains("hidden"));

    let variables = [
        ("REGISTRY_STORAGE", "gcs"),
        ("REGISTRY_STORAGE_GCS_BUCKET", "b"),
        ("REGISTRY_STORAGE_GCS_CREDENTIALS", r#"{"type": "service_account", "private_key": "hidden"}"#),
    ];
    let config = load_valid(MINIMAL, &variables).config;
    let StorageDriver::Gcs(gcs) = config.storage.driver() else { panic!("another driver") };
    assert_eq!(gcs.bucket, "b");
    assert!(gcs.credentials.expose().contains("hidden") && !format!("{config:?}").contains("hidden"));

    let variables = [
        ("REGISTRY_STORAGE", "azure"),
        ("REGISTRY_STORAGE_AZURE_ACCOUNTNAME", "a"),
        ("REGISTRY_STORAGE_AZURE_CONTAINER", "c"),
        ("REGISTRY_STORAGE_AZURE_CREDENTIALS_TYPE", "client_secret"),
        ("REGISTRY_STORAGE_AZURE_CREDENTIALS_CLIENTID", "i"),
        ("REGISTRY_STORAGE_AZURE_CREDENTIALS_TENANTID", "t"),
        ("REGISTRY_STORAGE_AZURE_CREDENTIALS_SECRET", "hidden"),
    ];
    let config = load_valid(MINIMAL, &variables).config;
    let StorageDriver::Azure(azure) = config.storage.driver() else { panic!("another driver") };
    assert_eq!((azure.accountname.as_str(), azure.credentials.secret.expose()), ("a", "hidden"));

    let variables = [
        ("REGISTRY_STORAGE", "oss"),
        ("REGISTRY_STORAGE_OSS_BUCKET", "b"),
        ("REGISTRY_STORAGE_OSS_REGION", "oss-cn-hangzhou"),
        ("REGISTRY_STORAGE_OSS_ACCESSKEYID", "a"),
        ("REGISTRY_STORAGE_OSS_ACCESSKEYSECRET", "hidden"),
        ("REGISTRY_STORAGE_OSS_SIGNATUREVERSION", "v1"),
    ];
    let config = load_valid(MINIMAL, &variables).config;
    let StorageDriver::Oss(oss) = config.storage.driver() else { panic!("another driver") };
    assert_eq!((oss.bucket.as_str(), oss.accesskeysecret.expose()), ("b", "hidden"));
    assert!(!format!("{config:?}").contains("hidden"));

    let variables = [
        ("REGISTRY_STORAGE", "scs"),
        ("REGISTRY_STORAGE_SCS_BUCKET", "b"),
        ("REGISTRY_STORAGE_SCS_REGION", "bjcnc"),
        ("REGISTRY_STORAGE_SCS_ACCESSKEY", "a"),
        ("REGISTRY_STORAGE_SCS_SECRETKEY", "hidden"),
        ("REGISTRY_STORAGE_SCS_CHUNKSIZE", "5242880"),
    ];
    let config = load_valid(MINIMAL, &variables).config;
    let StorageDriver::Scs(scs) = config.storage.driver() else { panic!("another driver") };
    assert_eq!((scs.chunksize, scs.secretkey.expose()), (5_242_880, "hidden"));

    let variables = [
        ("REGISTRY_STORAGE", "ufile"),
        ("REGISTRY_STORAGE_UFILE_BASEURL", "http://b.h"),
        ("REGISTRY_STORAGE_UFILE_PUBLIC_KEY", "a"),
        ("REGISTRY_STORAGE_UFILE_PRIVATE_KEY", "hidden"),
        ("REGISTRY_STORAGE_UFILE_RETRY_INTERVAL", "2"),
    ];
    let loaded = load_valid(MINIMAL, &variables);
    assert_eq!(loaded.warnings, [""; 0]);
    let StorageDriver::Ufile(ufile) = loaded.config.storage.driver() else { panic!("another driver") };
    assert_eq!((ufile.ufile_retry_interval, ufile.ufile_private_key.expose()), (2, "hidden"));
    assert!(!format!("{:?}", loaded.config).contains("hidden"));

    let variables = [
        ("REGISTRY_STORAGE", "swift"),
        ("REGISTRY_STORAGE_SWIFT_AUTHURL", "https://h/v3"),
        ("REGISTRY_STORAGE_SWIFT_USERNAME", "u"),
        ("REGISTRY_STORAGE_SWIFT_PASSWORD", "hidden"),
        ("REGISTRY_STORAGE_SWIFT_CONTAINER", "c"),
        ("REGISTRY_STORAGE_SWIFT_TEMPURLMETHODS", "[GET]"),
    ];
    let config = load_valid(MINIMAL, &variables).config;
    let StorageDriver::Swift(swift) = config.storage.driver() else { panic!("another driver") };
    assert_eq!((swift.container.as_str(), swift.password.expose(), swift.chunksize), ("c", "hidden", 20_971_520));
    assert!(!format!("{config:?}").contains("hidden"));
}

#[test]
fn two_storage_drivers_are_an_error() {
    let file = "version: 0.1\nstorage: {s3: {bucket: b, region: r}}\n";
    assert_eq!(
        problems(file, &[("REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY", "/a")]),
        "REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY: multiple storage drivers: `filesystem`, `s3`; expected exactly one"
    );
}

#[test]
fn what_sets_nothing_is_warned_of() {
    let injected = [
        ("PATH", "/bin"),
        ("REGISTRY_AUTH_HTPASSWD_SALT", "x"),
        ("REGISTRY_CONFIGURATION_PATH", "/etc/config.yml"),
        ("REGISTRY_HTTP_ADDRESS", ":1"),
        ("REGISTRY_PORT", "tcp://10.0.0.1:5000"),
        ("REGISTRY_PORT_5000_TCP_ADDR", "10.0.0.1"),
        ("REGISTRY_REDIS_PORT", "tcp://10.0.0.2:6379"),
        ("REGISTRY_SERVICE_HOST", "10.0.0.1"),
    ];
    let loaded = load_valid(MINIMAL, &injected);
    assert!(matches!(loaded.config.auth.kind(), AuthKind::None));
    assert_eq!(
        loaded.warnings,
        [
            "Ignoring unrecognized environment variable REGISTRY_AUTH_HTPASSWD_SALT; did you mean REGISTRY_AUTH_HTPASSWD_PATH?",
            "Ignoring unrecognized environment variable REGISTRY_HTTP_ADDRESS; did you mean REGISTRY_HTTP_ADDR?",
            "Ignoring unrecognized environment variable REGISTRY_PORT",
            "Ignoring unrecognized environment variable REGISTRY_PORT_5000_TCP_ADDR",
            "Ignoring unrecognized environment variable REGISTRY_REDIS_PORT; did you mean REGISTRY_REDIS_POOL?",
            "Ignoring unrecognized environment variable REGISTRY_SERVICE_HOST",
        ]
    );
}

#[test]
fn a_secret_may_be_in_a_file() {
    let loaded = load_valid(MINIMAL, &[("REGISTRY_HTTP_SECRET_FILE", "/run/secrets/one")]);
    assert_eq!(loaded.config.http.secret.expose(), "hunter2");
    let header = "REGISTRY_HEALTH_HTTPCHECKERS_0_HEADERS_AUTHORIZATION_0_FILE";
    let loaded =
        load_valid(MINIMAL, &[("REGISTRY_HEALTH_HTTPCHECKERS_0_URI", "http://a"), (header, "/run/secrets/one")]);
    assert_eq!(loaded.config.health.http[0].headers["authorization"][0].expose(), "hunter2");

    assert_eq!(
        problems(MINIMAL, &[("REGISTRY_HTTP_SECRET_FILE", "/none")]),
        "REGISTRY_HTTP_SECRET_FILE: file `/none` cannot be read: no such file"
    );
    assert_eq!(
        problems(MINIMAL, &[("REGISTRY_HTTP_SECRET_FILE", "/run/secrets/one"), ("REGISTRY_HTTP_SECRET", "x")]),
        "REGISTRY_HTTP_SECRET_FILE: `REGISTRY_HTTP_SECRET` is set too; expected one of the two"
    );
    let warnings = load_valid(MINIMAL, &[("REGISTRY_HTTP_ADDR_FILE", "/run/secrets/one")]).warnings;
    assert_eq!(warnings.len(), 1, "only secrets come from files");
}

#[test]
fn the_embedded_configuration_can_be_overridden() {
    let config = load_embedded(&[]).unwrap().config;
    assert_eq!(value(&config, "http.addr"), "127.0.0.1:5000");
    assert_eq!(value(&config, "storage.filesystem.rootdirectory"), "./registry-data");
    assert_eq!(value(&config, "database.url"), "sqlite:./registry-data/registry.db");
    assert!(config.storage.delete.enabled && config.storage.maintenance.uploadpurging.enabled);

    let config = load_embedded(&[("REGISTRY_DATA", "/srv: [r]"), ("REGISTRY_HTTP_ADDR", ":80")]).unwrap().config;
    assert_eq!(value(&config, "storage.filesystem.rootdirectory"), "/srv: [r]");
    assert_eq!(value(&config, "http.addr"), ":80");

    let config = load_embedded(&[("REGISTRY_STORAGE", "inmemory")]).unwrap().config;
    assert_eq!(config.database.url, Some(DatabaseUrl::Memory));
    assert!(load_embedded(&[("REGISTRY_STORAGE_INMEMORY", "{}")]).unwrap_err().contains("multiple storage drivers"));

    let loaded = load_valid(MINIMAL, &[("REGISTRY_DATA", "/srv")]);
    assert_eq!(loaded.warnings, ["REGISTRY_DATA has no effect: config.yml says where the data are"]);
}
