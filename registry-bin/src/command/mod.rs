//! What the subcommands do.

pub(crate) mod backup;
pub(crate) mod config;
pub(crate) mod fsck;
pub(crate) mod garbage_collect;
pub(crate) mod import;
pub(crate) mod restore;
pub(crate) mod serve;
pub(crate) mod storage;
