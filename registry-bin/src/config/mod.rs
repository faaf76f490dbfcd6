//! The configuration: distribution's YAML and environment variables, with keys of our own.
//!
//! ```text
//! file ──► tree (every value knows its line) ◄── environment variables
//!            └──► typed sections ──► rules across values ──► Loaded
//! ```
//!
//! Loading is pure: [`parse`] takes the text, the variables and a way to read files with secrets, and returns a value.
//! All problems of a configuration are reported together. Source: distribution's `configuration` package, v2.8 and v3.

mod decode;
mod environment;
mod load;
mod problem;
mod section;
mod shape;
mod tree;
mod validate;
mod value;
mod yaml;

pub use environment::{CONFIGURATION_PATH, DATA, ReadSecret, is_own_variable, is_variable};
pub use load::{File, Loaded, Sources, load, parse};
pub use problem::{ConfigError, Problem};
pub use section::*;
pub use shape::schema;
pub use tree::Origin;
pub use value::*;

/// Returns every environment variable that sets a key, with the path of the key, in alphabetical order.
///
/// `<N>` stands for a place in a list, counted from 0, and `<NAME>` for a free key.
pub fn variables() -> Vec<(String, String)> {
    shape::Shape::of_config().variables()
}

/// Returns the path of every key, sections included; an item of a list is `[]`.
pub fn keys() -> Vec<String> {
    shape::Shape::of_config().paths()
}
