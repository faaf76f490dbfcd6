//! Random sequences of calls: every database has to answer like the model, which is the store in memory.

mod call;
mod draw;
mod make;
mod names;
mod side;

use std::sync::Arc;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{RngSeed, TestCaseError};
use registry_core::memory::MemoryMetadataStore;
use registry_core::protocol::reference::Reference;
use registry_core::store::MetadataStore;
use registry_core::store::history::{HistoryQuery, PastTag};

use self::call::Call;
use self::draw::calls;
use self::make::{answer, make};
use self::names::{CONTENTS, Names, TAGS, at, digest};
use self::side::Side;
use crate::metadata_store::sqlite;
use crate::servers::{mysql, postgres};

/// Everything that pulls can see of a store. Each answer may be remembered, so that a later one shows it if it is stale.
async fn pulls(store: &dyn MetadataStore, names: &Names) -> Vec<String> {
    let mut seen = Vec::new();
    for repository in &names.repositories {
        for tag in TAGS {
            seen.push(answer(store.manifest(repository, &Reference::Tag(tag.parse().unwrap())).await));
        }
        for index in 0..CONTENTS {
            seen.push(answer(store.blob(repository, &digest(index)).await));
            seen.push(answer(store.manifest(repository, &Reference::Digest(digest(index))).await));
        }
    }
    seen
}

/// Everything that can be seen of a store.
async fn state(store: &dyn MetadataStore, names: &Names) -> Vec<String> {
    let mut seen = pulls(store, names).await;
    seen.push(answer(store.repositories(None, 100).await));
    let mut reviews = store.due_reviews(at(i64::MAX), 1000).await.unwrap();
    reviews.sort_by(|a, b| (a.review_after, &a.subject).cmp(&(b.review_after, &b.subject)));
    seen.push(format!("{reviews:?}"));
    seen.push(answer(store.expired_uploads(at(i64::MAX), 100).await));
    seen.push(answer(store.namespaces(None, 100).await));
    for repository in &names.repositories {
        let namespace = repository.namespace();
        seen.push(answer(store.repository_usage(repository).await));
        seen.push(answer(store.namespace_usage(namespace).await));
        seen.push(answer(store.namespace_tags(namespace, None, 100).await));
        let query = HistoryQuery { repository, tag: None, after: None, limit: 100 };
        // Each store has its own clock.
        let history = store.tag_history(query).await;
        let undated = |past: PastTag| (past.tag, past.digest, past.restorable_until);
        seen.push(answer(history.map(|history| history.into_iter().map(undated).collect::<Vec<_>>())));
        let tags = store.tag_records(repository, None, 100).await;
        seen.push(answer(tags.map(|tags| tags.into_iter().map(|tag| (tag.tag, tag.digest)).collect::<Vec<_>>())));
        seen.push(answer(store.untagged_manifests(repository, at(i64::MAX), None, 2).await));
        seen.push(answer(store.manifest_digests(repository, None, 100).await));
        let mut blobs = store.some_blobs(repository, 100).await.unwrap();
        blobs.sort_unstable();
        seen.push(format!("{blobs:?}"));
        seen.push(answer(store.repository_exists(repository).await));
        seen.push(answer(store.tags(repository, None, 100).await));
        for upload in names.uploads {
            seen.push(answer(store.upload(repository, upload, at(10)).await));
        }
    }
    seen
}

/// Makes the same calls to a store and to the model. In the end all that is due goes, and what is left can be reached.
async fn compare(store: Arc<dyn MetadataStore>, calls: &[Call]) -> Result<(), TestCaseError> {
    let (tested, model) = (Side::new(store), Side::new(Arc::new(MemoryMetadataStore::new())));
    let names = Names::draw();
    for call in calls {
        let expected = make(&model, &names, call).await;
        prop_assert_eq!(make(&tested, &names, call).await, expected, "{:?}", call);
        prop_assert_eq!(pulls(&*tested.store, &names).await, pulls(&*model.store, &names).await, "after {:?}", call);
    }
    for _ in 0..2 {
        prop_assert_eq!(state(&*tested.store, &names).await, state(&*model.store, &names).await);
    }
    prop_assert_eq!(tested.collect_all().await, model.collect_all().await);
    prop_assert_eq!(state(&*tested.store, &names).await, state(&*model.store, &names).await);
    tested.holds_what_can_be_reached(&names).await
}

fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

/// The same sequences every time; PROPTEST_RNG_SEED and PROPTEST_CASES give others, and more.
fn sequences(cases: u32) -> ProptestConfig {
    ProptestConfig { cases, rng_seed: RngSeed::Fixed(1), failure_persistence: None, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(sequences(64))]

    #[test]
    fn sqlite_answers_like_the_model(calls in vec(calls(), 1..80)) {
        run(async {
            let (store, _directory) = sqlite().await;
            compare(store, &calls).await
        })?;
    }
}

// Every sequence takes a new database of the server.
proptest! {
    #![proptest_config(sequences(16))]

    #[test]
    fn postgres_answers_like_the_model(calls in vec(calls(), 1..80)) {
        run(async { compare(postgres().await.0, &calls).await })?;
    }

    #[test]
    fn mysql_answers_like_the_model(calls in vec(calls(), 1..80)) {
        run(async { compare(mysql().await.0, &calls).await })?;
    }
}
