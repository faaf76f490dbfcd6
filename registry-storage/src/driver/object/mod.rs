//! Files as objects of a store that is spoken to over HTTP: what all vendors have in common.
//!
//! A vendor implements [`Backend`](backend::Backend): its requests about objects and about uploads in parts, sent by an
//! [`Exchange`](exchange::Exchange). [`ObjectDriver`] makes a driver of that. An upload is an upload in parts at its own
//! path, which any process can go on with (`uploads`); completed, it stays there, because object stores cannot rename. What
//! was small enough to need no parts is put at its target.

pub(crate) mod address;
pub(crate) mod backend;
pub(crate) mod batch;
pub(crate) mod batch_deletion;
mod checkpoint;
pub(crate) mod checksum;
pub(crate) mod claim;
mod config;
pub(crate) mod connection;
pub(crate) mod credentials;
mod driver;
pub(crate) mod error;
pub(crate) mod exchange;
pub(crate) mod multipart;
pub(crate) mod objects;
pub(crate) mod presigning;
mod read;
pub(crate) mod retry;
mod store;
mod uploads;
mod writer;

pub use self::config::TransferConfig;
pub use self::driver::ObjectDriver;
