//! What the tests of all object stores have in common.

pub(crate) mod batch;
pub(crate) mod deletions;
pub(crate) mod fault_server;
pub(crate) mod faults;
pub(crate) mod parts;
pub(crate) mod redirects;
pub(crate) mod serving;
pub(crate) mod subject;
pub(crate) mod translator;
pub(crate) mod vendor_sdk;
