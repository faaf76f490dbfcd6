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

mod label;

use std::sync::atomic::AtomicU64;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::{Method, StatusCode};
use prometheus_client::encoding::text;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Registry, Unit};

pub use label::HandlerLabel;
use label::{CodeLabels, HandlerLabels, MethodLabel, MethodLabels};

/// The media type of what [`Metrics::encode`] writes.
pub const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// The metrics of one registry. A process may have several.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    http: Arc<HttpMetrics>,
    connections: Gauge,
}

#[derive(Debug)]
struct HttpMetrics {
    requests: Family<CodeLabels, Counter>,
    in_flight: Family<HandlerLabels, Gauge>,
    duration: Family<MethodLabels, Histogram>,
    request_size: Family<HandlerLabels, Histogram>,
    response_size: Family<HandlerLabels, Histogram>,
    /// The series of every handler and method that there was a request for: to look one up by its labels takes a lock.
    found: [[OnceLock<Series>; MethodLabel::COUNT]; HandlerLabel::COUNT],
}

/// What is counted for one handler and method.
#[derive(Debug)]
struct Series {
    /// The requests that were answered with the most common status.
    ok: OnceLock<Counter>,
    in_flight: Gauge,
    duration: Histogram,
    request_size: Histogram,
    response_size: Histogram,
}

impl HttpMetrics {
    fn series(&self, handler: HandlerLabel, method: MethodLabel) -> &Series {
        self.found[handler as usize][method as usize].get_or_init(|| {
            let labels = HandlerLabels { handler };
            Series {
                ok: OnceLock::new(),
                in_flight: self.in_flight.get_or_create_owned(&labels),
                duration: self.duration.get_or_create_owned(&MethodLabels { handler, method }),
                request_size: self.request_size.get_or_create_owned(&labels),
                response_size: self.response_size.get_or_create_owned(&labels),
            }
        })
    }
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
            found: Default::default(),
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
        Self { registry, http: Arc::new(http), connections }
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
        let meter = RequestMeter { http: Arc::clone(&self.http), handler, method: method.into() };
        meter.series().in_flight.inc();
        meter
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
    http: Arc<HttpMetrics>,
    handler: HandlerLabel,
    method: MethodLabel,
}

impl RequestMeter {
    /// Counts the request as answered.
    pub fn finish(self, status: StatusCode, request_bytes: u64, response_bytes: u64, duration: Duration) {
        let labels = CodeLabels { code: status.as_u16(), handler: self.handler, method: self.method };
        let series = self.series();
        match status {
            StatusCode::OK => series.ok.get_or_init(|| self.http.requests.get_or_create_owned(&labels)).inc(),
            _ => self.http.requests.get_or_create(&labels).inc(),
        };
        series.duration.observe(duration.as_secs_f64());
        // Beyond 2^53 bytes the last digits are lost, and nobody misses them.
        series.request_size.observe(request_bytes as f64);
        series.response_size.observe(response_bytes as f64);
    }

    fn series(&self) -> &Series {
        self.http.series(self.handler, self.method)
    }
}

impl Drop for RequestMeter {
    fn drop(&mut self) {
        self.series().in_flight.dec();
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
