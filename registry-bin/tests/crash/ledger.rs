//! What the registry acknowledged, and what it may or may not have done when it was killed.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::ensure;

/// Whether something is in the registry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Presence {
    Present,
    Absent,
    /// A request that changes it was under way when the server was killed.
    Maybe,
}

/// A blob or manifest of one repository.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) presence: Presence,
    /// Whether it was looked at since it changed.
    pub(crate) checked: bool,
}

/// A manifest's bytes and the blobs that it needs.
#[derive(Debug, Clone)]
pub(crate) struct Manifest {
    pub(crate) digest: String,
    pub(crate) bytes: Vec<u8>,
    pub(crate) blobs: Vec<String>,
}

/// What one client, the only one to use it, knows of a repository.
///
/// Each change is entered in two steps: `begin_*` before the request is sent, when the outcome is open, and `end_*`
/// when it was acknowledged.
#[derive(Debug, Default)]
pub(crate) struct Repository {
    pub(crate) name: String,
    pub(crate) blobs: BTreeMap<String, Entry>,
    pub(crate) manifests: BTreeMap<String, (Manifest, Entry)>,
    /// Tags with all digests that each may have; `None` stands for no such tag.
    pub(crate) tags: BTreeMap<String, BTreeSet<Option<String>>>,
}

impl Repository {
    pub(crate) fn new(name: String) -> Self {
        Self { name, ..Self::default() }
    }

    /// Notes that a blob is being pushed, or deleted when `to` is `Absent`.
    pub(crate) fn begin_blob(&mut self, digest: &str, to: Presence) {
        let entry = self.blobs.entry(digest.to_owned()).or_insert(Entry::new(Presence::Absent));
        entry.begin(to);
    }

    pub(crate) fn end_blob(&mut self, digest: &str, to: Presence) {
        self.blobs.insert(digest.to_owned(), Entry::new(to));
    }

    /// Notes that a manifest is being pushed under a tag, or by its digest alone.
    pub(crate) fn begin_manifest(&mut self, manifest: &Manifest, tag: Option<&str>) {
        let (_, entry) = self
            .manifests
            .entry(manifest.digest.clone())
            .or_insert_with(|| (manifest.clone(), Entry::new(Presence::Absent)));
        entry.begin(Presence::Present);
        if let Some(tag) = tag {
            self.tag(tag).insert(Some(manifest.digest.clone()));
        }
    }

    pub(crate) fn end_manifest(&mut self, manifest: &Manifest, tag: Option<&str>) {
        self.manifests.insert(manifest.digest.clone(), (manifest.clone(), Entry::new(Presence::Present)));
        if let Some(tag) = tag {
            *self.tag(tag) = BTreeSet::from([Some(manifest.digest.clone())]);
        }
    }

    /// Notes that a manifest is being deleted, and with it the tags that point to it.
    pub(crate) fn begin_manifest_delete(&mut self, digest: &str) {
        if let Some((_, entry)) = self.manifests.get_mut(digest) {
            entry.begin(Presence::Absent);
        }
        for candidates in self.tags.values_mut().filter(|candidates| candidates.contains(&Some(digest.to_owned()))) {
            candidates.insert(None);
        }
    }

    pub(crate) fn end_manifest_delete(&mut self, digest: &str) {
        if let Some((_, entry)) = self.manifests.get_mut(digest) {
            *entry = Entry::new(Presence::Absent);
        }
        for candidates in self.tags.values_mut().filter(|candidates| candidates.contains(&Some(digest.to_owned()))) {
            *candidates = BTreeSet::from([None]);
        }
    }

    pub(crate) fn begin_tag_delete(&mut self, tag: &str) {
        self.tag(tag).insert(None);
    }

    pub(crate) fn end_tag_delete(&mut self, tag: &str) {
        *self.tag(tag) = BTreeSet::from([None]);
    }

    pub(crate) fn has_blob(&self, digest: &str) -> bool {
        self.blobs.get(digest).is_some_and(|entry| entry.presence == Presence::Present)
    }

    /// Returns the digests of the blobs that are there.
    pub(crate) fn present_blobs(&self) -> Vec<String> {
        let present = self.blobs.iter().filter(|(_, entry)| entry.presence == Presence::Present);
        present.map(|(digest, _)| digest.clone()).collect()
    }

    /// Returns the digests of the blobs that are there and that no manifest needs.
    pub(crate) fn unreferenced_blobs(&self) -> Vec<String> {
        let manifests = self.manifests.values().filter(|(_, entry)| entry.presence != Presence::Absent);
        let needed: BTreeSet<&String> = manifests.flat_map(|(manifest, _)| &manifest.blobs).collect();
        self.present_blobs().into_iter().filter(|digest| !needed.contains(digest)).collect()
    }

    /// Returns the manifests that are there.
    pub(crate) fn present_manifests(&self) -> Vec<Manifest> {
        let present = self.manifests.values().filter(|(_, entry)| entry.presence == Presence::Present);
        present.map(|(manifest, _)| manifest.clone()).collect()
    }

    /// Returns the tags that are there for certain.
    pub(crate) fn present_tags(&self) -> Vec<String> {
        let present = self.tags.iter().filter(|(_, candidates)| !candidates.contains(&None));
        present.map(|(tag, _)| tag.clone()).collect()
    }

    fn tag(&mut self, tag: &str) -> &mut BTreeSet<Option<String>> {
        self.tags.entry(tag.to_owned()).or_insert_with(|| BTreeSet::from([None]))
    }
}

impl Entry {
    fn new(presence: Presence) -> Self {
        Self { presence, checked: false }
    }

    fn begin(&mut self, to: Presence) {
        if self.presence != to {
            *self = Self::new(Presence::Maybe);
        }
    }

    /// Compares with what the registry has, and settles what was open.
    pub(crate) fn settle(&mut self, found: bool) -> anyhow::Result<()> {
        let found = if found { Presence::Present } else { Presence::Absent };
        ensure!(
            self.presence == Presence::Maybe || self.presence == found,
            "it is {found:?}, but must be {:?}",
            self.presence
        );
        *self = Self { presence: found, checked: true };
        Ok(())
    }
}

/// An upload session that may have been interrupted.
#[derive(Debug)]
pub(crate) struct Upload {
    /// Which of the client's repositories it is in.
    pub(crate) repository: usize,
    pub(crate) location: String,
    pub(crate) bytes: Vec<u8>,
    /// How many bytes the registry acknowledged, and how many it was sent.
    pub(crate) acknowledged: usize,
    pub(crate) sent: usize,
    /// Whether a request that ends the session was sent: with the digest, or to cancel it.
    pub(crate) ending: Option<Ending>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    Commit,
    Cancel,
}
