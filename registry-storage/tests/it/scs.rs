//! The driver for Sohu Cloud Storage, on a server that checks the vendor's signatures and speaks its words, before the object
//! store of `scripts/object-stores`.

mod faults;
mod signature;
mod start;
pub(crate) mod subject;

use crate::object::parts::parts_suite;
use crate::object::redirects::redirects_suite;

use self::subject::scs;

parts_suite! { parts => scs }
redirects_suite! { redirects => scs }

mod driver {
    use super::subject::scs;

    registry_storage::storage_driver_suite! { translated => scs }
}

mod blob_store {
    use super::subject::scs;

    registry_core::blob_store_suite! { translated => scs }
}
