//! The driver for Baidu BOS, on a server that checks the vendor's signatures and speaks its words, before the object store
//! of `scripts/object-stores`.

mod documents;
mod faults;
mod signature;
mod start;
mod subject;

use crate::object::parts::parts_suite;
use crate::object::redirects::redirects_suite;
use crate::object::vendor_sdk::VendorSdk;

use self::subject::{ACCESS_KEY, BUCKET, SECRET_KEY, bos};

parts_suite! { parts => bos }
redirects_suite! { redirects => bos, with_a_token => self::subject::with_a_session_token }

mod driver {
    use super::subject::{bos, with_a_session_token};

    registry_storage::storage_driver_suite! {
        translated => bos,
        with_a_token => with_a_session_token,
    }
}

mod blob_store {
    use super::subject::bos;

    registry_core::blob_store_suite! { translated => bos }
}

#[tokio::test]
async fn the_vendors_own_client_and_the_driver_read_each_other() {
    let bucket = bos().await;
    let sdk = VendorSdk {
        vendor: "bos",
        endpoint: &bucket.config.endpoint,
        bucket: BUCKET,
        access_key: ACCESS_KEY,
        secret_key: SECRET_KEY,
        root: &bucket.config.root_directory,
    };
    sdk.exchange(&bucket).await;
}
