//! A running server.

use std::cell::RefCell;
use std::fs::{self, File};
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, ExitStatus, Stdio};
use std::rc::Rc;
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::http::{Connection, tls};
use crate::meter::{Meter, Usage};
use crate::peer::{Peer, Setup};

const START_LIMIT: Duration = Duration::from_secs(30);
const STOP_LIMIT: Duration = Duration::from_secs(10);
/// Files up to this size take too little space to be emptied.
const SPARED_BYTES: u64 = 16 * 1024;

/// A server, which is stopped when this is dropped.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) peer: Rc<Peer>,
    pub(crate) address: SocketAddr,
    /// Where its configuration, its log and, in `data`, its data are.
    pub(crate) directory: PathBuf,
    /// From the start of its program to its first answer of 200.
    pub(crate) started_in: Duration,
    tls: Option<tls::Client>,
    child: RefCell<Child>,
    empties_directory: bool,
}

/// How a server is started, beyond what its kind says.
#[derive(Debug, Default)]
pub(crate) struct Options<'a> {
    pub(crate) tls: Option<&'a (tls::Certificate, tls::Client)>,
    /// A control group that the server joins before it runs.
    pub(crate) cgroup: Option<&'a Path>,
    /// What a server answers that has but one answer.
    pub(crate) manifest: &'a [u8],
    /// Whether the data is given up when the server is stopped.
    pub(crate) empties_directory: bool,
}

impl Server {
    /// Starts a server on a directory and waits until it answers.
    ///
    /// # Errors
    /// If it ends or does not answer; the error quotes its log.
    pub(crate) fn start(peer: &Rc<Peer>, directory: &Path, options: &Options<'_>) -> io::Result<Self> {
        fs::create_dir_all(directory.join("data"))?;
        let address = free_address()?;
        let certificate = options.tls.map(|(certificate, _)| certificate);
        let setup = Setup { directory, address, certificate, manifest: options.manifest };
        let mut command = peer.command(&setup)?;
        if let Some(cgroup) = options.cgroup {
            command = joining(cgroup, &command);
        }
        let log = File::options().create(true).append(true).open(directory.join("log"))?;
        command.current_dir(directory).stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        let start = Instant::now();
        let mut server = Self {
            peer: Rc::clone(peer),
            address,
            directory: directory.to_owned(),
            started_in: Duration::ZERO,
            tls: options.tls.map(|(_, client)| client.clone()),
            child: RefCell::new(command.spawn()?),
            empties_directory: options.empties_directory,
        };
        server.wait(start)?;
        server.started_in = start.elapsed();
        Ok(server)
    }

    fn wait(&mut self, start: Instant) -> io::Result<()> {
        loop {
            let answer = self.connect().and_then(|mut connection| connection.get("GET", "/v2/", &[], &mut |_| {}));
            match answer {
                Ok(answer) if answer.status == 200 => return Ok(()),
                _ if self.has_ended()?.is_none() && start.elapsed() < START_LIMIT => {
                    thread::sleep(Duration::from_micros(200));
                }
                other => {
                    let log = fs::read_to_string(self.directory.join("log")).unwrap_or_default();
                    let name = self.peer.name();
                    return Err(io::Error::other(format!("{name} does not start: {other:?}; its log: {log}")));
                }
            }
        }
    }

    /// Opens a connection.
    ///
    /// # Errors
    /// What the socket says.
    pub(crate) fn connect(&self) -> io::Result<Connection> {
        Connection::open(self.address, self.tls.as_ref())
    }

    /// Returns the process.
    pub(crate) fn pid(&self) -> u32 {
        self.child.borrow().id()
    }

    /// Returns where the data is.
    pub(crate) fn data(&self) -> PathBuf {
        self.directory.join("data")
    }

    /// Runs the part of a sample that counts; returns its result, how long it took, and what the server used.
    ///
    /// # Errors
    /// Those of the part, or if the server has ended.
    pub(crate) fn measure<T>(&self, part: impl FnOnce() -> io::Result<T>) -> io::Result<(T, Duration, Usage)> {
        let meter = Meter::start(self.pid())?;
        let start = Instant::now();
        let result = part().map_err(|error| self.explain(error))?;
        let elapsed = start.elapsed();
        Ok((result, elapsed, meter.stop()?))
    }

    /// Names the server's end as the cause of what a client saw, if it is.
    fn explain(&self, error: io::Error) -> io::Error {
        // A connection breaks a moment before the process is gone.
        thread::sleep(Duration::from_millis(100));
        match self.has_ended() {
            Ok(Some(status)) => io::Error::other(format!("the server has ended: {status}")),
            _ => error,
        }
    }

    fn has_ended(&self) -> io::Result<Option<ExitStatus>> {
        self.child.borrow_mut().try_wait()
    }

    /// Returns what the server has used since it was started.
    ///
    /// # Errors
    /// If it has ended.
    pub(crate) fn usage_since_start(&self) -> io::Result<Usage> {
        Meter::since_start(self.pid()).stop()
    }

    fn stop(&mut self) -> io::Result<()> {
        if self.has_ended()?.is_none() {
            kill_process(Pid::from_child(&self.child.borrow()), Signal::TERM)?;
        }
        let start = Instant::now();
        while self.has_ended()?.is_none() {
            if start.elapsed() > STOP_LIMIT {
                self.child.borrow_mut().kill()?;
            }
            thread::sleep(Duration::from_millis(2));
        }
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Nothing is left to do for a server that cannot be stopped; the run's temporary directory goes in any case.
        let _ = self.stop();
        if self.empties_directory {
            let _ = empty_files(&self.directory);
        }
    }
}

/// Frees the space of all files below a directory. They stay: as long as the deletion of a file is recent, ext4 looks at it
/// again and again before it makes a new one, and the next sample would pay for that.
fn empty_files(directory: &Path) -> io::Result<()> {
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            empty_files(&entry.path())?;
        } else if entry.metadata()?.len() > SPARED_BYTES {
            File::options().write(true).truncate(true).open(entry.path())?;
        }
    }
    Ok(())
}

fn free_address() -> io::Result<SocketAddr> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()
}

/// Returns a shell that joins the control group and becomes the command.
fn joining(cgroup: &Path, command: &std::process::Command) -> std::process::Command {
    let mut shell = std::process::Command::new("/bin/sh");
    shell.args(["-c", r#"echo $$ >"$0" && exec "$@""#]);
    shell.arg(cgroup.join("cgroup.procs")).arg(command.get_program()).args(command.get_args());
    shell.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    shell
}
