use futures::future::join_all;

use super::fixture::{at, new_upload, repository};
use crate::protocol::digest::{Algorithm, Digester};
use crate::store::metadata::{ClaimOutcome, UploadRecord};
use crate::store::{ClaimToken, MetadataStore, StagedUpload, StoreErrorKind, UploadId};

/// A session is known in its repository alone, and from its expiry on it is unknown.
pub async fn an_upload_is_found_until_it_expires(store: &dyn MetadataStore) {
    let [a, b] = ["a", "b"].map(repository);
    let upload = new_upload(&a);
    store.create_upload(&upload).await.unwrap();
    assert_eq!(store.upload(&a, upload.id, at(999)).await.unwrap(), Some(upload.clone()));
    assert_eq!(store.upload(&a, upload.id, at(1000)).await.unwrap(), None);
    assert_eq!(store.upload(&b, upload.id, at(0)).await.unwrap(), None);
    assert_eq!(store.upload(&a, UploadId::random(), at(0)).await.unwrap(), None);

    let claim = ClaimToken::random();
    for (repository, now) in [(&a, at(1000)), (&b, at(0))] {
        let outcome = store.claim_upload(repository, upload.id, claim, now, at(2000)).await.unwrap();
        assert_eq!(outcome, ClaimOutcome::Unknown);
    }
    let outcome = store.claim_upload(&a, upload.id, claim, at(999), at(2000)).await.unwrap();
    assert_eq!(outcome, ClaimOutcome::Claimed(upload.clone()), "the attempts above changed nothing");
    assert_eq!(store.upload(&a, upload.id, at(999)).await.unwrap(), Some(upload), "a claimed session can be seen");
}

/// Creating a session again changes nothing, and takes it from no writer.
pub async fn an_upload_is_created_once(store: &dyn MetadataStore) {
    let a = repository("a");
    let (upload, claim) = (new_upload(&a), ClaimToken::random());
    store.create_upload(&upload).await.unwrap();
    store.claim_upload(&a, upload.id, claim, at(0), at(10)).await.unwrap();
    store.create_upload(&UploadRecord { expires_at: at(7), ..upload.clone() }).await.unwrap();
    assert_eq!(store.upload(&a, upload.id, at(8)).await.unwrap(), Some(upload.clone()));
    let outcome = store.claim_upload(&a, upload.id, ClaimToken::random(), at(0), at(10)).await.unwrap();
    assert_eq!(outcome, ClaimOutcome::Busy);
}

/// What goes wrong before any byte was taken leaves a session that can be gone on with.
pub async fn an_upload_can_be_released_without_bytes(store: &dyn MetadataStore) {
    let a = repository("a");
    let (upload, claim) = (new_upload(&a), ClaimToken::random());
    store.create_upload(&upload).await.unwrap();
    store.claim_upload(&a, upload.id, claim, at(0), at(10)).await.unwrap();
    let later = UploadRecord { expires_at: at(5000), ..upload.clone() };
    store.release_upload(&later, claim).await.unwrap();
    assert_eq!(store.upload(&a, upload.id, at(4999)).await.unwrap(), Some(later.clone()));
    let outcome = store.claim_upload(&a, upload.id, claim, at(0), at(10)).await.unwrap();
    assert_eq!(outcome, ClaimOutcome::Claimed(later));
}

/// Two writers never hold one session.
pub async fn exactly_one_of_many_concurrent_claims_wins(store: &dyn MetadataStore) {
    let a = repository("a");
    let upload = new_upload(&a);
    store.create_upload(&upload).await.unwrap();
    let claims = (0..16).map(|_| store.claim_upload(&a, upload.id, ClaimToken::random(), at(0), at(10)));
    let outcomes: Vec<ClaimOutcome> = join_all(claims).await.into_iter().map(Result::unwrap).collect();
    let won = outcomes.iter().filter(|outcome| **outcome == ClaimOutcome::Claimed(upload.clone())).count();
    let lost = outcomes.iter().filter(|outcome| **outcome == ClaimOutcome::Busy).count();
    assert_eq!((won, lost), (1, 15), "{outcomes:?}");
}

/// A claim is exclusive until its time is over; who comes then is told that the first writer may still be there.
pub async fn a_claim_whose_time_is_over_is_taken_over(store: &dyn MetadataStore) {
    let a = repository("a");
    let (upload, first, second) = (new_upload(&a), ClaimToken::random(), ClaimToken::random());
    store.create_upload(&upload).await.unwrap();
    store.claim_upload(&a, upload.id, first, at(0), at(10)).await.unwrap();
    assert_eq!(store.claim_upload(&a, upload.id, second, at(9), at(30)).await.unwrap(), ClaimOutcome::Busy);
    let outcome = store.claim_upload(&a, upload.id, second, at(10), at(30)).await.unwrap();
    assert_eq!(outcome, ClaimOutcome::TakenOver(upload.clone()));
    assert_eq!(store.claim_upload(&a, upload.id, first, at(29), at(40)).await.unwrap(), ClaimOutcome::Busy);
}

/// A writer that did not hear of its own success is not locked out, but told to be careful.
pub async fn a_repeated_claim_is_not_refused(store: &dyn MetadataStore) {
    let a = repository("a");
    let (upload, claim) = (new_upload(&a), ClaimToken::random());
    store.create_upload(&upload).await.unwrap();
    store.claim_upload(&a, upload.id, claim, at(0), at(10)).await.unwrap();
    let outcome = store.claim_upload(&a, upload.id, claim, at(1), at(10)).await.unwrap();
    assert_eq!(outcome, ClaimOutcome::TakenOver(upload));
}

/// A renewal moves the end of a claim.
pub async fn a_renewed_claim_is_held_longer(store: &dyn MetadataStore) {
    let a = repository("a");
    let (upload, claim) = (new_upload(&a), ClaimToken::random());
    store.create_upload(&upload).await.unwrap();
    store.claim_upload(&a, upload.id, claim, at(0), at(10)).await.unwrap();
    for _ in 0..2 {
        store.renew_claim(upload.id, claim, at(20)).await.unwrap();
    }
    let other = store.claim_upload(&a, upload.id, ClaimToken::random(), at(19), at(30)).await.unwrap();
    assert_eq!(other, ClaimOutcome::Busy);
    store.renew_claim(upload.id, claim, at(40)).await.unwrap();
}

/// A release records everything that a writer changes, and the next claim is an ordinary one.
pub async fn a_released_upload_has_the_recorded_progress(store: &dyn MetadataStore) {
    let a = repository("a");
    let (upload, claim) = (new_upload(&a), ClaimToken::random());
    store.create_upload(&upload).await.unwrap();
    store.claim_upload(&a, upload.id, claim, at(0), at(10)).await.unwrap();
    let mut digester = Digester::new(Algorithm::Sha512);
    digester.update(b"content");
    let progress = UploadRecord {
        staged: StagedUpload::new("{\"parts\": [\"é\"]}"),
        offset: u64::from(u32::MAX) + 7,
        algorithm: Algorithm::Sha512,
        digester_state: digester.save(),
        expires_at: at(5000),
        ..upload.clone()
    };
    store.release_upload(&progress, claim).await.unwrap();
    assert_eq!(store.upload(&a, upload.id, at(4999)).await.unwrap(), Some(progress.clone()));
    let outcome = store.claim_upload(&a, upload.id, ClaimToken::random(), at(1), at(10)).await.unwrap();
    assert_eq!(outcome, ClaimOutcome::Claimed(progress));
}

/// Who does not hold an upload can neither renew nor release it.
pub async fn a_lost_claim_changes_nothing(store: &dyn MetadataStore) {
    let a = repository("a");
    let (upload, lost, held) = (new_upload(&a), ClaimToken::random(), ClaimToken::random());
    let progress = UploadRecord { offset: 7, ..upload.clone() };
    let refused = async |claim, why: &str| {
        let renewed = store.renew_claim(upload.id, claim, at(99)).await.unwrap_err();
        assert_eq!(renewed.kind(), StoreErrorKind::Conflict, "{why}");
        let released = store.release_upload(&progress, claim).await.unwrap_err();
        assert_eq!(released.kind(), StoreErrorKind::Conflict, "{why}");
    };

    refused(lost, "there is no such upload").await;
    store.create_upload(&upload).await.unwrap();
    refused(lost, "nobody holds the upload").await;
    store.claim_upload(&a, upload.id, lost, at(0), at(10)).await.unwrap();
    store.claim_upload(&a, upload.id, held, at(10), at(20)).await.unwrap();
    refused(lost, "another writer holds the upload").await;
    assert_eq!(store.upload(&a, upload.id, at(0)).await.unwrap(), Some(upload.clone()));

    store.release_upload(&upload, held).await.unwrap();
    refused(held, "the claim was given back").await;
}

/// An upload can be ended under its writer, who then finds out.
pub async fn a_removed_upload_is_gone_for_its_writer_too(store: &dyn MetadataStore) {
    let [a, b] = ["a", "b"].map(repository);
    let (upload, claim) = (new_upload(&a), ClaimToken::random());
    store.create_upload(&upload).await.unwrap();
    store.claim_upload(&a, upload.id, claim, at(0), at(10)).await.unwrap();
    assert_eq!(store.remove_upload(&b, upload.id).await.unwrap(), None);
    assert_eq!(store.remove_upload(&a, upload.id).await.unwrap(), Some(upload.clone()));
    assert_eq!(store.remove_upload(&a, upload.id).await.unwrap(), None);
    assert_eq!(store.renew_claim(upload.id, claim, at(20)).await.unwrap_err().kind(), StoreErrorKind::Conflict);
    let outcome = store.claim_upload(&a, upload.id, claim, at(0), at(10)).await.unwrap();
    assert_eq!(outcome, ClaimOutcome::Unknown);
}

/// What a purge has to clean up is listed in order, except where a writer is at work.
pub async fn expired_uploads_come_oldest_first_and_without_claimed_ones(store: &dyn MetadataStore) {
    let a = repository("a");
    let [last, first, middle, claimed, alive] =
        [30, 10, 20, 15, 51].map(|expires| UploadRecord { expires_at: at(expires), ..new_upload(&a) });
    for upload in [&last, &first, &middle, &claimed, &alive] {
        store.create_upload(upload).await.unwrap();
    }
    store.claim_upload(&a, claimed.id, ClaimToken::random(), at(0), at(51)).await.unwrap();

    assert_eq!(store.expired_uploads(at(50), 10).await.unwrap(), [first.clone(), middle.clone(), last.clone()]);
    assert_eq!(store.expired_uploads(at(50), 2).await.unwrap(), [first.clone(), middle.clone()]);
    assert_eq!(store.expired_uploads(at(10), 10).await.unwrap(), std::slice::from_ref(&first));
    assert_eq!(store.expired_uploads(at(9), 10).await.unwrap(), []);
    let all = store.expired_uploads(at(51), 10).await.unwrap();
    assert_eq!(all, [first, claimed, middle, last, alive], "a claim whose time is over protects nothing");
}
