//! Pulls of blobs from the page cache, in plain text and by TLS.

use std::io;
use std::rc::Rc;
use std::time::Duration;

use super::transfer::{on_all, repeat};
use super::{Case, Measured, Sampler};
use crate::bed::{Bed, Content, REPOSITORY};
use crate::client;
use crate::content::Blob;
use crate::http::{Connection, tls};
use crate::peer::Peer;
use crate::sample::Unit;
use crate::server::{Options, Server};

/// How long a sample lasts.
const TIME: Duration = Duration::from_millis(1000);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Size {
    Large,
    Medium,
}

struct Pull {
    size: Size,
    connections: u32,
    tls: bool,
}

/// Returns the cases.
pub(super) fn cases() -> Vec<Box<dyn Case>> {
    let case = |size, connections, tls| Box::new(Pull { size, connections, tls }) as Box<dyn Case>;
    let mut all: Vec<_> = [1, 4, 16].map(|connections| case(Size::Large, connections, false)).into();
    all.extend([8, 32].map(|connections| case(Size::Medium, connections, false)));
    all.extend([1, 4].map(|connections| case(Size::Large, connections, true)));
    all
}

impl Case for Pull {
    fn name(&self) -> String {
        let size = if self.size == Size::Large { "256 MiB" } else { "1 MiB" };
        let tls = if self.tls { " by TLS" } else { "" };
        format!("pull {size}{tls} ×{}", self.connections)
    }

    fn unit(&self) -> Unit {
        Unit::Bytes
    }

    fn connections(&self) -> u32 {
        self.connections
    }

    fn suits(&self, peer: &Peer) -> bool {
        peer.has_content()
    }

    fn in_short_run(&self) -> bool {
        !self.tls && matches!((self.size, self.connections), (Size::Large, 1 | 4) | (Size::Medium, 8))
    }

    fn prepare<'a>(&'a self, bed: &'a Bed) -> io::Result<Box<dyn Sampler + 'a>> {
        let server = if self.tls { with_tls(bed)? } else { bed.standing()? };
        let content = Rc::clone(&bed.content);
        Ok(Box::new(move || {
            let blobs = blobs(&content, self.size);
            let mut connections = connect(&server, self.connections)?;
            // An untimed pull of each brings the files back into the page cache if the kernel took them out.
            for blob in blobs {
                client::pull_blob(&mut connections[0], REPOSITORY, blob)?;
            }
            let step = connections.len();
            let (pulled, elapsed, usage) = server.measure(|| {
                on_all(&mut connections, |number, connection| {
                    let piece = |turn| {
                        let blob = &blobs[(number + turn * step) % blobs.len()];
                        client::pull_blob(connection, REPOSITORY, blob)
                    };
                    repeat(TIME, usize::MAX, piece)
                })
            })?;
            let latencies = pulled.concat();
            let amount = latencies.len() as f64 * blobs[0].len() as f64;
            Ok(Measured { figure: None, amount, elapsed, latencies, usage })
        }))
    }
}

fn blobs(content: &Content, size: Size) -> &[Blob] {
    match size {
        Size::Large => &content.large,
        Size::Medium => &content.medium,
    }
}

/// Starts a server with a certificate and gives it the content.
fn with_tls(bed: &Bed) -> io::Result<Rc<Server>> {
    let tls = tls::create(&bed.new_directory()?)?;
    let server = bed.start(&Options { tls: Some(&tls), ..Options::default() })?;
    bed.fill(&server)?;
    Ok(Rc::new(server))
}

/// Opens connections, each of which has had its first answer.
pub(super) fn connect(server: &Server, connections: u32) -> io::Result<Vec<Connection>> {
    let connect = |_| {
        let mut connection = server.connect()?;
        connection.get("GET", "/v2/", &[], &mut |_| {})?.expect(200, "the GET of /v2/")?;
        Ok(connection)
    };
    (0..connections).map(connect).collect()
}
