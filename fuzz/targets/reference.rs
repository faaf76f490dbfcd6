//! References, and image names with all their parts.

#![no_main]

use libfuzzer_sys::fuzz_target;
use registry_core::protocol::image_name::{Host, ImageName};
use registry_core::protocol::reference::Reference;
use registry_fuzz::reads_back_or_refuses;

fuzz_target!(|text: &str| {
    reads_back_or_refuses::<Reference>(text);
    reads_back_or_refuses::<Host>(text);
    reads_back_or_refuses::<ImageName>(text);
});
