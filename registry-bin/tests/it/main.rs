//! Tests of the binary as a whole, and of the configuration as a whole.

mod backup;
mod cli;
mod crate_graph;
mod deleting;
mod documentation;
mod environment;
mod examples;
mod fsck;
mod identity;
mod import;
mod killed;
mod problems;
mod replication;
mod scrub;
mod search;
mod server;
mod shrinking;
mod storage_copy;
mod support;
