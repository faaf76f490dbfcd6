//! Deletions in batches.

use http::Method;

use super::address::Resource;
use super::backend::Gcs;
use super::protocol::GcsProtocol;
use crate::driver::object::batch_deletion::{BatchDeletion, Batches};
use crate::driver::object::exchange::{Call, Exchange};
use crate::path::StoragePath;

/// What the batch is authorised for counts for the deletions in it.
impl BatchDeletion for Gcs {
    type Protocol = GcsProtocol;

    const MAX_DELETIONS: usize = 100;
    const SIGNS_EACH: bool = false;

    fn exchange(&self) -> &Exchange<GcsProtocol> {
        &self.exchange
    }

    fn batches(&self) -> &Batches {
        &self.batches
    }

    fn batch_call(&self) -> Call {
        let uri = self.address.uri(Resource::Batch, &[]);
        Call { operation: "delete from", subject: self.address.bucket().to_owned(), uri, ..Call::default() }
    }

    fn delete_call(&self, path: &StoragePath) -> Call {
        let uri = self.address.uri(Resource::Object(path), &[]);
        Call { operation: "delete", method: Method::DELETE, uri, ..self.call(path) }
    }

    fn content_id(index: usize) -> String {
        format!("<{index}>")
    }
}
