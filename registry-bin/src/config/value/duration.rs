//! Durations in the syntax of Go, as distribution's configuration has them.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use super::ValueError;

const NANOSECOND: u64 = 1;
const MICROSECOND: u64 = 1_000;
const MILLISECOND: u64 = 1_000_000;
const SECOND: u64 = 1_000_000_000;
const MINUTE: u64 = 60 * SECOND;
const HOUR: u64 = 60 * MINUTE;

/// A duration of zero or more nanoseconds: `30s`, `1h30m`, `1.5h`, `100ms`, or a whole number of nanoseconds.
///
/// The longest is Go's, about 292 years. Shown in the same syntax.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct GoDuration(Duration);

impl GoDuration {
    /// Makes a duration of whole seconds.
    pub const fn from_secs(seconds: u64) -> Self {
        Self(Duration::from_secs(seconds))
    }

    /// Makes a duration from the standard library's.
    pub const fn new(duration: Duration) -> Self {
        Self(duration)
    }

    /// Returns the duration.
    pub const fn get(self) -> Duration {
        self.0
    }

    /// Tells whether the duration is zero.
    pub const fn is_zero(self) -> bool {
        self.0.is_zero()
    }
}

impl FromStr for GoDuration {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        nanoseconds(text)
            .filter(|nanoseconds| i64::try_from(*nanoseconds).is_ok())
            .map(|nanoseconds| Self(Duration::from_nanos(nanoseconds)))
            .ok_or_else(|| ValueError::new("a duration such as `30s`, `1h30m` or `100ms`", text))
    }
}

/// Parses Go's syntax: numbers, each with an optional fraction and a unit; or a bare number of nanoseconds.
fn nanoseconds(text: &str) -> Option<u64> {
    let text = text.strip_prefix('+').unwrap_or(text);
    if text.is_empty() {
        return None;
    }
    if text.bytes().all(|byte| byte.is_ascii_digit()) {
        return text.parse().ok();
    }
    let mut rest = text;
    let mut total = 0_u64;
    while !rest.is_empty() {
        let (whole, after) = split_where(rest, |c| !c.is_ascii_digit());
        let (fraction, after) = match after.strip_prefix('.') {
            Some(after) => split_where(after, |c| !c.is_ascii_digit()),
            None => ("", after),
        };
        let (name, after) = split_where(after, |c| c.is_ascii_digit() || c == '.');
        if whole.is_empty() && fraction.is_empty() {
            return None;
        }
        let unit = unit(name)?;
        let whole: u64 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
        total = total.checked_add(whole.checked_mul(unit)?)?.checked_add(part_of(fraction, unit))?;
        rest = after;
    }
    Some(total)
}

/// Returns `0.FRACTION` of a unit, rounded down to whole nanoseconds.
fn part_of(fraction: &str, unit: u64) -> u64 {
    // An hour has less than 10^13 nanoseconds: what follows 15 digits adds less than one.
    let digits = &fraction[..fraction.len().min(15)];
    let (mut value, mut scale) = (0_u128, 1_u128);
    for digit in digits.bytes() {
        value = value * 10 + u128::from(digit - b'0');
        scale *= 10;
    }
    u64::try_from(value * u128::from(unit) / scale).expect("a part of a unit is less than the unit")
}

fn split_where(text: &str, found: impl Fn(char) -> bool) -> (&str, &str) {
    text.split_at(text.find(found).unwrap_or(text.len()))
}

fn unit(name: &str) -> Option<u64> {
    Some(match name {
        "ns" => NANOSECOND,
        // Both of Unicode's letters: the micro sign and the Greek mu.
        "us" | "\u{b5}s" | "\u{3bc}s" => MICROSECOND,
        "ms" => MILLISECOND,
        "s" => SECOND,
        "m" => MINUTE,
        "h" => HOUR,
        _ => return None,
    })
}

impl fmt::Display for GoDuration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_zero() {
            return f.write_str("0s");
        }
        let mut rest = self.0.as_nanos();
        for (unit, name) in
            [(HOUR, "h"), (MINUTE, "m"), (SECOND, "s"), (MILLISECOND, "ms"), (MICROSECOND, "us"), (NANOSECOND, "ns")]
        {
            let count = rest / u128::from(unit);
            if count > 0 {
                write!(f, "{count}{name}")?;
            }
            rest %= u128::from(unit);
        }
        Ok(())
    }
}

impl TryFrom<String> for GoDuration {
    type Error = ValueError;

    fn try_from(text: String) -> Result<Self, ValueError> {
        text.parse()
    }
}

impl From<GoDuration> for String {
    fn from(duration: GoDuration) -> Self {
        duration.to_string()
    }
}

impl JsonSchema for GoDuration {
    fn schema_name() -> Cow<'static, str> {
        "Duration".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": ["string", "integer"], "minimum": 0, "examples": ["30s", "1h30m", "100ms"] })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn durations_of_go_are_understood() {
        for (text, nanoseconds) in [
            ("0", 0),
            ("30s", 30 * SECOND),
            ("1h30m", 90 * MINUTE),
            ("1.5h", 90 * MINUTE),
            (".5s", 500 * MILLISECOND),
            ("1.s", SECOND),
            ("100ms", 100 * MILLISECOND),
            ("+2us", 2 * MICROSECOND),
            ("2\u{b5}s", 2 * MICROSECOND),
            ("2\u{3bc}s", 2 * MICROSECOND),
            ("7ns", 7),
            ("168h0m0s", 168 * HOUR),
            ("10000000000", 10 * SECOND),
            ("0.3333333333333333333h", 1_199_999_999_999),
            ("9223372036854775807ns", 9_223_372_036_854_775_807),
        ] {
            assert_eq!(text.parse(), Ok(GoDuration(Duration::from_nanos(nanoseconds))), "{text}");
        }
    }

    #[test]
    fn what_is_no_duration_is_refused() {
        for text in
            ["", "+", "s", ".s", "1x", "1 h", "-1s", "1.5", "1d", "1h1", "9223372036854775808ns", "99999999999h"]
        {
            assert!(text.parse::<GoDuration>().is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_is_shown_is_read_back(nanoseconds in 0..=i64::MAX as u64) {
            let duration = GoDuration(Duration::from_nanos(nanoseconds));
            prop_assert_eq!(duration.to_string().parse(), Ok(duration));
        }

        #[test]
        fn parsing_never_panics(text in "[0-9.hmnsu+µ]{0,40}") {
            let _ = text.parse::<GoDuration>();
        }
    }
}
