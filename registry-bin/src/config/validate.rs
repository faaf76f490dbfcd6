//! The rules that concern more than one value, and what is said about settings that have no effect.

mod azure;
mod gcs;
mod key_pair;
mod replicate;
mod s3;
mod swift;
mod ufile;
mod vendor;

use std::collections::BTreeMap;

use registry_core::registry::UrlRules;
use registry_core::retention::{Pattern, PatternError};
use registry_http::headers::{CustomHeaders, HeaderError};
use registry_http::server;

use super::problem::{Problem, quoted, shorten};
use super::section::{BlobDescriptorCache, Config, HttpNetwork, Platforms, SearchBackend, StorageConfig};
use super::tree::{Node, Path, Step};
use super::value::{MysqlDsn, Secret};
use crate::scrub::SLOWEST;

/// The most tags that a retention rule can keep by their order, which takes memory for each.
const KEEP_LAST_MAX: u32 = 100_000;

/// Checks a configuration whose single values are valid.
///
/// `tree` is what it was decoded from; `reported` are the paths that were complained about already.
pub(super) fn check(config: &Config, tree: &Node, reported: &[Path]) -> Vec<Problem> {
    let mut check = Check { tree, reported, problems: Vec::new() };
    if config.version.is_none() {
        check.report("version", "missing key `version`; expected `version: 0.1`");
    }
    check.storage(config);
    check.database(config);
    check.auth(config);
    check.http(config);
    check.health(config);
    check.validation(config);
    check.retention(config);
    check.search(config);
    check.problems
}

/// Returns what is worth knowing about accepted settings.
pub(super) fn notes(config: &Config) -> Vec<String> {
    let cache = &config.storage.cache;
    let s3 = config.storage.s3.as_ref().or(config.storage.s3aws.as_ref());
    let azure = config.storage.azure.as_ref();
    let without_effect = [
        (
            "storage.azure.maxretries",
            azure.is_some_and(|azure| azure.maxretries.is_some() || azure.retrydelay.is_some()),
            "a copy is waited for",
        ),
        (
            "storage.s3.multipartcopychunksize",
            s3.is_some_and(|s3| s3.multipartcopychunksize.is_some() || s3.multipartcopythresholdsize.is_some()),
            "what is copied is copied in parts of `chunksize`",
        ),
        ("storage.s3.loglevel", s3.is_some_and(|s3| s3.loglevel.is_some()), "`log.level` says what is logged"),
        ("storage.s3.useragent", s3.is_some_and(|s3| s3.useragent.is_some()), "the store is told nothing of who asks"),
        (
            "storage.gcs.useragent",
            config.storage.gcs.as_ref().is_some_and(|gcs| gcs.useragent.is_some()),
            "the store is told nothing of who asks",
        ),
        (
            "storage.swift.accesskey",
            config.storage.swift.as_ref().is_some_and(|swift| swift.accesskey.is_some()),
            "HP's cloud is no more",
        ),
        ("compatibility", config.compatibility.is_some(), "images of schema 1 are handled without settings"),
        ("reporting", config.reporting.is_some(), "nothing is reported to others"),
        ("http.secret", !config.http.secret.is_empty(), "the state of uploads is in the database"),
        (
            "storage.cache",
            cache.blobdescriptor.is_some() || cache.layerinfo.is_some() || cache.blobdescriptorsize.is_some(),
            "answers of the database are cached as `database.cachebytes` says",
        ),
        ("storage.tag.concurrencylimit", config.storage.tag.concurrencylimit.is_some(), "one query finds all tags"),
    ];
    without_effect
        .into_iter()
        .filter(|(_, is_set, _)| *is_set)
        .map(|(key, _, reason)| format!("`{key}` has no effect: {reason}"))
        .collect()
}

/// Returns what is probably a mistake in accepted settings.
pub(super) fn warnings(config: &Config) -> impl Iterator<Item = String> {
    let parameters = config.search.mysql.iter().flat_map(MysqlDsn::without_effect);
    parameters.map(|name| format!("`search.mysql`: the parameter `{name}` has no effect"))
}

struct Check<'a> {
    tree: &'a Node,
    reported: &'a [Path],
    problems: Vec<Problem>,
}

impl Check<'_> {
    fn report(&mut self, path: &str, message: impl Into<String>) {
        self.report_at(Path::of_keys(path), message);
    }

    /// Adds a problem, unless it may be no more than the consequence of one that is known.
    fn report_at(&mut self, path: Path, message: impl Into<String>) {
        if !self.reported.iter().any(|known| known.overlaps(&path)) {
            self.problems.push(Problem { origin: self.tree.origin_of(&path).clone(), message: message.into() });
        }
    }

    fn storage(&mut self, config: &Config) {
        self.driver(&config.storage);
        self.replicate(config);
        let cache = &config.storage.cache;
        for (key, value) in [("blobdescriptor", cache.blobdescriptor), ("layerinfo", cache.layerinfo)] {
            if value == Some(BlobDescriptorCache::Redis) {
                let path = format!("storage.cache.{key}");
                self.report(&path, format!("not supported yet: {path}: redis"));
            }
        }
        let collection = &config.storage.maintenance.garbagecollection;
        self.above_zero("storage.maintenance.garbagecollection.interval", collection.interval.is_zero());
        self.above_zero("storage.maintenance.garbagecollection.parallelism", collection.parallelism == 0);
        let purging = &config.storage.maintenance.uploadpurging;
        self.above_zero("storage.maintenance.uploadpurging.age", purging.age.is_zero());
        self.above_zero("storage.maintenance.uploadpurging.interval", purging.interval.is_zero());
        let scrub = &config.storage.maintenance.scrub;
        self.above_zero("storage.maintenance.scrub.interval", scrub.interval.is_zero());
        if scrub.rate < SLOWEST {
            let path = "storage.maintenance.scrub.rate";
            self.report(path, format!("`{path}`: expected at least {SLOWEST}, found `{}`", scrub.rate));
        }
    }

    /// Checks the driver of a storage.
    fn driver(&mut self, storage: &StorageConfig) {
        let named = storage.named_drivers();
        if named.is_empty() {
            let message = "no storage driver; expected one of `storage.filesystem`, `storage.s3`, `storage.gcs`, \
                           `storage.azure`, `storage.oss`, `storage.cos`, `storage.bos`, `storage.kodo`, `storage.scs`, \
                           `storage.ufile`, `storage.swift`, `storage.inmemory`";
            self.report("storage", message);
        }
        self.one_of("storage", &named, &[], "storage drivers");
        for (name, s3) in [("s3", &storage.s3), ("s3aws", &storage.s3aws)] {
            if let Some(s3) = s3 {
                self.s3(name, s3);
            }
        }
        if let Some(gcs) = &storage.gcs {
            self.gcs(gcs);
        }
        if let Some(azure) = &storage.azure {
            self.azure(azure);
        }
        if let Some(oss) = &storage.oss {
            self.oss(oss);
        }
        if let Some(cos) = &storage.cos {
            self.cos(cos);
        }
        if let Some(bos) = &storage.bos {
            self.bos(bos);
        }
        if let Some(kodo) = &storage.kodo {
            self.kodo(kodo);
        }
        if let Some(scs) = &storage.scs {
            self.scs(scs);
        }
        if let Some(ufile) = &storage.ufile {
            self.ufile(ufile);
        }
        if let Some(swift) = &storage.swift {
            self.swift(swift);
        }
    }

    fn database(&mut self, config: &Config) {
        let snapshots = &config.database.snapshots;
        self.above_zero("database.snapshots.interval", snapshots.interval.is_zero());
        if snapshots.count == 0 {
            let path = "database.snapshots.count";
            self.report(path, format!("`{path}`: expected at least 1, found `0`"));
        }
    }

    fn retention(&mut self, config: &Config) {
        self.above_zero("retention.interval", config.retention.interval.is_zero());
        for (index, rule) in config.retention.rules.iter().enumerate() {
            let at = |key: Option<&str>| {
                let mut path = Path::of_keys("retention.rules");
                path.0.push(Step::Index(index));
                path.0.extend(key.map(|key| Step::Key(key.to_owned())));
                path
            };
            if rule.repositories.is_empty() {
                let message =
                    format!("missing key `{}`; expected a pattern such as `library/.*`", at(Some("repositories")));
                self.report_at(at(None), message);
            }
            let patterns = [
                ("repositories", Some(&rule.repositories)),
                ("tags", rule.tags.as_ref()),
                ("keepmatching", rule.keepmatching.as_ref()),
            ];
            for (key, pattern) in patterns.into_iter().filter_map(|(key, pattern)| Some((key, pattern?))) {
                let expected = match Pattern::new(pattern) {
                    Ok(_) => continue,
                    Err(PatternError::TooLong(_)) => "a shorter regular expression",
                    Err(_) => "a regular expression, not a very large one",
                };
                let path = at(Some(key));
                self.report_at(path.clone(), format!("`{path}`: expected {expected}, found `{}`", shorten(pattern)));
            }
            if rule.keeplast.is_some_and(|count| count > KEEP_LAST_MAX) {
                let path = at(Some("keeplast"));
                self.report_at(path.clone(), format!("`{path}`: expected at most {KEEP_LAST_MAX}"));
            }
        }
    }

    fn auth(&mut self, config: &Config) {
        let (own, foreign) = config.auth.named_kinds();
        self.one_of("auth", &own, &foreign, "kinds of authentication");
        if config.auth.htpasswd.as_ref().is_some_and(|htpasswd| htpasswd.path.as_os_str().is_empty()) {
            self.report("auth.htpasswd", "missing key `auth.htpasswd.path`; expected the path of a file");
        }
    }

    fn http(&mut self, config: &Config) {
        let http = &config.http;
        let is_unix = matches!(http.addr.get(), server::ListenAddress::Unix(_));
        match http.net {
            Some(HttpNetwork::Unix) if !is_unix => {
                self.report("http.net", "`http.net` is `unix`; expected a path with a `/` in it as `http.addr`");
            }
            Some(HttpNetwork::Tcp) if is_unix => {
                self.report("http.net", "`http.net` is `tcp`; expected `HOST:PORT` as `http.addr`");
            }
            _ => {}
        }
        if !http.debug.prometheus.path.starts_with('/') {
            self.report(
                "http.debug.prometheus.path",
                "`http.debug.prometheus.path`: expected a path such as `/metrics`",
            );
        }
        self.headers(&http.headers);
        let limits = &http.limits;
        for (key, limit) in [
            ("handshaketimeout", limits.handshaketimeout),
            ("headertimeout", limits.headertimeout),
            ("idletimeout", limits.idletimeout),
            ("bodytimeout", limits.bodytimeout),
        ] {
            self.above_zero(&format!("http.limits.{key}"), limit.is_zero());
        }
        for (key, value, least) in [
            ("maxconnections", limits.maxconnections, 1),
            ("maxheaderbytes", limits.maxheaderbytes, 8192),
            ("maxstreams", limits.maxstreams, 1),
        ] {
            if value < least {
                let path = format!("http.limits.{key}");
                self.report(&path, format!("`{path}`: expected at least {least}, found `{value}`"));
            }
        }
        let tls = &http.tls;
        match (&tls.certificate, &tls.key) {
            (Some(_), None) => self.report("http.tls", "missing key `http.tls.key`; expected the path of a file"),
            (None, Some(_)) => {
                self.report("http.tls", "missing key `http.tls.certificate`; expected the path of a file");
            }
            (None, None) if !tls.clientcas.is_empty() => self
                .report("http.tls.clientcas", "`http.tls.clientcas` needs `http.tls.certificate` and `http.tls.key`"),
            _ => {}
        }
    }

    fn headers(&mut self, headers: &BTreeMap<String, Vec<String>>) {
        let Err(error) = CustomHeaders::parse(headers) else { return };
        let name = match &error {
            HeaderError::Name(name) => Some(name.as_str()),
            HeaderError::Value(name) | HeaderError::Reserved(name) => Some(name.as_str()),
            _ => None,
        };
        let key = name.and_then(|name| headers.keys().find(|key| key.eq_ignore_ascii_case(name)));
        let mut path = Path::of_keys("http.headers");
        path.0.extend(key.map(|key| Step::Key(key.clone())));
        self.report_at(path, format!("`http.headers`: {error}"));
    }

    fn health(&mut self, config: &Config) {
        let health = &config.health;
        self.above_zero("health.storagedriver.interval", health.storagedriver.interval.is_zero());
        for (index, check) in health.file.iter().enumerate() {
            self.item("file", index, "interval", !check.interval.is_zero(), "a duration above zero");
            self.item("file", index, "file", !check.file.as_os_str().is_empty(), "the path of a file");
        }
        for (index, check) in health.http.iter().enumerate() {
            let is_url = check.uri.parse::<http::Uri>().is_ok_and(|uri| {
                matches!(uri.scheme_str(), Some("http" | "https")) && uri.host().is_some_and(|host| !host.is_empty())
            });
            self.item("http", index, "interval", !check.interval.is_zero(), "a duration above zero");
            self.item("http", index, "uri", is_url, "a URL such as `https://HOST/PATH`");
            self.item("http", index, "statuscode", (100..600).contains(&check.statuscode), "a status from 100 to 599");
            let are_headers = check.headers.iter().all(|(name, values)| {
                let is_value = |value: &Secret| http::HeaderValue::from_str(value.expose()).is_ok();
                http::HeaderName::from_bytes(name.as_bytes()).is_ok() && values.iter().all(is_value)
            });
            self.item(
                "http",
                index,
                "headers",
                are_headers,
                "names and values of headers, on one line and without control characters",
            );
        }
        for (index, check) in health.tcp.iter().enumerate() {
            let is_address = matches!(
                server::ListenAddress::tcp(&check.addr),
                Ok(server::ListenAddress::Tcp { host, port }) if !host.is_empty() && port != 0
            );
            self.item("tcp", index, "interval", !check.interval.is_zero(), "a duration above zero");
            self.item("tcp", index, "addr", is_address, "`HOST:PORT`");
        }
    }

    /// Checks that a section names no more than one of several, and none that is foreign.
    fn one_of(&mut self, section: &str, own: &[&str], foreign: &[&str], what: &str) {
        let named: Vec<_> = own.iter().chain(foreign).copied().collect();
        let path = |name: &str| Path::of_keys(&format!("{section}.{name}"));
        match *named {
            [] | [_] => foreign.iter().for_each(|name| {
                self.report_at(path(name), format!("not supported yet: {section}.{name}"));
            }),
            _ => {
                // The last that was written is the one too many.
                let last = named.iter().map(|name| path(name)).max_by_key(|path| self.tree.origin_of(path).order());
                let message = format!("multiple {what}: {}; expected exactly one", quoted(&named));
                self.report_at(last.unwrap_or_default(), message);
            }
        }
    }

    fn validation(&mut self, config: &Config) {
        let indexes = &config.validation.manifests.indexes;
        if indexes.platforms == Platforms::List && indexes.platformlist.is_empty() {
            let path = "validation.manifests.indexes.platforms";
            self.report(path, format!("`{path}` is `list`, and `validation.manifests.indexes.platformlist` is empty"));
        }
        let urls = &config.validation.manifests.urls;
        for (list, patterns) in [("allow", &urls.allow), ("deny", &urls.deny)] {
            for (index, pattern) in patterns.iter().enumerate() {
                if UrlRules::new(std::slice::from_ref(pattern), &[]).is_err() {
                    let mut path = Path::of_keys(&format!("validation.manifests.urls.{list}"));
                    path.0.push(Step::Index(index));
                    let found = shorten(pattern);
                    self.report_at(path.clone(), format!("`{path}`: expected a regular expression, found `{found}`"));
                }
            }
        }
    }

    fn search(&mut self, config: &Config) {
        let search = &config.search;
        self.above_zero("search.interval", search.interval.is_zero());
        if search.backend == Some(SearchBackend::Mysql) && search.mysql.is_none() {
            let message = "missing key `search.mysql`; expected a database, `USER:PASSWORD@tcp(HOST:PORT)/DATABASE`";
            self.report("search", message);
        }
        if search.backend == Some(SearchBackend::Local) && search.local.as_os_str().is_empty() {
            self.report("search", "missing key `search.local`; expected the path of a file");
        }
    }

    fn above_zero(&mut self, path: &str, is_zero: bool) {
        if is_zero {
            self.report(path, format!("`{path}`: expected a duration above zero"));
        }
    }

    fn item(&mut self, list: &str, index: usize, key: &str, is_valid: bool, expected: &str) {
        if !is_valid {
            let step = |name: &str| Step::Key(name.to_owned());
            let path = Path(vec![step("health"), step(list), Step::Index(index), step(key)]);
            self.report_at(path.clone(), format!("`{path}`: expected {expected}"));
        }
    }
}
