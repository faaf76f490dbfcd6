//! Small requests, many connections on one thread.

use std::io;
use std::time::Duration;

use super::{Case, Measured, Sampler};
use crate::bed::{Bed, REPOSITORY, TAG};
use crate::client;
use crate::content::MANIFEST_TYPE;
use crate::http::crowd::{Crowd, Request};
use crate::peer::Peer;
use crate::sample::Unit;

const TIME: Duration = Duration::from_millis(1000);
const WARM_UP: Duration = Duration::from_millis(100);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Target {
    Manifest,
    ManifestHead,
    BlobHead,
    Base,
}

struct Small {
    target: Target,
    connections: u32,
}

/// Returns the cases.
pub(super) fn cases() -> Vec<Box<dyn Case>> {
    let case = |target, connections| Box::new(Small { target, connections }) as Box<dyn Case>;
    let mut all: Vec<_> = [1, 32, 128].map(|connections| case(Target::Manifest, connections)).into();
    all.extend([Target::ManifestHead, Target::BlobHead, Target::Base].map(|target| case(target, 32)));
    all
}

impl Case for Small {
    fn name(&self) -> String {
        let target = match self.target {
            Target::Manifest => "manifest GET by tag",
            Target::ManifestHead => "manifest HEAD by tag",
            Target::BlobHead => "blob HEAD",
            Target::Base => "GET /v2/",
        };
        format!("{target} ×{}", self.connections)
    }

    fn unit(&self) -> Unit {
        Unit::Requests
    }

    fn connections(&self) -> u32 {
        self.connections
    }

    fn suits(&self, peer: &Peer) -> bool {
        peer.has_content() || self.target == Target::Manifest
    }

    fn in_short_run(&self) -> bool {
        self.target == Target::Manifest && self.connections == 32
    }

    fn prepare<'a>(&'a self, bed: &'a Bed) -> io::Result<Box<dyn Sampler + 'a>> {
        let server = bed.standing()?;
        Ok(Box::new(move || {
            let mut crowd = Crowd::open(server.address, self.connections, request(self.target, bed))?;
            crowd.run(WARM_UP)?;
            let (latencies, elapsed, usage) = server.measure(|| crowd.run(TIME))?;
            let amount = latencies.len() as f64;
            client::check_manifest(&mut server.connect()?, REPOSITORY, TAG, &bed.content.image.manifest)?;
            Ok(Measured { figure: None, amount, elapsed, latencies, usage })
        }))
    }
}

/// Returns the GET of the manifest by its tag.
pub(super) fn manifest(bed: &Bed) -> Request {
    request(Target::Manifest, bed)
}

fn request(target: Target, bed: &Bed) -> Request {
    let image = &bed.content.image;
    let manifest = || format!("/v2/{REPOSITORY}/manifests/{TAG}");
    let manifest_len = Some(image.manifest.bytes.len() as u64);
    let (method, path, length) = match target {
        Target::Manifest => ("GET", manifest(), manifest_len),
        Target::ManifestHead => ("HEAD", manifest(), manifest_len),
        Target::BlobHead => ("HEAD", client::blob_path(REPOSITORY, &image.layer), Some(image.layer.len() as u64)),
        Target::Base => ("GET", "/v2/".to_owned(), None),
    };
    Request { method, path, accept: MANIFEST_TYPE, status: 200, length }
}
