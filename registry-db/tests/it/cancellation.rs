//! Callers that go away in the middle, as when a client hangs up.

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::task::Poll;

use bytes::Bytes;
use registry_core::protocol::digest::{Algorithm, Digest};
use registry_core::protocol::reference::{Reference, RepositoryName, Tag};
use registry_core::store::metadata::{CommitBlob, PutManifest, PutManifestOutcome};
use registry_core::store::{BlobLocation, MetadataStore, Timestamp};

use crate::metadata_store::sqlite;

const LATER: Timestamp = Timestamp::from_micros(1_000_000);

#[tokio::test]
async fn a_dropped_call_happens_whole_or_not_at_all() {
    drop_calls().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dropped_call_happens_whole_or_not_at_all_on_many_threads() {
    drop_calls().await;
}

async fn drop_calls() {
    let (store, _directory) = sqlite().await;
    let repository: RepositoryName = "a".parse().unwrap();
    let blob = Digest::of(Algorithm::Sha256, b"blob");
    let commit = CommitBlob {
        repository: &repository,
        digest: &blob,
        size_bytes: 4,
        location: &BlobLocation::new("here"),
        is_displaced: false,
        is_replicated: false,
        upload: None,
        hold: None,
        review_after: LATER,
    };
    store.commit_blob(commit).await.unwrap();

    let mut dropped = 0;
    for round in 0..200u32 {
        let payload = Bytes::from(format!("manifest {round}"));
        let mut push = Box::pin(push(&*store, &repository, payload, blob, round));
        // Dropped as soon as it has been polled so many times.
        let mut polls = round % 6;
        let finished = poll_fn(|context| match push.as_mut().poll(context) {
            Poll::Ready(outcome) => Poll::Ready(Some(outcome)),
            Poll::Pending if polls == 0 => Poll::Ready(None),
            Poll::Pending => {
                polls -= 1;
                Poll::Pending
            }
        })
        .await;
        drop(push);
        match finished {
            Some(outcome) => assert_eq!(outcome, PutManifestOutcome::Stored),
            None => dropped += 1,
        }
    }
    assert!(dropped >= 30, "only {dropped} calls were dropped");

    // Whatever was still under way is through once the writer is free again.
    push(&*store, &repository, "last".into(), blob, 200).await;
    for round in 0..=200u32 {
        let tags: [Tag; 2] = [format!("one-{round}"), format!("two-{round}")].map(|tag| tag.parse().unwrap());
        let mut found = Vec::new();
        for tag in tags {
            found.push(store.manifest(&repository, &Reference::Tag(tag)).await.unwrap());
        }
        assert_eq!(found[0], found[1], "one tag of a push is there without the other");
    }
}

async fn push(
    store: &dyn MetadataStore,
    repository: &RepositoryName,
    payload: Bytes,
    blob: Digest,
    round: u32,
) -> PutManifestOutcome {
    let put = PutManifest {
        repository,
        digest: &Digest::of(Algorithm::Sha256, &payload),
        media_type: "application/vnd.oci.image.manifest.v1+json",
        artifact_type: None,
        subject: None,
        annotations: &BTreeMap::new(),
        payload: &payload,
        blobs: &[blob],
        optional_blobs: &[],
        children: &[],
        sparse_children: &[],
        tags: &[format!("one-{round}").parse().unwrap(), format!("two-{round}").parse().unwrap()],
        review_after: LATER,
        restorable_until: None,
    };
    store.put_manifest(put).await.unwrap()
}
