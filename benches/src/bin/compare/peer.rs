//! The servers that are compared: how each is started, and what is known of it.

use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::content::MANIFEST_TYPE;
use crate::http::tls::Certificate;
use crate::sample::ServerInfo;

/// Which server it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Ours,
    Distribution2,
    Distribution3,
    Olareg,
    Zot,
    /// nginx with files.
    Nginx,
    /// nginx that answers every request with the same manifest, from its configuration.
    NginxReturn,
}

/// What is the same for servers of a kind.
struct Facts {
    kind: Kind,
    name: &'static str,
    program: &'static str,
    /// What it syncs before it answers a push, as `strace -f -y -e trace=fsync,fdatasync,syncfs,sync_file_range` shows
    /// of the push of two blobs and a manifest.
    syncs: &'static str,
}

const FACTS: [Facts; 7] = [
    // The content, every directory entry that leads to it, and the database's log.
    Facts { kind: Kind::Ours, name: "ours", program: "registry", syncs: "yes: files, directories, database" },
    // Every file it writes, the small ones twice. The rename of the content to its place and the new directories are
    // left to the kernel, so that a power cut can take an acknowledged push.
    Facts {
        kind: Kind::Distribution2,
        name: "docker-registry",
        program: "docker-registry",
        syncs: "partly: files, no directories",
    },
    // Since 3.1 a small file is synced with the directory that it is in, but neither that directory's own entry nor the
    // rename of a blob's content to its place.
    Facts {
        kind: Kind::Distribution3,
        name: "distribution",
        program: "registry",
        syncs: "partly: files, but not the entries of a blob's data and of new directories",
    },
    // Not one call.
    Facts { kind: Kind::Olareg, name: "olareg", program: "olareg", syncs: "no" },
    // As documented: only with `commit` in its configuration, which is off by default.
    Facts { kind: Kind::Zot, name: "zot", program: "zot", syncs: "no, unless its `commit` is set" },
    Facts { kind: Kind::Nginx, name: "nginx", program: "nginx", syncs: "- (takes no pushes)" },
    Facts { kind: Kind::NginxReturn, name: "nginx-return", program: "nginx", syncs: "- (takes no pushes)" },
];

/// A server that is installed.
#[derive(Debug)]
pub(crate) struct Peer {
    pub(crate) kind: Kind,
    pub(crate) info: ServerInfo,
    program: PathBuf,
}

/// Where a server listens and keeps its data.
#[derive(Debug)]
pub(crate) struct Setup<'a> {
    /// For configuration, logs and, in `data`, what is pushed.
    pub(crate) directory: &'a Path,
    pub(crate) address: SocketAddr,
    pub(crate) certificate: Option<&'a Certificate>,
    /// What [`Kind::NginxReturn`] answers.
    pub(crate) manifest: &'a [u8],
}

impl Peer {
    /// Finds the servers that are installed: ours is this program, the Go modules are in `go_programs`, and the others
    /// in the places where the system keeps programs.
    ///
    /// # Errors
    /// If a program does not tell its version.
    pub(crate) fn find_all(ours: &Path, go_programs: &Path) -> io::Result<Vec<Self>> {
        let mut found = Vec::new();
        for facts in FACTS {
            let candidates = match facts.kind {
                Kind::Ours => vec![ours.to_owned()],
                Kind::Distribution3 | Kind::Olareg | Kind::Zot => vec![go_programs.join(facts.program)],
                Kind::Distribution2 | Kind::Nginx | Kind::NginxReturn => {
                    ["/usr/local/bin", "/usr/bin", "/usr/sbin"].map(|bin| Path::new(bin).join(facts.program)).into()
                }
            };
            let Some(program) = candidates.into_iter().find(|program| program.is_file()) else {
                continue;
            };
            let version = version(facts.kind, &program)?;
            let info = ServerInfo { name: facts.name.to_owned(), version, syncs: facts.syncs.to_owned() };
            found.push(Self { kind: facts.kind, info, program });
        }
        Ok(found)
    }

    /// Returns the name.
    pub(crate) fn name(&self) -> &str {
        &self.info.name
    }

    /// Returns whether it is a registry, and no server of files.
    pub(crate) fn takes_pushes(&self) -> bool {
        !matches!(self.kind, Kind::Nginx | Kind::NginxReturn)
    }

    /// Returns whether it answers from files, be they pushed or written.
    pub(crate) fn has_content(&self) -> bool {
        self.kind != Kind::NginxReturn
    }

    /// Writes the configuration, and returns what starts the server. It logs no requests, and of the rest only what is
    /// wrong; deletes are allowed.
    ///
    /// # Errors
    /// What the file system says.
    pub(crate) fn command(&self, setup: &Setup<'_>) -> io::Result<Command> {
        let config = setup.directory.join("config");
        let mut command = Command::new(&self.program);
        match self.kind {
            Kind::Ours => {
                fs::write(&config, ours(setup))?;
                command.arg("serve").arg(&config);
            }
            Kind::Distribution2 | Kind::Distribution3 => {
                fs::write(&config, distribution(setup))?;
                // Version 3 would look for a collector of traces.
                command.arg("serve").arg(&config).env("OTEL_TRACES_EXPORTER", "none");
            }
            Kind::Olareg => {
                command.args(["serve", "--verbosity", "error", "--api-delete", "--api-blob-delete"]);
                command.arg("--addr").arg(setup.address.ip().to_string());
                command.arg("--port").arg(setup.address.port().to_string());
                command.arg("--dir").arg(setup.data());
                if let Some(files) = setup.certificate {
                    command.arg("--tls-cert").arg(&files.certificate).arg("--tls-key").arg(&files.key);
                }
            }
            Kind::Zot => {
                let config = config.with_extension("json");
                fs::write(&config, zot(setup))?;
                command.arg("serve").arg(&config);
            }
            Kind::Nginx | Kind::NginxReturn => {
                fs::write(&config, nginx(setup, self.kind))?;
                command.arg("-c").arg(&config).arg("-p").arg(setup.directory).arg("-e").arg("stderr");
            }
        }
        Ok(command)
    }
}

impl Setup<'_> {
    /// Returns where the data is.
    pub(crate) fn data(&self) -> PathBuf {
        self.directory.join("data")
    }
}

fn ours(setup: &Setup<'_>) -> String {
    distribution_yaml(setup)
        + &format!("database:\n  url: sqlite:{}\n", setup.directory.join("data/registry.db").display())
}

/// Both distributions take the same, with the cache that their example has.
fn distribution(setup: &Setup<'_>) -> String {
    distribution_yaml(setup).replace("storage:\n", "storage:\n  cache: {blobdescriptor: inmemory}\n")
}

fn distribution_yaml(setup: &Setup<'_>) -> String {
    let Setup { address, .. } = setup;
    let data = setup.data();
    let tls = setup.certificate.map_or_else(String::new, |files| {
        format!("\n  tls: {{certificate: '{}', key: '{}'}}", files.certificate.display(), files.key.display())
    });
    format!(
        "version: 0.1\n\
         log:\n  level: error\n  accesslog: {{disabled: true}}\n\
         storage:\n  filesystem: {{rootdirectory: '{}'}}\n  delete: {{enabled: true}}\n\
         http:\n  addr: {address}\n  secret: benchmark{tls}\n",
        data.display()
    )
}

fn zot(setup: &Setup<'_>) -> String {
    let mut http = serde_json::json!({
        "address": setup.address.ip().to_string(),
        "port": setup.address.port().to_string(),
    });
    if let Some(files) = setup.certificate {
        http["tls"] = serde_json::json!({ "cert": files.certificate, "key": files.key });
    }
    let config = serde_json::json!({
        "distSpecVersion": "1.1.1",
        "storage": { "rootDirectory": setup.data(), "gc": false, "dedupe": false },
        "http": http,
        "log": { "level": "error" },
    });
    config.to_string()
}

fn nginx(setup: &Setup<'_>, kind: Kind) -> String {
    let Setup { directory, address, certificate, manifest } = setup;
    let directory = directory.display();
    let tls = certificate.map_or_else(String::new, |files| {
        let (certificate, key) = (files.certificate.display(), files.key.display());
        format!("ssl_certificate {certificate}; ssl_certificate_key {key};")
    });
    let ssl = if certificate.is_some() { " ssl" } else { "" };
    let locations = if kind == Kind::NginxReturn {
        let text = String::from_utf8_lossy(manifest).replace('\\', "\\\\").replace('\'', "\\'");
        format!("default_type {MANIFEST_TYPE}; location / {{ return 200 '{text}'; }}")
    } else {
        format!(
            "root {directory}/data; default_type application/octet-stream; \
             location = /v2/ {{ default_type application/json; return 200 '{{}}'; }} \
             location ~ /manifests/ {{ default_type {MANIFEST_TYPE}; }}"
        )
    };
    format!(
        "daemon off; user root; pid {directory}/pid; worker_processes auto; error_log stderr error;\n\
         worker_rlimit_nofile 8192; events {{ worker_connections 4096; }}\n\
         http {{ access_log off; sendfile on; tcp_nopush on; keepalive_requests 100000000; keepalive_timeout 300;\n\
         client_body_temp_path {directory}/t; proxy_temp_path {directory}/t; fastcgi_temp_path {directory}/t; \
         uwsgi_temp_path {directory}/t; scgi_temp_path {directory}/t;\n\
         server {{ listen {address}{ssl} backlog=4096; {tls} {locations} }} }}\n"
    )
}

/// Asks a program for its version; returns the word in what it says that is one.
fn version(kind: Kind, program: &Path) -> io::Result<String> {
    let arguments: &[&str] = match kind {
        Kind::Ours | Kind::Distribution2 | Kind::Distribution3 => &["--version"],
        Kind::Olareg => &["version"],
        Kind::Zot | Kind::Nginx | Kind::NginxReturn => &["-v"],
    };
    let output = Command::new(program).args(arguments).output()?;
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    find_version(&said)
        .ok_or_else(|| io::Error::other(format!("{} does not tell its version: {said}", program.display())))
}

/// The version is a word, or follows a `/` in one.
fn find_version(said: &str) -> Option<String> {
    let mut parts = said.split_whitespace().flat_map(|word| word.rsplit('/').take(1));
    let is_version = |part: &&str| {
        let digits = part.trim_start_matches('v');
        digits.starts_with(|first: char| first.is_ascii_digit()) && digits.contains('.')
    };
    parts.find(is_version).map(|version| version.trim_start_matches('v').to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_found_in_what_programs_say() {
        for (said, version) in [
            ("registry 0.1.0\n", "0.1.0"),
            ("docker-registry github.com/docker/distribution 2.8.2+ds1", "2.8.2+ds1"),
            ("./registry github.com/distribution/distribution/v3 v3.1.1+unknown", "3.1.1+unknown"),
            ("VCSTag:     v0.2.2\nGoVer:      go1.26.8", "0.2.2"),
            ("nginx version: nginx/1.22.1\n", "1.22.1"),
        ] {
            assert_eq!(find_version(said).as_deref(), Some(version), "{said}");
        }
        assert_eq!(find_version("unknown option"), None);
    }
}
