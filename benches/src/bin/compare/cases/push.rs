//! Pushes of blobs: for each a POST, then a single PUT.

use std::io;
use std::sync::OnceLock;
use std::time::Duration;

use benches::MIB;

use super::pull::connect;
use super::transfer::{on_all, repeat};
use super::{Case, Measured, Sampler};
use crate::bed::Bed;
use crate::client;
use crate::content::{Blob, LARGE_BYTES};
use crate::peer::Peer;
use crate::sample::Unit;

/// How long a sample lasts at most, as far as the blobs go.
const TIME: Duration = Duration::from_millis(1000);

const REPOSITORY: &str = "library/pushed";

struct Push {
    len_bytes: usize,
    connections: u32,
    /// How many blobs there are for each connection.
    each: usize,
    /// Every sample starts a server without content, so that all can push the same blobs.
    blobs: OnceLock<Vec<Blob>>,
}

/// Returns the cases.
pub(super) fn cases() -> Vec<Box<dyn Case>> {
    let case = |len_bytes, connections, each| {
        Box::new(Push { len_bytes, connections, each, blobs: OnceLock::new() }) as Box<dyn Case>
    };
    vec![case(LARGE_BYTES, 1, 3), case(LARGE_BYTES, 3, 2), case(MIB, 4, 300), case(MIB, 16, 100)]
}

impl Case for Push {
    fn name(&self) -> String {
        format!("push {} MiB ×{}", self.len_bytes / MIB, self.connections)
    }

    fn unit(&self) -> Unit {
        Unit::Bytes
    }

    fn connections(&self) -> u32 {
        self.connections
    }

    fn suits(&self, peer: &Peer) -> bool {
        peer.takes_pushes()
    }

    fn in_short_run(&self) -> bool {
        self.connections <= 4
    }

    fn prepare<'a>(&'a self, bed: &'a Bed) -> io::Result<Box<dyn Sampler + 'a>> {
        Ok(Box::new(|| self.sample(bed)))
    }
}

impl Push {
    fn sample(&self, bed: &Bed) -> io::Result<Measured> {
        let blobs = self.blobs.get_or_init(|| {
            let count = self.each * self.connections as usize;
            (0..count).map(|number| bed.content.noise.blob(number as u64, self.len_bytes)).collect()
        });
        let server = bed.fresh()?;
        let mut connections = connect(&server, self.connections)?;
        for (connection, number) in connections.iter_mut().zip(1_u64 << 32..) {
            client::push_blob(connection, REPOSITORY, &bed.content.noise.blob(number, MIB))?;
        }
        bed.bring_memory(blobs.len() * self.len_bytes)?;
        let (pushed, elapsed, usage) = server.measure(|| {
            on_all(&mut connections, |number, connection| {
                let blobs = &blobs[number * self.each..][..self.each];
                repeat(TIME, self.each, |turn| client::push_blob(connection, REPOSITORY, &blobs[turn]))
            })
        })?;
        let latencies: Vec<_> = pushed.concat();
        for (pushed, blobs) in pushed.iter().zip(blobs.chunks(self.each)) {
            for blob in &blobs[..pushed.len()] {
                client::check_blob(&mut connections[0], REPOSITORY, blob)?;
            }
        }
        let amount = latencies.len() as f64 * self.len_bytes as f64;
        Ok(Measured { figure: None, amount, elapsed, latencies, usage })
    }
}
