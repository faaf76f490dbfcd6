//! registry-storage from outside.

mod azure;
mod bos;
mod cos;
mod drivers;
mod faults;
mod fsck;
mod gcs;
mod identity;
mod images;
mod kodo;
mod layout;
mod links;
mod lost;
mod object;
mod oss;
mod repair;
mod s3;
mod scrub;
mod scs;
mod second_store;
mod snapshots;
mod subject;
mod swift;
mod ufile;
