//! Deletions in batches (Blob Batch).

use http::{HeaderName, HeaderValue, Method};

use super::Azure;
use super::protocol::AzureProtocol;
use crate::driver::object::batch_deletion::{BatchDeletion, Batches};
use crate::driver::object::exchange::{Call, Exchange};
use crate::path::StoragePath;

const SNAPSHOTS: HeaderName = HeaderName::from_static("x-ms-delete-snapshots");

/// A batch is sent to the container, where a signature for the container is enough. The version of the protocol is said by
/// the batch alone: deletions that said it would be refused.
impl BatchDeletion for Azure {
    type Protocol = AzureProtocol;

    const MAX_DELETIONS: usize = 256;
    const SIGNS_EACH: bool = true;

    fn exchange(&self) -> &Exchange<AzureProtocol> {
        &self.exchange
    }

    fn batches(&self) -> &Batches {
        &self.batches
    }

    fn batch_call(&self) -> Call {
        let uri = self.address().uri(None, &[("comp", "batch"), ("restype", "container")]);
        Call { operation: "delete from", subject: self.address().container().to_owned(), uri, ..Call::default() }
    }

    fn delete_call(&self, path: &StoragePath) -> Call {
        let mut call = self.call("delete", Method::DELETE, path, &[]);
        call.headers.insert(SNAPSHOTS, HeaderValue::from_static("include"));
        call
    }

    fn content_id(index: usize) -> String {
        index.to_string()
    }
}
