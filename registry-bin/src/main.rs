//! The registry binary.
fn main() {}
