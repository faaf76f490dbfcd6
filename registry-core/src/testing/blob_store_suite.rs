//! What every [`BlobStore`] has to do: one function for each line of its `# Behaviour`, and a macro that makes tests of
//! them.
//!
//! ```
//! use std::sync::Arc;
//!
//! use registry_core::memory::MemoryBlobStore;
//! use registry_core::store::BlobStore;
//! use registry_core::testing::blob_store_suite::BlobStoreSubject;
//!
//! struct InMemory(MemoryBlobStore);
//!
//! #[async_trait::async_trait]
//! impl BlobStoreSubject for InMemory {
//!     async fn open(&self) -> Arc<dyn BlobStore> {
//!         Arc::new(self.0.clone())
//!     }
//! }
//!
//! async fn in_memory() -> InMemory {
//!     InMemory(MemoryBlobStore::default())
//! }
//!
//! registry_core::blob_store_suite! { memory => in_memory }
//! # fn main() {}
//! ```

mod commits;
mod deletion;
mod fixture;
mod places;
mod uploads;

use std::sync::Arc;

use async_trait::async_trait;

use crate::store::BlobStore;

pub use commits::*;
pub use deletion::*;
pub use fixture::{collect, push, read};
pub use places::*;
pub use uploads::*;

/// Where a store under test keeps its data; made anew for every case, and dropped with the data after it.
#[async_trait]
pub trait BlobStoreSubject: Send + Sync {
    /// Opens one more instance of the store over the same data.
    async fn open(&self) -> Arc<dyn BlobStore>;

    /// Tells whether the store keeps committed uploads until they are discarded.
    fn keeps_committed_uploads(&self) -> bool {
        true
    }

    /// Names everything that is kept, committed or not, if that can be told.
    async fn contents(&self) -> Option<Vec<String>> {
        None
    }
}

/// Makes a module of tests, one `#[tokio::test]` for each case, for each `name => constructor`.
///
/// A constructor is an async function without arguments that returns a
/// [`BlobStoreSubject`](crate::testing::blob_store_suite::BlobStoreSubject) without any content.
#[macro_export]
macro_rules! blob_store_suite {
    ($($name:ident => $constructor:expr),+ $(,)?) => { $(
        mod $name {
            use super::*;

            $crate::blob_store_suite! { @cases $constructor;
                committed_bytes_come_back
                nothing_is_visible_before_commit
                a_writer_continues_where_it_synced
                bytes_beyond_the_offset_are_dropped
                a_lost_writer_cannot_touch_what_followed
                commit_is_idempotent
                a_committed_upload_can_be_gone_on_with
                an_empty_blob_can_be_committed
                a_writer_commits_what_it_wrote
                a_writer_commits_nothing_that_was_discarded
                discard_leaves_nothing
                abandoned_uploads_are_found
                deleted_is_gone
                what_was_set_aside_outlives_the_blob
                all_that_were_deleted_are_gone
                a_blob_is_copied_to_its_place
                displaced_bytes_are_found
            }
        }
    )+ };
    (@cases $constructor:expr; $($case:ident)+) => { $(
        #[tokio::test]
        async fn $case() {
            let subject = $constructor().await;
            $crate::testing::blob_store_suite::$case(&subject).await;
            $crate::testing::blob_store_suite::nothing_is_left(&subject).await;
        }
    )+ };
}

/// Asserts that a store which was used and emptied is ready and keeps nothing.
pub async fn nothing_is_left(subject: &dyn BlobStoreSubject) {
    subject.open().await.check().await.expect("the store is ready");
    if let Some(contents) = subject.contents().await {
        assert!(contents.is_empty(), "left behind: {contents:?}");
    }
}

#[cfg(test)]
mod tests {
    /// The trait's documentation, the functions and the macro's list name the same cases.
    #[test]
    fn every_behaviour_has_a_case() {
        let documented = include_str!("../store/blob.rs").lines().filter_map(|line| line.strip_prefix("/// - `"));
        let documented: Vec<_> = documented.filter_map(|line| line.split_once("`:")).map(|(name, _)| name).collect();
        let suite = include_str!("blob_store_suite.rs");
        let cases = [
            include_str!("blob_store_suite/commits.rs"),
            include_str!("blob_store_suite/deletion.rs"),
            include_str!("blob_store_suite/places.rs"),
            include_str!("blob_store_suite/uploads.rs"),
        ]
        .concat();
        let listed = suite.split_once("@cases $constructor;\n").and_then(|(_, rest)| rest.split_once('}'));
        let listed: Vec<_> = listed.expect("the macro lists the cases").0.split_whitespace().collect();
        assert_eq!(documented, listed);
        for name in listed {
            assert!(cases.contains(&format!("pub async fn {name}(")), "{name}");
        }
    }
}
