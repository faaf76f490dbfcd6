//! Types for keys whose value is not looked at.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Deserialize, Deserializer, IgnoredAny, Visitor};
use serde::{Serialize, Serializer};

use crate::config::decode::UNSUPPORTED;

/// A key of distribution that does not exist here yet.
///
/// A value that asks for nothing (empty, zero, false, or a section that says `disabled: true`) is accepted; any other
/// is an error, so that nothing is ignored silently.
#[derive(Debug, Clone, Copy, Default)]
pub struct Unsupported;

impl<'de> Deserialize<'de> for Unsupported {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Inert;

        impl<'de> Visitor<'de> for Inert {
            type Value = Unsupported;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a value that asks for nothing")
            }

            fn visit_newtype_struct<D: Deserializer<'de>>(self, deserializer: D) -> Result<Unsupported, D::Error> {
                IgnoredAny::deserialize(deserializer).map(|_| Unsupported)
            }
        }

        deserializer.deserialize_newtype_struct(UNSUPPORTED, Inert)
    }
}

impl Serialize for Unsupported {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_unit()
    }
}

impl JsonSchema for Unsupported {
    fn schema_name() -> Cow<'static, str> {
        "Unsupported".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "description": "Not supported yet.", "x-opaque": true })
    }
}

/// A value that is there, whatever it is.
#[derive(Debug, Clone, Copy)]
pub struct Opaque;

impl<'de> Deserialize<'de> for Opaque {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        IgnoredAny::deserialize(deserializer).map(|_| Self)
    }
}

impl Serialize for Opaque {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_unit()
    }
}

impl JsonSchema for Opaque {
    fn schema_name() -> Cow<'static, str> {
        "Opaque".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "x-opaque": true })
    }
}
