//! Writing the fields of events and spans as they are visited.

use std::error::Error;
use std::fmt;
use std::fmt::Write as _;

use tracing::field::{Field, Visit};

use super::format::Format;

/// Collects the fields of an event or a span in the form of the log.
pub(super) struct Fields<'a> {
    format: &'a Format,
    /// The name of the span, or empty.
    scope: &'a str,
    pub(super) message: String,
    /// All but the message.
    pub(super) written: Vec<u8>,
    /// Where values become texts.
    text: String,
}

impl<'a> Fields<'a> {
    pub(super) fn new(format: &'a Format, scope: &'a str) -> Self {
        Self { format, scope, message: String::new(), written: Vec::new(), text: String::new() }
    }

    fn plain(&mut self, field: &Field, value: fmt::Arguments<'_>) {
        self.format.plain_field(&mut self.written, self.scope, field.name(), value);
    }
}

impl Visit for Fields<'_> {
    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "message" {
            self.message.push_str(value);
        } else {
            self.format.text_field(&mut self.written, self.scope, field.name(), value);
        }
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.plain(field, format_args!("{value}"));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.plain(field, format_args!("{value}"));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.plain(field, format_args!("{value}"));
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        match value.is_finite() {
            true => self.plain(field, format_args!("{value:?}")),
            // JSON has no such number.
            false => self.plain(field, format_args!("null")),
        }
    }

    fn record_error(&mut self, field: &Field, value: &(dyn Error + 'static)) {
        let mut text = value.to_string();
        let mut cause = value.source();
        while let Some(error) = cause {
            text.push_str(": ");
            text.push_str(&error.to_string());
            cause = error.source();
        }
        self.record_str(field, &text);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let mut text = std::mem::take(&mut self.text);
        text.clear();
        // What cannot be shown in full is shown as far as it could be.
        let _ = write!(text, "{value:?}");
        self.record_str(field, &text);
        self.text = text;
    }
}
