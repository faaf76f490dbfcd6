//! Logs.
//!
//! ```text
//! event ──► level and access log switch ──► Record ──► text | json | logstash ──► stderr, requests to stdout
//! ```
//!
//! docs/logging.md describes what is written, for those who read it with machines.

mod format;
mod layer;
mod record;

use std::io::{self, Write as _};

use tracing::Subscriber;
use tracing::subscriber::SetGlobalDefaultError;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt as _;

use crate::config::{LogConfig, LogLevel};
use format::Format;
use layer::RecordLayer;

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

/// Takes every record of the process from now on, and writes those that the configuration asks for: requests to
/// stdout, all else to stderr.
///
/// # Errors
///
/// If something else takes the records already.
pub fn init(config: &LogConfig, color: bool) -> Result<(), SetGlobalDefaultError> {
    tracing::subscriber::set_global_default(subscriber(config, color, |stream, line| {
        // Where a log cannot be written, there is nowhere to say so.
        let _ = match stream {
            Stream::Log => io::stderr().lock().write_all(line.as_bytes()),
            Stream::Access => io::stdout().lock().write_all(line.as_bytes()),
        };
    }))
}

/// Makes the receiver of records. `write` gets each as a whole line, with its line feed. With `color`, the level of a
/// line of text stands out.
pub fn subscriber(
    config: &LogConfig,
    color: bool,
    write: impl Fn(Stream, &str) + Send + Sync + 'static,
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
