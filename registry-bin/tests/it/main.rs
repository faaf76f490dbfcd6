//! Tests of the binary as a whole, and of the configuration as a whole.

mod crate_graph;
