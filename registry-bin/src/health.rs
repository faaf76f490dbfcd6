//! Which health checks a configuration asks for.

use std::error::Error;
use std::time::Duration;

use anyhow::Context as _;
use async_trait::async_trait;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use registry_core::Registry;
use registry_http::health::{CheckSchedule, FileCheck, HealthCheck, HealthChecks, HttpCheck, TcpCheck};

use crate::config::{Config, GoDuration};
use crate::wire;

/// How long a look at the stores may take.
const STORES_TIMEOUT: Duration = Duration::from_secs(5);

/// Fails while the storage or the database cannot be reached.
struct Stores(Registry);

#[async_trait]
impl HealthCheck for Stores {
    async fn check(&self) -> Result<(), Box<dyn Error + Send + Sync>> {
        Ok(self.0.check().await?)
    }
}

/// Makes the checks.
pub(crate) fn checks(config: &Config, registry: &Registry) -> anyhow::Result<HealthChecks> {
    let health = &config.health;
    let mut checks = HealthChecks::new();
    if health.storagedriver.enabled {
        let check = &health.storagedriver;
        let schedule = CheckSchedule { timeout: STORES_TIMEOUT, ..schedule(check.interval, None, check.threshold) };
        checks =
            checks.with(format!("storagedriver_{}", wire::driver_name(config)), schedule, Stores(registry.clone()));
    }
    for check in &health.file {
        let name = check.file.display().to_string();
        let schedule = schedule(check.interval, None, check.threshold);
        checks = checks.with(name, schedule, FileCheck { path: check.file.clone() });
    }
    for check in &health.tcp {
        let schedule = schedule(check.interval, Some(check.timeout), check.threshold);
        checks = checks.with(&check.addr, schedule, TcpCheck { address: check.addr.clone() });
    }
    for (index, check) in health.http.iter().enumerate() {
        let place = || format!("health.http[{index}]");
        let mut headers = HeaderMap::new();
        for (name, values) in &check.headers {
            let name = HeaderName::try_from(name).with_context(place)?;
            for value in values {
                headers.append(name.clone(), HeaderValue::try_from(value.expose()).with_context(place)?);
            }
        }
        let status = StatusCode::from_u16(check.statuscode).with_context(place)?;
        let schedule = schedule(check.interval, Some(check.timeout), check.threshold);
        let http = HttpCheck::new(&check.uri, status, headers).with_context(place)?;
        checks = checks.with(&check.uri, schedule, http);
    }
    Ok(checks)
}

/// A timeout of zero, or none, is the interval; a threshold of zero is one failure.
fn schedule(interval: GoDuration, timeout: Option<GoDuration>, threshold: u32) -> CheckSchedule {
    let timeout = timeout.filter(|timeout| !timeout.is_zero()).unwrap_or(interval).get();
    CheckSchedule { interval: interval.get(), timeout, threshold: threshold.max(1) }
}
