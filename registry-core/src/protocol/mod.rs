//! The grammar of the protocol: pure, synchronous, without any I/O.

pub mod access;
pub mod digest;
pub mod reference;
