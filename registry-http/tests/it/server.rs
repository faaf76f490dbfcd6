//! The server below the API: listening, deadlines, limits, and the end.

use std::sync::Arc;
use std::time::Duration;

use http::{Request, StatusCode};
use http_body_util::BodyExt as _;
use registry_http::server::{ListenAddress, Pace, ServeOutcome, Server, ServerConfig, ServerError};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpStream, UnixStream};
use tokio::time::timeout;

use crate::wire::{
    PATIENCE, Raw, Running, SHORT, exchange, get, http2, loopback, patient, run, silent_body, start, text,
};

const HELLO: &str = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";

fn unix(path: &std::path::Path) -> ServerConfig {
    ServerConfig { listen: vec![ListenAddress::Unix(path.to_owned())], ..patient() }
}

async fn plain_http2(running: &Running) -> hyper::client::conn::http2::SendRequest<crate::wire::TestBody> {
    http2(TcpStream::connect(running.address).await.unwrap()).await
}

#[tokio::test]
async fn a_connection_serves_one_request_after_the_other() {
    let running = start(patient()).await;
    let mut raw = Raw::connect(running.address).await;
    let local = raw.0.local_addr().unwrap();
    for _ in 0..3 {
        raw.send("GET /info HTTP/1.1\r\nHost: a\r\n\r\n").await;
        let answer = raw.read_until("tls=false HTTP/1.1").await;
        assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
        assert!(answer.contains(&format!("{local} tls=false")), "{answer}");
    }
    assert_eq!(running.stop().await, ServeOutcome::Drained);
}

#[tokio::test]
async fn a_client_that_has_closed_its_side_gets_its_answer_and_then_the_end() {
    let running = start(patient()).await;
    let mut raw = Raw::connect(running.address).await;
    raw.send("GET /wait HTTP/1.1\r\nHost: a\r\n\r\n").await;
    running.events.began.notified().await;
    raw.0.shutdown().await.unwrap();
    running.events.release.add_permits(1);
    assert!(raw.read_to_end().await.ends_with("released"));
    assert_eq!(running.stop().await, ServeOutcome::Drained);
}

#[tokio::test]
async fn an_address_in_use_is_named() {
    let running = start(patient()).await;
    let address = ListenAddress::tcp(&running.address.to_string()).unwrap();
    let error = Server::bind(ServerConfig::new(address)).await.unwrap_err();
    assert!(matches!(error, ServerError::InUse(_)), "{error:?}");
    assert!(error.to_string().contains(&running.address.to_string()), "{error}");
}

#[tokio::test]
async fn every_interface_has_ipv4_peers_as_such() {
    let server =
        Server::bind(ServerConfig { listen: vec![ListenAddress::tcp(":0").unwrap()], ..patient() }).await.unwrap();
    let running = run(server);
    let answer = exchange(
        ([127, 0, 0, 1], running.address.port()).into(),
        "GET /info HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
    );
    assert!(answer.await.contains("127.0.0.1:"));
}

#[tokio::test]
async fn several_addresses_are_served() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("s");
    let listen = vec![ListenAddress::Unix(path.clone()), ListenAddress::tcp("127.0.0.1:0").unwrap()];
    let server = Server::bind(ServerConfig { listen, ..patient() }).await.unwrap();
    assert_eq!(server.addresses().len(), 2);
    let running = run(server);
    let close = "GET /info HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    assert!(exchange(running.address, close).await.contains("127.0.0.1"));
    let mut stream = UnixStream::connect(&path).await.unwrap();
    stream.write_all(close.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.contains("unix tls=false"), "{answer}");
}

#[tokio::test]
async fn a_unix_socket_is_taken_over_only_from_the_dead() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("registry.sock");
    // What a killed process leaves behind.
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    assert!(path.exists());
    let running = start(unix(&path)).await;
    let second = Server::bind(unix(&path)).await.unwrap_err();
    assert!(matches!(second, ServerError::InUse(_)), "{second:?}");
    assert!(UnixStream::connect(&path).await.is_ok(), "the refused one left the first alone");
    assert_eq!(running.stop().await, ServeOutcome::Drained);
    assert!(!path.exists(), "the socket is removed at the end");

    std::fs::write(&path, "precious").unwrap();
    let error = Server::bind(unix(&path)).await.unwrap_err();
    assert!(matches!(error, ServerError::NotASocket(_)), "{error:?}");
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "precious");
}

#[tokio::test]
async fn a_head_that_does_not_come_to_its_end_is_not_waited_for() {
    let mut config = patient();
    config.deadlines.header = SHORT;
    let running = start(config).await;
    assert_eq!(exchange(running.address, "").await, "", "nothing was sent");
    assert_eq!(exchange(running.address, "GET / HTTP/1.1\r\nHost: a\r\n").await, "");
    // The same after a first request: the deadline is not that of idle connections.
    let mut raw = Raw::connect(running.address).await;
    raw.send(HELLO).await;
    raw.read_until("hello").await;
    raw.send("GET / HT").await;
    assert_eq!(raw.read_to_end().await, "");
}

#[tokio::test]
async fn an_idle_connection_is_closed_and_a_busy_one_is_not() {
    let mut config = patient();
    config.h2c = true;
    config.deadlines.idle = SHORT;
    config.deadlines.header = SHORT;
    let running = start(config).await;
    let mut busy = Raw::connect(running.address).await;
    busy.send("GET /wait HTTP/1.1\r\nHost: a\r\n\r\n").await;
    running.events.began.notified().await;
    let answer = exchange(running.address, HELLO).await;
    assert!(answer.ends_with("hello"), "{answer}");
    let mut http2 = plain_http2(&running).await;
    assert_eq!(text(http2.send_request(get("http://a/")).await.unwrap()).await, "hello");
    timeout(PATIENCE, async {
        while http2.ready().await.is_ok() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await
    .expect("an idle HTTP/2 connection is closed");
    running.events.release.add_permits(1);
    assert!(busy.read_to_end().await.ends_with("released"));
}

#[tokio::test]
async fn a_body_without_progress_times_out_for_its_reader() {
    let mut config = patient();
    config.h2c = true;
    config.deadlines.body = Pace { window: SHORT, min_bytes: 100 };
    let running = start(config).await;
    let head = "POST /length HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n";
    for body in ["", "a few bytes"] {
        let answer = exchange(running.address, format!("{head}{body}")).await;
        assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
        assert!(answer.contains("made no progress"), "{answer}");
    }
    let mut http2 = plain_http2(&running).await;
    let request = Request::post("http://a/length").body(silent_body()).unwrap();
    let response = timeout(PATIENCE, http2.send_request(request)).await.unwrap().unwrap();
    assert_eq!(response.status(), StatusCode::REQUEST_TIMEOUT);
    assert_eq!(text(http2.send_request(get("http://a/")).await.unwrap()).await, "hello", "the connection lives on");
}

#[tokio::test]
async fn a_client_that_does_not_read_is_cut() {
    let mut config = patient();
    config.deadlines.body = Pace { window: SHORT, min_bytes: 1 };
    let running = start(config).await;
    let mut raw = Raw::connect(running.address).await;
    raw.send("GET /endless HTTP/1.1\r\nHost: a\r\n\r\n").await;
    timeout(PATIENCE, running.events.dropped.notified()).await.expect("the answer is given up");
}

#[tokio::test]
async fn a_stream_that_is_not_read_is_reset_and_the_others_go_on() {
    let mut config = patient();
    config.h2c = true;
    config.deadlines.body = Pace { window: SHORT, min_bytes: 1 };
    let running = start(config).await;
    let mut http2 = plain_http2(&running).await;
    let stalled = http2.send_request(get("http://a/endless")).await.unwrap();
    let events = Arc::clone(&running.events);
    let dropped = tokio::spawn(async move { timeout(PATIENCE, events.dropped.notified()).await });
    while !dropped.is_finished() {
        assert_eq!(text(http2.send_request(get("http://a/")).await.unwrap()).await, "hello");
    }
    dropped.await.unwrap().expect("the stalled answer is given up");
    assert!(stalled.into_body().collect().await.is_err(), "the client sees that the answer is not whole");
    assert_eq!(text(http2.send_request(get("http://a/")).await.unwrap()).await, "hello");
}

#[tokio::test]
async fn heads_are_bounded() {
    let running = start(patient()).await;
    let headers = |count: usize| (0..count).map(|index| format!("x-{index}: y\r\n")).collect::<String>();
    let status = async |head: String| {
        let answer = exchange(running.address, format!("{head}\r\n")).await;
        answer.split(' ').nth(1).unwrap_or_default().to_owned()
    };
    assert_eq!(status(format!("GET / HTTP/1.1\r\nConnection: close\r\n{}", headers(99))).await, "200");
    assert_eq!(status(format!("GET / HTTP/1.1\r\nConnection: close\r\n{}", headers(100))).await, "431");
    assert_eq!(status(format!("GET / HTTP/1.1\r\nx: {}\r\n", "y".repeat(64 * 1024))).await, "431");
    assert_eq!(status(format!("GET /{} HTTP/1.1\r\n", "y".repeat(64 * 1024))).await, "431");
    assert_eq!(status(format!("GET / HTTP/1.1\r\nConnection: close\r\nx: {}\r\n", "y".repeat(60 * 1024))).await, "200");
}

#[tokio::test]
async fn nothing_can_be_smuggled_behind_a_request() {
    let running = start(patient()).await;
    let smuggled = "GET /info HTTP/1.1\r\nHost: a\r\n\r\n";
    for (what, head, body) in [
        ("two lengths", "Content-Length: 5\r\nContent-Length: 6\r\n", "hello"),
        ("a list of lengths", "Content-Length: 5, 6\r\n", "hello"),
        ("a signed length", "Content-Length: +5\r\n", "hello"),
        ("a length in hex", "Content-Length: 0x5\r\n", "hello"),
        ("an overlong length", "Content-Length: 99999999999999999999\r\n", "hello"),
        ("another coding", "Transfer-Encoding: gzip\r\n", "hello"),
        ("chunked is not last", "Transfer-Encoding: chunked, identity\r\n", "0\r\n\r\n"),
        ("a space before the colon", "Content-Length : 5\r\n", "hello"),
        ("a folded header", "X: a\r\n b\r\n", ""),
        ("a bare carriage return", "X: a\rb\r\n", ""),
        ("a zero byte", "X: a\0b\r\n", ""),
    ] {
        let answer =
            exchange(running.address, format!("POST /length HTTP/1.1\r\nHost: a\r\n{head}\r\n{body}{smuggled}"));
        let answer = answer.await;
        assert!(answer.starts_with("HTTP/1.1 400"), "{what}: {answer}");
        assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{what}: {answer}");
    }
    let old = exchange(running.address, "POST /length HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n").await;
    assert!(old.starts_with("HTTP/1.0 400") || old.starts_with("HTTP/1.1 400"), "{old}");
}

/// RFC 9112 lets a server take such a request by its chunks if it closes the connection then, so that both ends agree on
/// nothing after it.
#[tokio::test]
async fn a_request_with_both_framings_is_the_last_of_its_connection() {
    let running = start(patient()).await;
    for framing in
        ["Content-Length: 4\r\nTransfer-Encoding: chunked\r\n", "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n"]
    {
        let request = format!(
            "POST /length HTTP/1.1\r\nHost: a\r\n{framing}\r\n3\r\nabc\r\n0\r\n\r\nGET /info HTTP/1.1\r\nHost: a\r\n\r\n"
        );
        let answer = exchange(running.address, request).await;
        assert!(answer.ends_with("\r\n\r\n3"), "{answer}");
        assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{answer}");
    }
}

#[tokio::test]
async fn broken_chunks_break_the_body() {
    let running = start(patient()).await;
    for chunks in [
        "zz\r\nabc\r\n0\r\n\r\n",
        "-1\r\nabc\r\n0\r\n\r\n",
        "3\nabc\r\n0\r\n\r\n",
        "3\r\nabcd\r\n0\r\n\r\n",
        "fffffffffffffffff\r\nabc",
    ] {
        let head = "POST /length HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
        let answer = exchange(running.address, format!("{head}{chunks}")).await;
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 400"), "{chunks:?}: {answer}");
    }
}

#[tokio::test]
async fn an_answer_reaches_a_client_that_still_sends() {
    let running = start(patient()).await;
    let mut raw = Raw::connect(running.address).await;
    raw.send("PUT /refuse HTTP/1.1\r\nHost: a\r\nContent-Length: 100000000\r\n\r\n").await;
    let (mut reader, mut writer) = raw.0.split();
    let writing = async {
        let piece = vec![0; 64 * 1024];
        for _ in 0..64 {
            writer.write_all(&piece).await.expect("the server reads on");
        }
        writer.shutdown().await.unwrap();
    };
    let reading = async {
        let mut answer = Vec::new();
        // A server that closes while the client sends resets the connection, which may destroy the answer.
        reader.read_to_end(&mut answer).await.expect("the connection is closed, and not reset");
        answer
    };
    let (_, answer) = timeout(PATIENCE, async { tokio::join!(writing, reading) }).await.unwrap();
    assert!(answer.starts_with(b"HTTP/1.1 401"), "{answer:?}");
}

#[tokio::test]
async fn more_connections_than_allowed_wait_for_their_turn() {
    let mut config = patient();
    config.limits.connections = 1;
    let running = start(config).await;
    let mut first = Raw::connect(running.address).await;
    first.send(HELLO).await;
    first.read_until("hello").await;
    let mut second = Raw::connect(running.address).await;
    second.send("GET /wait HTTP/1.1\r\nHost: a\r\n\r\n").await;
    // The second would have begun by now if it were served.
    first.send(HELLO).await;
    first.read_until("hello").await;
    assert!(timeout(SHORT, running.events.began.notified()).await.is_err());
    drop(first);
    timeout(PATIENCE, running.events.began.notified()).await.expect("the second has its turn");
    running.events.release.add_permits(1);
    second.read_until("released").await;
}

#[tokio::test]
async fn requests_in_flight_finish_when_the_server_stops() {
    let mut running = start(ServerConfig { h2c: true, ..patient() }).await;
    let mut idle = Raw::connect(running.address).await;
    idle.send(HELLO).await;
    idle.read_until("hello").await;
    let mut busy = Raw::connect(running.address).await;
    busy.send("GET /wait HTTP/1.1\r\nHost: a\r\n\r\n").await;
    running.events.began.notified().await;
    let mut http2 = plain_http2(&running).await;
    let waiting = tokio::spawn(http2.send_request(get("http://a/wait")));
    running.events.began.notified().await;
    drop(running.stop.take());
    assert_eq!(idle.read_to_end().await, "", "an idle connection is closed");
    timeout(PATIENCE, async { while TcpStream::connect(running.address).await.is_ok() {} })
        .await
        .expect("nobody is let in any more");
    running.events.release.add_permits(2);
    let first = busy.read_to_end().await;
    let second = text(waiting.await.unwrap().unwrap()).await;
    assert!(first.ends_with("released"), "{first}");
    assert_eq!(second, "released");
    assert_eq!(running.stop().await, ServeOutcome::Drained);
}

#[tokio::test]
async fn what_takes_too_long_is_cut_at_the_end() {
    let mut config = ServerConfig { h2c: true, ..patient() };
    config.deadlines.drain = SHORT;
    let running = start(config).await;
    let mut busy = Raw::connect(running.address).await;
    busy.send("GET /wait HTTP/1.1\r\nHost: a\r\n\r\n").await;
    running.events.began.notified().await;
    let mut http2 = plain_http2(&running).await;
    let waiting = tokio::spawn(http2.send_request(get("http://a/endless")));
    running.events.began.notified().await;
    let response = waiting.await.unwrap().unwrap();
    let events = Arc::clone(&running.events);
    assert_eq!(running.stop().await, ServeOutcome::Cut);
    timeout(PATIENCE, events.dropped.notified()).await.expect("the stream ends, too");
    assert!(response.into_body().collect().await.is_err());
    assert_eq!(busy.read_to_end().await, "");
}

#[tokio::test]
async fn http2_without_tls_has_to_be_allowed() {
    let running = start(ServerConfig { h2c: true, ..patient() }).await;
    let mut http2 = plain_http2(&running).await;
    let answer = text(http2.send_request(get("http://a/info")).await.unwrap()).await;
    assert!(answer.ends_with("tls=false HTTP/2.0"), "{answer}");
    // HTTP/1.1 is still spoken, also where the first bytes come one by one and look alike.
    let mut raw = Raw::connect(running.address).await;
    for byte in b"PRI / HTTP/1.1\r\nConnection: close\r\n\r\n" {
        raw.send([*byte]).await;
        tokio::task::yield_now().await;
    }
    assert!(raw.read_to_end().await.starts_with("HTTP/1.1 200"));

    let refusing = start(patient()).await;
    let answer = exchange(refusing.address, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await;
    assert!(!answer.contains("200"), "{answer}");
}

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// An HTTP/2 frame (RFC 9113, section 4.1).
fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let len = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&len[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// Writes `frames` until the server has had enough of them.
async fn flood(running: &Running, mut frames: impl FnMut(u32) -> Vec<u8>) {
    let mut raw = Raw::connect(running.address).await;
    raw.send(PREFACE).await;
    raw.send(frame(4, 0, 0, &[])).await;
    let (mut reader, mut writer) = raw.0.split();
    let writing = async {
        for index in 0..100_000 {
            if writer.write_all(&frames(index)).await.is_err() {
                return true;
            }
        }
        false
    };
    let reading = async {
        let mut space = [0; 4096];
        while matches!(reader.read(&mut space).await, Ok(len) if len > 0) {}
    };
    let ended = timeout(PATIENCE, async {
        tokio::select! {
            refused = writing => refused,
            () = reading => true,
        }
    });
    assert!(ended.await.expect("the server reacts"), "the server took all of it");
}

#[tokio::test]
async fn floods_of_frames_end_the_connection() {
    let running = start(ServerConfig { h2c: true, ..patient() }).await;
    // :method GET, :scheme http, :path / from the static table (RFC 7541, appendix A), and an authority.
    let head = [0x82, 0x86, 0x84, 0x41, 0x01, b'a'];
    let reset = |index: u32| {
        let stream = 2 * index + 1;
        [frame(1, 0x5, stream, &head), frame(3, 0, stream, &8u32.to_be_bytes())].concat()
    };
    flood(&running, reset).await;
    let continuation = |index: u32| match index {
        0 => frame(1, 0x1, 1, &head),
        _ => frame(9, 0, 1, &[]),
    };
    flood(&running, continuation).await;
    let bomb = |index: u32| match index {
        0 => frame(1, 0x1, 1, &head),
        // A literal header, not indexed, of some 16,000 bytes.
        _ => frame(9, 0, 1, &[&[0x00, 0x01, b'x', 0x7f, 0x81, 0x7c][..], &[b'y'; 16_000]].concat()),
    };
    flood(&running, bomb).await;
    let mut http2 = plain_http2(&running).await;
    assert_eq!(text(http2.send_request(get("http://a/")).await.unwrap()).await, "hello", "others are served as before");
}

#[tokio::test]
async fn connections_are_counted() {
    let gauge = prometheus_client::metrics::gauge::Gauge::default();
    let running = run(Server::bind(loopback()).await.unwrap().count_connections(gauge.clone()));
    let mut raw = Raw::connect(running.address).await;
    raw.send(HELLO).await;
    raw.read_until("hello").await;
    assert_eq!(gauge.get(), 1);
    drop(raw);
    running.stop().await;
    assert_eq!(gauge.get(), 0);
}
