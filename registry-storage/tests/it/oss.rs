//! The driver for Aliyun OSS, on a server that checks the vendor's signatures and speaks its words, before the object store
//! of `scripts/object-stores`.

mod faults;
mod signature;
mod start;
mod subject;

use crate::object::parts::parts_suite;
use crate::object::vendor_sdk::VendorSdk;

use self::subject::{ACCESS_KEY, BUCKET, SECRET_KEY, signed_by_v4};

parts_suite! { parts => signed_by_v4 }

mod redirects {
    use super::subject::{signed_by_v1, signed_by_v4};
    use crate::object::redirects::redirects_suite;

    redirects_suite! {
        v1 => signed_by_v1,
        v4 => signed_by_v4,
    }
}

mod driver {
    use super::subject::{signed_by_v1, signed_by_v4};

    registry_storage::storage_driver_suite! {
        v1 => signed_by_v1,
        v4 => signed_by_v4,
    }
}

mod blob_store {
    use super::subject::signed_by_v4;

    registry_core::blob_store_suite! { v4 => signed_by_v4 }
}

#[tokio::test]
async fn the_vendors_own_client_and_the_driver_read_each_other() {
    let bucket = signed_by_v4().await;
    let sdk = VendorSdk {
        vendor: "oss",
        endpoint: &bucket.config.endpoint,
        bucket: BUCKET,
        access_key: ACCESS_KEY,
        secret_key: SECRET_KEY,
        root: &bucket.config.root_directory,
    };
    sdk.exchange(&bucket).await;
}
