//! What a container registry is, without a server, a database or a runtime.

pub mod protocol;
pub mod store;
