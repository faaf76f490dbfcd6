//! Reading YAML text into a tree.
//!
//! The text is parsed once, strictly (no duplicate keys, one document), and within bounds, so that no arrangement of
//! anchors and aliases makes it grow.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::options::NonFiniteFloatPolicy;
use serde_saphyr::{MessageFormatter as _, Spanned, UserMessageFormatter};

use super::tree::{Kind, Node, Origin, Scalar, Value};

/// The longest text in bytes.
const MAX_BYTES: usize = 1024 * 1024;
/// How deep sections and lists may be nested.
const MAX_DEPTH: usize = 32;
/// How many values there may be, those that aliases repeat included.
const MAX_NODES: usize = 10_000;

/// Why a text is not YAML that a configuration can be read from.
#[derive(Debug)]
pub(super) struct YamlError {
    /// The line, counted from 1.
    pub(super) line: u64,
    pub(super) message: String,
}

/// Parses `text`; `origin` tells the place of a value by its line.
pub(super) fn parse(text: &str, origin: &dyn Fn(u64) -> Origin) -> Result<Node, YamlError> {
    if text.len() > MAX_BYTES {
        return Err(YamlError {
            line: 1,
            message: format!("the configuration has {} bytes; at most {MAX_BYTES} are allowed", text.len()),
        });
    }
    let options = serde_saphyr::options! {
        budget: serde_saphyr::budget! { max_depth: MAX_DEPTH, flow_nesting_limit: MAX_DEPTH, max_nodes: MAX_NODES },
        alias_limits: serde_saphyr::alias_limits! { max_total_replayed_events: MAX_NODES },
        non_finite_float_policy: NonFiniteFloatPolicy::AsString,
    };
    let raw: Spanned<Raw> = serde_saphyr::from_str_with_options(text, options).map_err(|error| YamlError {
        line: error.location().map_or(1, |location| location.line().max(1)),
        message: format!("invalid YAML: {}", UserMessageFormatter.format_message(error.without_snippet())),
    })?;
    Ok(Reader { text, origin }.node(raw, origin(1)))
}

struct Reader<'a> {
    text: &'a str,
    origin: &'a dyn Fn(u64) -> Origin,
}

impl Reader<'_> {
    fn node(&self, raw: Spanned<Raw>, origin: Origin) -> Node {
        let written = self.written(&raw);
        let scalar = |text: String, kind| Value::Scalar(Scalar { text, kind });
        let value = match raw.value {
            Raw::Null => Value::Null,
            Raw::Bool(value) => scalar(written.unwrap_or_else(|| value.to_string()), Kind::Bool(value)),
            Raw::Integer(value) => scalar(written.unwrap_or_else(|| value.to_string()), Kind::Integer(value)),
            Raw::Float(value) => scalar(written.unwrap_or_else(|| value.to_string()), Kind::Float(value)),
            Raw::Text(text) => scalar(text, Kind::Text),
            Raw::List(items) => Value::List(
                items
                    .into_iter()
                    .map(|item| {
                        let place = (self.origin)(item.referenced.line());
                        self.node(item, place)
                    })
                    .collect(),
            ),
            Raw::Map(entries) => Value::Map(
                entries
                    .into_iter()
                    .map(|(key, value)| {
                        let place = (self.origin)(key.referenced.line());
                        (key.value, self.node(value, place))
                    })
                    .collect(),
            ),
        };
        Node { origin, value }
    }

    /// Returns a value as it was written, before YAML made a number or a boolean of it.
    fn written(&self, raw: &Spanned<Raw>) -> Option<String> {
        let span = raw.defined.span();
        let start = usize::try_from(span.byte_offset()?).ok()?;
        let end = start.checked_add(usize::try_from(span.byte_len()?).ok()?)?;
        self.text.get(start..end).filter(|text| !text.is_empty()).map(str::to_owned)
    }
}

/// A value of any kind, as the YAML library hands it over.
enum Raw {
    Null,
    Bool(bool),
    Integer(i128),
    Float(f64),
    Text(String),
    List(Vec<Spanned<Raw>>),
    Map(Vec<(Spanned<String>, Spanned<Raw>)>),
}

impl<'de> Deserialize<'de> for Raw {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(RawVisitor)
    }
}

struct RawVisitor;

impl<'de> Visitor<'de> for RawVisitor {
    type Value = Raw;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a YAML value")
    }

    fn visit_unit<E>(self) -> Result<Raw, E> {
        Ok(Raw::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Raw, E> {
        Ok(Raw::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Raw, E> {
        Ok(Raw::Integer(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Raw, E> {
        Ok(Raw::Integer(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Raw, E> {
        Ok(Raw::Float(value))
    }

    fn visit_str<E>(self, value: &str) -> Result<Raw, E> {
        Ok(Raw::Text(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Raw, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Raw::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Raw, A::Error> {
        let mut map = Vec::new();
        while let Some(entry) = entries.next_entry()? {
            map.push(entry);
        }
        Ok(Raw::Map(map))
    }
}
