//! Manifests: reading one that is pushed, and finding what it refers to.

use benches::{digest, image, index};
use bytes::Bytes;
use divan::counter::BytesCount;
use divan::{Bencher, black_box};
use registry_core::protocol::digest::Digest;
use registry_core::protocol::manifest::Manifest;

/// How many layers or children: a small image, a large one, and far more than is usual.
const REFERENCES: [usize; 3] = [5, 50, 5000];

fn main() {
    divan::main();
}

fn digests(count: usize) -> Vec<Digest> {
    (0..count).map(digest).collect()
}

fn parse(bencher: Bencher<'_, '_>, payload: &Bytes) {
    let parse = || Manifest::parse(None, black_box(payload)).expect("the manifest is valid");
    bencher.counter(BytesCount::of_slice(payload.as_ref())).bench(parse);
}

#[divan::bench(args = REFERENCES)]
fn parse_image(bencher: Bencher<'_, '_>, layers: usize) {
    parse(bencher, &image(&digest(layers), &digests(layers)));
}

#[divan::bench(args = REFERENCES)]
fn parse_index(bencher: Bencher<'_, '_>, children: usize) {
    parse(bencher, &index(&digests(children)));
}

#[divan::bench(args = REFERENCES)]
fn blobs_of_image(bencher: Bencher<'_, '_>, layers: usize) {
    let payload = image(&digest(layers), &digests(layers));
    let manifest = Manifest::parse(None, &payload).expect("the manifest is valid");
    bencher.bench(|| black_box(&manifest).blobs());
}
