//! A file that becomes shorter while it is sent.

use std::fs::{self, OpenOptions};
use std::io::{Read as _, Write as _};

use registry_core::protocol::digest::{Algorithm, Digest};
use tempfile::TempDir;

use crate::server::Server;

/// More than the buffers of a connection hold.
const SIZE_BYTES: usize = 96 * 1024 * 1024;

#[test]
fn the_answer_ends_early() {
    let directory = TempDir::new().unwrap();
    let config = directory.path().join("config.yml").display().to_string();
    let root = directory.path().join("storage");
    let storage = format!("{{filesystem: {{rootdirectory: {}}}}}", root.display());
    fs::write(&config, format!("version: 0.1\nhttp: {{addr: 127.0.0.1:0}}\nstorage: {storage}\n")).unwrap();
    let server = Server::start(&config);
    let content = vec![7; SIZE_BYTES];
    let digest = Digest::of(Algorithm::Sha256, &content);
    let (hex, path) = (digest.hex(), format!("/v2/a/blobs/{digest}"));
    let data = root.join("docker/registry/v2/blobs/sha256").join(&hex[..2]).join(hex).join("data");
    for (range, status, expected) in [("", "200", SIZE_BYTES), ("Range: bytes=1000-\r\n", "206", SIZE_BYTES - 1000)] {
        let push = format!("/v2/a/blobs/uploads/?digest={digest}");
        assert_eq!(server.send("POST", &push, "application/octet-stream", &content).0, 201);

        let mut connection = server.connect();
        let request = format!("GET {path} HTTP/1.1\r\nHost: registry\r\n{range}\r\n");
        connection.write_all(request.as_bytes()).unwrap();
        let mut answer = vec![0; 1024 * 1024];
        connection.read_exact(&mut answer).unwrap();
        OpenOptions::new().write(true).open(&data).unwrap().set_len(SIZE_BYTES as u64 / 2).unwrap();
        // The connection is closed, though nobody asked for that, or reset.
        let _ = connection.read_to_end(&mut answer);

        let head_end = answer.windows(4).position(|window| window == b"\r\n\r\n").unwrap() + 4;
        let head = String::from_utf8_lossy(&answer[..head_end]).to_ascii_lowercase();
        assert!(head.starts_with(&format!("http/1.1 {status}")), "{head}");
        assert!(head.contains(&format!("content-length: {expected}\r\n")), "{head}");
        let body = &answer[head_end..];
        assert!(body.len() < expected, "all {} bytes came of a file that has half of them", body.len());
        assert!(body.iter().all(|byte| *byte == 7));
        assert_eq!(server.send("GET", &path, "", b"").0, 404, "the next one is told before it begins");
    }
    server.stop();
}
