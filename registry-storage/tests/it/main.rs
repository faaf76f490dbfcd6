//! registry-storage from outside.

mod drivers;
mod faults;
mod layout;
mod subject;
