//! The Swift driver, on the object store of `scripts/object-stores`.

mod aborted;
mod faults;
mod keystone;
mod large;
mod redirects;
mod start;
mod subject;

mod driver {
    use super::subject::swift as container;

    registry_storage::storage_driver_suite! { tempauth => container }
}

mod blob_store {
    use super::subject::swift as container;

    registry_core::blob_store_suite! { tempauth => container }
}

mod parts {
    use super::subject::swift as container;

    crate::object::parts::parts_suite! { tempauth => container }
}
