//! Many connections, most of which do nothing.

use std::io;
use std::time::Duration;

use super::{Case, Measured, Sampler, small};
use crate::bed::{Bed, REPOSITORY, TAG};
use crate::client;
use crate::http::crowd::Crowd;
use crate::peer::Peer;
use crate::sample::Unit;

const TIME: Duration = Duration::from_secs(1);
const WARM_UP: Duration = Duration::from_millis(100);
const IDLE: u32 = 1000;
const ACTIVE: u32 = 200;

struct IdleAndActive;

/// Returns the case.
pub(super) fn cases() -> Vec<Box<dyn Case>> {
    vec![Box::new(IdleAndActive)]
}

impl Case for IdleAndActive {
    fn name(&self) -> String {
        "manifest GET by tag, 1,000 idle and 200 active connections".to_owned()
    }

    fn unit(&self) -> Unit {
        Unit::Requests
    }

    fn connections(&self) -> u32 {
        IDLE + ACTIVE
    }

    fn suits(&self, peer: &Peer) -> bool {
        peer.has_content()
    }

    fn prepare<'a>(&'a self, bed: &'a Bed) -> io::Result<Box<dyn Sampler + 'a>> {
        let server = bed.standing()?;
        Ok(Box::new(move || {
            let mut idle = Crowd::open(server.address, IDLE, small::manifest(bed))?;
            let mut active = Crowd::open(server.address, ACTIVE, small::manifest(bed))?;
            // A request on each of the idle ones, so that the server has seen them all.
            idle.run(Duration::ZERO)?;
            active.run(WARM_UP)?;
            let (latencies, elapsed, usage) = server.measure(|| active.run(TIME))?;
            client::check_manifest(&mut server.connect()?, REPOSITORY, TAG, &bed.content.image.manifest)?;
            let amount = latencies.len() as f64;
            Ok(Measured { figure: None, amount, elapsed, latencies, usage })
        }))
    }
}
