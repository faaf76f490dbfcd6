//! The grammar of the protocol: pure, synchronous, without any I/O.

pub mod access;
pub mod byte_range;
pub mod descriptor;
pub mod digest;
pub mod error_code;
pub mod image_name;
pub mod image_v1;
pub mod manifest;
pub mod media_type;
pub mod reference;
