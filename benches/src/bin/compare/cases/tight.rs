//! A hundred uploads and a hundred pulls at once, in a control group of 128 MiB.

use std::cell::OnceCell;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use benches::MIB;

use super::pull::connect;
use super::transfer::on_all;
use super::{Case, Measured, Sampler};
use crate::bed::Bed;
use crate::cgroup::Cgroup;
use crate::client;
use crate::content::Blob;
use crate::peer::Peer;
use crate::sample::Unit;
use crate::server::Options;

const LIMIT_BYTES: u64 = 128 * MIB as u64;
const REPOSITORY: &str = "library/tight";
const UPLOADS: usize = 100;
const PULLS: usize = 100;
const BLOB_BYTES: usize = 16 * MIB;

/// How often the group's memory is read.
const PERIOD: Duration = Duration::from_millis(5);

/// The first of the blobs is pulled by all, each of the others is one upload.
struct Tight(OnceCell<Vec<Blob>>);

/// Returns the case.
pub(super) fn cases() -> Vec<Box<dyn Case>> {
    vec![Box::new(Tight(OnceCell::new()))]
}

impl Case for Tight {
    fn name(&self) -> String {
        "100 uploads and 100 pulls at once".to_owned()
    }

    fn unit(&self) -> Unit {
        Unit::Memory
    }

    fn connections(&self) -> u32 {
        (UPLOADS + PULLS) as u32
    }

    fn suits(&self, peer: &Peer) -> bool {
        peer.takes_pushes()
    }

    fn prepare<'a>(&'a self, bed: &'a Bed) -> io::Result<Box<dyn Sampler + 'a>> {
        Ok(Box::new(|| self.sample(bed)))
    }
}

impl Tight {
    /// The figure is the most anonymous memory that the group had; where there are no control groups, the process's
    /// peak.
    fn sample(&self, bed: &Bed) -> io::Result<Measured> {
        let blobs = self.0.get_or_init(|| {
            let numbers = 0..=UPLOADS as u64;
            numbers.map(|number| bed.content.noise.blob(number, BLOB_BYTES)).collect()
        });
        let (pulled, uploads) = blobs.split_first().expect("there are blobs");
        let group = match Cgroup::new(LIMIT_BYTES) {
            Ok(group) => Some(group),
            Err(error) => {
                println!(
                    "  no control group can be made ({error}): there is no limit, and the process's peak is taken"
                );
                None
            }
        };
        let server = bed.start(&Options { cgroup: group.as_ref().map(Cgroup::path), ..Options::default() })?;
        client::push_blob(&mut server.connect()?, REPOSITORY, pulled)?;
        let mut connections = connect(&server, (UPLOADS + PULLS) as u32)?;

        let watch = Watch { group: group.as_ref(), is_over: AtomicBool::new(false) };
        let (elapsed, usage, peak) = thread::scope(|scope| {
            let peak = scope.spawn(|| watch.peak());
            let measured = server.measure(|| {
                on_all(&mut connections, |number, connection| {
                    match uploads.get(number) {
                        Some(blob) => client::push_blob(connection, REPOSITORY, blob)?,
                        None => client::pull_blob(connection, REPOSITORY, pulled)?,
                    }
                    Ok(Vec::new())
                })
            });
            watch.is_over.store(true, Ordering::Relaxed);
            let peak = peak.join().map_err(|_| io::Error::other("the watch has panicked"))?;
            let (_, elapsed, usage) = measured?;
            io::Result::Ok((elapsed, usage, peak))
        })?;
        for blob in blobs {
            client::check_blob(&mut connections[0], REPOSITORY, blob)?;
        }
        drop(server);
        let figure = peak?.unwrap_or(usage.peak_rss_bytes) as f64 / MIB as f64;
        Ok(Measured { figure: Some(figure), amount: 1.0, elapsed, latencies: Vec::new(), usage })
    }
}

struct Watch<'a> {
    group: Option<&'a Cgroup>,
    is_over: AtomicBool,
}

impl Watch<'_> {
    /// Returns the most anonymous memory that is seen in the group until it is over.
    fn peak(&self) -> io::Result<Option<u64>> {
        let Some(group) = self.group else {
            return Ok(None);
        };
        let mut peak = 0;
        while !self.is_over.load(Ordering::Relaxed) {
            peak = peak.max(group.anonymous_bytes()?);
            thread::sleep(PERIOD);
        }
        Ok(Some(peak))
    }
}
