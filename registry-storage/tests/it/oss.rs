//! The driver for Aliyun OSS, on a server that checks the vendor's signatures and speaks its words, before the object store
//! of `scripts/object-stores`.

mod signature;
mod start;
mod subject;

use crate::object::parts::parts_suite;

use self::subject::signed_by_v4;

parts_suite! { parts => signed_by_v4 }

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
