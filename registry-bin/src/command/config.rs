//! `registry config`: looking at the configuration without serving.

use std::io::{self, Write as _};

use crate::config::{self, CONFIGURATION_PATH, DATA, Loaded};

/// Says that a configuration is valid, and what is worth knowing about it.
pub(crate) fn check(loaded: &Loaded) -> anyhow::Result<()> {
    let mut stderr = io::stderr().lock();
    for warning in &loaded.warnings {
        writeln!(stderr, "warning: {warning}")?;
    }
    for note in &loaded.notes {
        writeln!(stderr, "note: {note}")?;
    }
    Ok(writeln!(io::stdout(), "{}: valid", loaded.source_name)?)
}

/// Prints the configuration in effect.
pub(crate) fn print(loaded: &Loaded) -> anyhow::Result<()> {
    let yaml = serde_saphyr::to_string(&loaded.config)?;
    Ok(io::stdout().write_all(yaml.as_bytes())?)
}

/// Prints the JSON schema.
pub(crate) fn schema() -> anyhow::Result<()> {
    Ok(writeln!(io::stdout(), "{}", serde_json::to_string_pretty(&config::schema())?)?)
}

/// Prints every variable and what it sets.
pub(crate) fn variables() -> anyhow::Result<()> {
    let mut variables = vec![
        (CONFIGURATION_PATH.to_owned(), "the configuration file".to_owned()),
        (DATA.to_owned(), "the directory of the built-in configuration".to_owned()),
    ];
    variables.extend(config::variables());
    let width = variables.iter().map(|(name, _)| name.len()).max().unwrap_or_default();
    let mut stdout = io::stdout().lock();
    for (name, key) in variables {
        writeln!(stdout, "{name:width$}  {key}")?;
    }
    Ok(())
}
