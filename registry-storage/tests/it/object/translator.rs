//! A server that speaks a vendor's dialect of S3: it checks the vendor's signature, and passes the request on in Amazon's
//! words to the object store of `scripts/object-stores`. What is not said in the vendor's words it refuses.

use std::io;
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use registry_storage::driver::s3::{S3Config, S3Credentials};
use reqsign_aws_v4::{RequestSigner, StaticCredentialProvider};
use reqsign_core::{Context, Signer};

use super::serving::Serving;

/// What is not passed on: who asked, and what is between the client and this server alone.
const NOT_PASSED_ON: [&str; 11] = [
    "authorization",
    "date",
    "host",
    "x-amz-date",
    "x-amz-content-sha256",
    "x-amz-security-token",
    "accept",
    "accept-encoding",
    "connection",
    "expect",
    "user-agent",
];

/// In what a vendor differs.
#[derive(Clone)]
pub(crate) struct Vendor {
    /// What the names of the vendor's headers begin with, such as `x-oss-`.
    pub(crate) prefix: &'static str,
    /// Checks the signature of a request, and returns the code that it is refused with.
    pub(crate) verify: fn(&Request<Bytes>) -> Result<(), &'static str>,
    /// What says that a copy has metadata of its own.
    pub(crate) own_metadata: &'static str,
    /// What the sources of copies begin with, before the key.
    pub(crate) copy_source: fn(&HeaderMap) -> String,
    /// Whether ranges count only if they are said to be strict.
    pub(crate) asks_for_strict_ranges: bool,
    /// Whether a quiet deletion of many is answered by nothing.
    pub(crate) is_quiet: bool,
    /// How documents are translated that are not Amazon's.
    pub(crate) documents: Option<Documents>,
}

/// How a vendor's documents are translated.
#[derive(Clone, Copy)]
pub(crate) struct Documents {
    /// Says a request's document and parameters in Amazon's words; `None` if they are not the vendor's.
    pub(crate) request: fn(Request<Bytes>) -> Option<Request<Bytes>>,
    /// Says an answer's document in the vendor's words.
    pub(crate) answer: fn(Bytes) -> Bytes,
}

/// The server; it stops when it is dropped.
pub(crate) struct Translator(Serving);

struct Upstream {
    vendor: Vendor,
    endpoint: String,
    bucket: String,
    signer: Signer<reqsign_aws_v4::Credential>,
    client: Client<HttpConnector, Full<Bytes>>,
}

impl Translator {
    /// Passes requests on to the store and bucket of `config`.
    pub(crate) async fn start(vendor: Vendor, config: &S3Config) -> Self {
        let S3Credentials::Keys { access_key, secret_key, .. } = &config.credentials else { panic!("keys") };
        let keys = StaticCredentialProvider::new(access_key, secret_key);
        let upstream = Arc::new(Upstream {
            vendor,
            endpoint: config.endpoint.clone(),
            bucket: config.bucket.clone(),
            signer: Signer::new(Context::new(), keys, RequestSigner::new("s3", &config.region)),
            client: Client::builder(TokioExecutor::new()).build_http(),
        });
        let serving = Serving::start(move |request| {
            let upstream = Arc::clone(&upstream);
            async move { upstream.answer(request).await }
        });
        Self(serving.await)
    }

    pub(crate) fn endpoint(&self) -> String {
        self.0.endpoint()
    }
}

impl Upstream {
    async fn answer(&self, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, io::Error> {
        let (parts, body) = request.into_parts();
        let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
        let request = Request::from_parts(parts, body);
        // A client without credentials has an address that is signed, and knows nothing of the vendor's words.
        let by_address = !request.headers().contains_key(header::AUTHORIZATION);
        if let Err(code) = (self.vendor.verify)(&request) {
            return Ok(self.refused(StatusCode::FORBIDDEN, code));
        }
        let mut translated = match self.vendor.documents {
            Some(documents) => (documents.request)(request),
            None => Some(request),
        };
        if let Some(request) = translated.as_mut().filter(|_| by_address) {
            // The signature is not for the store behind.
            *request.uri_mut() = request.uri().path().parse().expect("a path");
        }
        let translated = translated.and_then(|request| Some((self.headers(&request, by_address)?, request)));
        let Some((headers, request)) = translated else {
            return Ok(self.refused(StatusCode::BAD_REQUEST, "InvalidArgument"));
        };
        let response = self.pass_on(&request, headers).await.map_err(io::Error::other)?;
        let (mut parts, body) = response.into_parts();
        let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
        if parts.status == StatusCode::PRECONDITION_FAILED && *request.method() == Method::PUT {
            return Ok(self.refused(StatusCode::CONFLICT, "FileAlreadyExists"));
        }
        parts.headers = self.translated(&parts.headers, "x-amz-", self.vendor.prefix);
        let is_deletion = request.uri().query().is_some_and(|query| query.starts_with("delete"));
        if is_deletion && self.vendor.is_quiet && !String::from_utf8_lossy(&body).contains("<Error>") {
            parts.headers.remove(header::CONTENT_LENGTH);
            return Ok(Response::from_parts(parts, Full::default()));
        }
        match self.vendor.documents {
            Some(documents) if *request.method() != Method::HEAD => {
                parts.headers.remove(header::CONTENT_LENGTH);
                Ok(Response::from_parts(parts, Full::new((documents.answer)(body))))
            }
            _ => Ok(Response::from_parts(parts, Full::new(body))),
        }
    }

    /// Says the headers of a request in Amazon's words; `None` if they are not the vendor's.
    fn headers(&self, request: &Request<Bytes>, by_address: bool) -> Option<HeaderMap> {
        let given = request.headers();
        let speaks_amazon = given.keys().any(|name| name.as_str().starts_with("x-amz-"));
        let asks_for_tokens = request.uri().query().is_some_and(|query| query.contains("list-type"));
        if speaks_amazon || asks_for_tokens || given.contains_key(header::IF_NONE_MATCH) {
            return None;
        }
        let mut headers = self.translated(given, self.vendor.prefix, "x-amz-");
        for name in NOT_PASSED_ON {
            headers.remove(name);
        }
        if let Some(value) = headers.remove("x-amz-forbid-overwrite") {
            (value == "true").then_some(())?;
            headers.insert(header::IF_NONE_MATCH, HeaderValue::from_static("*"));
        }
        if let Some(value) = headers.remove("x-amz-metadata-directive") {
            // By the other word metadata are copied, which is so anyway.
            if !value.as_bytes().eq_ignore_ascii_case(b"copy") {
                (value == self.vendor.own_metadata).then_some(())?;
                headers.insert("x-amz-metadata-directive", HeaderValue::from_static("REPLACE"));
            }
        }
        if let Some(source) = headers.remove("x-amz-copy-source") {
            let key = source.to_str().ok()?.strip_prefix(&(self.vendor.copy_source)(given))?;
            headers.insert("x-amz-copy-source", format!("/{}{key}", self.bucket).parse().ok()?);
        }
        let is_strict = headers.remove("x-amz-range-behavior").is_some_and(|value| value == "standard");
        if self.vendor.asks_for_strict_ranges && !is_strict && !by_address {
            headers.remove(header::RANGE);
        }
        Some(headers)
    }

    /// Returns headers of which those that begin in one way begin in another.
    fn translated(&self, headers: &HeaderMap, from: &str, to: &str) -> HeaderMap {
        let translate = |(name, value): (&HeaderName, &HeaderValue)| {
            let name = match name.as_str().strip_prefix(from) {
                Some(rest) => format!("{to}{rest}").parse().expect("a header's name"),
                None => name.clone(),
            };
            (name, value.clone())
        };
        headers.iter().map(translate).collect()
    }

    async fn pass_on(
        &self,
        request: &Request<Bytes>,
        headers: HeaderMap,
    ) -> Result<Response<Incoming>, Box<dyn std::error::Error + Send + Sync>> {
        // Some encode what separates directories.
        let path = request.uri().path().replace("%2F", "/");
        let query = request.uri().query().map(|query| format!("?{query}")).unwrap_or_default();
        let mut upstream = Request::new(());
        *upstream.method_mut() = request.method().clone();
        *upstream.uri_mut() = format!("{}/{}{path}{query}", self.endpoint, self.bucket).parse()?;
        *upstream.headers_mut() = headers;
        let unsigned = HeaderValue::from_static("UNSIGNED-PAYLOAD");
        upstream.headers_mut().insert("x-amz-content-sha256", unsigned);
        let (mut parts, ()) = upstream.into_parts();
        self.signer.sign(&mut parts, None).await?;
        Ok(self.client.request(Request::from_parts(parts, Full::new(request.body().clone()))).await?)
    }

    fn refused(&self, status: StatusCode, code: &str) -> Response<Full<Bytes>> {
        let body = Bytes::from(format!("<Error><Code>{code}</Code><Message/><RequestId>R1</RequestId></Error>"));
        let body = self.vendor.documents.map_or(body.clone(), |documents| (documents.answer)(body));
        Response::builder()
            .status(status)
            .header(format!("{}request-id", self.vendor.prefix), "R1")
            .body(Full::new(body))
            .expect("a valid answer")
    }
}
