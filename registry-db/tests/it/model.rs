//! Random sequences of calls: SQLite has to answer like the model, which is the store in memory.

mod call;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use registry_core::memory::MemoryMetadataStore;
use registry_core::protocol::reference::Reference;
use registry_core::store::MetadataStore;

use self::call::{CONTENTS, Names, TAGS, answer, at, calls, digest, make};
use crate::metadata_store::sqlite;

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
    for repository in &names.repositories {
        seen.push(answer(store.repository_exists(repository).await));
        seen.push(answer(store.tags(repository, None, 100).await));
        for upload in names.uploads {
            seen.push(answer(store.upload(repository, upload, at(10)).await));
        }
    }
    seen
}

proptest! {
    // The same sequences every time; PROPTEST_RNG_SEED and PROPTEST_CASES give others, and more.
    #![proptest_config(ProptestConfig {
        cases: 64,
        rng_seed: RngSeed::Fixed(1),
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn sqlite_answers_like_the_model(calls in vec(calls(), 1..80)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let (sqlite, _directory) = sqlite().await;
            let model = MemoryMetadataStore::new();
            let names = Names::draw();
            for call in &calls {
                let expected = make(&model, &names, call).await;
                prop_assert_eq!(make(&*sqlite, &names, call).await, expected, "{:?}", call);
                prop_assert_eq!(pulls(&*sqlite, &names).await, pulls(&model, &names).await, "after {:?}", call);
            }
            for _ in 0..2 {
                prop_assert_eq!(state(&*sqlite, &names).await, state(&model, &names).await);
            }
            Ok(())
        })?;
    }
}
