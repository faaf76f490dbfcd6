//! The debug address: health and metrics.

use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use http::{HeaderMap, Method, StatusCode};
use http_body_util::BodyExt as _;
use registry_http::debug::{DebugService, METRICS_PATH};
use registry_http::health::{Audience, CheckSchedule, FileCheck, HealthCheck, HealthChecks, HttpCheck, TcpCheck};
use registry_http::metrics::{HandlerLabel, Metrics};
use registry_http::server::Server;
use tokio::time::timeout;

use crate::wire::{PATIENCE, exchange, loopback, patient, start};

/// Fails on demand.
#[derive(Clone, Default)]
struct Switch(Arc<AtomicBool>);

#[async_trait]
impl HealthCheck for Switch {
    async fn check(&self) -> Result<(), Box<dyn Error + Send + Sync>> {
        if self.0.load(Ordering::SeqCst) { Err("the disk is on fire".into()) } else { Ok(()) }
    }
}

fn often() -> CheckSchedule {
    CheckSchedule { interval: Duration::from_millis(5), ..CheckSchedule::default() }
}

/// Runs the checks until their outcome is as expected.
async fn until(health: &HealthChecks, failing: &[&str]) {
    let reached = async {
        while health.failures().keys().collect::<Vec<_>>() != failing {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    let outcome = timeout(PATIENCE, async {
        tokio::select! {
            () = health.run() => {}
            () = reached => {}
        }
    });
    outcome.await.unwrap_or_else(|_| panic!("{failing:?} expected, {:?} found", health.failures()));
}

async fn ask(health: &HealthChecks, method: Method, target: &str, audience: Audience) -> Option<(StatusCode, String)> {
    let (path, query) = target.split_once('?').map_or((target, None), |(path, query)| (path, Some(query)));
    let response = health.respond(&method, path, query, audience)?;
    let status = response.status();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    Some((status, String::from_utf8(body.to_vec()).unwrap()))
}

#[tokio::test]
async fn readiness_follows_the_checks_and_the_life_of_the_process() {
    let switch = Switch::default();
    let health = HealthChecks::new().with("storage", often(), switch.clone());
    let get = async |target: &str| ask(&health, Method::GET, target, Audience::Public).await.unwrap();
    assert_eq!(get("/livez").await, (StatusCode::OK, "ok\n".to_owned()));
    assert_eq!(get("/startupz").await.0, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(get("/readyz").await.0, StatusCode::SERVICE_UNAVAILABLE);
    health.mark_started();
    until(&health, &[]).await;
    assert_eq!(get("/startupz").await.0, StatusCode::OK);
    assert_eq!(get("/readyz").await, (StatusCode::OK, "ok\n".to_owned()));
    assert_eq!(get("/readyz?verbose").await.1, "[+] startup ok\n[+] shutdown ok\n[+] storage ok\nok\n");

    switch.0.store(true, Ordering::SeqCst);
    until(&health, &["storage"]).await;
    let (status, body) = get("/readyz?verbose").await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(body.contains("[-] storage failed: reason withheld\n"), "{body}");
    let (_, body) = ask(&health, Method::GET, "/readyz?verbose", Audience::Operators).await.unwrap();
    assert!(body.contains("the disk is on fire"), "{body}");
    assert_eq!(get("/livez").await.0, StatusCode::OK, "a restart would not help");
    switch.0.store(false, Ordering::SeqCst);
    until(&health, &[]).await;
    assert_eq!(get("/readyz").await.0, StatusCode::OK);
    health.mark_stopping();
    assert_eq!(get("/readyz").await.0, StatusCode::SERVICE_UNAVAILABLE);
}

#[tokio::test]
async fn the_public_cannot_set_the_process_down() {
    let health = HealthChecks::new();
    for path in ["/debug/health", "/debug/health/down", "/debug/health/up", "/healthz", "/", "/livez/"] {
        assert_eq!(ask(&health, Method::POST, path, Audience::Public).await, None, "{path}");
    }
    assert_eq!(ask(&health, Method::POST, "/livez", Audience::Public).await.unwrap().0, StatusCode::METHOD_NOT_ALLOWED);
    assert!(health.failures().is_empty());
}

#[tokio::test]
async fn configured_checks_look_at_files_addresses_and_urls() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("down");
    let running = start(patient()).await;
    let address = running.address.to_string();
    let url = |path: &str, status: u16| {
        HttpCheck::new(&format!("http://{address}{path}"), StatusCode::from_u16(status).unwrap(), HeaderMap::new())
            .unwrap()
    };
    let health = HealthChecks::new()
        .with("file", often(), FileCheck { path: path.clone() })
        .with("tcp", often(), TcpCheck { address: address.clone() })
        .with("url", often(), url("/hello", 200));
    until(&health, &[]).await;
    std::fs::write(&path, "").unwrap();
    until(&health, &["file"]).await;
    assert_eq!(health.failures()["file"], "file exists");
    std::fs::remove_file(&path).unwrap();
    until(&health, &[]).await;
    let other =
        HealthChecks::new().with("status", often(), url("/refuse", 200)).with("expected", often(), url("/refuse", 401));
    until(&other, &["status"]).await;
    assert_eq!(other.failures()["status"], "unexpected status: 401");
    running.stop().await;
    until(&health, &["tcp", "url"]).await;
    for url in ["https://a/", "a", "/a", ""] {
        assert!(HttpCheck::new(url, StatusCode::OK, HeaderMap::new()).is_err(), "{url}");
    }
}

#[tokio::test]
async fn the_debug_address_tells_health_and_metrics() {
    let health = Arc::new(HealthChecks::new());
    let metrics = Arc::new(Metrics::new("1.2.3", "abc"));
    let service = DebugService::new(Arc::clone(&health)).with_metrics(METRICS_PATH, Arc::clone(&metrics));
    let server = Server::bind(loopback()).await.unwrap();
    let address = server.local_addr().unwrap();
    let serving = tokio::spawn(server.serve(service, std::future::pending()));
    let ask = async |method: &str, path: &str| {
        let answer =
            exchange(address, format!("{method} {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")).await;
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        (head["HTTP/1.1 ".len()..][..3].to_owned(), head.to_ascii_lowercase(), body.to_owned())
    };
    let (status, head, body) = ask("GET", "/debug/health").await;
    assert_eq!((status.as_str(), body.as_str()), ("200", "{}"));
    assert!(head.contains("content-type: application/json"), "{head}");
    assert_eq!(ask("POST", "/debug/health/down").await.0, "200");
    let (status, _, body) = ask("GET", "/debug/health").await;
    assert_eq!((status.as_str(), body.as_str()), ("503", r#"{"manual_http_status":"set down by hand"}"#));
    assert_eq!(ask("GET", "/debug/health/up").await.0, "405");
    assert_eq!(ask("POST", "/debug/health/up").await.0, "200");
    assert_eq!(ask("GET", "/debug/health").await.0, "200");

    metrics.request(HandlerLabel::Blob, &Method::GET).finish(StatusCode::OK, 0, 10, Duration::ZERO);
    let (status, head, body) = ask("GET", "/metrics").await;
    assert_eq!(status, "200");
    assert!(head.contains("content-type: application/openmetrics-text"), "{head}");
    assert!(body.contains(r#"registry_http_requests_total{code="200",handler="blob",method="get"} 1"#), "{body}");
    assert!(body.ends_with("# EOF\n"), "{body}");
    let (status, head, body) = ask("HEAD", "/metrics").await;
    assert_eq!((status.as_str(), body.as_str()), ("200", ""));
    assert!(head.contains("content-length: "), "{head}");
    assert_eq!(ask("POST", "/metrics").await.0, "405");
    assert_eq!(ask("GET", "/v2/").await.0, "404");
    serving.abort();
}
