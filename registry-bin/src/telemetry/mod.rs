//! Logs.
//!
//! ```text
//! event ──► level and access log switch ──► text | json | logstash ──┬── stderr, at once
//!                                                                    └── requests: a queue ──► a thread ──► stdout
//! ```
//!
//! docs/logging.md describes what is written, for those who read it with machines.

mod fields;
mod format;
mod layer;
mod queue;

use std::io::{self, Write as _};

use tracing::Subscriber;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt as _;

use crate::config::{LogConfig, LogLevel};
use format::Format;
use layer::RecordLayer;
use queue::LineQueue;

/// The target of the records of requests.
const ACCESS_TARGET: &str = "registry::access";

/// Where a line of the log goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stream {
    /// The log of the registry itself.
    Log,
    /// The log of requests.
    Access,
}

/// What takes the records of the process. Dropping it waits until those of requests are written, for as long as whoever
/// reads them keeps up.
#[must_use]
pub struct Telemetry {
    _requests: Option<LineQueue>,
}

/// Takes every record of the process from now on, and writes those that the configuration asks for: requests to
/// stdout, by a thread of its own, so that a slow reader holds up no request; all else to stderr, at once, so that the
/// last words of a process are heard.
///
/// # Errors
///
/// If something else takes the records already, or there cannot be a thread.
pub fn init(config: &LogConfig, color: bool) -> anyhow::Result<Telemetry> {
    let requests = match config.accesslog.disabled {
        true => None,
        false => Some(LineQueue::start(io::stdout(), |count| {
            tracing::warn!(count, "records of requests are left out, because what reads stdout does not keep up");
        })?),
    };
    let queue = requests.as_ref().map(LineQueue::sender);
    tracing::subscriber::set_global_default(subscriber(config, color, move |stream, line| match (stream, &queue) {
        (Stream::Access, Some(queue)) => queue.send(line),
        // Where a log cannot be written, there is nowhere to say so.
        _ => drop(io::stderr().lock().write_all(line)),
    }))?;
    Ok(Telemetry { _requests: requests })
}

/// Makes the receiver of records. `write` gets each as a whole line, with its line feed. With `color`, the level of a
/// line of text stands out.
pub fn subscriber(
    config: &LogConfig,
    color: bool,
    write: impl Fn(Stream, &[u8]) + Send + Sync + 'static,
) -> impl Subscriber + Send + Sync {
    let format = Format::new(config, color);
    tracing_subscriber::registry().with(filter(config)).with(RecordLayer::new(format, write))
}

fn filter(config: &LogConfig) -> Targets {
    let level = match config.level.unwrap_or_default() {
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
    };
    // The level is about the registry itself. Requests have a switch of their own, and libraries are of interest when
    // they complain.
    let access = if config.accesslog.disabled { LevelFilter::OFF } else { LevelFilter::INFO };
    Targets::new()
        .with_default(level.min(LevelFilter::WARN))
        .with_target("registry", level)
        .with_target(ACCESS_TARGET, access)
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    /// Returns the lines that are written while `act` runs, with the stream of each.
    fn logged(config: &LogConfig, act: impl FnOnce()) -> Vec<(Stream, String)> {
        let lines = Arc::new(Mutex::new(Vec::new()));
        let sink = Arc::clone(&lines);
        let subscriber = subscriber(config, false, move |stream, line| {
            let line = std::str::from_utf8(line).expect("a line is text");
            let (_, line) = line.split_once("Z\" ").expect("a line starts with the time");
            sink.lock().unwrap().push((stream, line.to_owned()));
        });
        tracing::subscriber::with_default(subscriber, act);
        Arc::into_inner(lines).expect("the subscriber is gone").into_inner().unwrap()
    }

    fn speak() {
        tracing::error!(target: "registry_db::sqlite", "e");
        tracing::info!(target: "registry_http::service", "i");
        tracing::debug!(target: "registry_http::service", "d");
        tracing::info!(target: "h2::server", "library");
        tracing::warn!(target: "h2::server", "library");
        tracing::info!(target: "registry::access", status = 200, "request");
    }

    #[test]
    fn the_level_is_about_the_registry_and_not_about_requests() {
        let at = |level| {
            let lines = logged(&LogConfig { level, ..LogConfig::default() }, speak);
            let message = |line: &str| line.split("msg=").nth(1).unwrap().split(' ').next().unwrap().to_owned();
            lines.iter().map(|(_, line)| message(line)).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(at(None), "e i library request");
        assert_eq!(at(Some(LogLevel::Error)), "e request");
        assert_eq!(at(Some(LogLevel::Warn)), "e library request");
        assert_eq!(at(Some(LogLevel::Debug)), "e i d library request");
    }

    #[test]
    fn requests_have_a_stream_and_a_switch_of_their_own() {
        let lines = logged(&LogConfig::default(), speak);
        let access: Vec<_> = lines.iter().filter(|(stream, _)| *stream == Stream::Access).collect();
        let line = "level=info msg=request status=200 target=\"registry::access\"\n".to_owned();
        assert_eq!(access, [&(Stream::Access, line)]);
        let mut disabled = LogConfig::default();
        disabled.accesslog.disabled = true;
        assert!(logged(&disabled, speak).iter().all(|(stream, _)| *stream == Stream::Log));
    }

    #[test]
    fn a_record_has_the_fields_of_the_spans_around_it() {
        let lines = logged(&LogConfig::default(), || {
            let request = tracing::info_span!(target: "registry_http", "request", id = 7, user = tracing::field::Empty);
            request.record("user", "alice");
            let _entered = request.enter();
            let cause = std::io::Error::other("disk is gone");
            let error: Box<dyn std::error::Error> =
                Box::new(crate::config::ConfigError::Read { path: "/a".into(), source: cause });
            tracing::error!(target: "registry_core", error = &*error, count = 3, "failed");
        });
        assert_eq!(
            lines[0].1,
            "level=error msg=failed error=\"configuration file `/a` cannot be read: disk is gone\" count=3 \
             request.id=7 request.user=alice target=registry_core\n"
        );
    }
}
