//! The registry as an HTTP service: the way of a request, from top to bottom.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures::{FutureExt as _, StreamExt as _};
use http::header::{ALLOW, AUTHORIZATION, ORIGIN, X_CONTENT_TYPE_OPTIONS};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};
use http_body::Body;
use registry_core::Registry;
use registry_core::body::BodyStream;
use registry_core::protocol::error_code::ErrorCode;
use tokio::task::JoinHandle;
use tracing::Instrument;

use crate::access_log::{RecordedBody, RequestRecord};
use crate::auth::{Authentication, Authenticator, Decision, NoAuthentication, authorize};
use crate::body::{PieceBuffers, RequestError, ResponseBody, into_pieces};
use crate::client_address::{ClientAddress, TrustedProxies};
use crate::config::ServiceConfig;
use crate::cors::Cors;
use crate::error::ApiError;
use crate::external_url::ExternalUrl;
use crate::handler::{self, Call, Served};
use crate::health::{Audience, HealthChecks};
use crate::links::Links;
use crate::manifest_intake::ManifestIntake;
use crate::metrics::{HandlerLabel, Metrics};
use crate::request_id::{RequestId, X_REQUEST_ID};
use crate::response::{ApiResponse, DOCKER_DISTRIBUTION_API_VERSION, ResponseExt, empty};
use crate::route::{Destination, Route, RouteError, allow};
use crate::server::ConnectionInfo;

/// Keeps browsers from taking what somebody has pushed for a page, whatever it looks like.
const NOSNIFF: HeaderValue = HeaderValue::from_static("nosniff");
const REGISTRY_2: HeaderValue = HeaderValue::from_static("registry/2.0");

/// A registry as a service for hyper (and, by `tower_service::Service`, for axum and others). Cheap to clone.
///
/// It starts no runtime, reads no environment and has no global state. Requests that change something run to their end
/// as tasks of the tokio runtime that they are called on, also if the client goes away.
#[derive(Clone)]
pub struct RegistryService(Arc<Inner>);

#[derive(Clone)]
struct Inner {
    served: Arc<Served>,
    authenticator: Arc<dyn Authenticator>,
    health: Option<Arc<HealthChecks>>,
    metrics: Option<Arc<Metrics>>,
}

/// The body of an answer. The request is logged when it is over.
pub type ServiceBody = RecordedBody<ResponseBody>;

impl RegistryService {
    /// Serves a registry with the default settings, to everybody.
    pub fn new(registry: Registry) -> Self {
        let served = Served {
            registry,
            config: ServiceConfig::default(),
            buffers: PieceBuffers::default(),
            manifests: ManifestIntake::default(),
        };
        Self(Arc::new(Inner {
            served: Arc::new(served),
            authenticator: Arc::new(NoAuthentication),
            health: None,
            metrics: None,
        }))
    }

    /// Serves with other settings.
    #[must_use]
    pub fn with_config(self, config: ServiceConfig) -> Self {
        self.with(|inner| Arc::make_mut(&mut inner.served).config = config)
    }

    /// Serves those only whom the authenticator knows.
    #[must_use]
    pub fn with_authenticator(self, authenticator: Arc<dyn Authenticator>) -> Self {
        self.with(|inner| inner.authenticator = authenticator)
    }

    fn with(self, change: impl FnOnce(&mut Inner)) -> Self {
        let mut inner = Arc::unwrap_or_clone(self.0);
        change(&mut inner);
        Self(Arc::new(inner))
    }

    /// Answers `/livez`, `/readyz` and `/startupz`, and everything else with 503 while a check fails.
    #[must_use]
    pub fn with_health(self, health: Arc<HealthChecks>) -> Self {
        self.with(|inner| inner.health = Some(health))
    }

    /// Counts requests in these metrics.
    #[must_use]
    pub fn with_metrics(self, metrics: Arc<Metrics>) -> Self {
        self.with(|inner| inner.metrics = Some(metrics))
    }

    /// Answers a request. Never fails: what goes wrong is an answer, too.
    ///
    /// What the head says is looked at in this call, so that the future need not hold the head.
    pub fn answer<B>(&self, request: Request<B>) -> impl Future<Output = Response<ServiceBody>> + Send + use<B>
    where
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<RequestError>,
    {
        let inner = Arc::clone(&self.0);
        let config = &inner.served.config;
        let (parts, body) = request.into_parts();
        let connection = parts.extensions.get::<ConnectionInfo>().copied().unwrap_or_default();
        let id = request_id(&config.trusted_proxies, &connection, &parts.headers);
        let client = ClientAddress::of(&config.trusted_proxies, &connection, &parts.uri, &parts.headers);
        let links = links(config, &client);
        let mut record = Box::new(RequestRecord::open(&parts, id, client.ip, config.access_log));
        let body = match body.is_end_stream() {
            true => futures::stream::empty().boxed(),
            false => into_pieces(record.request_body(Box::pin(body))),
        };
        let destination = Route::parse(&parts.method, &parts.uri, &config.prefix);
        if let Some(metrics) = &inner.metrics {
            let handler = destination.as_ref().map_or(HandlerLabel::Other, Destination::label);
            record.set_meter(metrics.request(handler, &parts.method));
        }
        let head = parts.method == Method::HEAD;
        let origin = config.headers.cors().and_then(|_| parts.headers.get(ORIGIN).cloned());
        let span = tracing::info_span!("request", id = record.id().as_str());
        let redirects = config.redirects.applies_to(client.ip);
        let next = inner.next(destination, parts, links, redirects);
        let answer = async move {
            let answered = match next {
                Next::Answer(answer) => *answer,
                Next::Call(call) => inner.go(call, body, &mut record).await,
            };
            let mut response = answered.unwrap_or_else(|error| {
                error.log();
                error.into_response(record.id())
            });
            inner.finish(&mut response, record.id(), origin.as_ref());
            record.answer(if head { response.without_body() } else { response })
        };
        answer.instrument(span)
    }
}

/// Takes the id that a trusted proxy gave, or makes one.
fn request_id(trusted: &TrustedProxies, connection: &ConnectionInfo, headers: &HeaderMap) -> RequestId {
    let given = if trusted.trusts(&connection.peer) { headers.get(X_REQUEST_ID) } else { None };
    given.and_then(RequestId::from_proxy).unwrap_or_else(RequestId::random)
}

fn links(config: &ServiceConfig, client: &ClientAddress<'_>) -> Links {
    let external = match &config.external_url {
        _ if config.relative_urls => None,
        Some(external) => Some(external.clone()),
        None => ExternalUrl::of_client(client),
    };
    Links { external, prefix: config.prefix.clone() }
}

/// What follows from a request's head. In boxes, since futures are moved on their way.
enum Next {
    /// There is nothing else to look at.
    Answer(Box<Result<ApiResponse, ApiError>>),
    /// An operation is asked for.
    Call(Box<Call>),
}

impl Next {
    fn answer(answer: Result<ApiResponse, ApiError>) -> Self {
        Self::Answer(Box::new(answer))
    }
}

impl Inner {
    /// Finds out what a request asks for, and answers what is no operation.
    fn next(&self, destination: Result<Destination, RouteError>, parts: Parts, links: Links, redirects: bool) -> Next {
        if let Some(cors) = self.served.config.headers.cors()
            && Cors::is_preflight(&parts.method, &parts.headers)
        {
            return Next::answer(Ok(cors.preflight(&parts.headers)));
        }
        if let Some(health) = &self.health {
            let (path, query) = (parts.uri.path(), parts.uri.query());
            if let Some(answer) = health.respond(&parts.method, path, query, Audience::Public) {
                return Next::answer(Ok(answer.map(ResponseBody::from)));
            }
            if !health.is_healthy() && !matches!(destination, Ok(Destination::Route(Route::Root))) {
                return Next::answer(Err(ApiError::unavailable("health check failed: please see /debug/health")));
            }
        }
        let route = match destination {
            Ok(Destination::Route(route)) => route,
            Ok(Destination::Options(methods)) => {
                return Next::answer(Ok(empty(StatusCode::NO_CONTENT).with(ALLOW, allow(methods))));
            }
            Err(error) => return Next::answer(Err(error.into())),
        };
        let head = parts.method == Method::HEAD;
        let (served, headers) = (Arc::clone(&self.served), parts.headers);
        Next::Call(Box::new(Call { served, route, links, head, redirects, headers }))
    }

    /// Lets an operation run, if the sender may ask for it.
    async fn go(&self, call: Box<Call>, body: BodyStream, record: &mut RequestRecord) -> Result<ApiResponse, ApiError> {
        if let Authentication::User(user) = self.admit(&call.route, call.headers.get(AUTHORIZATION)).await? {
            record.set_user(user.name);
        }
        if handler::changes(&call.route) {
            let change = Box::pin(async move { handler::handle(&call, body).await });
            to_the_end(tokio::spawn(change.in_current_span())).await
        } else {
            handler::handle(&call, body).await
        }
    }

    /// Lets a request through if its sender may do what the route needs.
    async fn admit(&self, route: &Route, authorization: Option<&HeaderValue>) -> Result<Authentication, ApiError> {
        let sender = match self.authenticator.authenticate(authorization).await {
            // Whatever the route needs.
            Ok(Authentication::Open) => return Ok(Authentication::Open),
            Ok(sender) => sender,
            Err(busy) => return Err(ApiError::unavailable(busy.to_string())),
        };
        let required = route.required_access();
        match authorize(&sender, &required) {
            Decision::Allowed => Ok(sender),
            Decision::Challenge => {
                let message = match sender {
                    Authentication::Rejected => "the user name or the password is wrong",
                    _ => "authentication is required",
                };
                let detail = serde_json::json!(required.detail());
                Err(ApiError::unauthorized(self.authenticator.challenge(&required), message, detail))
            }
            Decision::Denied => {
                let message = "the user may not do this";
                Err(ApiError::new(StatusCode::FORBIDDEN, ErrorCode::Denied, message))
            }
        }
    }

    /// Adds what every answer has.
    fn finish(&self, response: &mut ApiResponse, id: &RequestId, origin: Option<&HeaderValue>) {
        let headers = response.headers_mut();
        headers.insert(DOCKER_DISTRIBUTION_API_VERSION, REGISTRY_2);
        headers.insert(X_CONTENT_TYPE_OPTIONS, NOSNIFF);
        headers.insert(X_REQUEST_ID, id.to_header());
        self.served.config.headers.apply(origin, headers);
    }
}

/// Waits for a change, which runs to its end whether or not somebody still waits for it.
async fn to_the_end(change: JoinHandle<Result<ApiResponse, ApiError>>) -> Result<ApiResponse, ApiError> {
    change.await.unwrap_or_else(|error| {
        // A panic is a defect of ours; it was printed where it happened, and must not take the connection along.
        tracing::error!(error = &error as &dyn std::error::Error, "request handler failed");
        Err(ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, ErrorCode::Unknown, "the registry failed"))
    })
}

type Answer = Pin<Box<dyn Future<Output = Result<Response<ServiceBody>, Infallible>> + Send>>;

impl<B> hyper::service::Service<Request<B>> for RegistryService
where
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<RequestError>,
{
    type Response = Response<ServiceBody>;
    type Error = Infallible;
    type Future = Answer;

    fn call(&self, request: Request<B>) -> Answer {
        Box::pin(self.answer(request).map(Ok))
    }
}

impl<B> tower_service::Service<Request<B>> for RegistryService
where
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<RequestError>,
{
    type Response = Response<ServiceBody>;
    type Error = Infallible;
    type Future = Answer;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Answer {
        hyper::service::Service::call(self, request)
    }
}
