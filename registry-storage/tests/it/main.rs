//! registry-storage from outside.

mod drivers;
mod faults;
mod identity;
mod layout;
mod links;
mod snapshots;
mod subject;
