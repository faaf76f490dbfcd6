//! Collects garbage and retains tags while clients push, mount, move, pull and delete the same few things through several
//! registries, each of which is killed at random moments, and compares: no answer may contradict another, every tag can be pulled, and what is
//! left in the end is what can be reached from a tag, neither more nor less.
//!
//! ```text
//! cargo test -p registry-bin --test collect -- [--seconds N] [--seed N] [--database URL]
//! ```
//!
//! There are two registries on a database server, and one on the embedded database. One half of the time there is a grace
//! period of two seconds, the other half none. At the end come the controls: collectors that break the rules, bytes that are
//! removed, and bytes that are left, must each be found out.
#![expect(clippy::print_stdout, reason = "this program reports to the person who runs it")]

mod client;
mod register;
#[path = "../rig/mod.rs"]
mod rig;
mod stores;
mod world;

use std::{
    collections::BTreeMap,
    env, fs,
    path::Path,
    process::{Child, Command, ExitCode, Stdio},
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use anyhow::{Context, anyhow, bail, ensure};

use crate::{
    client::{Client, DEEDS},
    register::Value,
    rig::{
        digest,
        http::Stop,
        random::Random,
        server::{Server, Setup},
    },
    stores::{Fault, Stores},
    world::{LAPSING, Manifest, REPOSITORIES, Tag, World},
};

const CLIENTS: usize = 6;
const GRACE_PERIODS: [Duration; 2] = [Duration::from_secs(2), Duration::ZERO];
/// For how long a collector that breaks the rules may stay unseen.
const CONTROL: Duration = Duration::from_secs(180);
/// What registries do by themselves, and what they log then.
const TURNS: [(&str, &str); 2] =
    [("collected garbage", "garbage collected"), ("deleted a tag by a rule", "tag is not retained")];
/// For how long rounds go on if kills leave no registry the time for that.
const PATIENCE: Duration = Duration::from_secs(60);

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    // A test runner that asks for the names of the tests has its answer.
    if arguments.iter().any(|argument| argument == "--list") {
        println!("collect: test");
        return ExitCode::SUCCESS;
    }
    match test(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("collect: FAILED: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn test(arguments: &[String]) -> anyhow::Result<()> {
    let seconds = number(arguments, "--seconds")?.unwrap_or(6);
    let seed = match number(arguments, "--seed")? {
        Some(seed) => seed,
        None => SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs(),
    };
    register::prove_that_disorder_is_seen()?;
    let directory = tempfile::tempdir()?;
    let database = value(arguments, "--database")?;
    println!("collect: {seconds} seconds on {} with seed {seed}", kind(database.as_deref()));
    let outcome = Run::new(directory.path(), database, seed)?.all(Duration::from_secs(seconds));
    outcome.map_err(|error| {
        // The data and the logs tell why, so they stay.
        error.context(format!("seed {seed}, data in {}", directory.keep().display()))
    })
}

fn kind(database: Option<&str>) -> &str {
    database.and_then(|url| url.split(':').next()).unwrap_or("sqlite")
}

fn number(arguments: &[String], name: &str) -> anyhow::Result<Option<u64>> {
    let Some(value) = value(arguments, name)? else { return Ok(None) };
    Ok(Some(value.parse().with_context(|| format!("`{value}` is no number"))?))
}

fn value(arguments: &[String], name: &str) -> anyhow::Result<Option<String>> {
    let Some(at) = arguments.iter().position(|argument| argument == name) else { return Ok(None) };
    Ok(Some(arguments.get(at + 1).with_context(|| format!("{name} needs a value"))?.clone()))
}

struct Run<'a> {
    directory: &'a Path,
    database: String,
    replicas: u16,
    random: Random,
    world: World,
    clients: Vec<Client>,
    setups: Vec<Setup>,
    servers: Vec<Server>,
    kills: u64,
    runtime: tokio::runtime::Runtime,
}

impl<'a> Run<'a> {
    fn new(directory: &'a Path, database: Option<String>, seed: u64) -> anyhow::Result<Self> {
        let mut random = Random::new(seed);
        let replicas = if database.is_some() { 2 } else { 1 };
        let embedded = || format!("sqlite:{}", directory.join("registry.db").display());
        Ok(Self {
            directory,
            database: database.unwrap_or_else(embedded),
            replicas,
            clients: (0..CLIENTS).map(|number| Client::new(number, random.fork())).collect(),
            random,
            world: World::new(seed),
            setups: Vec::new(),
            servers: Vec::new(),
            kills: 0,
            runtime: tokio::runtime::Runtime::new()?,
        })
    }

    fn all(&mut self, duration: Duration) -> anyhow::Result<()> {
        let mut tags = Vec::new();
        for grace in GRACE_PERIODS {
            self.start(grace)?;
            let (begun, mut rounds) = (Instant::now(), 0);
            while begun.elapsed() < duration / 2 || self.has_idled()? && begun.elapsed() < PATIENCE {
                rounds += 1;
                self.world.renew_contents();
                tags = self.round(None).with_context(|| format!("round {rounds} with a grace period of {grace:?}"))?;
            }
            self.stop()?;
            self.forget_lapsed(&mut tags)?;
            self.settle(&tags)?;
            println!("collect: {rounds} rounds and {} kills with a grace period of {grace:?}", self.kills);
        }
        self.report()?;
        self.prove_that_differences_are_seen(&tags)?;
        self.prove_that_faults_are_seen()
    }

    /// Starts all registries with a grace period.
    fn start(&mut self, grace: Duration) -> anyhow::Result<()> {
        self.world.grace = grace;
        let storage = format!(
            "  maintenance:\n    garbagecollection: {{graceperiod: {}s, interval: 1s, deleteuntagged: true}}\n",
            grace.as_secs()
        );
        let retention = format!(
            "  enabled: true\n  interval: 1s\n  rules:\n    - {{repositories: {}, tags: {}, keepyounger: 50ms}}\n",
            REPOSITORIES[LAPSING.repository],
            LAPSING.name()
        );
        let sections =
            format!("tags: {{history: 0s}}\nretention:\n{retention}database: {{url: \"{}\"}}\n", self.database);
        let setups = (0..self.replicas).map(|number| Setup::new(self.directory, number, &storage, &sections));
        self.setups = setups.collect::<anyhow::Result<_>>()?;
        for setup in &self.setups {
            self.servers.push(setup.start()?);
        }
        for client in &mut self.clients {
            client.connect(self.setups.iter().map(Setup::connection).collect());
        }
        Ok(())
    }

    fn stop(&mut self) -> anyhow::Result<()> {
        self.servers.drain(..).try_for_each(Server::kill)
    }

    /// Lets all clients work for about a second, kills registries and collectors meanwhile, and looks at every tag then.
    fn round(&mut self, fault: Option<Fault>) -> anyhow::Result<Vec<(Tag, Value)>> {
        let stop = AtomicBool::new(false);
        let world = &self.world;
        world.expect_lapses();
        thread::scope(|scope| {
            let workers: Vec<_> =
                self.clients.iter_mut().map(|client| scope.spawn(|| client.run(world, &stop))).collect();
            let disturbed = match fault {
                None => disturb(&self.setups, &mut self.servers, &mut self.random).map(|kills| self.kills += kills),
                Some(fault) => self.runtime.block_on(Stores::misbehave(self.directory, &self.database, fault)),
            };
            stop.store(true, Ordering::SeqCst);
            workers.into_iter().try_for_each(|worker| worker.join().expect("a client does not panic"))?;
            disturbed
        })?;
        self.check()
    }

    /// Reads every tag from every registry, requires that all answers of the round can be explained, and pulls what the tags
    /// point to.
    fn check(&mut self) -> anyhow::Result<Vec<(Tag, Value)>> {
        let client = &mut self.clients[0];
        for setup in &self.setups {
            client.connect(vec![setup.connection()]);
            Tag::all().try_for_each(|tag| client.read(&self.world, tag).map(drop)).map_err(failure)?;
        }
        client.connect(self.setups.iter().map(Setup::connection).collect());
        let tags = self.world.settle()?;
        for (tag, value) in &tags {
            // What lapses may do so between the two.
            if let Some(digest) = value.as_ref().filter(|_| *tag != LAPSING) {
                let pulled = client.pull_manifest(&self.world, tag.repository, digest, || true);
                pulled.map_err(failure).with_context(|| tag.target())?;
            }
        }
        Ok(tags)
    }

    /// Looks whether the lapsing tag was deleted since it was read.
    fn forget_lapsed(&self, tags: &mut [(Tag, Value)]) -> anyhow::Result<()> {
        let now =
            self.runtime.block_on(async { Stores::open(self.directory, &self.database).await?.tag(LAPSING).await })?;
        for (_, value) in tags.iter_mut().filter(|(tag, value)| *tag == LAPSING && *value != now) {
            ensure!(now.is_none(), "{} points to {now:?}, but pointed to {value:?}", LAPSING.target());
            *value = None;
        }
        Ok(())
    }

    /// Collects all that is left, and compares.
    fn settle(&self, tags: &[(Tag, Value)]) -> anyhow::Result<()> {
        self.runtime.block_on(async {
            let stores = Stores::open(self.directory, &self.database).await?;
            stores.collect_everything().await?;
            stores.compare(&self.world, tags).await.context("what is left in the end")
        })
    }

    fn report(&self) -> anyhow::Result<()> {
        let mut counts: BTreeMap<_, u64> = DEEDS.iter().map(|(name, ..)| (*name, 0)).collect();
        for (name, count) in self.clients.iter().flat_map(|client| &client.counts) {
            *counts.entry(name).or_default() += count;
        }
        for (name, count) in &counts {
            println!("collect: {count:7} {name}");
        }
        ensure!(counts.values().all(|count| *count > 0), "something was never done");
        for (what, line) in TURNS {
            let times = self.logged(line)?;
            println!("collect: {times:7} times a registry {what}");
            ensure!(times > 0, "no registry ever {what}");
        }
        ensure!(
            self.replicas == 1 || !counts.contains_key("(lose an upload)"),
            "an upload was lost that a database server had"
        );
        Ok(())
    }

    /// Tells whether something that registries do by themselves was not done yet, for which kills may leave little time.
    fn has_idled(&self) -> anyhow::Result<bool> {
        let counts: Vec<usize> = TURNS.iter().map(|(_, line)| self.logged(line)).collect::<anyhow::Result<_>>()?;
        Ok(counts.contains(&0))
    }

    /// Counts what registries have logged.
    fn logged(&self, line: &str) -> anyhow::Result<usize> {
        let logs = (0..self.replicas).map(|number| fs::read_to_string(self.directory.join(format!("log-{number}"))));
        logs.map(|log| Ok(log?.matches(line).count())).sum()
    }

    /// Removes bytes that are needed, then leaves some that are not, and requires that the comparison sees each.
    fn prove_that_differences_are_seen(&mut self, tags: &[(Tag, Value)]) -> anyhow::Result<()> {
        let there = self.world.manifests().into_iter().map(|(_, manifest)| manifest);
        let pointed_to = |manifest: &Manifest| tags.iter().any(|(_, value)| value.as_ref() == Some(&manifest.digest));
        let needed = there.filter(pointed_to).find_map(|manifest| manifest.blobs.first().cloned());
        let needed = needed.context("no tag is left that points to an image")?;
        let path = |digest: &str| {
            let hex = digest.trim_start_matches("sha256:");
            self.directory.join("storage/docker/registry/v2/blobs/sha256").join(&hex[..2]).join(hex).join("data")
        };
        let write = |digest: &str, bytes: &[u8]| {
            fs::create_dir_all(path(digest).parent().expect("a blob has a directory"))?;
            fs::write(path(digest), bytes)
        };
        let bytes = fs::read(path(&needed))?;
        self.setups[0].remove_stored(&needed)?;
        self.require_seen(tags, &needed)?;
        write(&needed, &bytes)?;
        let left = digest(b"left");
        write(&left, b"left")?;
        self.require_seen(tags, &left)?;
        self.setups[0].remove_stored(&left)?;
        println!("collect: bytes that were removed on purpose were missed, and bytes that were left were seen");
        self.settle(tags)?;
        let lost = b"lost";
        let stores = || Stores::open(self.directory, &self.database);
        self.runtime.block_on(async { stores().await?.lose(lost).await })?;
        ensure!(path(&digest(lost)).exists(), "the bytes of a push that was killed are in place");
        self.settle(tags)?;
        println!("collect: what a killed push has put in place, and not recorded, was collected");
        Ok(())
    }

    fn require_seen(&self, tags: &[(Tag, Value)], digest: &str) -> anyhow::Result<()> {
        match self.settle(tags) {
            Ok(()) => bail!("the comparison did not see {digest}"),
            Err(seen) if format!("{seen:#}").contains(digest) => Ok(()),
            Err(other) => Err(other.context(format!("the comparison was to see {digest}"))),
        }
    }

    /// Has a collector break the rules beside the registries, until that is noticed.
    fn prove_that_faults_are_seen(&mut self) -> anyhow::Result<()> {
        // Nobody else gets at the embedded database. What deletes blindly leaves damage behind, and so comes last.
        let faults =
            if self.replicas == 1 { &[][..] } else { &[(Fault::Early, 0), (Fault::Early, 1), (Fault::Blind, 1)] };
        for (fault, grace) in faults {
            self.start(GRACE_PERIODS[*grace])?;
            let begun = Instant::now();
            let seen = loop {
                ensure!(begun.elapsed() < CONTROL, "nobody noticed that a collector is {fault:?}");
                if let Err(seen) = self.round(Some(*fault)) {
                    break format!("{seen:#}");
                }
            };
            let seen = seen.lines().next().unwrap_or_default();
            println!("collect: after {:?} a collector was noticed that is {fault:?}: {seen}", begun.elapsed());
            self.stop()?;
        }
        Ok(())
    }
}

/// Kills registries and collectors for one round, and returns how many.
fn disturb(setups: &[Setup], servers: &mut Vec<Server>, random: &mut Random) -> anyhow::Result<u64> {
    let mut kills = 0;
    // A registry collects for the first time a second after its start.
    thread::sleep(Duration::from_millis(700));
    for _ in 0..setups.len() {
        pause(random, 600);
        if setups.len() > 1 && random.below(3) == 0 {
            let mut collector = collector(&setups[0])?;
            if random.below(2) == 0 {
                pause(random, 100);
                // It may have ended by itself.
                let _ = collector.kill();
                kills += 1;
            }
            collector.wait()?;
            continue;
        }
        let at = random.below(servers.len());
        servers.remove(at).kill()?;
        kills += 1;
        pause(random, 100);
        servers.insert(at, setups[at].start()?);
    }
    Ok(kills)
}

/// Starts the command that collects beside the registries.
fn collector(setup: &Setup) -> anyhow::Result<Child> {
    let registry = env::var("CRASH_SERVER").unwrap_or_else(|_| env!("CARGO_BIN_EXE_registry").to_owned());
    let program = registry.split_whitespace().next().context("the server's command is empty")?;
    let mut command = Command::new(program);
    command.args(["garbage-collect", "--quiet"]).arg(setup.configuration());
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.spawn().with_context(|| format!("starting {program}"))
}

fn pause(random: &mut Random, up_to_millis: usize) {
    thread::sleep(Duration::from_millis(random.below(up_to_millis) as u64));
}

/// Nobody kills a registry during a check.
fn failure(stop: Stop) -> anyhow::Error {
    match stop {
        Stop::Killed => anyhow!("a registry is gone, or puts a reader off"),
        Stop::Failed(error) => error,
    }
}
