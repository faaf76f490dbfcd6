//! Stands between a client and its server, and does what networks do.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// What becomes of what passes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// It arrives.
    Pass,
    /// Connections are closed at once.
    Refuse,
    /// Nothing arrives, and nobody is told.
    Swallow,
    /// A `COMMIT` does not arrive, and its connection is closed.
    CutBeforeCommit,
    /// A `COMMIT` arrives, and its connection is closed before the answer.
    CutAfterCommit,
}

/// A proxy, until it is dropped.
pub(crate) struct Proxy {
    pub(crate) port: u16,
    mode: watch::Sender<Mode>,
}

impl Proxy {
    /// Listens on a free port for clients of the server at another port.
    pub(crate) async fn to(server: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (mode, modes) = watch::channel(Mode::Pass);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let modes = modes.clone();
                if *modes.borrow() != Mode::Refuse {
                    tokio::spawn(async move { relay(client, server, modes).await.ok() });
                }
            }
        });
        Self { port, mode }
    }

    /// Closes all connections; what is connected from now on is treated like this.
    pub(crate) fn cut(&self, mode: Mode) {
        self.mode.send_replace(mode);
    }
}

/// Relays until either side, or the proxy, has had enough.
async fn relay(mut client: TcpStream, server: u16, mut modes: watch::Receiver<Mode>) -> std::io::Result<()> {
    let mode = *modes.borrow_and_update();
    let mut server = TcpStream::connect(("127.0.0.1", server)).await?;
    let (mut sent, mut answered) = (vec![0; 64 * 1024], vec![0; 64 * 1024]);
    loop {
        tokio::select! {
            _ = modes.changed() => return Ok(()),
            count = client.read(&mut sent) => match (count?, mode) {
                (0, _) => return Ok(()),
                (_, Mode::Swallow) => {}
                (count, mode) => {
                    // PostgreSQL's messages end with a zero.
                    let message = sent[..count].strip_suffix(b"\0").unwrap_or(&sent[..count]);
                    let is_commit = message.ends_with(b"COMMIT");
                    if !(is_commit && mode == Mode::CutBeforeCommit) {
                        server.write_all(&sent[..count]).await?;
                    }
                    if is_commit && matches!(mode, Mode::CutBeforeCommit | Mode::CutAfterCommit) {
                        return Ok(());
                    }
                }
            },
            count = server.read(&mut answered) => match (count?, mode) {
                (0, _) => return Ok(()),
                (_, Mode::Swallow) => {}
                (count, _) => client.write_all(&answered[..count]).await?,
            },
        }
    }
}
