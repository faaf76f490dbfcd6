//! The forms in which records are written: those of distribution.
//!
//! A record is put together as bytes, with no values in between: there is one for every request.

use std::fmt;
use std::io::Write as _;

use serde_json::Value;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use tracing::Level;

use crate::config::{LogConfig, LogFormat};

/// How records are written.
pub(super) struct Format {
    kind: LogFormat,
    /// The fields that the configuration adds to every record, as they are written.
    added: Vec<u8>,
    /// The names that no other field may have.
    taken: Vec<String>,
    caller: bool,
    color: bool,
}

/// One record.
pub(super) struct Record<'a> {
    pub(super) time: OffsetDateTime,
    pub(super) level: Level,
    pub(super) target: &'a str,
    pub(super) message: &'a str,
    /// Those of the event, then those of the spans around it, the outermost first, as the format wrote them.
    pub(super) fields: &'a [u8],
    /// The line of source code.
    pub(super) caller: Option<(&'a str, u32)>,
}

impl Format {
    pub(super) fn new(config: &LogConfig, color: bool) -> Self {
        let kind = config.formatter;
        let own: &[&str] = match kind {
            LogFormat::Text => &[],
            LogFormat::Json => &["time", "level", "msg", "target", "file"],
            LogFormat::Logstash => &["@timestamp", "level", "message", "@version", "type", "target", "file"],
        };
        let taken = own.iter().map(|name| (*name).to_owned()).collect();
        let mut format = Self { kind, added: Vec::new(), taken, caller: config.reportcaller, color };
        let mut added = Vec::new();
        for (name, value) in &config.fields {
            match value {
                Value::String(text) => format.text_field(&mut added, "", name, text),
                // In text, a list or a map is its JSON as one word.
                other if kind == LogFormat::Text => format.text_field(&mut added, "", name, &other.to_string()),
                other => format.plain_field(&mut added, "", name, format_args!("{other}")),
            }
        }
        if kind != LogFormat::Text {
            format.taken.extend(config.fields.keys().cloned());
        }
        Self { added, ..format }
    }

    /// Writes a field whose value is a text. `scope` is the name of the span that has it, or empty.
    pub(super) fn text_field(&self, fields: &mut Vec<u8>, scope: &str, name: &str, value: &str) {
        put_name(self.kind, fields, self.scope(scope, name), name);
        put_text(self.kind, fields, value);
    }

    /// Writes a field whose value reads the same in every form: a number or a truth value.
    pub(super) fn plain_field(&self, fields: &mut Vec<u8>, scope: &str, name: &str, value: fmt::Arguments<'_>) {
        put_name(self.kind, fields, self.scope(scope, name), name);
        put(fields, value);
    }

    /// A field may not pass for what the record itself says.
    fn scope<'a>(&self, scope: &'a str, name: &str) -> &'a str {
        if scope.is_empty() && self.taken.iter().any(|taken| taken == name) { "fields" } else { scope }
    }

    /// Returns a record as one line, with its line feed.
    pub(super) fn line(&self, record: &Record<'_>) -> Vec<u8> {
        const USUAL_REST: usize = 160;
        let variable = record.message.len() + record.fields.len() + self.added.len();
        let mut line = Vec::with_capacity(variable + USUAL_REST);
        match self.kind {
            LogFormat::Text => self.begin_text(&mut line, record),
            LogFormat::Json => begin_json(&mut line, record, ["time", "level", "msg"], ""),
            LogFormat::Logstash => {
                let fixed = r#","@version":"1","type":"registry""#;
                begin_json(&mut line, record, ["@timestamp", "level", "message"], fixed);
            }
        }
        line.extend_from_slice(record.fields);
        line.extend_from_slice(&self.added);
        put_name(self.kind, &mut line, "", "target");
        put_text(self.kind, &mut line, record.target);
        if let Some((file, number)) = record.caller.filter(|_| self.caller) {
            put_name(self.kind, &mut line, "", "file");
            put_text(self.kind, &mut line, &format!("{file}:{number}"));
        }
        line.extend_from_slice(if self.kind == LogFormat::Text { b"\n" } else { b"}\n" });
        line
    }

    fn begin_text(&self, line: &mut Vec<u8>, record: &Record<'_>) {
        line.extend_from_slice(b"time=\"");
        put_time(line, record.time);
        let (level, color) = (level(record.level), color(record.level));
        match self.color {
            true => put(line, format_args!("\" level=\x1b[{color}m{level}\x1b[0m msg=")),
            false => put(line, format_args!("\" level={level} msg=")),
        }
        put_word(line, record.message);
    }
}

fn begin_json(line: &mut Vec<u8>, record: &Record<'_>, [time, name, message]: [&str; 3], fixed: &str) {
    put(line, format_args!("{{\"{time}\":\""));
    put_time(line, record.time);
    put(line, format_args!("\",\"{name}\":\"{}\",\"{message}\":", level(record.level)));
    put_json_text(line, record.message);
    line.extend_from_slice(fixed.as_bytes());
}

fn put_name(kind: LogFormat, line: &mut Vec<u8>, scope: &str, name: &str) {
    let dot = if scope.is_empty() { "" } else { "." };
    match kind {
        LogFormat::Text => {
            put(line, format_args!(" {scope}{dot}"));
            put_word(line, name);
            line.push(b'=');
        }
        LogFormat::Json | LogFormat::Logstash if scope.is_empty() => {
            line.push(b',');
            put_json_text(line, name);
            line.push(b':');
        }
        LogFormat::Json | LogFormat::Logstash => {
            line.push(b',');
            put_json_text(line, &format!("{scope}{dot}{name}"));
            line.push(b':');
        }
    }
}

fn put_text(kind: LogFormat, line: &mut Vec<u8>, text: &str) {
    match kind {
        LogFormat::Text => put_word(line, text),
        LogFormat::Json | LogFormat::Logstash => put_json_text(line, text),
    }
}

fn put(line: &mut Vec<u8>, text: fmt::Arguments<'_>) {
    line.write_fmt(text).expect("writing to memory does not fail");
}

fn put_json_text(line: &mut Vec<u8>, text: &str) {
    serde_json::to_writer(line, text).expect("writing a text to memory does not fail");
}

fn put_time(line: &mut Vec<u8>, time: OffsetDateTime) {
    time.format_into(line, &Rfc3339).expect("the time is between the years 0 and 9999");
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

/// Writes a text as one word: as it is, or in quotes with escapes, so that no value can pass for another field or line,
/// or do something to a terminal.
fn put_word(line: &mut Vec<u8>, text: &str) {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._/@^+".contains(&byte);
    if !text.is_empty() && text.bytes().all(is_plain) {
        return line.extend_from_slice(text.as_bytes());
    }
    line.push(b'"');
    for c in text.chars() {
        match c {
            '"' => line.extend_from_slice(b"\\\""),
            '\\' => line.extend_from_slice(b"\\\\"),
            '\n' => line.extend_from_slice(b"\\n"),
            '\r' => line.extend_from_slice(b"\\r"),
            '\t' => line.extend_from_slice(b"\\t"),
            c if c.is_control() => put(line, format_args!("\\u{:04x}", u32::from(c))),
            c => line.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    line.push(b'"');
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use serde_json::json;

    fn line(config: LogConfig, color: bool) -> String {
        let format = Format::new(&config, color);
        let mut fields = Vec::new();
        format.plain_field(&mut fields, "", "free", format_args!("0"));
        format.text_field(&mut fields, "", "level", "\u{1b}[31m");
        format.text_field(&mut fields, "request", "id", "7f-1");
        let line = format.line(&Record {
            time: OffsetDateTime::from_unix_timestamp_nanos(1_791_789_650_500_000_000).unwrap(),
            level: Level::WARN,
            target: "registry_http::service",
            message: "disk is \"full\"\n",
            fields: &fields,
            caller: Some(("src/service.rs", 12)),
        });
        String::from_utf8(line).unwrap()
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
    fn a_configured_field_takes_its_name_from_all_but_the_record() {
        let fields = BTreeMap::from([("free".to_owned(), json!([1, "a b"])), ("time".to_owned(), json!("never"))]);
        let config = |formatter| LogConfig { formatter, fields: fields.clone(), ..LogConfig::default() };
        let value: Value = serde_json::from_str(&line(config(LogFormat::Json), false)).unwrap();
        assert_eq!((&value["free"], &value["fields.free"]), (&json!([1, "a b"]), &json!(0)));
        assert_eq!((&value["time"], &value["fields.time"]), (&json!("2026-10-12T07:20:50.5Z"), &json!("never")));
        assert!(line(config(LogFormat::Text), false).contains(r#" free="[1,\"a b\"]" time=never "#));
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
