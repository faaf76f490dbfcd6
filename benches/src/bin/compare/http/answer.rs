//! The head of an answer, and where its body ends. Source: RFC 9112, sections 6 and 7.

use std::io;

/// How many headers an answer may have.
const MAX_HEADERS: usize = 64;

/// How long the line with a chunk's size may be.
const MAX_CHUNK_LINE_BYTES: usize = 256;

/// The head of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// `Content-Length`.
    pub(crate) length: Option<u64>,
    pub(crate) chunked: bool,
    pub(crate) location: Option<String>,
}

/// How the end of a body is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Framing {
    Length(u64),
    Chunked,
}

impl Answer {
    /// Reads a head; returns it and its length in bytes, or nothing while it is incomplete.
    ///
    /// # Errors
    /// If the bytes do not begin with the head of an answer.
    pub(crate) fn parse(bytes: &[u8]) -> io::Result<Option<(Self, usize)>> {
        let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
        let mut response = httparse::Response::new(&mut headers);
        let httparse::Status::Complete(len) = response.parse(bytes).map_err(invalid)? else {
            return Ok(None);
        };
        let mut answer = Self { status: response.code.unwrap_or(0), length: None, chunked: false, location: None };
        for header in response.headers {
            let value = str::from_utf8(header.value).map_err(invalid)?.trim();
            if header.name.eq_ignore_ascii_case("content-length") {
                answer.length = Some(value.parse().map_err(invalid)?);
            } else if header.name.eq_ignore_ascii_case("transfer-encoding") {
                answer.chunked = value.eq_ignore_ascii_case("chunked");
            } else if header.name.eq_ignore_ascii_case("location") {
                answer.location = Some(value.to_owned());
            }
        }
        Ok(Some((answer, len)))
    }

    /// Returns how the body ends that follows.
    ///
    /// # Errors
    /// If only the end of the connection would tell: no server here does that.
    pub(crate) fn framing(&self, to_head: bool) -> io::Result<Framing> {
        match self.length {
            _ if to_head || matches!(self.status, 204 | 304) => Ok(Framing::Length(0)),
            _ if self.chunked => Ok(Framing::Chunked),
            Some(length) => Ok(Framing::Length(length)),
            None => Err(invalid("an answer has neither a length nor chunks")),
        }
    }

    /// Returns the path that `Location` names, whether that is relative or a whole URL.
    ///
    /// # Errors
    /// If there is none.
    pub(crate) fn location_path(&self) -> io::Result<&str> {
        let location = self.location.as_deref().ok_or_else(|| invalid("an answer has no Location"))?;
        match location.split_once("://") {
            None => Ok(location),
            Some((_, rest)) => Ok(rest.find('/').map_or("/", |at| &rest[at..])),
        }
    }

    /// Fails unless the status is this one.
    ///
    /// # Errors
    /// If it is another.
    pub(crate) fn expect(self, status: u16, what: &str) -> io::Result<Self> {
        if self.status == status {
            return Ok(self);
        }
        Err(io::Error::other(format!("{what} is answered {}, expected {status}", self.status)))
    }
}

/// A body in chunks, read piece by piece.
#[derive(Debug, Default)]
pub(crate) struct ChunkedBody {
    state: ChunkState,
    line: Vec<u8>,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum ChunkState {
    #[default]
    Size,
    Data(u64),
    DataEnd,
    Trailer,
    Complete,
}

impl ChunkedBody {
    /// Returns whether the last chunk and all after it was read.
    pub(crate) fn is_complete(&self) -> bool {
        self.state == ChunkState::Complete
    }

    /// Hands the data in `bytes` to `sink` and returns how many bytes were used.
    ///
    /// # Errors
    /// If a chunk's size is none.
    pub(crate) fn read(&mut self, bytes: &[u8], sink: &mut dyn FnMut(&[u8])) -> io::Result<usize> {
        let mut used = 0;
        while used < bytes.len() && !self.is_complete() {
            if let ChunkState::Data(left) = self.state {
                let len = (bytes.len() - used).min(usize::try_from(left).unwrap_or(usize::MAX));
                sink(&bytes[used..used + len]);
                used += len;
                let left = left - len as u64;
                self.state = if left == 0 { ChunkState::DataEnd } else { ChunkState::Data(left) };
                continue;
            }
            self.line.push(bytes[used]);
            used += 1;
            if self.line.ends_with(b"\n") {
                self.end_line()?;
            } else if self.line.len() > MAX_CHUNK_LINE_BYTES {
                return Err(invalid("the line with a chunk's size has no end"));
            }
        }
        Ok(used)
    }

    fn end_line(&mut self) -> io::Result<()> {
        let line = str::from_utf8(&self.line).map_err(invalid)?.trim();
        self.state = match self.state {
            ChunkState::Size => {
                let size = line.split(';').next().unwrap_or_default().trim();
                match u64::from_str_radix(size, 16).map_err(invalid)? {
                    0 => ChunkState::Trailer,
                    size => ChunkState::Data(size),
                }
            }
            ChunkState::DataEnd => ChunkState::Size,
            _ if line.is_empty() => ChunkState::Complete,
            state => state,
        };
        self.line.clear();
        Ok(())
    }
}

fn invalid(cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, cause)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(head: &str) -> Answer {
        let (answer, len) = Answer::parse(head.as_bytes()).unwrap().unwrap();
        assert_eq!(len, head.len());
        answer
    }

    #[test]
    fn a_head_is_read() {
        let answer = parse("HTTP/1.1 200 OK\r\ncontent-LENGTH: 17\r\nX-Other: 1\r\n\r\n");
        assert_eq!(answer, Answer { status: 200, length: Some(17), chunked: false, location: None });
        assert_eq!(Answer::parse(b"HTTP/1.1 200 OK\r\nContent-Le").unwrap(), None);
        for wrong in ["SMTP", "HTTP/1.1 x\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n"] {
            assert!(Answer::parse(wrong.as_bytes()).is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_end_of_a_body_is_known() {
        let sized = parse("HTTP/1.1 200 OK\r\nContent-Length: 17\r\n\r\n");
        assert_eq!(sized.framing(false).unwrap(), Framing::Length(17));
        assert_eq!(sized.framing(true).unwrap(), Framing::Length(0));
        assert_eq!(parse("HTTP/1.1 304 Not Modified\r\n\r\n").framing(false).unwrap(), Framing::Length(0));
        let chunked = parse("HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n");
        assert_eq!(chunked.framing(false).unwrap(), Framing::Chunked);
        assert!(parse("HTTP/1.1 200 OK\r\n\r\n").framing(false).is_err());
    }

    #[test]
    fn locations_become_paths() {
        for (location, path) in [("/a?b=c", "/a?b=c"), ("http://h:1/a?b=c", "/a?b=c"), ("https://h", "/")] {
            let answer = parse(&format!("HTTP/1.1 202 Accepted\r\nLocation: {location}\r\n\r\n"));
            assert_eq!(answer.location_path().unwrap(), path);
        }
        assert!(parse("HTTP/1.1 202 Accepted\r\n\r\n").location_path().is_err());
    }

    #[test]
    fn chunks_are_joined() {
        let bytes = b"5;name=value\r\nhello\r\n6\r\n world\r\n0\r\nTrailer: x\r\n\r\nnext";
        for step in [1, 3, bytes.len()] {
            let (mut body, mut read, mut at) = (ChunkedBody::default(), Vec::new(), 0);
            while !body.is_complete() {
                let piece = &bytes[at..bytes.len().min(at + step)];
                at += body.read(piece, &mut |data| read.extend_from_slice(data)).unwrap();
            }
            assert_eq!((read.as_slice(), &bytes[at..]), (&b"hello world"[..], &b"next"[..]));
        }
        assert!(ChunkedBody::default().read(b"x\r\n", &mut |_| {}).is_err());
        assert!(ChunkedBody::default().read(&[b'1'; 300], &mut |_| {}).is_err());
    }
}
