//! Tags.

#![no_main]

use libfuzzer_sys::fuzz_target;
use registry_core::protocol::reference::Tag;
use registry_fuzz::reads_back_or_refuses;

fuzz_target!(|text: &str| reads_back_or_refuses::<Tag>(text));
