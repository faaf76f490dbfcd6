//! The Azure driver, on the Azurite of `scripts/object-stores`.

mod append_blobs;
mod deletions;
mod faults;
mod redirects;
mod service;
mod start;
mod subject;
mod tokens;

use self::subject::azure;
use crate::object::parts::parts_suite;

mod driver {
    use super::subject::{azure, azure_by_signature};

    registry_storage::storage_driver_suite! {
        azurite => azure,
        azurite_by_signature => azure_by_signature,
    }
}

mod blob_store {
    use super::subject::azure;

    registry_core::blob_store_suite! { azurite => azure }
}

parts_suite! { azurite => azure }
