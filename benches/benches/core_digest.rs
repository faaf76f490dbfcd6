//! Digests: what every pushed byte passes, and what every path has.

use benches::{KIB, MIB, content};
use divan::counter::BytesCount;
use divan::{Bencher, black_box};
use registry_core::protocol::digest::{Algorithm, Digest, Digester};

fn main() {
    divan::main();
}

#[divan::bench(args = Algorithm::ALL, consts = [4 * KIB, MIB])]
fn of_content<const LEN: usize>(bencher: Bencher<'_, '_>, algorithm: Algorithm) {
    let content = content(LEN);
    bencher.counter(BytesCount::new(LEN)).bench(|| Digest::of(algorithm, black_box(&content)));
}

/// What an upload does between two chunks.
#[divan::bench(args = Algorithm::ALL)]
fn save_and_resume(bencher: Bencher<'_, '_>, algorithm: Algorithm) {
    let mut digester = Digester::new(algorithm);
    digester.update(&content(1000));
    bencher.bench(|| Digester::resume(algorithm, &black_box(&digester).save()).expect("the state was just saved"));
}

#[divan::bench(args = Algorithm::ALL)]
fn parse(bencher: Bencher<'_, '_>, algorithm: Algorithm) {
    let text = Digest::of(algorithm, b"").to_string();
    bencher.bench(|| black_box(&text).parse::<Digest>());
}

#[divan::bench(args = Algorithm::ALL)]
fn to_text(bencher: Bencher<'_, '_>, algorithm: Algorithm) {
    let digest = Digest::of(algorithm, b"");
    bencher.bench(|| black_box(&digest).to_string());
}
