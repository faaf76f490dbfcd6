//! A service that remembers requests and fails some on demand.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use http_body::Body;
use http_body_util::BodyExt;
use http_body_util::combinators::UnsyncBoxBody;

use crate::RegistryService;
use crate::body::{RequestError, ResponseBody, ResponseError};

/// The requests that came to a test registry, and those that are to fail.
#[derive(Debug, Clone, Default)]
pub struct Requests(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    seen: Vec<(Method, String)>,
    failing: Vec<(Method, String, StatusCode)>,
}

impl Requests {
    /// Returns method and path of every request so far, in the order they came.
    pub fn seen(&self) -> Vec<(Method, String)> {
        self.lock().seen.clone()
    }

    /// Answers the next request by this method to a path that contains `path` with an empty answer of this status, once.
    pub fn fail_next(&self, method: Method, path: &str, status: StatusCode) {
        self.lock().failing.push((method, path.to_owned(), status));
    }

    fn take(&self, method: &Method, path: &str) -> Option<StatusCode> {
        let mut state = self.lock();
        state.seen.push((method.clone(), path.to_owned()));
        let hit = state.failing.iter().position(|(m, part, _)| m == method && path.contains(part))?;
        Some(state.failing.remove(hit).2)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.0.lock().expect("no holder panics")
    }
}

/// A registry service that does as [`Requests`] says.
#[derive(Clone)]
pub(super) struct FaultyService {
    inner: RegistryService,
    requests: Requests,
}

impl FaultyService {
    pub(super) fn new(inner: RegistryService, requests: Requests) -> Self {
        Self { inner, requests }
    }
}

impl<B> hyper::service::Service<Request<B>> for FaultyService
where
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<RequestError>,
{
    type Response = Response<UnsyncBoxBody<Bytes, ResponseError>>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn call(&self, request: Request<B>) -> Self::Future {
        if let Some(status) = self.requests.take(request.method(), request.uri().path()) {
            let mut response = Response::new(ResponseBody::empty().boxed_unsync());
            *response.status_mut() = status;
            return Box::pin(std::future::ready(Ok(response)));
        }
        let answer = hyper::service::Service::call(&self.inner, request);
        Box::pin(async move { Ok(answer.await?.map(BodyExt::boxed_unsync)) })
    }
}
