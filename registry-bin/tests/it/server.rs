//! The binary as a process that serves.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, ChildStderr, Command, Output, Stdio};
use std::sync::mpsc;
use std::time::Duration;

/// How long a server may take to start; far more than it does.
const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) fn command(arguments: &[&str], variables: &[(&str, &str)]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_registry"));
    command.args(arguments).env_clear().envs(variables.iter().copied()).stdin(Stdio::null());
    command
}

/// Runs a command to its end.
pub(crate) fn registry(arguments: &[&str]) -> Output {
    command(arguments, &[]).output().expect("the binary starts")
}

/// A server on a port of its own, which is killed if it is not stopped.
pub(crate) struct Server {
    process: Child,
    log: BufReader<ChildStderr>,
    told: String,
    address: String,
}

impl Server {
    /// Starts a server, and waits until it listens.
    pub(crate) fn start(config: &str) -> Self {
        Self::start_with(config, &[])
    }

    /// Starts a server with these variables in its environment.
    pub(crate) fn start_with(config: &str, variables: &[(&str, &str)]) -> Self {
        let mut process = command(&["serve", config], variables)
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary starts");
        let mut log = BufReader::new(process.stderr.take().expect("stderr is a pipe"));
        let (sender, receiver) = mpsc::channel();
        std::thread::spawn(move || {
            let (mut told, mut address) = (String::new(), None);
            while address.is_none() {
                let mut line = String::new();
                if log.read_line(&mut line).expect("the log is text") == 0 {
                    break;
                }
                address = line.contains("listening").then(|| {
                    let found = line.split_once("address=").expect("the address is told").1;
                    found.split_whitespace().next().expect("the address is not empty").trim_matches('"').to_owned()
                });
                told += &line;
            }
            // Nobody waits any more if it took too long.
            let _ = sender.send((log, told, address));
        });
        let (log, told, address) = receiver.recv_timeout(PATIENCE).expect("the server starts in time");
        let Some(address) = address else { panic!("the server did not start: {told}") };
        Self { process, log, told, address }
    }

    /// Connects to the server.
    pub(crate) fn connect(&self) -> TcpStream {
        let connection = TcpStream::connect(&self.address).expect("the server listens");
        connection.set_read_timeout(Some(PATIENCE)).expect("a timeout can be set");
        connection
    }

    /// Sends a request on a connection of its own, and returns the status and the body of the answer.
    pub(crate) fn send(&self, method: &str, path: &str, media_type: &str, body: &[u8]) -> (u16, Vec<u8>) {
        let mut connection = self.connect();
        let length = body.len();
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: registry\r\nConnection: close\r\nContent-Type: {media_type}\r\n\
             Content-Length: {length}\r\n\r\n"
        );
        connection.write_all(&[head.as_bytes(), body].concat()).expect("the server takes the request");
        let mut answer = Vec::new();
        connection.read_to_end(&mut answer).expect("the server answers to the end");
        let end = answer.windows(4).position(|window| window == b"\r\n\r\n").expect("the answer has a head");
        let status = std::str::from_utf8(&answer[9..12]).ok().and_then(|status| status.parse().ok());
        (status.expect("the answer has a status"), answer.split_off(end + 4))
    }

    /// Stops the server as an operator does, and returns what it logged.
    pub(crate) fn stop(mut self) -> String {
        terminate(&self.process);
        let mut told = std::mem::take(&mut self.told);
        self.log.read_to_string(&mut told).expect("the log is text");
        let status = self.process.wait().expect("the server ends");
        assert!(status.success(), "{told}");
        told
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Both fail if it has ended.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Sends SIGTERM, as an operator stops a server.
fn terminate(process: &Child) {
    let stopped = Command::new("kill").args(["-TERM", &process.id().to_string()]).status().expect("kill is there");
    assert!(stopped.success());
}

#[test]
fn a_server_that_waits_for_its_database_can_be_stopped() {
    let directory = tempfile::tempdir().unwrap();
    let config = directory.path().join("config.yml");
    // Nobody listens on port 1.
    let text =
        "version: 0.1\nstorage: inmemory\ndatabase: {url: 'postgres://127.0.0.1:1/registry', starttimeout: 1h}\n";
    std::fs::write(&config, text).unwrap();
    let mut process = command(&["serve", config.to_str().unwrap()], &[]).stderr(Stdio::piped()).spawn().unwrap();
    let mut log = BufReader::new(process.stderr.take().unwrap());
    let mut told = String::new();
    while !told.contains("cannot be reached yet") {
        assert_ne!(log.read_line(&mut told).unwrap(), 0, "{told}");
    }
    terminate(&process);
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        log.read_to_string(&mut told).expect("the log is text");
        let _ = sender.send(told);
    });
    let told = receiver.recv_timeout(PATIENCE);
    let _ = process.kill();
    assert!(told.expect("the server ends").contains("stopped before the start was over"));
    assert!(process.wait().unwrap().success());
}
