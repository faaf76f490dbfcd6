//! What all clients know together: the contents they push, every manifest, and what was done to every tag.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::Context;

use crate::{
    register::{Action, Operation, Value, linearize},
    rig::{digest, random::Random},
};

pub(crate) const REPOSITORIES: [&str; 2] = ["collect/one", "collect/two"];
const TAGS: usize = 4;
/// The tag that the registries delete by themselves, by a rule of retention.
pub(crate) const LAPSING: Tag = Tag { repository: 1, number: 3 };
/// How many contents are pushed at a time: few, so that what one client pushes another deletes.
const CONTENTS: usize = 20;
/// How many of them are others after some time.
const NEW_CONTENTS: u64 = 4;

/// A tag of one of the repositories, by their numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Tag {
    pub(crate) repository: usize,
    pub(crate) number: usize,
}

impl Tag {
    pub(crate) fn all() -> impl Iterator<Item = Self> {
        (0..REPOSITORIES.len()).flat_map(Self::of)
    }

    pub(crate) fn of(repository: usize) -> impl Iterator<Item = Self> {
        (0..TAGS).map(move |number| Self { repository, number })
    }

    pub(crate) fn random(random: &mut Random) -> Self {
        Self { repository: random.below(REPOSITORIES.len()), number: random.below(TAGS) }
    }

    /// Returns its name.
    pub(crate) fn name(self) -> String {
        format!("t{}", self.number)
    }

    /// Returns the path of the manifest that it points to.
    pub(crate) fn target(self) -> String {
        format!("/v2/{}/manifests/{}", REPOSITORIES[self.repository], self.name())
    }
}

/// A manifest's bytes and what it refers to.
#[derive(Debug, Clone)]
pub(crate) struct Manifest {
    pub(crate) digest: String,
    pub(crate) media_type: &'static str,
    pub(crate) bytes: Vec<u8>,
    pub(crate) blobs: Vec<String>,
    pub(crate) children: Vec<String>,
    pub(crate) subject: Option<String>,
}

/// An operation on a tag whose end is not known yet.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Begun {
    tag: Tag,
    at: usize,
}

#[derive(Debug)]
pub(crate) struct World {
    /// For how long something stays that nothing refers to any more.
    pub(crate) grace: Duration,
    moments: AtomicU64,
    first_content: AtomicU64,
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    /// Every manifest that was ever sent, by its repository and digest.
    manifests: BTreeMap<(usize, String), Manifest>,
    /// Those of them that were sent by tag.
    tagged: BTreeSet<(usize, String)>,
    /// Those that somebody has deleted by digest, or tried to.
    deleted: BTreeSet<(usize, String)>,
    /// What each tag was before the operations.
    values: BTreeMap<Tag, Value>,
    operations: BTreeMap<Tag, Vec<Operation>>,
}

impl World {
    pub(crate) fn new(seed: u64) -> Self {
        let values = Tag::all().map(|tag| (tag, None)).collect();
        Self {
            grace: Duration::ZERO,
            moments: AtomicU64::new(0),
            first_content: AtomicU64::new(seed << 20),
            known: Mutex::new(Known { values, ..Known::default() }),
        }
    }

    /// Returns one of the contents that clients push these days.
    pub(crate) fn content(&self, random: &mut Random) -> Vec<u8> {
        let first = self.first_content.load(Ordering::Relaxed);
        Random::new(first + random.below(CONTENTS) as u64).blob()
    }

    /// Notes that the registries may delete the lapsing tag from now on.
    pub(crate) fn expect_lapses(&self) {
        self.begin(LAPSING, Action::Lapse);
    }

    /// Has clients push some other contents from now on.
    pub(crate) fn renew_contents(&self) {
        self.first_content.fetch_add(NEW_CONTENTS, Ordering::Relaxed);
    }

    /// Notes that a manifest is about to be sent, by tag or by its digest.
    pub(crate) fn know(&self, repository: usize, manifest: &Manifest, by_tag: bool) {
        let (key, mut known) = ((repository, manifest.digest.clone()), self.known());
        if by_tag {
            known.tagged.insert(key.clone());
        }
        known.manifests.insert(key, manifest.clone());
    }

    pub(crate) fn manifest(&self, repository: usize, digest: &str) -> anyhow::Result<Manifest> {
        let key = (repository, digest.to_owned());
        self.known().manifests.get(&key).cloned().with_context(|| format!("nobody ever sent manifest {digest}"))
    }

    pub(crate) fn manifests(&self) -> Vec<(usize, Manifest)> {
        self.known().manifests.iter().map(|((repository, _), manifest)| (*repository, manifest.clone())).collect()
    }

    /// Returns one of the manifests of a repository that had a tag. What never had one may be a child that an index needs.
    pub(crate) fn any_tagged(&self, repository: usize, random: &mut Random) -> Option<Manifest> {
        let known = self.known();
        let tagged: Vec<_> = known.tagged.iter().filter(|(at, _)| *at == repository).collect();
        random.pick(&tagged).and_then(|key| known.manifests.get(key)).cloned()
    }

    /// Notes that a manifest is about to be deleted.
    pub(crate) fn delete(&self, repository: usize, digest: &str) {
        self.known().deleted.insert((repository, digest.to_owned()));
    }

    /// Tells whether a manifest may be gone because somebody has deleted it.
    pub(crate) fn was_deleted(&self, repository: usize, digest: &str) -> bool {
        self.known().deleted.contains(&(repository, digest.to_owned()))
    }

    /// Notes that something is about to be done to a tag.
    pub(crate) fn begin(&self, tag: Tag, action: Action) -> Begun {
        let mut known = self.known();
        let operations = known.operations.entry(tag).or_default();
        operations.push(Operation { began: self.moment(), ended: None, action });
        Begun { tag, at: operations.len() - 1 }
    }

    /// Notes what came of it.
    pub(crate) fn end(&self, begun: Begun, action: Action) {
        let ended = Some(self.moment());
        if let Some(operations) = self.known().operations.get_mut(&begun.tag) {
            let operation = &mut operations[begun.at];
            (operation.ended, operation.action) = (ended, action);
        }
    }

    /// Ends a round, in which every answer must be explained and every tag was read last of all, and returns what that
    /// read found.
    pub(crate) fn settle(&self) -> anyhow::Result<Vec<(Tag, Value)>> {
        let mut known = self.known();
        for (tag, operations) in std::mem::take(&mut known.operations) {
            linearize(&known.values[&tag], &operations).with_context(|| tag.target())?;
            // What was cut off by a kill and has done nothing so far is not going to.
            if let Some(Action::Read(value)) = operations.last().map(|operation| &operation.action) {
                known.values.insert(tag, value.clone());
            }
        }
        Ok(known.values.clone().into_iter().collect())
    }

    fn moment(&self) -> u64 {
        self.moments.fetch_add(1, Ordering::SeqCst)
    }

    /// A client that fails ends the run, so what it held is of no use to the others.
    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A moment from which on the grace period runs for what was there then.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Since(Instant);

impl Since {
    pub(crate) fn now() -> Self {
        Self(Instant::now())
    }

    /// Tells whether all that was there must still be there.
    pub(crate) fn is_within(self, grace: Duration) -> bool {
        self.0.elapsed() < grace
    }
}

/// Tells whether bytes are what a digest names.
pub(crate) fn is_exact(bytes: &[u8], named: &str) -> bool {
    digest(bytes) == named
}
