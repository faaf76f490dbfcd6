//! The shape of the configuration: which keys there are, and what is below them.
//!
//! Derived from the JSON schema of the structs, which is where keys are added.

use schemars::generate::SchemaSettings;
use serde_json::Value as Json;

use super::section::Config;

/// What may stand at a place of the tree.
#[derive(Debug, Clone)]
pub(super) enum Shape {
    /// Fixed keys.
    Section {
        keys: Vec<Key>,
        /// Whether a single value may stand for an empty section of that name: `storage: inmemory`.
        selector: bool,
    },
    /// Free keys.
    Map(Box<Shape>),
    List(Box<Shape>),
    Scalar {
        secret: bool,
    },
    /// A value that is not looked at.
    Opaque,
}

/// One key of a section.
#[derive(Debug, Clone)]
pub(super) struct Key {
    pub(super) name: String,
    /// Its part of the names of environment variables.
    pub(super) variable: String,
    pub(super) shape: Shape,
}

/// Returns the JSON schema of the configuration (draft 2020-12). Besides the standard's words it has `x-secret` (never
/// shown; may come from a file), `x-opaque` (the value is not looked at) and `x-variable` (the key's part of a variable
/// name, where that is not the key in capitals).
pub fn schema() -> Json {
    let settings = SchemaSettings::draft2020_12().with(|settings| settings.inline_subschemas = true);
    settings.into_generator().into_root_schema_for::<Config>().to_value()
}

impl Shape {
    /// Returns the shape of the whole configuration.
    pub(super) fn of_config() -> Self {
        Self::of(&schema())
    }

    fn of(schema: &Json) -> Self {
        if schema["x-opaque"] == true {
            return Self::Opaque;
        }
        if let Some(variant) = schema["anyOf"].as_array().and_then(|variants| variants.first()) {
            return Self::of(variant);
        }
        if let Some(keys) = schema["properties"].as_object() {
            let keys = keys.iter().map(|(name, schema)| Key {
                name: name.clone(),
                variable: schema["x-variable"].as_str().map_or_else(|| name.to_uppercase(), str::to_owned),
                shape: Self::of(schema),
            });
            return Self::Section { keys: keys.collect(), selector: allows(schema, "string") };
        }
        if allows(schema, "array") {
            return Self::List(Box::new(Self::of(&schema["items"])));
        }
        if allows(schema, "object") {
            return match &schema["additionalProperties"] {
                Json::Object(_) => Self::Map(Box::new(Self::of(&schema["additionalProperties"]))),
                Json::Bool(true) => Self::Map(Box::new(Self::Opaque)),
                _ => Self::Section { keys: Vec::new(), selector: false },
            };
        }
        Self::Scalar { secret: schema["x-secret"] == true }
    }

    /// Returns the path of every key, sections included, in alphabetical order; an item of a list is `[]`.
    pub(super) fn paths(&self) -> Vec<String> {
        let mut paths = Vec::new();
        self.collect_paths("", &mut paths);
        paths
    }

    fn collect_paths(&self, prefix: &str, paths: &mut Vec<String>) {
        match self {
            Self::Section { keys, .. } => {
                for key in keys {
                    let path = if prefix.is_empty() { key.name.clone() } else { format!("{prefix}.{}", key.name) };
                    paths.push(path.clone());
                    key.shape.collect_paths(&path, paths);
                }
            }
            Self::List(item) => item.collect_paths(&format!("{prefix}[]"), paths),
            Self::Map(_) | Self::Scalar { .. } | Self::Opaque => {}
        }
    }

    /// Returns every variable that sets something, with the path of what it sets. `<N>` stands for a number counted
    /// from 0, `<NAME>` for a free key.
    pub(super) fn variables(&self) -> Vec<(String, String)> {
        let mut variables = Vec::new();
        self.collect_variables("REGISTRY", "", &mut variables);
        variables
    }

    fn collect_variables(&self, name: &str, path: &str, variables: &mut Vec<(String, String)>) {
        let mut add = |name: &str| variables.push((name.to_owned(), path.to_owned()));
        match self {
            Self::Section { keys, selector } => {
                if *selector || keys.is_empty() {
                    add(name);
                }
                for key in keys {
                    let path = if path.is_empty() { key.name.clone() } else { format!("{path}.{}", key.name) };
                    key.shape.collect_variables(&format!("{name}_{}", key.variable), &path, variables);
                }
            }
            Self::Map(entry) => {
                add(name);
                entry.collect_variables(&format!("{name}_<NAME>"), &format!("{path}.<NAME>"), variables);
            }
            Self::List(item) => {
                add(name);
                item.collect_variables(&format!("{name}_<N>"), &format!("{path}[<N>]"), variables);
            }
            Self::Scalar { secret } => {
                add(name);
                if *secret {
                    add(&format!("{name}_FILE"));
                }
            }
            Self::Opaque => add(name),
        }
    }
}

/// Tells whether a schema names `kind` among its types.
fn allows(schema: &Json, kind: &str) -> bool {
    match &schema["type"] {
        Json::String(only) => only == kind,
        Json::Array(kinds) => kinds.iter().any(|one| one == kind),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shape_knows_keys_variables_and_secrets() {
        let shape = Shape::of_config();
        let paths = shape.paths();
        for path in
            ["version", "storage.filesystem.rootdirectory", "http.tls.certificate", "health.http[].uri", "redis.addrs"]
        {
            assert!(paths.iter().any(|known| known == path), "{path}");
        }
        let variables = shape.variables();
        for (name, path) in [
            ("REGISTRY_STORAGE", "storage"),
            ("REGISTRY_HTTP_SECRET_FILE", "http.secret"),
            ("REGISTRY_HTTP_HEADERS_<NAME>_<N>", "http.headers.<NAME>[<N>]"),
            ("REGISTRY_HEALTH_HTTPCHECKERS_<N>_URI", "health.http[<N>].uri"),
            ("REGISTRY_NOTIFICATIONS_EVENTCONFIG", "notifications.events"),
            ("REGISTRY_LOG_FIELDS_<NAME>", "log.fields.<NAME>"),
            ("REGISTRY_DATABASE_URL", "database.url"),
            ("REGISTRY_DATABASE_URL_FILE", "database.url"),
            ("REGISTRY_STORAGE_UFILE_PRIVATE_KEY_FILE", "storage.ufile.ufile_private_key"),
        ] {
            assert!(variables.contains(&(name.to_owned(), path.to_owned())), "{name}");
        }
    }

    /// A part of a variable name ends at `_`. Only keys that were so named long ago have one, and say what their parts are.
    #[test]
    fn hardly_any_key_has_an_underscore_and_none_a_capital() {
        for path in Shape::of_config().paths() {
            let named = ["ufile_public_key", "ufile_private_key", "ufile_retry_interval", "ufile_"];
            let path = named.iter().fold(path, |path, name| path.replace(name, ""));
            assert!(path.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || ".[]".contains(c)), "{path}");
        }
    }
}
