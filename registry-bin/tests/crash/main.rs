//! Kills the registry at random moments of random pushes and deletes, starts it again on the same data, and compares:
//! everything that was acknowledged must be there, exactly, and nothing may be there in part.
//!
//! ```text
//! cargo test -p registry-bin --test crash -- [--kills N] [--seed N]
//! ```
//!
//! Equal seeds make equal choices, though threads and kills never fall quite the same. At the end the test proves that
//! it can see a loss: it removes an acknowledged blob behind the registry's back, and must find out.
//!
//! `CRASH_SERVER` is another command to start, given a configuration file; `CRASH_WITHOUT` names operations, split by
//! commas, that it does not offer; besides those of the clients, `carry an upload on`.
#![expect(clippy::print_stdout, reason = "this program reports to the person who runs it")]

mod check;
mod client;
mod ledger;
#[path = "../rig/mod.rs"]
mod rig;
mod shared;

use std::{
    collections::{BTreeMap, BTreeSet},
    env,
    process::ExitCode,
    sync::{Mutex, PoisonError},
    thread,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use anyhow::{Context, bail, ensure};

use crate::{
    check::Extent,
    client::{Client, OPERATIONS},
    ledger::Presence,
    rig::{
        http::Stop,
        random::Random,
        server::{Server, Setup},
    },
    shared::Shared,
};

const CLIENTS: usize = 6;
const CARRY_ON: &str = "carry an upload on";

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    // A test runner that asks for the names of the tests has its answer.
    if arguments.iter().any(|argument| argument == "--list") {
        println!("crash: test");
        return ExitCode::SUCCESS;
    }
    match test(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("crash: FAILED: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn test(arguments: &[String]) -> anyhow::Result<()> {
    let kills = number(arguments, "--kills")?.unwrap_or(20);
    let seed = match number(arguments, "--seed")? {
        Some(seed) => seed,
        None => SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs(),
    };
    println!("crash: {kills} kills with seed {seed}");
    let directory = tempfile::tempdir()?;
    let outcome = Run::new(Setup::new(directory.path(), 0, "", "")?, seed).all(kills);
    outcome.map_err(|error| {
        // The data and the log tell why, so they stay.
        error.context(format!("seed {seed}, data in {}", directory.keep().display()))
    })
}

fn number(arguments: &[String], name: &str) -> anyhow::Result<Option<u64>> {
    let Some(at) = arguments.iter().position(|argument| argument == name) else { return Ok(None) };
    let value = arguments.get(at + 1).with_context(|| format!("{name} needs a number"))?;
    Ok(Some(value.parse().with_context(|| format!("`{value}` is no number"))?))
}

struct Run {
    setup: Setup,
    random: Random,
    clients: Vec<Client>,
    shared: Mutex<Shared>,
    without: BTreeSet<String>,
    resumed: usize,
    longest_start: Duration,
}

impl Run {
    fn new(setup: Setup, seed: u64) -> Self {
        let mut random = Random::new(seed);
        let connection = || setup.connection();
        let clients = (0..CLIENTS).map(|number| Client::new(number, random.fork(), connection())).collect();
        let without = env::var("CRASH_WITHOUT").unwrap_or_default();
        let without = without.split(',').filter(|name| !name.is_empty()).map(str::to_owned).collect();
        Self { setup, random, clients, shared: Mutex::default(), without, resumed: 0, longest_start: Duration::ZERO }
    }

    fn all(&mut self, kills: u64) -> anyhow::Result<()> {
        let mut server = self.start()?;
        for kill in 1..=kills {
            server = self.work_until_killed(server).with_context(|| format!("before kill {kill}"))?;
            let extent = if kill % 25 == 0 || kill == kills { Extent::Everything } else { Extent::Sample(20) };
            self.check(extent).with_context(|| format!("after kill {kill}"))?;
            if kill % 25 == 0 || kill == kills {
                println!("crash: {kill} kills, {} operations acknowledged, nothing lost", self.acknowledged());
            }
        }
        self.report();
        self.require_every_operation()?;
        self.prove_that_losses_are_seen(server)
    }

    fn start(&mut self) -> anyhow::Result<Server> {
        let begun = Instant::now();
        let server = self.setup.start()?;
        self.longest_start = self.longest_start.max(begun.elapsed());
        Ok(server)
    }

    /// Lets all clients work, kills the server at a random moment, and starts it again.
    fn work_until_killed(&mut self, server: Server) -> anyhow::Result<Server> {
        let pause = Duration::from_micros(5_000 + self.random.next() % 250_000);
        let (shared, without) = (&self.shared, &self.without);
        thread::scope(|scope| {
            let workers: Vec<_> =
                self.clients.iter_mut().map(|client| scope.spawn(move || client.run(shared, without))).collect();
            thread::sleep(pause);
            server.kill()?;
            workers.into_iter().try_for_each(|worker| worker.join().expect("a client does not panic"))
        })?;
        self.start()
    }

    fn check(&mut self, extent: Extent) -> anyhow::Result<()> {
        if self.without.contains(CARRY_ON) {
            self.clients.iter_mut().for_each(|client| client.upload = None);
        }
        let resumed = thread::scope(|scope| {
            let checks: Vec<_> =
                self.clients.iter_mut().map(|client| scope.spawn(move || client.check(extent))).collect();
            checks
                .into_iter()
                .map(|check| check.join().expect("a check does not panic"))
                .collect::<anyhow::Result<Vec<bool>>>()
        })?;
        self.resumed += resumed.into_iter().filter(|resumed| *resumed).count();
        let mut connection = self.setup.connection();
        let shared = self.shared.get_mut().unwrap_or_else(PoisonError::into_inner);
        match shared.check(&mut connection) {
            Ok(()) => Ok(()),
            Err(Stop::Killed) => bail!("the server is gone"),
            Err(Stop::Failed(error)) => Err(error.context("the shared repository")),
        }
    }

    fn counts(&self) -> BTreeMap<&'static str, u64> {
        let mut counts: BTreeMap<_, u64> = OPERATIONS.iter().map(|(name, ..)| (*name, 0)).collect();
        for (name, count) in self.clients.iter().flat_map(|client| &client.counts) {
            *counts.entry(name).or_default() += count;
        }
        counts
    }

    fn acknowledged(&self) -> u64 {
        self.counts().values().sum()
    }

    fn report(&self) {
        for (name, count) in self.counts() {
            println!("crash: {count:7} {name}");
        }
        println!("crash: {:7} interrupted uploads carried on", self.resumed);
        println!("crash: the longest start took {} ms", self.longest_start.as_millis());
    }

    /// What was never acknowledged was not tested.
    fn require_every_operation(&self) -> anyhow::Result<()> {
        let counts = self.counts();
        let never: Vec<_> =
            counts.iter().filter(|(name, count)| **count == 0 && !self.without.contains(**name)).collect();
        ensure!(never.is_empty(), "never acknowledged: {never:?}");
        Ok(())
    }

    /// Removes a blob that was acknowledged, and requires that the check misses it.
    fn prove_that_losses_are_seen(&mut self, server: Server) -> anyhow::Result<()> {
        server.kill()?;
        let entries = self.clients[0].repositories.iter().flat_map(|repository| &repository.blobs);
        let present: Vec<_> = entries.filter(|(_, entry)| entry.presence == Presence::Present).collect();
        let blob = self.random.pick(&present).context("no blob is left")?.0.clone();
        let removed = self.setup.remove_stored(&blob)?;
        ensure!(removed > 0, "{blob} was acknowledged, but is in no file");
        let _server = self.start()?;
        let seen = match self.check(Extent::Everything) {
            Ok(()) => bail!("{blob} was removed from the storage, and the check did not see it"),
            Err(seen) => format!("{seen:#}"),
        };
        ensure!(seen.contains(&blob), "{blob} was removed from the storage, but the check saw: {seen}");
        println!("crash: the loss of a blob that was removed on purpose was seen");
        Ok(())
    }
}
