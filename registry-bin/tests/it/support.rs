//! Loading configurations from texts.

use std::io;
use std::path::Path;

use registry_bin::config::{File, Loaded, Sources, parse};

/// The shortest file that loads.
pub(crate) const MINIMAL: &str = "version: 0.1\nstorage: inmemory\n";

/// Loads a file named `config.yml`, and returns the problems as they are shown.
pub(crate) fn load(text: &str, variables: &[(&str, &str)]) -> Result<Loaded, String> {
    load_sources(Some(text), variables, &|path| match path.to_str() {
        Some("/run/secrets/one") => Ok("hunter2\n".to_owned()),
        _ => Err(io::Error::new(io::ErrorKind::NotFound, "no such file")),
    })
}

/// Loads the embedded configuration.
pub(crate) fn load_embedded(variables: &[(&str, &str)]) -> Result<Loaded, String> {
    load_sources(None, variables, &|_| Err(io::Error::other("no files here")))
}

fn load_sources(
    text: Option<&str>,
    variables: &[(&str, &str)],
    read_secret: &dyn Fn(&Path) -> io::Result<String>,
) -> Result<Loaded, String> {
    let variables: Vec<_> = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let file = text.map(|text| File { name: "config.yml", text });
    parse(&Sources { file, variables: &variables, read_secret }).map_err(|error| error.to_string())
}

/// Loads a file that is valid.
pub(crate) fn load_valid(text: &str, variables: &[(&str, &str)]) -> Loaded {
    load(text, variables).unwrap_or_else(|problems| panic!("{text}\n{variables:?}\n{problems}"))
}

/// Loads a file that is not valid, and returns its problems, one a line.
pub(crate) fn problems(text: &str, variables: &[(&str, &str)]) -> String {
    match load(text, variables) {
        Ok(_) => panic!("it is valid: {text}\n{variables:?}"),
        Err(problems) => problems,
    }
}
