//! What is counted, for Prometheus.
//!
//! The names and labels of the HTTP metrics are distribution's, so that existing dashboards go on working. Every label
//! has a closed set of values: nothing that a client chooses becomes a series.
//!
//! | metric | labels |
//! |---|---|
//! | `registry_http_requests_total` | `code`, `handler`, `method` |
//! | `registry_http_in_flight_requests` | `handler` |
//! | `registry_http_request_duration_seconds` | `handler`, `method` |
//! | `registry_http_request_size_bytes` | `handler` |
//! | `registry_http_response_size_bytes` | `handler` |
//! | `registry_http_connections` | |
//! | `registry_build_info` | `version`, `revision` |
//! | `process_start_time_seconds` | |

use std::fmt;
use std::sync::atomic::AtomicU64;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::{Method, StatusCode};
use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue, LabelValueEncoder, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Registry, Unit};

/// The media type of what [`Metrics::encode`] writes.
pub const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Which part of the API a request is for: a value of the label `handler`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum HandlerLabel {
    /// `/v2/`.
    Base,
    /// The catalog.
    Catalog,
    /// Lists of tags.
    Tags,
    /// Manifests.
    Manifest,
    /// Blobs.
    Blob,
    /// Uploads that begin.
    BlobUpload,
    /// Uploads that go on.
    BlobUploadChunk,
    /// Lists of referrers.
    Referrers,
    /// Anything else, and what is nothing.
    Other,
}

impl HandlerLabel {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Base => "base",
            Self::Catalog => "catalog",
            Self::Tags => "tags",
            Self::Manifest => "manifest",
            Self::Blob => "blob",
            Self::BlobUpload => "blob_upload",
            Self::BlobUploadChunk => "blob_upload_chunk",
            Self::Referrers => "referrers",
            Self::Other => "other",
        }
    }
}

/// The method of a request, or that it is an unusual one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct MethodLabel(&'static str);

impl From<&Method> for MethodLabel {
    fn from(method: &Method) -> Self {
        Self(match *method {
            Method::GET => "get",
            Method::HEAD => "head",
            Method::POST => "post",
            Method::PUT => "put",
            Method::PATCH => "patch",
            Method::DELETE => "delete",
            Method::OPTIONS => "options",
            _ => "other",
        })
    }
}

impl EncodeLabelValue for HandlerLabel {
    fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> Result<(), fmt::Error> {
        EncodeLabelValue::encode(&self.as_str(), encoder)
    }
}

impl EncodeLabelValue for MethodLabel {
    fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> Result<(), fmt::Error> {
        EncodeLabelValue::encode(&self.0, encoder)
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CodeLabels {
    code: u16,
    handler: HandlerLabel,
    method: MethodLabel,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct MethodLabels {
    handler: HandlerLabel,
    method: MethodLabel,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct HandlerLabels {
    handler: HandlerLabel,
}

/// The metrics of one registry. A process may have several.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    http: HttpMetrics,
    connections: Gauge,
}

/// Cheap to clone: the clones count together.
#[derive(Debug, Clone)]
struct HttpMetrics {
    requests: Family<CodeLabels, Counter>,
    in_flight: Family<HandlerLabels, Gauge>,
    duration: Family<MethodLabels, Histogram>,
    request_size: Family<HandlerLabels, Histogram>,
    response_size: Family<HandlerLabels, Histogram>,
}

impl Metrics {
    /// Starts to count in a program of this version, built from this revision.
    pub fn new(version: &str, revision: &str) -> Self {
        let mut registry = Registry::default();
        let started = Gauge::<f64, AtomicU64>::default();
        started.set(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64());
        registry.register_with_unit("process_start_time", "When the process started", Unit::Seconds, started);

        let ours = registry.sub_registry_with_prefix("registry");
        let build = Info::new(vec![("version", version.to_owned()), ("revision", revision.to_owned())]);
        ours.register("build", "What is running", build);
        let http = HttpMetrics {
            requests: Family::default(),
            in_flight: Family::default(),
            duration: Family::new_with_constructor(duration_histogram),
            request_size: Family::new_with_constructor(size_histogram),
            response_size: Family::new_with_constructor(size_histogram),
        };
        let connections = Gauge::default();
        let names = ours.sub_registry_with_prefix("http");
        names.register("requests", "HTTP requests answered", http.requests.clone());
        names.register("in_flight_requests", "HTTP requests being answered", http.in_flight.clone());
        let help = "Time from the head of a request to the end of its answer";
        names.register_with_unit("request_duration", help, Unit::Seconds, http.duration.clone());
        names.register_with_unit("request_size", "Bodies of requests", Unit::Bytes, http.request_size.clone());
        names.register_with_unit("response_size", "Bodies of answers", Unit::Bytes, http.response_size.clone());
        names.register("connections", "Open connections", connections.clone());
        Self { registry, http, connections }
    }

    /// Returns where other parts of a program register what they count.
    pub fn registry_mut(&mut self) -> &mut Registry {
        &mut self.registry
    }

    /// Returns the gauge of open connections.
    pub fn connections(&self) -> Gauge {
        self.connections.clone()
    }

    /// Counts a request from now on until the result is finished or dropped.
    pub fn request(&self, handler: HandlerLabel, method: &Method) -> RequestMeter {
        self.http.in_flight.get_or_create(&HandlerLabels { handler }).inc();
        RequestMeter { http: self.http.clone(), handler, method: method.into() }
    }

    /// Writes everything in the OpenMetrics text format.
    pub fn encode(&self) -> String {
        let mut out = String::new();
        text::encode(&mut out, &self.registry).expect("writing to a string does not fail");
        out
    }
}

/// distribution's buckets.
fn duration_histogram() -> Histogram {
    Histogram::new([0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 25.0, 60.0])
}

/// distribution's buckets: 1 KiB to 2 GiB.
fn size_histogram() -> Histogram {
    Histogram::new(exponential_buckets(1024.0, 2.0, 22))
}

/// A request that is being answered.
#[derive(Debug)]
pub struct RequestMeter {
    http: HttpMetrics,
    handler: HandlerLabel,
    method: MethodLabel,
}

impl RequestMeter {
    /// Counts the request as answered.
    pub fn finish(self, status: StatusCode, request_bytes: u64, response_bytes: u64, duration: Duration) {
        let (handler, method) = (self.handler, self.method);
        self.http.requests.get_or_create(&CodeLabels { code: status.as_u16(), handler, method }).inc();
        self.http.duration.get_or_create(&MethodLabels { handler, method }).observe(duration.as_secs_f64());
        let labels = HandlerLabels { handler };
        // Beyond 2^53 bytes the last digits are lost, and nobody misses them.
        self.http.request_size.get_or_create(&labels).observe(request_bytes as f64);
        self.http.response_size.get_or_create(&labels).observe(response_bytes as f64);
    }
}

impl Drop for RequestMeter {
    fn drop(&mut self) {
        self.http.in_flight.get_or_create(&HandlerLabels { handler: self.handler }).dec();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_counted_under_distributions_names() {
        let metrics = Metrics::new("1.2.3", "abc");
        metrics.connections().inc();
        let _running = metrics.request(HandlerLabel::Manifest, &Method::GET);
        let meter = metrics.request(HandlerLabel::BlobUploadChunk, &Method::PATCH);
        meter.finish(StatusCode::ACCEPTED, 2000, 0, Duration::from_millis(20));
        let text = metrics.encode();
        for line in [
            r#"registry_http_requests_total{code="202",handler="blob_upload_chunk",method="patch"} 1"#,
            r#"registry_http_in_flight_requests{handler="manifest"} 1"#,
            r#"registry_http_in_flight_requests{handler="blob_upload_chunk"} 0"#,
            r#"registry_http_request_duration_seconds_bucket{le="0.025",handler="blob_upload_chunk",method="patch"} 1"#,
            r#"registry_http_request_size_bytes_bucket{le="2048.0",handler="blob_upload_chunk"} 1"#,
            r#"registry_http_response_size_bytes_sum{handler="blob_upload_chunk"} 0.0"#,
            r#"registry_build_info{version="1.2.3",revision="abc"} 1"#,
            "registry_http_connections 1",
        ] {
            assert!(text.lines().any(|found| found == line), "{line}\n{text}");
        }
        assert!(text.contains("\nprocess_start_time_seconds "), "{text}");
    }

    #[test]
    fn what_clients_choose_makes_no_series() {
        let metrics = Metrics::new("", "");
        let series = || metrics.encode().lines().count();
        let count = |method: &str| {
            let method = Method::from_bytes(method.as_bytes()).unwrap();
            metrics.request(HandlerLabel::Other, &method).finish(StatusCode::NOT_FOUND, 0, 0, Duration::ZERO);
        };
        count("BREW");
        let before = series();
        for index in 0..1000 {
            count(&format!("M{index}"));
        }
        assert_eq!(series(), before);
    }
}
