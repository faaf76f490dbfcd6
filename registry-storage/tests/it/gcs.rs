//! The driver for Google Cloud Storage: on the fake-gcs-server of `scripts/object-stores`, and on a server of our own, which
//! is strict where that one is not.

mod deletions;
mod fake;
mod faults;
mod parts;
mod redirects;
mod start;
mod subject;

mod driver {
    use super::subject::{fake_gcs_server, strict_fake};

    registry_storage::storage_driver_suite! {
        fake_gcs_server => fake_gcs_server,
        strict_fake => strict_fake,
    }
}

mod blob_store {
    use super::subject::{fake_gcs_server, strict_fake};

    registry_core::blob_store_suite! {
        fake_gcs_server => fake_gcs_server,
        strict_fake => strict_fake,
    }
}
