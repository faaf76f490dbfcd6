//! One request and its answer: signed, within a deadline, and asked again where that may help.

use std::error::Error;
use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use http::header::CONTENT_LENGTH;
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Uri, header};
use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Incoming};
use registry_core::store::StoreErrorKind;

use super::connection::Connections;
use super::error::{ExchangeError, Failure, Refusal};
use super::retry::{Pace, Retry};
use crate::error::DriverError;

/// How long the store may take to put parts together, or to copy.
const LONG_PATIENCE: Duration = Duration::from_secs(300);
/// How fast a request's body has to be taken at least.
const MIN_BYTES_PER_SECOND: u64 = 64 * 1024;
/// How large an answer may be that is held in memory.
const ANSWER_MAX_BYTES: u64 = 8 * 1024 * 1024;

/// What the requests and answers of a vendor have of their own.
#[async_trait]
pub(crate) trait Protocol: fmt::Debug + Send + Sync + 'static {
    /// Returns where the store is, for errors.
    fn authority(&self) -> String;

    /// Adds to a request what stays the same however often it is sent, such as a checksum of its body.
    async fn prepare(&self, _headers: &mut HeaderMap, _body: &Bytes) {}

    /// Says who asks. It may have to find that out, and with it where the store is: so the address may be completed here.
    ///
    /// # Errors
    /// [`Credentials`](ExchangeError::Credentials), or what the service says that hands them out.
    async fn sign(&self, request: &mut Parts) -> Result<(), ExchangeError>;

    /// Reads an answer that says no. Its body is empty if it did not arrive.
    fn refusal(&self, status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Refusal;

    /// Takes note of where an answer says that what was asked for is instead, and tells whether it is asked for there.
    fn moved(&self, _location: &Uri) -> bool {
        false
    }

    /// Forgets the credentials that the store no longer takes, so that new ones are found for the next request.
    fn renew(&self);
}

/// Sends requests to a store.
#[derive(Debug)]
pub(crate) struct Exchange<P> {
    protocol: P,
    connections: Connections,
    pace: Pace,
}

/// What is asked for.
#[derive(Debug, Default)]
pub(crate) struct Call {
    /// A verb with what goes before its object, for errors.
    pub(crate) operation: &'static str,
    /// What it is done to, for errors.
    pub(crate) subject: String,
    pub(crate) method: Method,
    pub(crate) uri: Uri,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    /// Whether the store has much to do.
    pub(crate) is_long: bool,
}

/// An answer that is there as a whole.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Call {
    /// Makes an error of what an answer turned out to be.
    pub(crate) fn misunderstood(&self, why: impl Into<Box<dyn Error + Send + Sync>>) -> Failure {
        self.failed(ExchangeError::Answer(why.into()))
    }

    /// Asks for bytes `first..=last` alone, and of a version alone if one is named.
    pub(crate) fn read_range(&mut self, first: u64, last: u64, version: Option<&str>) -> Result<(), Failure> {
        self.headers.insert(header::RANGE, byte_range(first, last));
        if let Some(version) = version {
            let version = HeaderValue::try_from(version).map_err(|error| self.misunderstood(error))?;
            self.headers.insert(header::IF_MATCH, version);
        }
        Ok(())
    }

    /// Makes an error of one attempt's.
    pub(crate) fn failed(&self, error: ExchangeError) -> Failure {
        DriverError::new(error.kind(), self.operation, &self.subject, error).into()
    }
}

/// Names bytes `first..=last` of an object.
pub(crate) fn byte_range(first: u64, last: u64) -> HeaderValue {
    HeaderValue::try_from(format!("bytes={first}-{last}")).expect("digits make a header")
}

impl<P: Protocol> Exchange<P> {
    pub(crate) fn new(protocol: P, connections: Connections) -> Self {
        Self { protocol, connections, pace: Pace::default() }
    }

    /// Asks at another pace than all others do.
    pub(crate) fn with_pace(self, pace: Pace) -> Self {
        Self { pace, ..self }
    }

    pub(crate) fn protocol(&self) -> &P {
        &self.protocol
    }

    /// Asks, and waits for the whole answer, which is one of success.
    pub(crate) async fn answer(&self, call: &Call) -> Result<Answer, Failure> {
        let headers = self.prepared(call).await;
        let mut retry = Retry::new(self.pace);
        loop {
            let answered = self.within(call, async { self.whole(self.attempt(call, &headers).await?).await }).await;
            if let Some(answer) = self.again(call, &mut retry, answered).await? {
                return Ok(answer);
            }
        }
    }

    /// Asks for what need not be there, and waits for the whole answer.
    pub(crate) async fn find(&self, call: &Call) -> Result<Option<Answer>, Failure> {
        match self.answer(call).await {
            Err(failure) if failure.kind() == StoreErrorKind::NotFound => Ok(None),
            answer => answer.map(Some),
        }
    }

    /// Asks for something to be removed that need not be there.
    pub(crate) async fn remove(&self, call: &Call) -> Result<(), Failure> {
        self.find(call).await.map(drop)
    }

    /// Asks, and gives the answer, which is one of success, when its head is there.
    pub(crate) async fn open(&self, call: &Call) -> Result<Response<Incoming>, Failure> {
        let headers = self.prepared(call).await;
        let mut retry = Retry::new(self.pace);
        loop {
            let answered = self.within(call, self.attempt(call, &headers)).await;
            if let Some(response) = self.again(call, &mut retry, answered).await? {
                return Ok(response);
            }
        }
    }

    async fn prepared(&self, call: &Call) -> HeaderMap {
        let mut headers = call.headers.clone();
        self.protocol.prepare(&mut headers, &call.body).await;
        headers
    }

    /// Looks at an attempt: its success, nothing if there is to be another, or its error.
    async fn again<T>(
        &self,
        call: &Call,
        retry: &mut Retry,
        attempt: Result<T, ExchangeError>,
    ) -> Result<Option<T>, Failure> {
        let error = match attempt {
            Ok(success) => return Ok(Some(success)),
            Err(error) => error,
        };
        if matches!(error, ExchangeError::Moved) && retry.follow() {
            return Ok(None);
        }
        if error.is_expired_token() && retry.renew() {
            self.protocol.renew();
            return Ok(None);
        }
        let paused = retry.pause(error).await;
        paused.map(|()| None).map_err(|error| call.failed(error).ambiguous(retry.is_repeated()))
    }

    /// Gives one attempt its deadline.
    async fn within<T>(
        &self,
        call: &Call,
        attempt: impl Future<Output = Result<T, ExchangeError>>,
    ) -> Result<T, ExchangeError> {
        let base = if call.is_long { LONG_PATIENCE.max(self.pace.patience) } else { self.pace.patience };
        let patience = base + Duration::from_secs(call.body.len() as u64 / MIN_BYTES_PER_SECOND);
        let timeout = |_| ExchangeError::Timeout { authority: self.protocol.authority(), seconds: patience.as_secs() };
        tokio::time::timeout(patience, attempt).await.map_err(timeout).flatten()
    }

    async fn attempt(&self, call: &Call, headers: &HeaderMap) -> Result<Response<Incoming>, ExchangeError> {
        let mut request = Request::new(());
        *request.method_mut() = call.method.clone();
        *request.uri_mut() = call.uri.clone();
        *request.headers_mut() = headers.clone();
        let (mut parts, ()) = request.into_parts();
        self.protocol.sign(&mut parts).await?;
        // hyper says nothing of a body that is empty, and stores refuse to write without being told.
        if call.body.is_empty() && matches!(call.method, Method::PUT | Method::POST) {
            parts.headers.insert(CONTENT_LENGTH, HeaderValue::from_static("0"));
        }
        let request = Request::from_parts(parts, Full::new(call.body.clone()));
        let response = self.connections.request(request).await.map_err(|error| self.unreachable(error))?;
        if response.status().is_success() {
            return Ok(response);
        }
        let (status, headers) = (response.status(), response.headers().clone());
        if status == StatusCode::TEMPORARY_REDIRECT
            && let Some(Ok(location)) = headers.get(header::LOCATION).map(|location| Uri::try_from(location.as_bytes()))
            && self.protocol.moved(&location)
        {
            return Err(ExchangeError::Moved);
        }
        // Its status says enough, if the rest does not arrive.
        let body = self.whole(response).await.map(|answer| answer.body).unwrap_or_default();
        Err(self.protocol.refusal(status, &headers, &body).into())
    }

    /// Takes the whole body of an answer.
    async fn whole(&self, response: Response<Incoming>) -> Result<Answer, ExchangeError> {
        let (parts, mut body) = response.into_parts();
        let mut whole = BytesMut::new();
        let too_large = || ExchangeError::Answer(format!("it has more than {ANSWER_MAX_BYTES} bytes").into());
        if body.size_hint().lower() > ANSWER_MAX_BYTES {
            return Err(too_large());
        }
        while let Some(frame) = body.frame().await {
            if let Ok(data) = frame.map_err(|error| self.unreachable(error))?.into_data() {
                if (whole.len() + data.len()) as u64 > ANSWER_MAX_BYTES {
                    return Err(too_large());
                }
                whole.extend_from_slice(&data);
            }
        }
        Ok(Answer { headers: parts.headers, body: whole.freeze() })
    }

    fn unreachable(&self, error: impl Into<Box<dyn Error + Send + Sync>>) -> ExchangeError {
        ExchangeError::Unreachable { authority: self.protocol.authority(), source: error.into() }
    }
}
