//! A client that costs little: blocking sockets, one large buffer for each connection, bodies sent from memory.
//!
//! Client and server share the machine, so whatever the client burns is missing on the other side. It does the same
//! for every server.

pub(crate) mod answer;
pub(crate) mod crowd;
pub(crate) mod tls;

use std::io::{self, IoSlice, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use self::answer::{Answer, ChunkedBody, Framing};

/// How much is received at once at most.
pub(crate) const BUFFER_BYTES: usize = 1 << 20;

/// How long a server may be silent. A delete at 100,000 tags takes some servers long.
const SILENCE: Duration = Duration::from_secs(60);

/// What carries the bytes.
trait Transport: Read + Write + Send {}
impl<T: Read + Write + Send> Transport for T {}

/// A connection that is kept for one request after another.
pub(crate) struct Connection {
    transport: Box<dyn Transport>,
    host: String,
    buffer: Vec<u8>,
    /// What has been received and not been used.
    start: usize,
    end: usize,
}

impl Connection {
    /// Connects.
    ///
    /// # Errors
    /// What the socket says, or the TLS library.
    pub(crate) fn open(address: SocketAddr, tls: Option<&tls::Client>) -> io::Result<Self> {
        let socket = TcpStream::connect(address)?;
        socket.set_nodelay(true)?;
        socket.set_read_timeout(Some(SILENCE))?;
        socket.set_write_timeout(Some(SILENCE))?;
        let transport: Box<dyn Transport> = match tls {
            None => Box::new(socket),
            Some(client) => Box::new(client.connect(socket)?),
        };
        Ok(Self { transport, host: address.to_string(), buffer: vec![0; BUFFER_BYTES], start: 0, end: 0 })
    }

    /// Sends a request without a body, and hands the answer's body to `sink` piece by piece.
    ///
    /// # Errors
    /// If the connection fails or what arrives is no HTTP/1.1 answer.
    pub(crate) fn get(
        &mut self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        sink: &mut dyn FnMut(&[u8]),
    ) -> io::Result<Answer> {
        self.send(method, path, headers, None)?;
        self.receive(method == "HEAD", sink)
    }

    /// Sends a request with a body that consists of these parts, and drops the answer's body.
    ///
    /// # Errors
    /// If the connection fails or what arrives is no HTTP/1.1 answer.
    pub(crate) fn call(
        &mut self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[&[u8]],
    ) -> io::Result<Answer> {
        self.send(method, path, headers, Some(body))?;
        self.receive(false, &mut |_| {})
    }

    fn send(&mut self, method: &str, path: &str, headers: &[(&str, &str)], body: Option<&[&[u8]]>) -> io::Result<()> {
        let mut head = format!("{method} {path} HTTP/1.1\r\nHost: {}\r\n", self.host);
        for (name, value) in headers {
            head.extend([name, ": ", value, "\r\n"]);
        }
        let body = body.inspect(|parts| {
            let len: usize = parts.iter().map(|part| part.len()).sum();
            head.push_str(&format!("Content-Length: {len}\r\n"));
        });
        head.push_str("\r\n");
        let mut slices = vec![IoSlice::new(head.as_bytes())];
        slices.extend(body.unwrap_or_default().iter().map(|part| IoSlice::new(part)));
        write_all(self.transport.as_mut(), &mut slices)
    }

    fn receive(&mut self, to_head: bool, sink: &mut dyn FnMut(&[u8])) -> io::Result<Answer> {
        let answer = loop {
            if let Some((answer, len)) = Answer::parse(&self.buffer[self.start..self.end])? {
                self.start += len;
                if answer.status >= 200 {
                    break answer;
                }
            } else {
                self.fill()?;
            }
        };
        match answer.framing(to_head)? {
            Framing::Length(len) => self.receive_len(len, sink)?,
            Framing::Chunked => self.receive_chunks(sink)?,
        }
        Ok(answer)
    }

    fn receive_len(&mut self, mut len: u64, sink: &mut dyn FnMut(&[u8])) -> io::Result<()> {
        while len > 0 {
            if self.start == self.end {
                self.fill()?;
            }
            let have = (self.end - self.start).min(usize::try_from(len).unwrap_or(usize::MAX));
            sink(&self.buffer[self.start..self.start + have]);
            self.start += have;
            len -= have as u64;
        }
        Ok(())
    }

    fn receive_chunks(&mut self, sink: &mut dyn FnMut(&[u8])) -> io::Result<()> {
        let mut body = ChunkedBody::default();
        while !body.is_complete() {
            if self.start == self.end {
                self.fill()?;
            }
            self.start += body.read(&self.buffer[self.start..self.end], sink)?;
        }
        Ok(())
    }

    /// Receives what there is, behind what has not been used yet.
    fn fill(&mut self) -> io::Result<()> {
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
        } else if self.end == self.buffer.len() {
            self.buffer.copy_within(self.start..self.end, 0);
            (self.start, self.end) = (0, self.end - self.start);
        }
        match self.transport.read(&mut self.buffer[self.end..])? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            len => {
                self.end += len;
                Ok(())
            }
        }
    }
}

/// Writes all the slices with as few calls as the socket allows.
fn write_all(transport: &mut dyn Transport, mut slices: &mut [IoSlice<'_>]) -> io::Result<()> {
    // An empty slice at the front would look like a connection that takes nothing more.
    IoSlice::advance_slices(&mut slices, 0);
    while !slices.is_empty() {
        match transport.write_vectored(slices) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(len) => IoSlice::advance_slices(&mut slices, len),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    transport.flush()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Answers with what it was given, a few bytes at a time, and keeps what it was sent.
    struct Script {
        answers: io::Cursor<Vec<u8>>,
        step: usize,
    }

    impl Read for Script {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let len = buffer.len().min(self.step);
            self.answers.read(&mut buffer[..len])
        }
    }

    impl Write for Script {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn connection(answers: &str, step: usize) -> Connection {
        let transport = Box::new(Script { answers: io::Cursor::new(answers.into()), step });
        Connection { transport, host: "h".into(), buffer: vec![0; 128], start: 0, end: 0 }
    }

    #[test]
    fn answers_are_told_apart_however_they_arrive() {
        let answers = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 202 Accepted\r\nContent-Length: 0\r\nLocation: /u\r\n\r\n\
                       HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n\
                       HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n";
        for step in [1, 7, 1000] {
            let mut connection = connection(answers, step);
            assert_eq!(connection.call("POST", "/", &[], &[]).unwrap().location.as_deref(), Some("/u"));
            let mut body = Vec::new();
            connection.get("GET", "/", &[], &mut |piece| body.extend_from_slice(piece)).unwrap();
            assert_eq!(body, b"hello world");
            let head = connection.get("HEAD", "/", &[], &mut |_| panic!("a HEAD has no body")).unwrap();
            assert_eq!(head.length, Some(9));
            assert_eq!(connection.get("DELETE", "/", &[], &mut |_| {}).unwrap().status, 204);
            assert!(connection.get("GET", "/", &[], &mut |_| {}).is_err(), "the connection has ended");
        }
    }
}
