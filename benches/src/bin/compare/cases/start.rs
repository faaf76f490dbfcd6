//! How soon a server answers after its start, and what it takes while it has nothing to do.

use std::io;
use std::thread;
use std::time::Duration;

use benches::MIB;

use super::{Case, Measured, Sampler};
use crate::bed::Bed;
use crate::client;
use crate::meter::{Usage, rss_bytes};
use crate::peer::Peer;
use crate::sample::Unit;
use crate::server::Server;

/// How long a server is left alone before its memory is read.
const REST: Duration = Duration::from_millis(300);

const REPOSITORY: &str = "library/uploads";
const UPLOADS: u64 = 50;
const UPLOAD_BYTES: usize = 64 * MIB;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Start {
    Cold,
    Idle,
    Uploads,
}

/// Returns the cases.
pub(super) fn cases() -> Vec<Box<dyn Case>> {
    [Start::Cold, Start::Idle, Start::Uploads].map(|start| Box::new(start) as Box<dyn Case>).into()
}

impl Case for Start {
    fn name(&self) -> String {
        let name = match self {
            Self::Cold => "cold start",
            Self::Idle => "idle memory",
            Self::Uploads => "memory after 50 uploads of 64 MiB",
        };
        name.to_owned()
    }

    fn unit(&self) -> Unit {
        match self {
            Self::Cold => Unit::Milliseconds,
            Self::Idle | Self::Uploads => Unit::Memory,
        }
    }

    fn connections(&self) -> u32 {
        1
    }

    fn suits(&self, peer: &Peer) -> bool {
        peer.takes_pushes()
    }

    fn in_short_run(&self) -> bool {
        *self != Self::Uploads
    }

    fn prepare<'a>(&'a self, bed: &'a Bed) -> io::Result<Box<dyn Sampler + 'a>> {
        Ok(match self {
            Self::Cold => Box::new(|| cold(bed)),
            Self::Idle => Box::new(|| idle(bed)),
            Self::Uploads => Box::new(|| uploads(bed)),
        })
    }
}

/// From the start of the program to the first answer of 200 to `GET /v2/`.
fn cold(bed: &Bed) -> io::Result<Measured> {
    let server = bed.fresh()?;
    let elapsed = server.started_in;
    let usage = server.usage_since_start()?;
    Ok(Measured { figure: Some(elapsed.as_secs_f64() * 1e3), amount: 1.0, elapsed, latencies: Vec::new(), usage })
}

fn idle(bed: &Bed) -> io::Result<Measured> {
    let server = bed.fresh()?;
    thread::sleep(REST);
    let usage = server.usage_since_start()?;
    resident(&server, server.started_in, usage)
}

fn uploads(bed: &Bed) -> io::Result<Measured> {
    let server = bed.fresh()?;
    let mut connection = server.connect()?;
    let blobs: Vec<_> = (0..UPLOADS).map(|number| bed.content.noise.blob(number, UPLOAD_BYTES)).collect();
    let push = || blobs.iter().try_for_each(|blob| client::push_blob(&mut connection, REPOSITORY, blob));
    let ((), elapsed, usage) = server.measure(push)?;
    thread::sleep(REST);
    let measured = resident(&server, elapsed, usage)?;
    for blob in &blobs {
        client::check_blob(&mut connection, REPOSITORY, blob)?;
    }
    Ok(measured)
}

fn resident(server: &Server, elapsed: Duration, usage: Usage) -> io::Result<Measured> {
    let usage = Usage { rss_bytes: rss_bytes(server.pid())?, ..usage };
    let figure = usage.rss_bytes as f64 / MIB as f64;
    Ok(Measured { figure: Some(figure), amount: 1.0, elapsed, latencies: Vec::new(), usage })
}
