//! A section whose keys are another program's, and must never be shown.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize, Serializer};

use super::secret::MASK;

/// A document that `Debug` and serialisation mask. What it has to have is not looked at.
#[derive(Clone, PartialEq, Default, Deserialize)]
#[serde(transparent)]
pub struct SecretDocument(serde_json::Value);

impl SecretDocument {
    /// Returns the document itself, in JSON.
    pub fn expose(&self) -> String {
        self.0.to_string()
    }

    /// Tells whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_null()
    }

    /// Tells whether it has a key, and with it a text.
    pub(crate) fn has_text(&self, key: &str) -> bool {
        self.0.get(key).is_some_and(serde_json::Value::is_string)
    }
}

impl fmt::Debug for SecretDocument {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.is_empty() { "\"\"" } else { MASK })
    }
}

impl Serialize for SecretDocument {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.is_empty() { serializer.serialize_unit() } else { serializer.serialize_str(MASK) }
    }
}

impl JsonSchema for SecretDocument {
    fn schema_name() -> Cow<'static, str> {
        "SecretDocument".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "x-opaque": true })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_not_shown() {
        let document: SecretDocument =
            serde_json::from_str(r#"{"type": "service_account", "key": "hunter2"}"#).unwrap();
        assert_eq!(format!("{document:?}"), MASK);
        assert_eq!(serde_json::to_value(&document).unwrap(), MASK);
        assert!(document.expose().contains("hunter2") && document.has_text("type"));
    }
}
