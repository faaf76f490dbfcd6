//! One record of the log, in whatever form it is written.

use std::error::Error;
use std::fmt;

use serde_json::Value;
use time::OffsetDateTime;
use tracing::Level;
use tracing::field::{Field, Visit};

/// One record.
pub(super) struct Record<'a> {
    pub(super) time: OffsetDateTime,
    pub(super) level: Level,
    pub(super) target: &'a str,
    pub(super) message: String,
    /// Those of the event, then those of the spans around it, the outermost first.
    pub(super) fields: Vec<(String, Value)>,
    /// The line of source code.
    pub(super) caller: Option<(&'a str, u32)>,
}

/// Collects the fields of an event or a span.
#[derive(Debug, Default)]
pub(super) struct Fields {
    pub(super) message: String,
    pub(super) named: Vec<(String, Value)>,
}

impl Fields {
    fn add(&mut self, field: &Field, value: impl Into<Value>) {
        self.named.push((field.name().to_owned(), value.into()));
    }
}

impl Visit for Fields {
    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "message" {
            self.message = value.to_owned();
        } else {
            self.add(field, value);
        }
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.add(field, value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.add(field, value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.add(field, value);
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.add(field, value);
    }

    fn record_error(&mut self, field: &Field, value: &(dyn Error + 'static)) {
        let mut text = value.to_string();
        let mut cause = value.source();
        while let Some(error) = cause {
            text.push_str(": ");
            text.push_str(&error.to_string());
            cause = error.source();
        }
        self.add(field, text);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.record_str(field, &format!("{value:?}"));
    }
}
