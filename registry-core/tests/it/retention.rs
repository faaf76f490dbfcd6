//! Rules for what is kept, applied to a registry.

use std::time::Duration;

use registry_core::Registry;
use registry_core::protocol::reference::Tag;
use registry_core::registry::{RetentionMode, RetentionReport, Unkept};
use registry_core::retention::{Pattern, RetentionPolicy, RetentionRule};
use registry_core::store::Timestamp;

use crate::support::{push_image, repository};

fn rule(repositories: &str) -> RetentionRule {
    RetentionRule::new(Pattern::new(repositories).unwrap())
}

async fn apply(registry: &Registry, rules: Vec<RetentionRule>, mode: RetentionMode) -> (RetentionReport, Vec<String>) {
    let mut seen = Vec::new();
    // Later than everything that was pushed, though not by much.
    let now = Timestamp::now().plus(Duration::from_secs(1));
    let mut report = |unkept: Unkept<'_>| {
        seen.push(match unkept {
            Unkept::Tag(repository, tag) => format!("{repository}:{tag}"),
            Unkept::Manifest(repository, digest) => format!("{repository}@{digest}"),
        });
    };
    let total = registry.apply_retention(&RetentionPolicy { rules }, now, mode, &mut report).await.unwrap();
    (total, seen)
}

async fn tags(registry: &Registry, name: &str) -> Vec<String> {
    registry.list_tags(&repository(name), None, 2000).await.unwrap().items.iter().map(Tag::to_string).collect()
}

#[tokio::test]
async fn the_first_rule_for_a_repository_counts() {
    let registry = Registry::in_memory();
    for name in ["ci/app", "library/app", "other"] {
        for tag in ["1", "latest"] {
            push_image(&registry, name, tag, tag).await;
        }
    }
    let rules = vec![
        RetentionRule { keep_matching: Some(Pattern::new("latest").unwrap()), ..rule("ci/.*") },
        RetentionRule { keep_last: Some(0), ..rule("ci/.*|library/.*") },
    ];
    let expected = ["ci/app:1", "library/app:1", "library/app:latest"];
    let counted = RetentionReport { repositories: 2, tags: 3, manifests: 0 };
    let (total, seen) = apply(&registry, rules.clone(), RetentionMode::DryRun).await;
    assert_eq!((total, seen.as_slice()), (counted, expected.map(str::to_owned).as_slice()));
    assert_eq!(tags(&registry, "library/app").await, ["1", "latest"], "a dry run deletes nothing");

    let (total, seen) = apply(&registry, rules.clone(), RetentionMode::Delete).await;
    assert_eq!((total, seen.as_slice()), (counted, expected.map(str::to_owned).as_slice()));
    assert_eq!(tags(&registry, "ci/app").await, ["latest"]);
    assert_eq!(tags(&registry, "library/app").await, [""; 0]);
    assert_eq!(tags(&registry, "other").await, ["1", "latest"]);
    let (total, _) = apply(&registry, rules, RetentionMode::Delete).await;
    assert_eq!(total.tags, 0, "it can be repeated");
}

#[tokio::test]
async fn the_last_of_many_pages_of_tags_are_kept() {
    let registry = Registry::in_memory();
    for number in 0..1200 {
        push_image(&registry, "a", &format!("t{number}"), "content").await;
    }
    let rules = vec![RetentionRule { keep_last: Some(3), ..rule("a") }];
    let (total, seen) = apply(&registry, rules, RetentionMode::Delete).await;
    assert_eq!((total.tags, seen.len()), (1197, 1197));
    let kept = tags(&registry, "a").await;
    assert_eq!(kept.len(), 3);
    assert!(kept.contains(&"t1199".to_owned()), "{kept:?}");
}

#[tokio::test]
async fn untagged_manifests_go_once_they_are_old() {
    let registry = Registry::in_memory();
    let name = repository("a");
    let digest = push_image(&registry, "a", "t", "first").await;
    push_image(&registry, "a", "t", "second").await;
    let older = |age| vec![RetentionRule { untagged_older: Some(age), ..rule("a") }];
    let (total, _) = apply(&registry, older(Duration::from_secs(60)), RetentionMode::Delete).await;
    assert_eq!(total.manifests, 0);
    let (total, seen) = apply(&registry, older(Duration::ZERO), RetentionMode::Delete).await;
    assert_eq!((total.manifests, seen), (1, vec![format!("a@{digest}")]));
    assert_eq!(registry.repository_usage(&name).await.unwrap().manifests, 1);
}
