//! Every driver, against the suite of drivers and, below the blob store, against the suite of blob stores.

use crate::subject;

mod driver {
    use super::subject::{filesystem as on_disk, in_memory};

    registry_storage::storage_driver_suite! {
        filesystem => on_disk,
        inmemory => in_memory,
    }
}

mod blob_store {
    use super::subject::{filesystem as on_disk, in_memory};

    registry_core::blob_store_suite! {
        filesystem => on_disk,
        inmemory => in_memory,
    }
}

/// On the object stores of `scripts/object-stores`.
mod s3 {
    mod driver {
        use crate::subject::{ceph, s3};

        registry_storage::storage_driver_suite! {
            seaweedfs => s3,
            radosgw => ceph,
        }
    }

    mod blob_store {
        use crate::subject::{ceph, s3};

        registry_core::blob_store_suite! {
            seaweedfs => s3,
            radosgw => ceph,
        }
    }
}
