//! Several processes on one database: they start together, and each sees at once what another has done.

use std::sync::Arc;

use futures::future::join_all;
use registry_core::protocol::digest::{Algorithm, Digest, Digester};
use registry_core::protocol::reference::{Reference, RepositoryName, Tag};
use registry_core::store::metadata::{ClaimOutcome, PutManifest, UploadRecord};
use registry_core::store::{ClaimToken, MetadataStore, StagedUpload, Timestamp, UploadId};
use registry_db::DatabaseConfig;

const LATER: Timestamp = Timestamp::from_micros(1_000_000);

async fn replicas(config: &DatabaseConfig) -> [Arc<dyn MetadataStore>; 2] {
    [registry_db::open(config).await.unwrap(), registry_db::open(config).await.unwrap()]
}

fn repository() -> RepositoryName {
    "a".parse().unwrap()
}

macro_rules! on_every_server {
    ($($case:ident)+) => {
        mod postgres {
            $(#[tokio::test]
            async fn $case() {
                super::$case(crate::servers::postgres_config().await.0).await;
            })+
        }
        mod mysql {
            $(#[tokio::test]
            async fn $case() {
                super::$case(crate::servers::mysql_config().await.0).await;
            })+
        }
    };
}

on_every_server! {
    many_may_start_together
    a_tag_is_seen_by_the_other_at_once
    an_upload_is_taken_further_by_the_other
    a_blob_that_was_held_to_the_end_is_found_by_the_other
}

/// As after a crash between putting bytes in place and recording them.
async fn a_blob_that_was_held_to_the_end_is_found_by_the_other(config: DatabaseConfig) {
    let [one, other] = replicas(&config).await;
    let [lost, ended] = ["lost", "ended"].map(|text| Digest::of(Algorithm::Sha256, text.as_bytes()));
    let [now, end] = [0, 9].map(Timestamp::from_micros);
    drop(one.hold_blob(&lost, now, end).await.unwrap());
    assert!(one.end_hold(one.hold_blob(&ended, now, end).await.unwrap()).await.unwrap());
    assert_eq!(other.expired_holds(Timestamp::from_micros(8), 10).await.unwrap(), []);
    for _ in 0..2 {
        assert_eq!(other.expired_holds(end, 10).await.unwrap(), [lost], "nobody has dealt with it");
    }
    other.condemn_blobs(end, LATER, 10).await.unwrap();
    assert_eq!(other.expired_holds(end, 10).await.unwrap(), []);
}

async fn many_may_start_together(config: DatabaseConfig) {
    for store in join_all((0..6).map(|_| registry_db::open(&config))).await {
        store.unwrap().check().await.unwrap();
    }
}

async fn a_tag_is_seen_by_the_other_at_once(config: DatabaseConfig) {
    let stores = replicas(&config).await;
    let tag: Tag = "latest".parse().unwrap();
    for round in 0..40usize {
        let payload = bytes::Bytes::from(round.to_string());
        let digest = Digest::of(Algorithm::Sha256, &payload);
        let put = PutManifest {
            repository: &repository(),
            digest: &digest,
            media_type: "application/vnd.oci.image.manifest.v1+json",
            artifact_type: None,
            subject: None,
            annotations: &Default::default(),
            payload: &payload,
            blobs: &[],
            optional_blobs: &[],
            children: &[],
            sparse_children: &[],
            tags: std::slice::from_ref(&tag),
            review_after: LATER,
            restorable_until: None,
        };
        stores[round % 2].put_manifest(put).await.unwrap();
        for store in &stores {
            let seen = store.manifest(&repository(), &Reference::Tag(tag.clone())).await.unwrap().unwrap();
            assert_eq!(seen.payload, payload);
        }
    }
}

async fn an_upload_is_taken_further_by_the_other(config: DatabaseConfig) {
    let stores = replicas(&config).await;
    let [now, until] = [0, 100].map(Timestamp::from_micros);
    let mut upload = UploadRecord {
        id: UploadId::random(),
        repository: repository(),
        staged: StagedUpload::new("staged"),
        offset: 0,
        algorithm: Algorithm::Sha256,
        digester_state: Digester::new(Algorithm::Sha256).save(),
        expires_at: LATER,
    };
    stores[0].create_upload(&upload).await.unwrap();
    for chunk in 1..20usize {
        let [here, there] = [&stores[chunk % 2], &stores[(chunk + 1) % 2]];
        let claim = ClaimToken::random();
        let claimed = here.claim_upload(&repository(), upload.id, claim, now, until).await.unwrap();
        assert_eq!(claimed, ClaimOutcome::Claimed(upload.clone()));
        let other = there.claim_upload(&repository(), upload.id, ClaimToken::random(), now, until).await.unwrap();
        assert_eq!(other, ClaimOutcome::Busy);
        upload.offset = chunk as u64;
        here.release_upload(&upload, claim).await.unwrap();
    }
}
