//! What the subcommands do.

pub(crate) mod config;
pub(crate) mod serve;
pub(crate) mod storage;
