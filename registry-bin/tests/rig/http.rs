//! An HTTP/1.1 client of a few lines: blocking, one connection, and it tells a server that was killed from one that
//! misbehaves.

use std::{
    io::{self, BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpStream},
    sync::Arc,
    thread,
    time::Duration,
};

use anyhow::{Context, anyhow};

use super::server::Lives;

/// Why a client stops.
#[derive(Debug)]
pub(crate) enum Stop {
    /// The server was killed; the outcome of the last request is unknown.
    Killed,
    /// The server did what it must not do.
    Failed(anyhow::Error),
}

impl From<anyhow::Error> for Stop {
    fn from(error: anyhow::Error) -> Self {
        Self::Failed(error)
    }
}

/// How a request carries its body.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Body<'a> {
    Sized(&'a [u8]),
    /// In pieces, without a length beforehand.
    Streamed(&'a [u8]),
}

/// A whole answer.
#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) status: u16,
    headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Response {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// Returns the `Location` without scheme and host.
    pub(crate) fn location(&self) -> anyhow::Result<String> {
        let location = self.header("location").context("the answer has no Location")?;
        match location.split_once("://") {
            Some((_, rest)) => {
                let start = rest.find('/').with_context(|| format!("`{location}` has no path"))?;
                Ok(rest[start..].to_owned())
            }
            None => Ok(location.to_owned()),
        }
    }
}

/// One client's connection, opened when it is needed.
#[derive(Debug)]
pub(crate) struct Connection {
    address: SocketAddr,
    lives: Arc<Lives>,
    /// The server's life that the stream is a part of.
    life: u64,
    stream: Option<BufReader<TcpStream>>,
}

impl Connection {
    /// `lives` says when the server is killed on purpose.
    pub(super) fn new(address: SocketAddr, lives: Arc<Lives>) -> Self {
        Self { address, life: lives.current(), lives, stream: None }
    }

    pub(crate) fn get(&mut self, target: &str) -> Result<Response, Stop> {
        self.send("GET", target, &[], Body::Sized(&[]))
    }

    pub(crate) fn delete(&mut self, target: &str) -> Result<Response, Stop> {
        self.send("DELETE", target, &[], Body::Sized(&[]))
    }

    /// Sends a request and reads the whole answer.
    ///
    /// # Errors
    ///
    /// `Killed` when the connection broke because the server was killed, `Failed` when it broke otherwise.
    pub(crate) fn send(
        &mut self,
        method: &str,
        target: &str,
        headers: &[(&str, &str)],
        body: Body<'_>,
    ) -> Result<Response, Stop> {
        let life = self.lives.current();
        if life != self.life {
            (self.life, self.stream) = (life, None);
        }
        self.exchange(method, target, headers, body).map_err(|error| {
            self.stream = None;
            // The kill may be a moment away from being noted.
            for _ in 0..200 {
                if self.lives.is_over(life) {
                    return Stop::Killed;
                }
                thread::sleep(Duration::from_millis(10));
            }
            Stop::Failed(anyhow!(error).context(format!("{method} {target} got no answer from a running server")))
        })
    }

    fn exchange(
        &mut self,
        method: &str,
        target: &str,
        headers: &[(&str, &str)],
        body: Body<'_>,
    ) -> io::Result<Response> {
        let stream = match &mut self.stream {
            Some(stream) => stream,
            closed => closed.insert(connect(self.address)?),
        };
        let mut request = format!("{method} {target} HTTP/1.1\r\nHost: {}\r\n", self.address).into_bytes();
        for (name, value) in headers {
            write!(request, "{name}: {value}\r\n")?;
        }
        match body {
            Body::Sized(bytes) => {
                write!(request, "Content-Length: {}\r\n\r\n", bytes.len())?;
                stream.get_mut().write_all(&request)?;
                stream.get_mut().write_all(bytes)?;
            }
            Body::Streamed(bytes) => {
                write!(request, "Transfer-Encoding: chunked\r\n\r\n")?;
                stream.get_mut().write_all(&request)?;
                for piece in bytes.chunks(10_000) {
                    write!(stream.get_mut(), "{:x}\r\n", piece.len())?;
                    stream.get_mut().write_all(piece)?;
                    stream.get_mut().write_all(b"\r\n")?;
                }
                stream.get_mut().write_all(b"0\r\n\r\n")?;
            }
        }
        let response = read_response(stream, method != "HEAD")?;
        if response.header("connection").is_some_and(|value| value.eq_ignore_ascii_case("close")) {
            self.stream = None;
        }
        Ok(response)
    }
}

fn connect(address: SocketAddr) -> io::Result<BufReader<TcpStream>> {
    let stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(Duration::from_secs(30)))?;
    stream.set_write_timeout(Some(Duration::from_secs(30)))?;
    Ok(BufReader::new(stream))
}

fn read_response(stream: &mut impl BufRead, has_body: bool) -> io::Result<Response> {
    let status_line = read_line(stream)?;
    let status = status_line
        .split(' ')
        .nth(1)
        .and_then(|status| status.parse().ok())
        .ok_or_else(|| invalid(format!("`{status_line}` is no status line")))?;
    let mut headers = Vec::new();
    loop {
        let line = read_line(stream)?;
        if line.is_empty() {
            break;
        }
        let (name, value) = line.split_once(':').ok_or_else(|| invalid(format!("`{line}` is no header")))?;
        headers.push((name.to_owned(), value.trim().to_owned()));
    }
    let mut response = Response { status, headers, body: Vec::new() };
    if !has_body {
        return Ok(response);
    }
    if response.header("transfer-encoding").is_some_and(|value| value.eq_ignore_ascii_case("chunked")) {
        loop {
            let line = read_line(stream)?;
            let length = u64::from_str_radix(&line, 16).map_err(|_| invalid(format!("`{line}` is no chunk length")))?;
            read_exactly(stream, length, &mut response.body)?;
            read_line(stream)?;
            if length == 0 {
                break;
            }
        }
    } else if let Some(length) = response.header("content-length") {
        let length = length.parse().map_err(|_| invalid(format!("`{length}` is no length")))?;
        read_exactly(stream, length, &mut response.body)?;
    }
    Ok(response)
}

fn read_exactly(stream: &mut impl BufRead, length: u64, into: &mut Vec<u8>) -> io::Result<()> {
    let read = stream.by_ref().take(length).read_to_end(into)?;
    if read as u64 == length { Ok(()) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
}

fn read_line(stream: &mut impl BufRead) -> io::Result<String> {
    let mut line = String::new();
    stream.by_ref().take(64 << 10).read_line(&mut line)?;
    match line.strip_suffix("\r\n") {
        Some(text) => Ok(text.to_owned()),
        None => Err(io::ErrorKind::UnexpectedEof.into()),
    }
}

fn invalid(text: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, text)
}
