//! One request and its answer: signed, within a deadline, and asked again where that may help.

use std::error::Error;
use std::sync::{PoisonError, RwLock};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderValue, Method, Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Incoming};
use registry_core::store::StoreErrorKind;
use reqsign_aws_v4::Credential;
use reqsign_core::Signer;
use sha2::{Digest, Sha256};

use super::address::Address;
use super::config::S3Config;
use super::connection::{self, Connections};
use super::credentials;
use super::dialect::{AMAZON, Dialect};
use super::error::{Refusal, S3Error};
use super::retry::Retry;
use crate::error::{DriverError, DriverResult};
use crate::path::StoragePath;

/// How long an answer may take, besides the time for the body of its request.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long the store may take to put parts together, or to copy.
pub(super) const LONG_PATIENCE: Duration = Duration::from_secs(300);
/// How fast a request's body has to be taken at least.
const MIN_BYTES_PER_SECOND: u64 = 64 * 1024;
/// How large an answer may be that is held in memory.
const ANSWER_MAX_BYTES: u64 = 8 * 1024 * 1024;
/// Bodies from this size on are hashed where that may take its time.
const LONG_BODY_BYTES: usize = 256 * 1024;

/// Speaks to one bucket.
#[derive(Debug)]
pub(super) struct Client {
    pub(super) address: Address,
    pub(super) dialect: &'static Dialect,
    pub(super) config: S3Config,
    connections: Connections,
    signer: RwLock<Signer<Credential>>,
}

/// What is asked for.
#[derive(Debug, Default)]
pub(super) struct Call<'a> {
    /// A verb with what goes before its object, for errors.
    pub(super) operation: &'static str,
    pub(super) method: Method,
    pub(super) path: Option<&'a StoragePath>,
    pub(super) query: &'a [(&'a str, &'a str)],
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
    /// Whether the store has much to do.
    pub(super) is_long: bool,
}

/// An answer that is there as a whole.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

/// What was asked for was not done.
#[derive(Debug)]
pub(super) struct Failure {
    error: S3Error,
    operation: &'static str,
    subject: String,
    /// Whether it was asked for more than once, and so may have been done all the same.
    pub(super) is_ambiguous: bool,
}

impl Failure {
    pub(super) fn kind(&self) -> StoreErrorKind {
        self.error.kind()
    }
}

impl Failure {
    /// Tells of this as what kept one of several things from being done.
    pub(super) fn about(&self, subject: String) -> DriverError {
        DriverError::new(self.kind(), self.operation, subject, self.error.to_string())
    }
}

impl From<Failure> for DriverError {
    fn from(failure: Failure) -> Self {
        Self::new(failure.error.kind(), failure.operation, failure.subject, failure.error)
    }
}

impl Client {
    pub(super) fn new(config: S3Config) -> DriverResult<Self> {
        let address = Address::new(&config)?;
        let failed = |error| DriverError::io("prepare to connect to", &config.endpoint, error);
        let connections = connection::open(config.verify_certificate).map_err(failed)?;
        let signer = credentials::signer(&config, &connections).into();
        Ok(Self { address, dialect: &AMAZON, config, connections, signer })
    }

    /// Asks, and waits for the whole answer.
    pub(super) async fn answer(&self, call: &Call<'_>) -> Result<Answer, Failure> {
        let hash = self.hash(&call.body).await;
        let mut retry = Retry::default();
        loop {
            let answered = self.within(call, async { self.whole(self.attempt(call, &hash).await?).await }).await;
            match self.again(&mut retry, answered).await {
                Ok(Some(answer)) => return Ok(answer),
                Ok(None) => {}
                Err(error) => return Err(self.failure(call, error, &retry)),
            }
        }
    }

    /// Asks, and gives the answer when its head is there.
    pub(super) async fn open(&self, call: &Call<'_>) -> Result<Response<Incoming>, Failure> {
        let hash = self.hash(&call.body).await;
        let mut retry = Retry::default();
        loop {
            let answered = self.within(call, self.attempt(call, &hash)).await;
            match self.again(&mut retry, answered).await {
                Ok(Some(response)) => return Ok(response),
                Ok(None) => {}
                Err(error) => return Err(self.failure(call, error, &retry)),
            }
        }
    }

    /// Makes an error of what an answer turned out to be.
    pub(super) fn misunderstood(&self, call: &Call<'_>, why: impl Into<Box<dyn Error + Send + Sync>>) -> Failure {
        self.failure(call, S3Error::Answer(why.into()), &Retry::default())
    }

    /// Makes an error of a refusal that came with a status of success.
    pub(super) fn refused(&self, call: &Call<'_>, answer: &Answer) -> Failure {
        let status = http::StatusCode::INTERNAL_SERVER_ERROR;
        let bucket = self.address.bucket();
        let refusal = Refusal::new(status, &answer.headers, &answer.body, bucket, self.dialect);
        let mut failure = self.failure(call, S3Error::Refused(Box::new(refusal)), &Retry::default());
        failure.is_ambiguous = true;
        failure
    }

    fn failure(&self, call: &Call<'_>, error: S3Error, retry: &Retry) -> Failure {
        let subject = call.path.map_or_else(|| self.address.bucket().to_owned(), |path| self.address.key(path));
        Failure { error, operation: call.operation, subject, is_ambiguous: retry.is_repeated() }
    }

    /// Looks at an attempt: its success, nothing if there is to be another, or its error.
    async fn again<T>(&self, retry: &mut Retry, attempt: Result<T, S3Error>) -> Result<Option<T>, S3Error> {
        match attempt {
            Ok(success) => Ok(Some(success)),
            Err(error) if error.is_expired_token() && retry.renew() => {
                let renewed = credentials::signer(&self.config, &self.connections);
                *self.signer.write().unwrap_or_else(PoisonError::into_inner) = renewed;
                Ok(None)
            }
            Err(error) => retry.pause(error).await.map(|()| None),
        }
    }

    /// Gives one attempt its deadline.
    async fn within<T>(
        &self,
        call: &Call<'_>,
        attempt: impl Future<Output = Result<T, S3Error>>,
    ) -> Result<T, S3Error> {
        let base = if call.is_long { LONG_PATIENCE } else { PATIENCE };
        let patience = base + Duration::from_secs(call.body.len() as u64 / MIN_BYTES_PER_SECOND);
        let timeout = |_| S3Error::Timeout { authority: self.address.authority(), seconds: patience.as_secs() };
        tokio::time::timeout(patience, attempt).await.map_err(timeout).flatten()
    }

    async fn attempt(&self, call: &Call<'_>, hash: &HeaderValue) -> Result<Response<Incoming>, S3Error> {
        let request = self.signed(call, hash).await?;
        let response = self.connections.request(request).await.map_err(|error| self.unreachable(error))?;
        if response.status().is_success() {
            return Ok(response);
        }
        let (status, headers) = (response.status(), response.headers().clone());
        // Its status says enough, if the rest does not arrive.
        let body = self.whole(response).await.map(|answer| answer.body).unwrap_or_default();
        let refusal = Refusal::new(status, &headers, &body, self.address.bucket(), self.dialect);
        Err(S3Error::Refused(Box::new(refusal)))
    }

    async fn signed(&self, call: &Call<'_>, hash: &HeaderValue) -> Result<Request<Full<Bytes>>, S3Error> {
        let mut request = Request::new(());
        *request.method_mut() = call.method.clone();
        *request.uri_mut() = self.address.uri(call.path, call.query);
        *request.headers_mut() = call.headers.clone();
        request.headers_mut().insert(&self.dialect.content_sha256, hash.clone());
        let (mut parts, ()) = request.into_parts();
        let signer = self.signer.read().unwrap_or_else(PoisonError::into_inner).clone();
        signer.sign(&mut parts, None).await.map_err(S3Error::Credentials)?;
        Ok(Request::from_parts(parts, Full::new(call.body.clone())))
    }

    /// Says what the body is signed as. TLS keeps it from being changed on the way; without TLS its checksum does.
    async fn hash(&self, body: &Bytes) -> HeaderValue {
        if self.address.is_encrypted() {
            return HeaderValue::from_static("UNSIGNED-PAYLOAD");
        }
        let hash = if body.len() < LONG_BODY_BYTES {
            Sha256::digest(body)
        } else {
            let body = body.clone();
            let hashed = tokio::task::spawn_blocking(move || Sha256::digest(&body)).await;
            hashed.expect("hashing does not panic")
        };
        HeaderValue::try_from(hex::encode(hash)).expect("hex digits make a header")
    }

    /// Takes the whole body of an answer.
    async fn whole(&self, response: Response<Incoming>) -> Result<Answer, S3Error> {
        let (parts, mut body) = response.into_parts();
        let mut whole = BytesMut::new();
        let too_large = || S3Error::Answer(format!("it has more than {ANSWER_MAX_BYTES} bytes").into());
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

    fn unreachable(&self, error: impl Into<Box<dyn Error + Send + Sync>>) -> S3Error {
        S3Error::Unreachable { authority: self.address.authority(), source: error.into() }
    }
}
