//! The driver for Tencent COS, on a server that checks the vendor's signatures and speaks its words, before the object store
//! of `scripts/object-stores`.

mod faults;
mod signature;
mod start;
mod subject;

use crate::object::parts::parts_suite;
use crate::object::redirects::redirects_suite;
use crate::object::vendor_sdk::VendorSdk;

use self::subject::{ACCESS_KEY, BUCKET, SECRET_KEY, cos};

parts_suite! { parts => cos }
redirects_suite! { redirects => cos }

mod driver {
    use super::subject::cos;

    registry_storage::storage_driver_suite! { translated => cos }
}

mod blob_store {
    use super::subject::cos;

    registry_core::blob_store_suite! { translated => cos }
}

#[tokio::test]
async fn the_vendors_own_client_and_the_driver_read_each_other() {
    let bucket = cos().await;
    let sdk = VendorSdk {
        vendor: "cos",
        endpoint: &bucket.config.endpoint,
        bucket: BUCKET,
        access_key: ACCESS_KEY,
        secret_key: SECRET_KEY,
        root: &bucket.config.root_directory,
    };
    sdk.exchange(&bucket).await;
}
