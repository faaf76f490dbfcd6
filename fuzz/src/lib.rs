//! What the fuzz targets have in common.

use std::fmt::Display;
use std::str::FromStr;

/// Checks that what is read from `text`, if it is valid, prints as `text`.
pub fn reads_back_or_refuses<T: FromStr + Display>(text: &str) {
    if let Ok(value) = text.parse::<T>() {
        assert_eq!(value.to_string(), text);
    }
}
