//! Turning a tree into the typed configuration, with an error that knows the path.
//!
//! The structs of [`super::section`] are the one place that says which keys exist and what they hold: this is a serde
//! deserializer over [`Node`], and what serde derives from the structs does the checking.

use std::fmt;

use serde::de::value::StrDeserializer;
use serde::de::{self, Deserialize, DeserializeSeed, Deserializer, IntoDeserializer, Visitor};
use serde::forward_to_deserialize_any;

use super::problem::shorten;
use super::tree::{Kind, Node, Path, Scalar, Step, Value};

/// The name by which a newtype tells this deserializer that its key exists in distribution and not here.
pub(super) const UNSUPPORTED: &str = "unsupported";

/// What is wrong with the value at a path.
#[derive(Debug)]
pub(super) struct DecodeError {
    /// The way to the value, last step first while the error travels up.
    steps: Vec<Step>,
    pub(super) fault: Fault,
}

/// The kinds of wrong.
#[derive(Debug)]
pub(super) enum Fault {
    /// A key without a value, where one is needed: the same as no key.
    Empty,
    UnknownKey {
        expected: &'static [&'static str],
    },
    MissingKey(&'static str),
    Unsupported,
    Invalid(String),
}

impl DecodeError {
    fn new(fault: Fault) -> Self {
        Self { steps: Vec::new(), fault }
    }

    fn expected(what: impl fmt::Display, node: &Node) -> Self {
        Self::new(Fault::Invalid(format!("expected {what}, found {}", found(node))))
    }

    fn below(mut self, step: Step) -> Self {
        self.steps.push(step);
        self
    }

    /// Returns the way from the root to the value.
    pub(super) fn path(&self) -> Path {
        Path(self.steps.iter().rev().cloned().collect())
    }
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {:?}", self.path(), self.fault)
    }
}

impl std::error::Error for DecodeError {}

impl de::Error for DecodeError {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::new(Fault::Invalid(message.to_string()))
    }

    fn unknown_field(_field: &str, expected: &'static [&'static str]) -> Self {
        Self::new(Fault::UnknownKey { expected })
    }

    fn missing_field(field: &'static str) -> Self {
        Self::new(Fault::MissingKey(field))
    }
}

/// Decodes a value of type `T`.
pub(super) fn decode<T: for<'de> Deserialize<'de>>(node: &Node) -> Result<T, DecodeError> {
    T::deserialize(node)
}

fn found(node: &Node) -> String {
    match &node.value {
        Value::Absent | Value::Null => "nothing".to_owned(),
        Value::Scalar(scalar) => format!("`{}`", shorten(&scalar.text)),
        Value::List(_) => "a list".to_owned(),
        Value::Map(_) => "a section".to_owned(),
    }
}

/// Tells whether a value asks for nothing: what Go calls the zero value, or something that says it is disabled.
fn is_inert(node: &Node) -> bool {
    match &node.value {
        Value::Absent | Value::Null => true,
        Value::Scalar(scalar) => match scalar.kind {
            Kind::Bool(value) => !value,
            Kind::Integer(value) => value == 0,
            Kind::Float(value) => value == 0.0,
            Kind::Text => scalar.text.is_empty(),
        },
        Value::List(items) => items.iter().all(is_inert),
        Value::Map(entries) => {
            let disabled = |node: &Node| matches!(&node.value, Value::Scalar(Scalar { kind: Kind::Bool(true), .. }));
            node.get("disabled").is_some_and(disabled) || entries.iter().all(|(_, entry)| is_inert(entry))
        }
    }
}

impl Node {
    fn scalar(&self, what: &str) -> Result<&Scalar, DecodeError> {
        match &self.value {
            Value::Scalar(scalar) => Ok(scalar),
            Value::Absent | Value::Null => Err(DecodeError::new(Fault::Empty)),
            Value::List(_) | Value::Map(_) => Err(DecodeError::expected(what, self)),
        }
    }

    fn integer(&self, min: i128, max: i128) -> Result<i128, DecodeError> {
        let what = || format!("a whole number from {min} to {max}");
        let scalar = self.scalar(&what())?;
        let value = match scalar.kind {
            Kind::Integer(value) => Some(value),
            Kind::Text => scalar.text.parse().ok(),
            Kind::Bool(_) | Kind::Float(_) => None,
        };
        value.filter(|value| (min..=max).contains(value)).ok_or_else(|| DecodeError::expected(what(), self))
    }
}

macro_rules! deserialize_integer {
    ($($method:ident $visit:ident $type:ty;)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
            let value = self.integer(<$type>::MIN.into(), <$type>::MAX.into())?;
            visitor.$visit(<$type>::try_from(value).expect("the value is within the bounds of its type"))
        }
    )*};
}

impl<'de> Deserializer<'de> for &'de Node {
    type Error = DecodeError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        match &self.value {
            Value::Absent | Value::Null => visitor.visit_unit(),
            Value::List(_) => self.deserialize_seq(visitor),
            Value::Map(_) => self.deserialize_map(visitor),
            Value::Scalar(scalar) => match scalar.kind {
                Kind::Bool(value) => visitor.visit_bool(value),
                Kind::Float(value) => visitor.visit_f64(value),
                Kind::Text => visitor.visit_borrowed_str(&scalar.text),
                Kind::Integer(value) => match (u64::try_from(value), i64::try_from(value)) {
                    (Ok(value), _) => visitor.visit_u64(value),
                    (_, Ok(value)) => visitor.visit_i64(value),
                    _ => visitor.visit_borrowed_str(&scalar.text),
                },
            },
        }
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        let scalar = self.scalar("true or false")?;
        let value = match scalar.kind {
            Kind::Bool(value) => Some(value),
            _ => scalar.text.parse().ok(),
        };
        visitor.visit_bool(value.ok_or_else(|| DecodeError::expected("true or false", self))?)
    }

    deserialize_integer! {
        deserialize_i8 visit_i8 i8;
        deserialize_i16 visit_i16 i16;
        deserialize_i32 visit_i32 i32;
        deserialize_i64 visit_i64 i64;
        deserialize_u8 visit_u8 u8;
        deserialize_u16 visit_u16 u16;
        deserialize_u32 visit_u32 u32;
        deserialize_u64 visit_u64 u64;
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        visitor.visit_borrowed_str(&self.scalar("a single value")?.text)
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        self.deserialize_str(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        match &self.value {
            Value::Absent | Value::Null => visitor.visit_none(),
            // What Go reads into a string that is not set.
            Value::Scalar(scalar) if scalar.text.is_empty() => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        if name == UNSUPPORTED && !is_inert(self) {
            return Err(DecodeError::new(Fault::Unsupported));
        }
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        match &self.value {
            Value::List(items) => visitor.visit_seq(Items { items, next: 0 }),
            Value::Absent | Value::Null => Err(DecodeError::new(Fault::Empty)),
            _ => Err(DecodeError::expected("a list", self)),
        }
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        match &self.value {
            Value::Map(entries) => visitor.visit_map(Entries { entries, next: 0 }),
            Value::Absent | Value::Null => visitor.visit_map(Entries { entries: &[], next: 0 }),
            _ => Err(DecodeError::expected("a section of keys", self)),
        }
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        self.deserialize_map(visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        let what = || format!("one of {}", super::problem::quoted(variants));
        let text = &self.scalar(&what())?.text;
        match variants.iter().find(|variant| variant.eq_ignore_ascii_case(text)) {
            Some(variant) => visitor.visit_enum(IntoDeserializer::<DecodeError>::into_deserializer(*variant)),
            None => Err(DecodeError::expected(what(), self)),
        }
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        visitor.visit_unit()
    }

    forward_to_deserialize_any! {
        i128 u128 f32 f64 char bytes byte_buf unit unit_struct tuple tuple_struct identifier
    }
}

struct Items<'de> {
    items: &'de [Node],
    next: usize,
}

impl<'de> de::SeqAccess<'de> for Items<'de> {
    type Error = DecodeError;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, DecodeError> {
        while let Some(node) = self.items.get(self.next) {
            let index = self.next;
            self.next += 1;
            if !matches!(node.value, Value::Absent) {
                return seed.deserialize(node).map(Some).map_err(|error| error.below(Step::Index(index)));
            }
        }
        Ok(None)
    }
}

struct Entries<'de> {
    entries: &'de [(String, Node)],
    next: usize,
}

impl<'de> de::MapAccess<'de> for Entries<'de> {
    type Error = DecodeError;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, DecodeError> {
        while let Some((key, node)) = self.entries.get(self.next) {
            self.next += 1;
            if !matches!(node.value, Value::Absent) {
                let name: StrDeserializer<'_, DecodeError> = key.as_str().into_deserializer();
                return seed.deserialize(name).map(Some).map_err(|error| error.below(Step::Key(key.clone())));
            }
        }
        Ok(None)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, DecodeError> {
        let (key, node) = &self.entries[self.next - 1];
        seed.deserialize(node).map_err(|error| error.below(Step::Key(key.clone())))
    }
}
