//! registry-storage from outside.

mod drivers;
mod faults;
mod identity;
mod layout;
mod snapshots;
mod subject;
