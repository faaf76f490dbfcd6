//! docs/configuration.md against the schema: every key, its variable, its default and its meaning.

use std::collections::BTreeMap;

use registry_bin::config;
use serde_json::Value;

const DOCUMENT: &str = include_str!("../../../docs/configuration.md");

/// Returns a row of the tables for every key below `schema` that holds a value.
fn rows(schema: &Value, path: &str, variables: &BTreeMap<String, String>, rows: &mut Vec<String>) {
    if let Some(same) = schema["x-same-as"].as_str() {
        rows.push(format!("| `{path}` | as `{same}` |"));
        return;
    }
    let inner = schema["anyOf"].get(0).unwrap_or(schema);
    let schema = if inner["properties"].is_null() { schema } else { inner };
    if let Some(keys) = schema["properties"].as_object() {
        for (key, schema) in keys {
            let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
            self::rows(schema, &path, variables, rows);
        }
        return;
    }
    if !schema["items"]["properties"].is_null() {
        self::rows(&schema["items"], &format!("{path}[]"), variables, rows);
        return;
    }
    let mut meaning = schema["description"].as_str().unwrap_or_default().replace('\n', " ");
    if let Some(choices) = choices(inner).or_else(|| choices(&inner["items"])) {
        meaning = format!("{meaning} One of {choices}.");
    }
    if schema["x-opaque"] == true {
        rows.push(format!("`{path}`"));
        return;
    }
    let default = match &schema["default"] {
        Value::String(text) if !text.is_empty() => format!("`{text}`"),
        Value::Bool(value) => format!("`{value}`"),
        Value::Number(value) => format!("`{value}`"),
        _ => String::new(),
    };
    let variable = variables.get(path).map(|name| format!("`{name}`")).unwrap_or_default();
    rows.push(format!("| `{path}` | {variable} | {default} | {meaning} |"));
}

/// Returns the values that a key with a choice may have.
fn choices(schema: &Value) -> Option<String> {
    let consts = schema["oneOf"].as_array().map(|variants| variants.iter().map(|variant| &variant["const"]).collect());
    let values: Vec<&Value> = consts.or_else(|| schema["enum"].as_array().map(|values| values.iter().collect()))?;
    let quoted: Option<Vec<_>> = values.iter().map(|value| value.as_str().map(|text| format!("`{text}`"))).collect();
    Some(quoted?.join(", "))
}

#[test]
fn every_key_is_described() {
    let mut variables = BTreeMap::new();
    for (name, path) in config::variables() {
        variables.entry(path.replace("[<N>]", "[]")).or_insert(name);
    }
    let mut expected = Vec::new();
    rows(&config::schema(), "", &variables, &mut expected);
    assert!(expected.len() > 100, "the schema is walked as a whole");
    let missing: Vec<_> = expected.into_iter().filter(|row| !DOCUMENT.contains(row.as_str())).collect();
    assert!(missing.is_empty(), "docs/configuration.md lacks:\n{}", missing.join("\n"));
}
