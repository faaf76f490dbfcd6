//! The debug address (`http.debug`): health and metrics, for operators.
//!
//! It needs no authentication and can set the process down, so it belongs on an address that only operators reach.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::sync::Arc;

use bytes::Bytes;
use http::header::{ALLOW, CONTENT_LENGTH, CONTENT_TYPE, HeaderValue};
use http::{Method, Request, Response, StatusCode};
use http_body_util::Full;

use crate::health::{Audience, HealthChecks};
use crate::metrics::{Metrics, OPENMETRICS};

/// Where metrics are by default.
pub const METRICS_PATH: &str = "/metrics";

/// Answers on the debug address. Cheap to clone.
#[derive(Clone)]
pub struct DebugService {
    health: Arc<HealthChecks>,
    metrics: Option<(Arc<str>, Arc<Metrics>)>,
}

impl DebugService {
    /// Answers questions about health.
    pub fn new(health: Arc<HealthChecks>) -> Self {
        Self { health, metrics: None }
    }

    /// Shows metrics at `path`, too.
    #[must_use]
    pub fn with_metrics(self, path: impl Into<Arc<str>>, metrics: Arc<Metrics>) -> Self {
        Self { metrics: Some((path.into(), metrics)), ..self }
    }

    /// Answers a request by its method, path and query. Never fails.
    pub fn answer<B>(&self, request: &Request<B>) -> Response<Full<Bytes>> {
        let (method, uri) = (request.method(), request.uri());
        if let Some(response) = self.health.respond(method, uri.path(), uri.query(), Audience::Operators) {
            return response;
        }
        let mut response = Response::new(Full::default());
        match &self.metrics {
            Some((path, metrics)) if uri.path() == &**path => match *method {
                Method::GET | Method::HEAD => {
                    let text = Bytes::from(metrics.encode());
                    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(OPENMETRICS));
                    response.headers_mut().insert(CONTENT_LENGTH, text.len().into());
                    if method == Method::GET {
                        *response.body_mut() = Full::new(text);
                    }
                }
                _ => {
                    *response.status_mut() = StatusCode::METHOD_NOT_ALLOWED;
                    response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
                }
            },
            _ => *response.status_mut() = StatusCode::NOT_FOUND,
        }
        response
    }
}

impl<B> hyper::service::Service<Request<B>> for DebugService {
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Infallible>>;

    fn call(&self, request: Request<B>) -> Self::Future {
        ready(Ok(self.answer(&request)))
    }
}
