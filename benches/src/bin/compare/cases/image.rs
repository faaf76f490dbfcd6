//! Pushes of small images, one after another as a client does it.

use std::io;
use std::sync::OnceLock;
use std::time::Duration;

use super::pull::connect;
use super::transfer::{on_all, repeat};
use super::{Case, Measured, Sampler};
use crate::bed::Bed;
use crate::client;
use crate::content::Image;
use crate::peer::Peer;
use crate::sample::Unit;

const TIME: Duration = Duration::from_millis(1500);
const CONFIG_BYTES: usize = 512;
const LAYER_BYTES: usize = 4096;

/// How many images there are for each connection: more than any server takes in that time.
const EACH: usize = 4000;

struct Push {
    connections: u32,
    images: OnceLock<Vec<Image>>,
}

/// Returns the cases.
pub(super) fn cases() -> Vec<Box<dyn Case>> {
    let case = |connections| Box::new(Push { connections, images: OnceLock::new() }) as Box<dyn Case>;
    [1, 4].map(case).into()
}

impl Case for Push {
    fn name(&self) -> String {
        format!("push small images ×{}", self.connections)
    }

    fn unit(&self) -> Unit {
        Unit::Images
    }

    fn connections(&self) -> u32 {
        self.connections
    }

    fn suits(&self, peer: &Peer) -> bool {
        peer.takes_pushes()
    }

    fn in_short_run(&self) -> bool {
        true
    }

    fn prepare<'a>(&'a self, bed: &'a Bed) -> io::Result<Box<dyn Sampler + 'a>> {
        Ok(Box::new(|| self.sample(bed)))
    }
}

impl Push {
    /// Every connection pushes to a repository of its own, and every image has a tag of its own.
    fn sample(&self, bed: &Bed) -> io::Result<Measured> {
        let image = |number| Image::new(&bed.content.noise, number, CONFIG_BYTES, LAYER_BYTES);
        let images = self.images.get_or_init(|| {
            let count = EACH as u64 * u64::from(self.connections);
            (0..count).map(image).collect()
        });
        let server = bed.fresh()?;
        let mut connections = connect(&server, self.connections)?;
        for (number, connection) in connections.iter_mut().enumerate() {
            let image = image((1 << 32) + number as u64);
            client::push_image(connection, &repository(number), "warm", &image)?;
        }
        let (pushed, elapsed, usage) = server.measure(|| {
            on_all(&mut connections, |number, connection| {
                let (repository, images) = (repository(number), &images[number * EACH..][..EACH]);
                let piece = |turn| client::push_image(connection, &repository, &tag(turn), &images[turn]);
                repeat(TIME, EACH, piece)
            })
        })?;
        let latencies: Vec<_> = pushed.concat();
        for (number, (pushed, images)) in pushed.iter().zip(images.chunks(EACH)).enumerate() {
            for (turn, image) in images[..pushed.len()].iter().enumerate() {
                client::check_image(&mut connections[number], &repository(number), &tag(turn), image)?;
            }
        }
        let amount = latencies.len() as f64;
        Ok(Measured { figure: None, amount, elapsed, latencies, usage })
    }
}

fn repository(number: usize) -> String {
    format!("library/pushed-{number}")
}

fn tag(turn: usize) -> String {
    format!("build-{turn}")
}
