//! What every [`MetadataStore`] guarantees, as test cases, and a macro that makes tests of them.
//!
//! ```
//! use std::sync::Arc;
//!
//! use registry_core::memory::MemoryMetadataStore;
//!
//! async fn in_memory() -> (Arc<MemoryMetadataStore>, ()) {
//!     (Arc::new(MemoryMetadataStore::new()), ())
//! }
//!
//! registry_core::metadata_store_suite! { memory => in_memory }
//! # fn main() {}
//! ```

mod blobs;
mod collection;
mod displaced;
mod fixture;
mod history;
mod imports;
mod manifests;
mod records;
mod referrers;
mod removal;
mod replication;
mod repositories;
mod reviews;
mod settings;
mod tags;
mod uploads;
mod usage;

pub use blobs::*;
pub use collection::*;
pub use displaced::*;
pub use history::*;
pub use imports::*;
pub use manifests::*;
pub use records::*;
pub use referrers::*;
pub use removal::*;
pub use replication::*;
pub use repositories::*;
pub use reviews::*;
pub use settings::*;
pub use tags::*;
pub use uploads::*;
pub use usage::*;

#[cfg(doc)]
use crate::store::MetadataStore;

/// Makes a module of tests, one `#[tokio::test]` for each case, for each `name => constructor`.
///
/// A constructor is an async function without arguments that returns an empty store in an `Arc`, and something to hold
/// on to until the case is over, such as a temporary directory.
#[macro_export]
macro_rules! metadata_store_suite {
    ($($name:ident => $constructor:expr),+ $(,)?) => { $(
        mod $name {
            use super::*;

            $crate::metadata_store_suite! { @cases $constructor;
                a_reachable_store_passes_its_check
                a_repository_exists_once_something_was_put_into_it
                the_catalog_shows_only_repositories_with_manifests
                catalog_pages_neither_skip_nor_repeat

                a_committed_blob_is_in_its_repository_alone
                the_latest_location_of_a_blob_counts
                a_repeated_commit_changes_nothing
                a_commit_ends_its_upload
                a_commit_under_a_lost_claim_changes_nothing
                a_blob_is_mounted_from_a_repository_that_has_it
                a_blob_is_not_mounted_from_a_repository_that_lacks_it
                a_blob_is_mounted_from_any_repository
                a_blob_that_no_repository_has_is_not_mounted
                an_unlinked_blob_is_gone_from_its_repository_alone

                a_manifest_comes_back_as_it_was_pushed
                a_manifest_is_in_its_repository_alone
                a_manifest_whose_blobs_are_missing_is_not_stored
                a_manifest_whose_children_are_missing_is_not_stored
                sparse_children_may_be_missing
                a_push_of_a_stored_digest_sets_its_media_type_anew
                a_repeated_push_changes_nothing
                a_deleted_manifest_takes_its_tags_along
                deleting_what_is_not_there_changes_nothing
                a_manifest_may_refer_to_very_many_blobs_and_manifests

                all_tags_of_a_push_are_set_or_none
                a_tag_moves_to_the_last_push
                a_deleted_tag_leaves_its_manifest
                tags_differ_by_case_and_come_in_byte_order
                tag_pages_neither_skip_nor_repeat
                concurrent_pushes_to_a_tag_leave_it_at_one_of_them

                referrers_are_found_whether_or_not_the_subject_exists
                referrers_are_filtered_by_artifact_type
                referrer_pages_end_at_the_limit
                referrer_pages_end_at_the_limit_in_bytes

                an_upload_is_found_until_it_expires
                an_upload_is_created_once
                an_upload_can_be_released_without_bytes
                exactly_one_of_many_concurrent_claims_wins
                a_claim_whose_time_is_over_is_taken_over
                a_repeated_claim_is_not_refused
                a_renewed_claim_is_held_longer
                a_released_upload_has_the_recorded_progress
                a_lost_claim_changes_nothing
                a_removed_upload_is_gone_for_its_writer_too
                expired_uploads_come_oldest_first_and_without_claimed_ones

                committed_and_unlinked_blobs_are_reviewed
                untagged_manifests_are_reviewed
                a_moved_tag_has_what_it_left_reviewed
                a_deleted_tag_has_its_manifest_reviewed
                a_deleted_manifest_has_what_it_referred_to_reviewed
                a_review_is_only_ever_postponed
                a_mount_postpones_a_review
                due_reviews_come_in_the_order_of_their_dates

                an_unreferenced_blob_is_condemned_and_forgotten
                a_referenced_blob_is_not_condemned
                blobs_are_condemned_in_batches
                a_condemned_blob_is_condemned_again
                a_blob_that_fails_is_put_off_by_itself
                a_manifest_is_put_off
                a_condemned_blob_comes_back_by_a_commit
                a_held_blob_is_not_condemned
                a_hold_that_ended_keeps_nothing
                a_blob_that_is_being_deleted_is_not_held
                an_unreferenced_manifest_is_deleted
                a_manifest_with_a_tag_a_parent_or_a_subject_is_kept
                children_and_referrers_go_with_their_index
                manifests_that_keep_only_each_other_go_together
                what_is_due_together_is_looked_at_in_the_order_of_digests
                what_is_referred_to_leaves_the_queue
                an_optional_blob_is_kept_if_it_is_there
                suspects_are_told_of
                what_keeps_something_is_explained
                what_can_be_restored_is_kept_and_explained
                a_manifest_goes_once_it_can_be_restored_no_more
                an_import_is_unfinished_until_it_is_finished
                what_is_adopted_is_there
                adopting_keeps_what_is_there
                adopting_moves_a_tag_only_when_asked_to
                adopting_needs_what_is_referred_to
                nothing_is_adopted_into_a_finished_repository

                a_setting_has_the_value_that_was_kept
                a_settled_value_is_not_settled_again
                exactly_one_of_many_settles_a_setting
                a_setting_is_exchanged_for_the_value_that_is_expected
                exactly_one_of_many_exchanges_a_setting

                recorded_blobs_come_in_the_order_of_their_digests
                the_blobs_of_a_repository_come_in_pages
                recorded_manifests_come_in_pages
                manifests_are_told_among_digests
                a_quarantined_blob_is_in_no_repository
                a_push_repairs_a_quarantined_blob
                a_blob_that_has_changed_is_not_quarantined
                a_released_blob_is_served_again
                a_quarantined_blob_is_collected_if_nothing_refers_to_it
                a_stray_blob_is_put_up_for_review

                a_displaced_blob_is_moved
                displaced_blobs_have_their_turns
                a_blob_that_is_pushed_again_leaves_its_bytes
                a_collected_blob_leaves_its_bytes
                found_bytes_can_be_recorded_until_they_are_deleted
                a_push_that_is_not_recorded_leaves_its_bytes

                a_committed_blob_is_behind_until_it_is_copied
                a_turn_that_is_over_is_taken_by_another
                a_copy_that_fails_is_tried_again_and_told_of
                blobs_without_a_copy_are_found
                a_collected_blob_leaves_its_copy
                a_blob_that_comes_back_is_copied_after_its_deletion
                a_blob_that_is_collected_is_copied_no_more

                what_a_tag_left_can_be_restored
                a_deleted_tag_can_be_restored_until_its_date
                a_withdrawn_manifest_is_gone_until_a_tag_of_it_is_restored
                a_withdrawn_manifest_is_back_when_it_is_pushed_again
                without_a_date_a_manifest_goes_with_its_history
                what_lost_a_blob_or_a_child_is_not_restored
                dropped_history_lets_go_of_its_manifests
                history_pages_neither_skip_nor_repeat

                no_more_tags_than_the_limit_are_left_at_a_manifest
                a_tag_that_was_pushed_since_it_was_seen_stays
                what_something_refers_to_is_not_untagged
                a_repository_is_removed_when_it_is_empty

                usage_follows_every_change
                a_shared_blob_counts_once_in_its_namespace
                the_tags_of_a_namespace_come_by_repository
            }
        }
    )+ };
    (@cases $constructor:expr; $($case:ident)+) => { $(
        #[tokio::test]
        async fn $case() {
            let (store, _kept) = $constructor().await;
            $crate::testing::metadata_store_suite::$case(&*store).await;
        }
    )+ };
}
