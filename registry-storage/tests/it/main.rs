//! registry-storage from outside.

mod azure;
mod bos;
mod cos;
mod drivers;
mod faults;
mod fsck;
mod gcs;
mod identity;
mod kodo;
mod layout;
mod links;
mod lost;
mod object;
mod oss;
mod repair;
mod s3;
mod scrub;
mod snapshots;
mod subject;
mod swift;
