//! Object stores to test with.

use async_trait::async_trait;
use registry_storage::driver::object::{ObjectDriver, TransferConfig};
use registry_storage::testing::driver_suite::DriverSubject;

/// An object store to send parts to.
#[async_trait]
pub(crate) trait ObjectSubject: DriverSubject {
    /// Opens a driver that sends bytes in this way.
    async fn driver_with(&self, transfer: TransferConfig) -> ObjectDriver;

    /// Returns how large parts are in the cases.
    fn part_bytes(&self) -> usize {
        5 * 1024 * 1024
    }

    /// Tells whether parts that are read or copied before their upload is completed end it.
    fn seals(&self) -> bool {
        false
    }

    /// Names all that is kept below the subject's root: objects, and uploads that were not completed.
    async fn kept(&self) -> Vec<String>;

    /// Opens a driver with parts of that size.
    async fn driver(&self) -> ObjectDriver {
        self.driver_with(TransferConfig { part_bytes: self.part_bytes() as u64, ..TransferConfig::default() }).await
    }
}

/// Has an [`ObjectSubject`] take part in the suites of drivers and of blob stores. `sorts_by_names_alone` is what
/// [`DriverSubject`] says of it.
macro_rules! object_subject {
    ($subject:ty, sorts_by_names_alone: $sorts:expr) => {
        #[async_trait::async_trait]
        impl registry_storage::testing::driver_suite::DriverSubject for $subject {
            async fn open(&self) -> std::sync::Arc<dyn registry_storage::driver::StorageDriver> {
                std::sync::Arc::new($crate::object::subject::ObjectSubject::driver(self).await)
            }

            fn sorts_by_names_alone(&self) -> bool {
                $sorts
            }

            async fn contents(&self) -> Option<Vec<String>> {
                Some($crate::object::subject::ObjectSubject::kept(self).await)
            }
        }

        #[async_trait::async_trait]
        impl registry_core::testing::blob_store_suite::BlobStoreSubject for $subject {
            async fn open(&self) -> std::sync::Arc<dyn registry_core::store::BlobStore> {
                let driver = $crate::object::subject::ObjectSubject::driver(self).await;
                std::sync::Arc::new(registry_storage::DriverBlobStore::new(std::sync::Arc::new(driver)))
            }

            fn keeps_committed_uploads(&self) -> bool {
                false
            }

            async fn contents(&self) -> Option<Vec<String>> {
                Some($crate::object::subject::ObjectSubject::kept(self).await)
            }
        }
    };
}

pub(crate) use object_subject;
