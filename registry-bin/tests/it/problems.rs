//! What is said about configurations that are not valid.

mod storage;

use crate::support::{MINIMAL, load, load_valid, problems};

#[test]
fn each_mistake_has_its_text() {
    for (text, expected) in [
        // Keys.
        ("http: {adr: ':1'}", "config.yml:3: unknown key `http.adr`; did you mean `http.addr`?"),
        ("htpp: {}", "config.yml:3: unknown key `htpp`; did you mean `http`?"),
        (
            "storage: {}\nrootdirectory: /a",
            "config.yml:3: invalid YAML: duplicate mapping key: storage not allowed here",
        ),
        (
            "rootdirectory: /a",
            "config.yml:3: unknown key `rootdirectory`; did you mean one of `storage.azure.rootdirectory`, `storage.bos.rootdirectory`, `storage.cos.rootdirectory`, `storage.filesystem.rootdirectory`, `storage.gcs.rootdirectory`, `storage.kodo.rootdirectory`, `storage.oss.rootdirectory`, `storage.s3.rootdirectory`, `storage.scs.rootdirectory`, `storage.ufile.rootdirectory`?",
        ),
        ("tags:\n  most: 1", "config.yml:4: unknown key `tags.most`; expected one of `maxtags`, `history`"),
        (
            "health: {http: [{uri: 'http://a', stauscode: 1}]}",
            "config.yml:3: unknown key `health.http[0].stauscode`; did you mean `health.http[0].statuscode`?",
        ),
        // Single values.
        (
            "http: {addr: 5000}",
            "config.yml:3: `http.addr`: expected `HOST:PORT`, `:PORT`, or the path of a unix socket with a `/` in it, found `5000`",
        ),
        (
            "http: {host: registry}",
            "config.yml:3: `http.host`: expected a URL such as `https://registry.example.com`, found `registry`",
        ),
        (
            "http: {prefix: a}",
            "config.yml:3: `http.prefix`: expected a path such as `/registry/` of A-Z, a-z, 0-9, `-`, `.`, `_` and `~`, found `a`",
        ),
        (
            "http: {draintimeout: 1 minute}",
            "config.yml:3: `http.draintimeout`: expected a duration such as `30s`, `1h30m` or `100ms`, found `1 minute`",
        ),
        (
            "http: {draintimeout: -1s}",
            "config.yml:3: `http.draintimeout`: expected a duration such as `30s`, `1h30m` or `100ms`, found `-1s`",
        ),
        (
            "http: {trustedproxies: [10.0.0.0/40]}",
            "config.yml:3: `http.trustedproxies[0]`: expected an address, a network such as `10.0.0.0/8`, or `unix`, found `10.0.0.0/40`",
        ),
        ("http: {trustedproxies: 10.0.0.1}", "config.yml:3: `http.trustedproxies`: expected a list, found `10.0.0.1`"),
        ("http: {net: udp}", "config.yml:3: `http.net`: expected one of `tcp`, `unix`, found `udp`"),
        ("http: []", "config.yml:3: `http`: expected a section of keys, found a list"),
        (
            "log: {level: loud}",
            "config.yml:3: `log.level`: expected one of `error`, `warn`, `info`, `debug`, found `loud`",
        ),
        (
            "log: {accesslog: {disabled: 3}}",
            "config.yml:3: `log.accesslog.disabled`: expected true or false, found `3`",
        ),
        (
            "tags: {maxtags: -1}",
            "config.yml:3: `tags.maxtags`: expected a whole number from 0 to 4294967295, found `-1`",
        ),
        (
            "tags: {maxtags: many}",
            "config.yml:3: `tags.maxtags`: expected a whole number from 0 to 4294967295, found `many`",
        ),
        (
            "database: {url: registry.db}",
            "config.yml:3: `database.url`: expected `sqlite:PATH`, `sqlite::memory:`, `postgres://USER:PASSWORD@HOST:PORT/DATABASE` or `mysql://USER:PASSWORD@HOST:PORT/DATABASE`",
        ),
        (
            "database: {url: 'mysql://u:hunter2@h'}",
            "config.yml:3: `database.url`: not the url of a MySQL database; expected mysql://USER:PASSWORD@HOST:PORT/DATABASE",
        ),
        (
            "http: {tls: {minimumtls: tls1.0}}",
            "config.yml:3: `http.tls.minimumtls`: expected one of `tls1.2`, `tls1.3`, found `tls1.0`",
        ),
        ("http: {headers: {X-A: nosniff}}", "config.yml:3: `http.headers.X-A`: expected a list, found `nosniff`"),
        // Rules across values.
        ("http:\n  headers:\n    X A: [b]", "config.yml:5: `http.headers`: `X A` is not the name of a header"),
        (
            "http:\n  headers:\n    Content-Length: ['1']",
            "config.yml:5: `http.headers`: header `content-length` is set by the registry itself and cannot be configured",
        ),
        (
            "http: {net: unix, addr: ':1'}",
            "config.yml:3: `http.net` is `unix`; expected a path with a `/` in it as `http.addr`",
        ),
        ("http: {net: tcp, addr: /a}", "config.yml:3: `http.net` is `tcp`; expected `HOST:PORT` as `http.addr`"),
        ("http:\n  tls:\n    certificate: /c", "config.yml:4: missing key `http.tls.key`; expected the path of a file"),
        (
            "http: {tls: {clientcas: [/c]}}",
            "config.yml:3: `http.tls.clientcas` needs `http.tls.certificate` and `http.tls.key`",
        ),
        (
            "http: {limits: {maxconnections: 0}}",
            "config.yml:3: `http.limits.maxconnections`: expected at least 1, found `0`",
        ),
        ("http: {limits: {idletimeout: 0}}", "config.yml:3: `http.limits.idletimeout`: expected a duration above zero"),
        ("auth: htpasswd", "config.yml:3: missing key `auth.htpasswd.path`; expected the path of a file"),
        (
            "auth: {none: {}, htpasswd: {path: /a}}",
            "config.yml:3: multiple kinds of authentication: `htpasswd`, `none`; expected exactly one",
        ),
        ("health: {tcp: [{}]}", "config.yml:3: `health.tcp[0].addr`: expected `HOST:PORT`"),
        (
            "health: {http: [{uri: a}]}",
            "config.yml:3: `health.http[0].uri`: expected a URL such as `https://HOST/PATH`",
        ),
        (
            "validation: {manifests: {urls: {deny: ['^a', '(']}}}",
            "config.yml:3: `validation.manifests.urls.deny[1]`: expected a regular expression, found `(`",
        ),
        (
            "validation: {manifests: {indexes: {platforms: list}}}",
            "config.yml:3: `validation.manifests.indexes.platforms` is `list`, and `validation.manifests.indexes.platformlist` is empty",
        ),
    ] {
        let shown = problems(&format!("{MINIMAL}{text}\n"), &[]);
        assert_eq!(shown, expected, "{text}");
    }
}

/// The rules of a driver are those that it has as the first one, told of where they were broken.

#[test]
fn what_does_not_exist_yet_is_refused_by_name() {
    for (text, key) in [
        ("log: {hooks: [{type: mail, levels: [panic]}]}", "log.hooks"),
        ("auth: {token: {realm: r}}", "auth.token"),
        ("auth: silly", "auth.silly"),
        ("http: {tls: {letsencrypt: {email: a@b}}}", "http.tls.letsencrypt"),
        ("proxy: {remoteurl: 'https://registry-1.docker.io'}", "proxy.remoteurl"),
        ("notifications: {endpoints: [{name: a, url: 'http://a'}]}", "notifications.endpoints"),
        ("middleware: {storage: [{name: cloudfront}]}", "middleware.storage"),
        ("redis: {addr: 'r:6379'}", "redis.addr"),
        ("redis: {addrs: ['r:6379']}", "redis.addrs"),
        ("policy: {repository: {classes: [image]}}", "policy.repository"),
    ] {
        let expected = format!("config.yml:3: not supported yet: {key}");
        assert_eq!(problems(&format!("{MINIMAL}{text}\n"), &[]), expected, "{text}");
    }
    let text = "version: 0.1\nstorage: {inmemory: {}, cache: {blobdescriptor: redis}}\n";
    assert_eq!(problems(text, &[]), "config.yml:2: not supported yet: storage.cache.blobdescriptor: redis");
}

#[test]
fn what_asks_for_nothing_is_no_mistake() {
    let loaded = load_valid(
        "version: 0.1
storage: {inmemory: }
log: {hooks: [{disabled: true, type: mail}]}
proxy: {remoteurl: '', username: , password: ''}
redis: {}
notifications: {events: {includereferences: false}, endpoints: [{name: a, disabled: true}]}
middleware: {storage: []}
http: {tls: {certificate: '', key: ''}, host: , debug: {addr: ''}}
auth:
health:
",
        &[],
    );
    assert_eq!(loaded.warnings, [""; 0]);
}

#[test]
fn all_mistakes_are_named_together() {
    let text = "version: 0.1
storage:
  filesystem:
    rootdirectry: /a
    maxthreads: lots
  delete:
    enabled: maybe
http:
  adr: ':1'
  addr: nowhere
  trustedproxies: [x, 10.0.0.1, y]
health:
  tcp:
  - {addr: a}
";
    let expected = "\
config.yml:4: unknown key `storage.filesystem.rootdirectry`; did you mean `storage.filesystem.rootdirectory`?
config.yml:5: `storage.filesystem.maxthreads`: expected a whole number from 0 to 4294967295, found `lots`
config.yml:7: `storage.delete.enabled`: expected true or false, found `maybe`
config.yml:9: unknown key `http.adr`; did you mean `http.addr`?
config.yml:10: `http.addr`: expected `HOST:PORT`, `:PORT`, or the path of a unix socket with a `/` in it, found `nowhere`
config.yml:11: `http.trustedproxies[0]`: expected an address, a network such as `10.0.0.0/8`, or `unix`, found `x`
config.yml:11: `http.trustedproxies[2]`: expected an address, a network such as `10.0.0.0/8`, or `unix`, found `y`
config.yml:14: `health.tcp[0].addr`: expected `HOST:PORT`
REGISTRY_LOG_LEVEL: `log.level`: expected one of `error`, `warn`, `info`, `debug`, found `x`";
    assert_eq!(problems(text, &[("REGISTRY_LOG_LEVEL", "x")]), expected);
}

#[test]
fn a_mistake_is_not_followed_by_its_consequences() {
    for (text, expected) in [
        (
            "version: 0.1\nstorage: {filesystem: []}\n",
            "config.yml:2: `storage.filesystem`: expected a section of keys, found a list",
        ),
        ("version: 0.1\nstorage: [a]\n", "config.yml:2: `storage`: expected a section of keys, found a list"),
        (
            "version: 2\nstorage: inmemory\n",
            "config.yml:1: `version`: expected `0.1`, the only version of this format, found `2`",
        ),
    ] {
        assert_eq!(problems(text, &[]), expected, "{text}");
    }
}

#[test]
fn version_and_storage_are_needed() {
    assert_eq!(problems("storage: inmemory\n", &[]), "config.yml:1: missing key `version`; expected `version: 0.1`");
    assert_eq!(
        problems("version: 0.1\n", &[]),
        "config.yml:1: no storage driver; expected one of `storage.filesystem`, `storage.s3`, `storage.gcs`, `storage.azure`, `storage.oss`, `storage.cos`, `storage.bos`, `storage.kodo`, `storage.scs`, `storage.ufile`, `storage.swift`, `storage.inmemory`"
    );
    let both = "config.yml:1: missing key `version`; expected `version: 0.1`
config.yml:1: no storage driver; expected one of `storage.filesystem`, `storage.s3`, `storage.gcs`, `storage.azure`, `storage.oss`, `storage.cos`, `storage.bos`, `storage.kodo`, `storage.scs`, `storage.ufile`, `storage.swift`, `storage.inmemory`";
    assert_eq!(problems("", &[]), both);
    assert_eq!(problems("# nothing\n", &[]), both);
    assert_eq!(problems("- a\n", &[]), "config.yml:1: the configuration: expected a section of keys, found a list");
    assert_eq!(
        problems("version: 0.1\nstorage: floppy\n", &[]),
        "config.yml:2: unknown key `storage.floppy`; expected one of `filesystem`, `inmemory`, `s3`, `s3aws`, `gcs`, `azure`, `oss`, `cos`, `bos`, `kodo`, `scs`, `ufile`, `swift`, `replicate`, `delete`, `layout`, `redirect`, `cache`, `maintenance`, `tag`"
    );
}

#[test]
fn free_keys_are_free() {
    let loaded = load_valid(
        &format!(
            "{MINIMAL}log: {{fields: {{servce: 1, nested: {{a: [b]}}}}}}\nhttp: {{headers: {{X-Anything: [a]}}}}\n"
        ),
        &[],
    );
    assert_eq!(loaded.config.log.fields["servce"], 1);
    assert_eq!(loaded.config.log.fields["nested"]["a"][0], "b");
}

#[test]
fn text_that_is_not_yaml_is_named_with_its_line() {
    for (text, expected) in [
        ("version: 0.1\nhttp: {addr: ':1'\n", "config.yml:2: invalid YAML: unclosed bracket '{'"),
        ("version: 0.1\nhttp:\n  addr: :1\n addr: :2\n", "config.yml:4: invalid YAML: "),
        ("version: 0.1\n---\nversion: 0.1\n", "config.yml:3: invalid YAML: only single YAML document expected"),
        ("a: *nowhere\n", "config.yml:1: invalid YAML: "),
    ] {
        let shown = problems(text, &[]);
        assert!(shown.starts_with(expected), "{text}\n{shown}");
        assert!(!shown.contains("Options"), "{shown}");
    }
}

#[test]
fn anchors_work_within_bounds() {
    let config = load_valid(
        "version: 0.1
storage:
  inmemory:
  maintenance: {uploadpurging: &often {enabled: true, interval: 1h}}
health:
  tcp: [&first {addr: 'a:1', timeout: 5s}, {<<: *first, addr: 'b:2'}]
",
        &[],
    )
    .config;
    assert_eq!(config.health.tcp[1].timeout, config.health.tcp[0].timeout);

    let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..9 {
        let items = vec![format!("*a{}", level - 1); 9].join(", ");
        bomb.push_str(&format!("a{level}: &a{level} [{items}]\n"));
    }
    assert!(problems(&bomb, &[]).contains("invalid YAML"), "aliases may not multiply without bound");
    assert!(problems(&"[".repeat(1000), &[]).contains("invalid YAML"), "nesting has a bound");
    assert!(problems(&format!("a: {}", "b".repeat(1024 * 1024)), &[]).contains("at most 1048576 are allowed"));
    let many: String = (0..1000).map(|n| format!("key{n}: 1\n")).collect();
    assert_eq!(problems(&many, &[]).lines().count(), 50, "the list of problems has a bound");
}

#[test]
fn settings_without_effect_are_noted() {
    let loaded = load_valid(
        "version: 0.1
storage: {inmemory: , cache: {blobdescriptor: inmemory}, tag: {concurrencylimit: 8}}
http: {secret: asecretforlocaldevelopment}
compatibility: {schema1: {enabled: true, signingkeyfile: /k}}
reporting: {bugsnag: {apikey: k}}
",
        &[],
    );
    assert_eq!(
        loaded.notes,
        [
            "`compatibility` has no effect: images of schema 1 are handled without settings",
            "`reporting` has no effect: nothing is reported to others",
            "`http.secret` has no effect: the state of uploads is in the database",
            "`storage.cache` has no effect: answers of the database are cached as `database.cachebytes` says",
            "`storage.tag.concurrencylimit` has no effect: one query finds all tags",
        ]
    );
}

#[test]
fn secrets_are_never_shown() {
    let text = format!(
        "{MINIMAL}http: {{secret: hunter2}}\nhealth: {{http: [{{uri: 'http://a', headers: {{A: [hunter2]}}}}]}}\n"
    );
    let loaded = load_valid(&text, &[]);
    assert!(!format!("{loaded:?}").contains("hunter2"));
    assert!(!serde_json::to_string(&loaded.config).unwrap().contains("hunter2"));
    for text in ["http: {secret: [hunter2]}", "http: {secret: {hunter2: 1}}", "database: {url: 'x:hunter2'}"] {
        assert!(!load(&format!("{MINIMAL}{text}\n"), &[]).unwrap_err().contains("hunter2"), "{text}");
    }
}
