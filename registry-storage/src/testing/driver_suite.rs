//! What every [`StorageDriver`] has to do: one function for each line of its `# Behaviour`, and a macro that makes tests
//! of them.
//!
//! ```
//! use std::sync::Arc;
//!
//! use registry_storage::driver::StorageDriver;
//! use registry_storage::driver::inmemory::InMemoryDriver;
//! use registry_storage::testing::driver_suite::DriverSubject;
//!
//! struct InMemory(InMemoryDriver);
//!
//! #[async_trait::async_trait]
//! impl DriverSubject for InMemory {
//!     async fn open(&self) -> Arc<dyn StorageDriver> {
//!         Arc::new(self.0.clone())
//!     }
//! }
//!
//! async fn in_memory() -> InMemory {
//!     InMemory(InMemoryDriver::default())
//! }
//!
//! registry_storage::storage_driver_suite! { inmemory => in_memory }
//! # fn main() {}
//! ```

mod files;
mod fixture;
mod uploads;

use std::sync::Arc;

use async_trait::async_trait;

use self::fixture::path;
use crate::driver::StorageDriver;

pub use files::*;
pub use uploads::*;

/// Where a driver under test keeps its data; made anew for every case, and dropped with the data after it.
#[async_trait]
pub trait DriverSubject: Send + Sync {
    /// Opens one more instance of the driver over the same data.
    async fn open(&self) -> Arc<dyn StorageDriver>;

    /// Names everything that is kept, finished or not, if that can be told by another way than the driver's.
    async fn contents(&self) -> Option<Vec<String>> {
        None
    }

    /// Tells whether the server behind the driver sorts what is in a directory by names alone, so that `a/b` comes before
    /// `a-b`. A driver cannot mend that; its lists are in order only where no name is the beginning of another.
    fn sorts_by_names_alone(&self) -> bool {
        false
    }
}

/// Makes a module of tests, one `#[tokio::test]` for each case, for each `name => constructor`.
///
/// A constructor is an async function without arguments that returns a
/// [`DriverSubject`](crate::testing::driver_suite::DriverSubject) without any content.
#[macro_export]
macro_rules! storage_driver_suite {
    ($($name:ident => $constructor:expr),+ $(,)?) => { $(
        mod $name {
            use super::*;

            $crate::storage_driver_suite! { @cases $constructor;
                what_was_put_is_read_back
                put_replaces
                put_new_leaves_alone_what_is_there
                what_is_missing_is_not_found
                reading_past_the_end_is_corrupt
                a_copy_stands_alone
                deleted_is_gone
                all_that_were_deleted_are_gone
                what_is_below_a_deleted_directory_is_gone
                lists_come_in_pages
                a_list_of_nothing_is_empty
                an_unfinished_upload_is_not_at_its_target
                a_completed_upload_is_where_it_says
                completing_replaces
                completing_again_succeeds
                a_completed_upload_can_be_gone_on_with
                an_upload_without_writes_completes_to_nothing
                a_writer_completes_its_upload
                a_writer_completes_nothing_that_was_aborted
                a_writer_continues_where_it_synced
                a_writer_needs_the_bytes_before_it
                bytes_beyond_are_dropped
                an_upload_can_be_read_back
                a_copied_upload_stands_alone
                an_aborted_upload_is_gone
                aborting_spares_what_was_completed
                unfinished_uploads_are_found
            }
        }
    )+ };
    (@cases $constructor:expr; $($case:ident)+) => { $(
        #[tokio::test]
        async fn $case() {
            let subject = $constructor().await;
            $crate::testing::driver_suite::$case(&subject).await;
            $crate::testing::driver_suite::nothing_is_left(&subject).await;
        }
    )+ };
}

/// Asserts that a driver which was used and emptied is ready and keeps nothing.
pub async fn nothing_is_left(subject: &dyn DriverSubject) {
    let driver = subject.open().await;
    driver.check().await.expect("the driver is ready");
    let page = driver.list(&path("/suite"), None, 100).await.expect("listing");
    assert_eq!(page.items, [], "left behind");
    if let Some(contents) = subject.contents().await {
        assert!(contents.is_empty(), "left behind: {contents:?}");
    }
}

#[cfg(test)]
mod tests {
    /// The trait's documentation, the functions and the macro's list name the same cases.
    #[test]
    fn every_behaviour_has_a_case() {
        let documented = include_str!("../driver/mod.rs").lines().filter_map(|line| line.strip_prefix("/// - `"));
        let documented: Vec<_> = documented.filter_map(|line| line.split_once("`:")).map(|(name, _)| name).collect();
        let suite = include_str!("driver_suite.rs");
        let cases = [include_str!("driver_suite/files.rs"), include_str!("driver_suite/uploads.rs")].concat();
        let listed = suite.split_once("@cases $constructor;\n").and_then(|(_, rest)| rest.split_once('}'));
        let listed: Vec<_> = listed.expect("the macro lists the cases").0.split_whitespace().collect();
        assert_eq!(documented, listed);
        for name in listed {
            assert!(cases.contains(&format!("pub async fn {name}(")), "{name}");
        }
    }
}
