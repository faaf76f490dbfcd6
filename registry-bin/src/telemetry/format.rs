//! The forms in which records are written: those of distribution.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::{Map, Value};
use time::format_description::well_known::Rfc3339;
use tracing::Level;

use super::record::Record;
use crate::config::{LogConfig, LogFormat};

/// How records are written.
pub(super) struct Format {
    kind: LogFormat,
    /// Added to every record.
    fields: BTreeMap<String, Value>,
    caller: bool,
    color: bool,
}

impl Format {
    pub(super) fn new(config: &LogConfig, color: bool) -> Self {
        Self { kind: config.formatter, fields: config.fields.clone(), caller: config.reportcaller, color }
    }

    /// Returns a record as one line, with its line feed.
    pub(super) fn line(&self, record: &Record<'_>) -> String {
        match self.kind {
            LogFormat::Text => self.text(record),
            LogFormat::Json => self.json(record, ["time", "level", "msg"], &[]),
            LogFormat::Logstash => {
                self.json(record, ["@timestamp", "level", "message"], &[("@version", "1"), ("type", "registry")])
            }
        }
    }

    fn text(&self, record: &Record<'_>) -> String {
        let mut line = format!("time={}", word(&time(record)));
        let (level, color) = (level(record.level), color(record.level));
        // Writing to a string cannot fail.
        let _ = match self.color {
            true => write!(line, " level=\x1b[{color}m{level}\x1b[0m msg={}", word(&record.message)),
            false => write!(line, " level={level} msg={}", word(&record.message)),
        };
        for (name, value) in self.fields(record) {
            let value = match &value {
                Value::String(text) => Cow::Borrowed(text.as_str()),
                other => Cow::Owned(other.to_string()),
            };
            let _ = write!(line, " {}={}", word(&name), word(&value));
        }
        line.push('\n');
        line
    }

    fn json(&self, record: &Record<'_>, names: [&str; 3], fixed: &[(&str, &str)]) -> String {
        let own = [time(record), level(record.level).to_owned(), record.message.clone()];
        let mut object: Map<String, Value> =
            names.iter().zip(own).map(|(name, value)| ((*name).to_owned(), value.into())).collect();
        object.extend(fixed.iter().map(|(name, value)| ((*name).to_owned(), (*value).into())));
        for (name, value) in self.fields(record) {
            // A field may not pass for what the record itself says.
            let name = if object.contains_key(&name) { format!("fields.{name}") } else { name };
            object.insert(name, value);
        }
        let mut line = Value::Object(object).to_string();
        line.push('\n');
        line
    }

    /// Returns the fields of a record, those that the configuration adds included.
    fn fields(&self, record: &Record<'_>) -> Vec<(String, Value)> {
        let mut fields = record.fields.clone();
        fields.extend(self.fields.iter().map(|(name, value)| (name.clone(), value.clone())));
        fields.push(("target".to_owned(), record.target.into()));
        if let Some((file, line)) = record.caller.filter(|_| self.caller) {
            fields.push(("file".to_owned(), format!("{file}:{line}").into()));
        }
        fields
    }
}

fn time(record: &Record<'_>) -> String {
    record.time.format(&Rfc3339).expect("the time is between the years 0 and 9999")
}

/// Returns the level by the name that distribution's logs have for it.
fn level(level: Level) -> &'static str {
    match level {
        Level::ERROR => "error",
        Level::WARN => "warning",
        Level::INFO => "info",
        Level::DEBUG => "debug",
        Level::TRACE => "trace",
    }
}

/// Returns the terminal's number of the level's colour.
fn color(level: Level) -> u8 {
    match level {
        Level::ERROR => 31,
        Level::WARN => 33,
        Level::INFO => 36,
        Level::DEBUG | Level::TRACE => 37,
    }
}

/// Returns a text as one word: as it is, or in quotes with escapes, so that no value can pass for another field or
/// line, or do something to a terminal.
fn word(text: &str) -> Cow<'_, str> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-._/@^+".contains(c);
    if !text.is_empty() && text.chars().all(is_plain) {
        return Cow::Borrowed(text);
    }
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            c if c.is_control() => {
                // Writing to a string cannot fail.
                let _ = write!(quoted, "\\u{:04x}", u32::from(c));
            }
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    Cow::Owned(quoted)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use time::OffsetDateTime;

    fn line(config: LogConfig, color: bool) -> String {
        Format::new(&config, color).line(&Record {
            time: OffsetDateTime::from_unix_timestamp_nanos(1_791_789_650_500_000_000).unwrap(),
            level: Level::WARN,
            target: "registry_http::service",
            message: "disk is \"full\"\n".to_owned(),
            fields: vec![
                ("free".to_owned(), 0.into()),
                ("level".to_owned(), "\u{1b}[31m".into()),
                ("request.id".to_owned(), "7f-1".into()),
            ],
            caller: Some(("src/service.rs", 12)),
        })
    }

    fn config(kind: LogFormat) -> LogConfig {
        let fields = BTreeMap::from([("environment".to_owned(), json!("test"))]);
        LogConfig { formatter: kind, fields, ..LogConfig::default() }
    }

    #[test]
    fn text_is_one_line_of_pairs() {
        let expected = concat!(
            r#"time="2026-10-12T07:20:50.5Z" level=warning msg="disk is \"full\"\n" free=0 level="\u001b[31m" "#,
            r#"request.id=7f-1 environment=test target="registry_http::service""#,
            "\n"
        );
        assert_eq!(line(config(LogFormat::Text), false), expected);
        let with_caller = LogConfig { reportcaller: true, ..config(LogFormat::Text) };
        assert!(line(with_caller, false).ends_with(" file=\"src/service.rs:12\"\n"));
        assert!(line(config(LogFormat::Text), true).contains("level=\u{1b}[33mwarning\u{1b}[0m msg="));
    }

    #[test]
    fn json_is_one_flat_object() {
        let value: Value = serde_json::from_str(&line(config(LogFormat::Json), true)).unwrap();
        let expected = json!({
            "time": "2026-10-12T07:20:50.5Z", "level": "warning", "msg": "disk is \"full\"\n", "free": 0,
            "fields.level": "\u{1b}[31m", "request.id": "7f-1", "environment": "test",
            "target": "registry_http::service",
        });
        assert_eq!(value, expected);
    }

    #[test]
    fn logstash_has_its_own_names() {
        let value: Value = serde_json::from_str(&line(config(LogFormat::Logstash), false)).unwrap();
        assert_eq!(value["@timestamp"], "2026-10-12T07:20:50.5Z");
        assert_eq!(value["@version"], "1");
        assert_eq!(value["type"], "registry");
        assert_eq!(value["message"], "disk is \"full\"\n");
    }
}
