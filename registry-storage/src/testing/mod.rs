//! What every driver is tested with. Not part of the stable interface.

pub mod driver_suite;
