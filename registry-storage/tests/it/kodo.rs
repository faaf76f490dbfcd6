//! The driver for Qiniu Kodo: by its own protocol on a server of our own, and by its S3 endpoint on the object store of
//! `scripts/object-stores`.

mod fake;
mod faults;
mod parts;
mod signature;
mod start;
mod subject;

use crate::object::parts::parts_suite;
use crate::object::redirects::redirects_suite;
use crate::object::vendor_sdk::VendorSdk;

use self::fake::{ACCESS_KEY, BUCKET, SECRET_KEY};
use self::subject::kodo;

parts_suite! { parts_of_a_push => kodo }
redirects_suite! { redirects => kodo }

mod driver {
    use super::subject::{kodo, kodo_by_s3};

    registry_storage::storage_driver_suite! {
        own_protocol => kodo,
        s3_endpoint => kodo_by_s3,
    }
}

mod blob_store {
    use super::subject::kodo;

    registry_core::blob_store_suite! { own_protocol => kodo }
}

#[tokio::test]
async fn the_vendors_own_client_and_the_driver_read_each_other() {
    let bucket = kodo().await;
    let sdk = VendorSdk {
        vendor: "kodo",
        endpoint: &bucket.server.endpoint(),
        bucket: BUCKET,
        access_key: ACCESS_KEY,
        secret_key: SECRET_KEY,
        root: &bucket.config.root_directory,
    };
    sdk.exchange(&bucket).await;
}
