//! The S3 driver where the suites do not look: what goes wrong on the way, and at the start.
//! On the object stores of `scripts/object-stores`.

mod faults;
mod places;
mod redirects;
mod start;

use crate::object::parts::parts_suite;
use crate::subject::{ceph, s3};

parts_suite! {
    seaweedfs => s3,
    radosgw => ceph,
}
