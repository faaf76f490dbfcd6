//! Repository names.

#![no_main]

use libfuzzer_sys::fuzz_target;
use registry_core::protocol::reference::RepositoryName;
use registry_fuzz::reads_back_or_refuses;

fuzz_target!(|text: &str| reads_back_or_refuses::<RepositoryName>(text));
