//! The version of the configuration's format.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize, Serializer};

use super::ValueError;

/// The one version there is: 0.1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Version;

impl TryFrom<String> for Version {
    type Error = ValueError;

    fn try_from(text: String) -> Result<Self, ValueError> {
        if text == "0.1" { Ok(Self) } else { Err(ValueError::new("`0.1`, the only version of this format", &text)) }
    }
}

impl Serialize for Version {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(0.1)
    }
}

impl JsonSchema for Version {
    fn schema_name() -> Cow<'static, str> {
        "Version".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "enum": [0.1, "0.1"] })
    }
}
