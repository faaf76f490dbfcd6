//! One run: every case, round by round, the servers of each in random order.

use std::fs;
use std::io;
use std::path::absolute;
use std::rc::Rc;
use std::time::Instant;

use rustix::fs::sync;

use crate::Arguments;
use crate::bed::{Bed, Content};
use crate::cases::{self, Case, Measured};
use crate::machine;
use crate::peer::{Kind, Peer};
use crate::report;
use crate::sample::{Failure, Percentiles, Run, Sample};

/// Takes all the samples and writes the results. Returns whether ours did all that it should and whatever was pushed
/// came back from everyone as it was. That another server does not stand a case is a result.
///
/// # Errors
/// If nothing can be measured at all or the results cannot be written.
pub(crate) fn run(arguments: &Arguments) -> io::Result<bool> {
    let seed = arguments.seed.unwrap_or_else(|| fastrand::u64(..));
    let mut random = fastrand::Rng::with_seed(seed);
    fs::create_dir_all(&arguments.data)?;
    let scratch = tempfile::Builder::new().prefix("compare-").tempdir_in(absolute(&arguments.data)?)?;
    let peers = peers(arguments)?;
    let mut run = Run {
        machine: machine::describe(scratch.path())?,
        kernel: machine::kernel(),
        date: machine::date()?,
        seed,
        servers: peers.iter().map(|peer| peer.info.clone()).collect(),
        samples: Vec::new(),
        failures: Vec::new(),
    };
    println!("{}\n{}\nseed {seed}", run.machine, run.kernel);
    for server in &run.servers {
        println!("{} {}, syncs: {}", server.name, server.version, server.syncs);
    }

    let content = Rc::new(Content::new(seed));
    let beds: Vec<_> = peers.into_iter().map(|peer| Bed::new(peer, Rc::clone(&content), scratch.path())).collect();
    let rounds = arguments.rounds.unwrap_or(if arguments.quick { 1 } else { 5 });
    let mut is_right = true;
    for case in cases::all().iter().filter(|case| is_wanted(case.as_ref(), arguments)) {
        let start = Instant::now();
        is_right &= take(case.as_ref(), &beds, rounds, &mut random, &mut run);
        println!("{}: {:.1} s", case.name(), start.elapsed().as_secs_f64());
    }
    report::write(&run, &arguments.out)?;
    println!("the results are in {}", arguments.out.display());
    Ok(is_right)
}

/// Returns the servers that are installed and wanted.
fn peers(arguments: &Arguments) -> io::Result<Vec<Peer>> {
    let mut found = Peer::find_all(&absolute(&arguments.registry)?, &absolute(&arguments.go_programs)?)?;
    for wanted in &arguments.servers {
        if !found.iter().any(|peer| peer.name() == wanted) {
            let names: Vec<_> = found.iter().map(Peer::name).collect();
            let text = format!("there is no server `{wanted}` here, only {}", names.join(", "));
            return Err(io::Error::new(io::ErrorKind::NotFound, text));
        }
    }
    found.retain(|peer| arguments.servers.is_empty() || arguments.servers.iter().any(|name| name == peer.name()));
    Ok(found)
}

fn is_wanted(case: &dyn Case, arguments: &Arguments) -> bool {
    let name = plain(&case.name());
    let is_named = arguments.cases.is_empty() || arguments.cases.iter().any(|text| name.contains(&plain(text)));
    is_named && (case.in_short_run() || !arguments.quick || !arguments.cases.is_empty())
}

/// As people type it.
fn plain(name: &str) -> String {
    name.replace('×', "x").to_lowercase()
}

/// Takes the samples of one case on all servers. Returns whether nothing went wrong that may not.
fn take(case: &dyn Case, beds: &[Bed], rounds: u32, random: &mut fastrand::Rng, run: &mut Run) -> bool {
    let mut is_right = true;
    let failures = &mut run.failures;
    let mut fail = |bed: &Bed, error: io::Error| {
        println!("  {:16} fails: {error}", bed.peer.name());
        is_right &= bed.peer.kind != Kind::Ours && error.kind() != io::ErrorKind::InvalidData;
        failures.push(Failure { case: case.name(), server: bed.peer.name().to_owned(), reason: error.to_string() });
    };
    let mut samplers = Vec::new();
    for bed in beds.iter().filter(|bed| case.suits(&bed.peer)) {
        match case.prepare(bed) {
            Ok(sampler) => samplers.push((bed, sampler)),
            Err(error) => fail(bed, error),
        }
    }
    for round in 1..=rounds {
        random.shuffle(&mut samplers);
        samplers.retain_mut(|(bed, sampler)| {
            // What the last sample left unwritten is not to be written during this one.
            sync();
            match sampler.sample() {
                Ok(measured) => {
                    let sample = sample(case, bed, round, measured);
                    print(&sample);
                    run.samples.push(sample);
                    true
                }
                Err(error) => {
                    fail(bed, error);
                    false
                }
            }
        });
    }
    is_right
}

fn sample(case: &dyn Case, bed: &Bed, round: u32, mut measured: Measured) -> Sample {
    let unit = case.unit();
    Sample {
        case: case.name(),
        server: bed.peer.name().to_owned(),
        round,
        unit,
        rate: measured.rate(unit),
        cpu_seconds: measured.usage.cpu.as_secs_f64(),
        cpu_per_unit: unit.cpu_per_unit(measured.usage.cpu, measured.amount),
        latency_ms: Percentiles::of(&mut measured.latencies),
        peak_rss_bytes: measured.usage.peak_rss_bytes,
        rss_bytes: measured.usage.rss_bytes,
        connections: case.connections(),
    }
}

fn print(sample: &Sample) {
    let Sample { server, round, unit, rate, cpu_per_unit, peak_rss_bytes, .. } = sample;
    let peak = peak_rss_bytes >> 20;
    let (rate_label, cpu_label) = (unit.rate_label(), unit.cpu_label());
    println!(
        "  {server:16} {round:2} {rate:12.2} {rate_label:11} {cpu_per_unit:10.3} {cpu_label:15} peak {peak:4} MiB"
    );
}
