//! Many connections on one thread, each with one small request at a time.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use rustix::buffer::spare_capacity;
use rustix::event::{Timespec, epoll};

use super::answer::Answer;

/// How much of an answer is received at once.
const BUFFER_BYTES: usize = 64 * 1024;

/// How many connections are looked at after one wait.
const EVENTS: usize = 256;

/// How long all the server's connections may be silent.
const SILENCE: Timespec = Timespec { tv_sec: 30, tv_nsec: 0 };

/// The request that every connection repeats, and what has to come back.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) method: &'static str,
    pub(crate) path: String,
    pub(crate) accept: &'static str,
    /// The status of a right answer.
    pub(crate) status: u16,
    /// The length that a right answer names, if that is known.
    pub(crate) length: Option<u64>,
}

/// Connections that send nothing until they are told to.
pub(crate) struct Crowd {
    members: Vec<Member>,
    epoll: rustix::fd::OwnedFd,
    bytes: Vec<u8>,
    request: Request,
}

struct Member {
    socket: TcpStream,
    sent: Instant,
    received: Vec<u8>,
}

impl Crowd {
    /// Opens the connections.
    ///
    /// # Errors
    /// What the sockets say.
    pub(crate) fn open(address: SocketAddr, connections: u32, request: Request) -> io::Result<Self> {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        let mut members = Vec::new();
        for number in 0..connections {
            let socket = TcpStream::connect(address)?;
            socket.set_nodelay(true)?;
            socket.set_nonblocking(true)?;
            epoll::add(&epoll, &socket, epoll::EventData::new_u64(number.into()), epoll::EventFlags::IN)?;
            members.push(Member { socket, sent: Instant::now(), received: Vec::new() });
        }
        let Request { method, path, accept, .. } = &request;
        let bytes = format!("{method} {path} HTTP/1.1\r\nHost: {address}\r\nAccept: {accept}\r\n\r\n").into_bytes();
        Ok(Self { members, epoll, bytes, request })
    }

    /// Keeps every connection busy for a while; returns how long each request took.
    ///
    /// # Errors
    /// If a connection fails or an answer is not the right one.
    pub(crate) fn run(&mut self, time: Duration) -> io::Result<Vec<Duration>> {
        let mut times = Vec::with_capacity(1 << 18);
        let mut events: Vec<epoll::Event> = Vec::with_capacity(EVENTS);
        let mut buffer = vec![0; BUFFER_BYTES];
        for member in &mut self.members {
            member.send(&self.bytes)?;
        }
        let (end, mut busy) = (Instant::now() + time, self.members.len());
        while busy > 0 {
            events.clear();
            if epoll::wait(&self.epoll, spare_capacity(&mut events), Some(&SILENCE))? == 0 {
                return Err(io::ErrorKind::TimedOut.into());
            }
            for event in &events {
                let member = usize::try_from(event.data.u64()).expect("a member's number");
                let member = &mut self.members[member];
                if !member.receive(&mut buffer, &self.request)? {
                    continue;
                }
                let now = Instant::now();
                times.push(now - member.sent);
                if now < end {
                    member.send(&self.bytes)?;
                } else {
                    busy -= 1;
                }
            }
        }
        Ok(times)
    }
}

impl Member {
    /// A request is far smaller than the socket's buffer, which is empty: the last answer has arrived.
    fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.sent = Instant::now();
        match (&self.socket).write(bytes)? {
            len if len == bytes.len() => Ok(()),
            _ => Err(io::ErrorKind::WriteZero.into()),
        }
    }

    /// Returns whether the answer is complete.
    fn receive(&mut self, buffer: &mut [u8], request: &Request) -> io::Result<bool> {
        let len = match (&self.socket).read(buffer)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            len => len,
        };
        // Nearly every answer comes in one piece, which then is not copied.
        if self.received.is_empty() && is_complete(&buffer[..len], request)? {
            return Ok(true);
        }
        self.received.extend_from_slice(&buffer[..len]);
        let complete = is_complete(&self.received, request)?;
        if complete {
            self.received.clear();
        }
        Ok(complete)
    }
}

/// Returns whether an answer is there to its last byte.
fn is_complete(bytes: &[u8], request: &Request) -> io::Result<bool> {
    let Some((answer, head)) = Answer::parse(bytes)? else {
        return Ok(false);
    };
    let body = match answer.length {
        _ if request.method == "HEAD" => Some(0),
        length => length.and_then(|length| usize::try_from(length).ok()),
    };
    let right = answer.status == request.status && request.length.is_none_or(|length| answer.length == Some(length));
    match body.map(|body| bytes.len().cmp(&(head + body))) {
        Some(order) if right && order.is_le() => Ok(order.is_eq()),
        _ => {
            let text = format!("{} {} is answered {answer:?}", request.method, request.path);
            Err(io::Error::new(io::ErrorKind::InvalidData, text))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(method: &'static str, length: Option<u64>) -> Request {
        Request { method, path: "/".into(), accept: "*/*", status: 200, length }
    }

    #[test]
    fn an_answer_is_complete_with_its_last_byte() {
        let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc";
        for len in 0..answer.len() {
            assert!(!is_complete(&answer[..len], &request("GET", Some(3))).unwrap(), "{len}");
        }
        assert!(is_complete(answer, &request("GET", Some(3))).unwrap());
        assert!(is_complete(&answer[..answer.len() - 3], &request("HEAD", Some(3))).unwrap());
    }

    #[test]
    fn a_wrong_answer_is_an_error() {
        let get = |length| request("GET", length);
        assert!(is_complete(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", &get(None)).is_err());
        assert!(is_complete(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc", &get(Some(4))).is_err());
        assert!(is_complete(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabcd", &get(Some(3))).is_err());
        assert!(is_complete(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n", &request("HEAD", Some(4))).is_err());
    }
}
