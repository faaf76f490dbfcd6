//! The registry under test, as a child process that is killed and started again on the same data.

use std::{
    env,
    fs::{self, File},
    io::{Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{self, Child, Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, bail};

use super::http::Connection;

/// A running registry. It is killed when this is dropped.
#[derive(Debug)]
pub(crate) struct Server {
    child: Child,
    lives: Arc<Lives>,
}

/// Counts the starts and the kills of a server, so that a connection that breaks can be told from one that was broken.
#[derive(Debug, Default)]
pub(crate) struct Lives(AtomicU64);

impl Lives {
    /// Notes that the server answers, or that it is about to be killed.
    fn turn(&self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }

    pub(crate) fn current(&self) -> u64 {
        self.0.load(Ordering::SeqCst)
    }

    /// Tells whether the server was dead in what was current, or was killed since.
    pub(crate) fn is_over(&self, life: u64) -> bool {
        life.is_multiple_of(2) || self.current() != life
    }
}

/// What the registry is started with, every time the same.
#[derive(Debug)]
pub(crate) struct Setup {
    command: Vec<String>,
    directory: PathBuf,
    number: u16,
    address: SocketAddr,
    lives: Arc<Lives>,
}

impl Setup {
    /// Prepares a registry with its data below `directory`, on a free port. Several with different numbers may share the
    /// directory. `storage` is more of the section of that name, and `sections` are more of these.
    ///
    /// `CRASH_SERVER` names another command that takes the configuration file.
    pub(crate) fn new(directory: &Path, number: u16, storage: &str, sections: &str) -> anyhow::Result<Self> {
        let command = match env::var("CRASH_SERVER") {
            Ok(words) => words.split_whitespace().map(str::to_owned).collect(),
            Err(_) => vec![env!("CARGO_BIN_EXE_registry").to_owned(), "serve".to_owned()],
        };
        let address = free_address(number)?;
        let configuration = format!(
            "version: 0.1\nlog: {{level: info, accesslog: {{disabled: true}}}}\nstorage:\n  filesystem: {{rootdirectory: \"{}\"}}\n  \
             delete: {{enabled: true}}\n{storage}http:\n  addr: {address}\n{sections}",
            directory.join("storage").display(),
        );
        let setup = Self { command, directory: directory.to_owned(), number, address, lives: Arc::default() };
        fs::write(setup.configuration(), configuration)?;
        Ok(setup)
    }

    /// Starts the registry and waits until it answers.
    pub(crate) fn start(&self) -> anyhow::Result<Server> {
        let log = File::options().create(true).append(true).open(self.log())?;
        let (program, arguments) = self.command.split_first().context("the server's command is empty")?;
        let child = Command::new(program)
            .args(arguments)
            .arg(self.configuration())
            .current_dir(&self.directory)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .with_context(|| format!("starting {}", self.command.join(" ")))?;
        let mut server = Server { child, lives: Arc::clone(&self.lives) };
        let started = Instant::now();
        while !answers(self.address) {
            if let Some(status) = server.child.try_wait()? {
                bail!("the server ended by itself: {status}; its log is {}", self.log().display());
            }
            if started.elapsed() > Duration::from_secs(60) {
                bail!("the server does not answer; its log is {}", self.log().display());
            }
            thread::sleep(Duration::from_millis(2));
        }
        self.lives.turn();
        Ok(server)
    }

    /// Makes a client's connection to the registry.
    pub(crate) fn connection(&self) -> Connection {
        Connection::new(self.address, Arc::clone(&self.lives))
    }

    pub(crate) fn configuration(&self) -> PathBuf {
        self.directory.join(format!("config-{}.yml", self.number))
    }

    fn log(&self) -> PathBuf {
        self.directory.join(format!("log-{}", self.number))
    }

    /// Removes every file and directory that is named by a digest, behind the server's back. Returns how many.
    pub(crate) fn remove_stored(&self, digest: &str) -> anyhow::Result<usize> {
        let hex = digest.rsplit(':').next().unwrap_or(digest);
        remove_named(&self.directory.join("storage"), hex)
    }
}

impl Server {
    /// Kills the process without a warning and waits until it is gone.
    pub(crate) fn kill(mut self) -> anyhow::Result<()> {
        if let Some(status) = self.child.try_wait()? {
            bail!("the server ended before it was killed: {status}");
        }
        self.lives.turn();
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Both fail only when the process is gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Finds a free port below those that the system gives to connections: one of these could be taken by a client that
/// waits for the server to come back.
fn free_address(number: u16) -> anyhow::Result<SocketAddr> {
    let first = 20_000 + (process::id() % 10_000) as u16 + number * 1000;
    (first..first + 1000)
        .map(|port| SocketAddr::from((Ipv4Addr::LOCALHOST, port)))
        .find(|address| TcpListener::bind(address).is_ok())
        .context("no port is free")
}

fn answers(address: SocketAddr) -> bool {
    let ping = || -> std::io::Result<bool> {
        let mut stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(Duration::from_secs(10)))?;
        write!(stream, "GET /v2/ HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n")?;
        let mut status = [0; 12];
        stream.read_exact(&mut status)?;
        Ok(&status == b"HTTP/1.1 200")
    };
    ping().unwrap_or(false)
}

fn remove_named(directory: &Path, name: &str) -> anyhow::Result<usize> {
    let mut removed = 0;
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let is_directory = entry.file_type()?.is_dir();
        if entry.file_name() == name {
            if is_directory {
                fs::remove_dir_all(entry.path())?
            } else {
                fs::remove_file(entry.path())?
            }
            removed += 1;
        } else if is_directory {
            removed += remove_named(&entry.path(), name)?;
        }
    }
    Ok(removed)
}
