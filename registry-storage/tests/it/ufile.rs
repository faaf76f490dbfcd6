//! The driver for UCloud UFile, on a server of our own that speaks UCloud's API and checks its signatures.

mod directories;
mod fake;
mod faults;
mod first_registry;
mod signature;
mod start;
pub(crate) mod subject;

use crate::object::parts::parts_suite;
use crate::object::redirects::redirects_suite;
use crate::object::vendor_sdk::VendorSdk;

use self::fake::BUCKET;
use self::signature::{PRIVATE_KEY, PUBLIC_KEY};
use self::subject::ufile;

parts_suite! { parts => ufile }
redirects_suite! { redirects => ufile }

mod driver {
    use super::subject::ufile;

    registry_storage::storage_driver_suite! { fake => ufile }
}

mod blob_store {
    use super::subject::ufile;

    registry_core::blob_store_suite! { fake => ufile }
}

#[tokio::test]
async fn the_vendors_own_client_and_the_driver_read_each_other() {
    let bucket = ufile().await;
    let sdk = VendorSdk {
        vendor: "ufile",
        endpoint: &bucket.server.endpoint(),
        bucket: BUCKET,
        access_key: PUBLIC_KEY,
        secret_key: PRIVATE_KEY,
        root: &bucket.config.root_directory,
    };
    sdk.exchange(&bucket).await;
}
