//! The S3 driver where the suites do not look: uploads of several parts, and what goes wrong on the way.
//! On the object store of `scripts/object-stores`.

mod faults;
mod parts;
