//! The driver for Tencent COS, on a server that checks the vendor's signatures and speaks its words, before the object store
//! of `scripts/object-stores`.

mod signature;
mod start;
mod subject;

use crate::object::parts::parts_suite;

use self::subject::cos;

parts_suite! { parts => cos }

mod driver {
    use super::subject::cos;

    registry_storage::storage_driver_suite! { translated => cos }
}

mod blob_store {
    use super::subject::cos;

    registry_core::blob_store_suite! { translated => cos }
}
