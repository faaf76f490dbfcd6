//! One of the two stores that are compared, and registries over it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use proptest::test_runner::TestCaseError;
use registry_core::gc::{CollectOptions, CollectReport, Collected};
use registry_core::memory::MemoryBlobStore;
use registry_core::protocol::digest::Digest;
use registry_core::protocol::reference::RepositoryName;
use registry_core::registry::{RetentionMode, Unkept};
use registry_core::retention::{Pattern, RetentionPolicy, RetentionRule};
use registry_core::store::gc::ManifestExplanation;
use registry_core::store::{MetadataStore, Timestamp};
use registry_core::{Registry, RegistryOptions};

use super::names::{CONTENTS, Names, at, digest};

pub(super) struct Side {
    pub(super) store: Arc<dyn MetadataStore>,
    /// Without and with a history of tags. What they have reviewed or let be restored has a date at the end of time, which is
    /// the same for both sides.
    registries: [Registry; 2],
}

impl Side {
    pub(super) fn new(store: Arc<dyn MetadataStore>) -> Self {
        let registry = |tag_history| {
            let options = RegistryOptions {
                delete_enabled: true,
                review_grace: Duration::MAX,
                tag_history,
                ..RegistryOptions::default()
            };
            Registry::new(Arc::new(MemoryBlobStore::default()), Arc::clone(&store), options)
        };
        Self { registries: [Duration::ZERO, Duration::MAX].map(registry), store }
    }

    /// Keeps the tags of a repository that were pushed last, and no others. Returns what went.
    pub(super) async fn retain(
        &self,
        repository: &RepositoryName,
        keep_last: usize,
        untagged: bool,
        has_history: bool,
    ) -> String {
        let rule = RetentionRule {
            keep_last: Some(keep_last),
            untagged_older: untagged.then_some(Duration::ZERO),
            ..RetentionRule::new(Pattern::new(repository.as_str()).unwrap())
        };
        let policy = RetentionPolicy { rules: vec![rule] };
        let mut gone = Vec::new();
        let mut report = |unkept: Unkept<'_>| gone.push(format!("{unkept:?}"));
        let later = Timestamp::now().plus(Duration::from_secs(60));
        let registry = &self.registries[usize::from(has_history)];
        let total = registry.apply_retention(&policy, later, RetentionMode::Delete, &mut report).await.unwrap();
        gone.sort();
        format!("{total:?} {gone:?}")
    }

    pub(super) async fn delete_repository(&self, repository: &RepositoryName) -> String {
        format!("{:?}", self.registries[0].delete_repository(repository).await.map_err(|error| error.to_string()))
    }

    pub(super) async fn collect(&self, now: i64, delete_untagged: bool) -> (CollectReport, Vec<String>) {
        let options = CollectOptions { delete_untagged, parallelism: 2 };
        let mut gone = Vec::new();
        let mut progress = |collected: Collected<'_>| gone.push(format!("{collected:?}"));
        let report = self.registries[0].collect_garbage(at(now), options, &mut progress).await.unwrap();
        gone.sort();
        (report, gone)
    }

    /// Collects at the end of time, until there is nothing left to do. Returns what went.
    pub(super) async fn collect_all(&self) -> Vec<String> {
        let mut all = Vec::new();
        for _ in 0..20 {
            let (report, gone) = self.collect(i64::MAX, true).await;
            if report.is_empty() {
                all.sort();
                return all;
            }
            all.extend(gone);
        }
        panic!("there is always something left to collect");
    }

    /// Checks that after everything that was due has gone, the store has what tags lead to and nothing else.
    pub(super) async fn holds_what_can_be_reached(&self, names: &Names) -> Result<(), TestCaseError> {
        let mut manifests: BTreeMap<(RepositoryName, Digest), ManifestExplanation> = BTreeMap::new();
        let mut referred_to = BTreeSet::new();
        for digest in (0..CONTENTS).map(digest) {
            let found = self.store.explain(&digest, 100).await.unwrap();
            let blob = found.blob.filter(|blob| !blob.manifests.is_empty());
            referred_to.extend(blob.map(|_| digest));
            manifests.extend(found.manifests.into_iter().map(|found| ((found.repository.clone(), digest), found)));
        }
        let mut reached: BTreeSet<(RepositoryName, Digest)> = BTreeSet::new();
        loop {
            let leads_on = |found: &ManifestExplanation| {
                let mut holders = found.parents.iter().chain(&found.subject);
                !found.tags.is_empty() || holders.any(|by| reached.contains(&(found.repository.clone(), *by)))
            };
            let more: Vec<_> =
                manifests.iter().filter(|(name, found)| !reached.contains(name) && leads_on(found)).collect();
            if more.is_empty() {
                break;
            }
            let more: Vec<_> = more.into_iter().map(|(name, _)| name.clone()).collect();
            reached.extend(more);
        }
        for repository in &names.repositories {
            let stored = self.store.manifest_digests(repository, None, 100).await.unwrap();
            let reached = reached.iter().filter(|(name, _)| name == repository).map(|(_, digest)| *digest);
            prop_assert_eq!(stored, reached.collect::<Vec<_>>(), "in {}", repository);
        }
        let recorded = self.store.recorded_blobs(None, 100).await.unwrap();
        let recorded: BTreeSet<Digest> = recorded.into_iter().map(|blob| blob.digest).collect();
        prop_assert_eq!(recorded, referred_to);
        prop_assert_eq!(self.store.due_reviews(at(i64::MAX), 100).await.unwrap(), []);
        Ok(())
    }
}
