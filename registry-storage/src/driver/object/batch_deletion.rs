//! Deleting many objects where a request deletes one, and several requests can be sent as one.
//!
//! What a batch refuses is asked for by a request of its own, whose answer counts, and which is repeated where that may help.
//! So is everything where the store does not take batches, as some emulators do not.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};

use futures::StreamExt;
use http::{HeaderValue, Method, Request, header};
use registry_core::store::StoreErrorKind;

use super::backend::Backend;
use super::batch::{self, BatchAnswer, PartAnswer};
use super::error::{ExchangeError, Failure, Refusal};
use super::exchange::{Call, Exchange, Protocol};
use super::objects::delete_singly;
use crate::error::DriverError;
use crate::path::StoragePath;

/// How many batches are under way at a time.
const BATCHES_AT_ONCE: usize = 4;

/// A vendor whose store deletes objects in batches.
pub(crate) trait BatchDeletion: Backend {
    /// What the vendor's requests have of their own.
    type Protocol: Protocol;

    /// How many deletions a batch has at most.
    const MAX_DELETIONS: usize;

    /// Whether each deletion says who asks, and not the batch alone.
    const SIGNS_EACH: bool;

    /// Returns what sends requests.
    fn exchange(&self) -> &Exchange<Self::Protocol>;

    /// Returns what is known of the store.
    fn batches(&self) -> &Batches;

    /// Prepares to send a batch to where it belongs.
    fn batch_call(&self) -> Call;

    /// Prepares to delete one object.
    fn delete_call(&self, path: &StoragePath) -> Call;

    /// Returns what a batch calls its request with an index.
    fn content_id(index: usize) -> String;
}

/// What is known of a store's batches: it takes them, until it has refused one. That is kept as long as the driver lives.
#[derive(Debug, Default)]
pub(crate) struct Batches {
    are_refused: AtomicBool,
}

/// What a batch has not done.
#[derive(Default)]
struct Undone<'a> {
    failed: Vec<(StoragePath, DriverError)>,
    /// What is to be asked for by a request of its own.
    alone: Vec<&'a StoragePath>,
}

/// Removes objects, however many, and returns the errors of those that could not be. What is not there counts as removed.
pub(crate) async fn delete_in_batches<V: BatchDeletion>(
    vendor: &V,
    paths: &[StoragePath],
) -> HashMap<StoragePath, DriverError> {
    let batches: Vec<_> = paths.chunks(V::MAX_DELETIONS).map(|some| delete_batch(vendor, some)).collect();
    let batches: Vec<_> = futures::stream::iter(batches).buffer_unordered(BATCHES_AT_ONCE).collect().await;
    let (mut failed, mut alone) = (HashMap::new(), Vec::new());
    for undone in batches {
        failed.extend(undone.failed);
        alone.extend(undone.alone);
    }
    failed.extend(delete_singly(vendor, alone).await);
    failed
}

async fn delete_batch<'a, V: BatchDeletion>(vendor: &V, paths: &'a [StoragePath]) -> Undone<'a> {
    let all_alone = || Undone { alone: paths.iter().collect(), ..Undone::default() };
    if vendor.batches().are_refused.load(Ordering::Relaxed) {
        return all_alone();
    }
    let answers = match ask(vendor, paths).await {
        Ok(Some(answers)) => answers,
        Ok(None) => {
            vendor.batches().are_refused.store(true, Ordering::Relaxed);
            return all_alone();
        }
        Err(failure) => {
            let failed = paths.iter().map(|path| (path.clone(), failure.about(vendor.key(path))));
            return Undone { failed: failed.collect(), ..Undone::default() };
        }
    };
    let mut undone = Undone::default();
    for (path, answer) in paths.iter().zip(answers) {
        match answer {
            Some(answer) if answer.status.is_success() => {}
            Some(answer) if refusal(vendor, &answer).kind == StoreErrorKind::NotFound => {}
            Some(_) => undone.alone.push(path),
            None => {
                let error = ExchangeError::Answer("the answer to a batch says nothing of it".into());
                undone.failed.push((path.clone(), vendor.delete_call(path).failed(error).into()));
            }
        }
    }
    undone
}

/// Sends a batch, and returns the answers to its requests, as far as there are any; `None` if the store does not take it.
async fn ask<V: BatchDeletion>(vendor: &V, paths: &[StoragePath]) -> Result<Option<Vec<Option<PartAnswer>>>, Failure> {
    let mut requests = Vec::with_capacity(paths.len());
    for path in paths {
        let call = vendor.delete_call(path);
        let (mut request, ()) = Request::new(()).into_parts();
        (request.method, request.uri, request.headers) = (call.method.clone(), call.uri.clone(), call.headers.clone());
        if V::SIGNS_EACH {
            let signed = vendor.exchange().protocol().sign(&mut request).await;
            signed.map_err(|error| call.failed(error))?;
        }
        requests.push(request);
    }
    let boundary = format!("batch_{}", uuid::Uuid::new_v4().simple());
    let content_type = HeaderValue::try_from(format!("multipart/mixed; boundary={boundary}"));
    let body = batch::write(&boundary, &requests, V::content_id);
    // Who deletes blobs has them for some minutes only, so that a batch may not take longer than other requests.
    let mut call = Call { method: Method::POST, body, ..vendor.batch_call() };
    call.headers.insert(header::CONTENT_TYPE, content_type.expect("hex digits make a header"));
    let answer = match vendor.exchange().answer(&call).await {
        Err(failure) if failure.is_final_refusal() => return Ok(None),
        answer => answer?,
    };
    Ok(match batch::read(answer.headers.get(header::CONTENT_TYPE), &answer.body, paths.len()) {
        // Whoever says nothing of any request has not understood what a batch is, or is not understood.
        Some(BatchAnswer::Each(answers)) => Some(answers).filter(|answers| answers.iter().any(Option::is_some)),
        Some(BatchAnswer::Whole(answer)) if refusal(vendor, &answer).is_final() => None,
        Some(BatchAnswer::Whole(answer)) => Some(vec![Some(answer); paths.len()]),
        None => None,
    })
}

fn refusal<V: BatchDeletion>(vendor: &V, answer: &PartAnswer) -> Refusal {
    vendor.exchange().protocol().refusal(answer.status, &answer.headers, &answer.body)
}
