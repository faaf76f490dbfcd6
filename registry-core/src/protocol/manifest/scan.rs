//! One pass over a manifest's bytes that makes sure that everybody reads the same in them.
//!
//! JSON leaves open what a repeated key means, and Go's decoder, which most clients use, takes `Layers` for `layers`.
//! A document that two readers read differently can pass one reader's checks and reach another one with other content
//! (CVE-2021-41190 is of this kind), so that none is stored.

use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt::{self, Write as _};

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};

use super::{MAX_DEPTH, MAX_VALUES, ManifestError};
use crate::protocol::digest::shorten;

/// The fields of manifests and descriptors that decide what a manifest is and refers to.
const FIELDS: [&str; 12] = [
    "schemaVersion",
    "mediaType",
    "artifactType",
    "config",
    "layers",
    "manifests",
    "subject",
    "annotations",
    "digest",
    "size",
    "urls",
    "data",
];

/// Checks that `payload` is one JSON object, with every key once in its object, and nothing after it.
///
/// Takes time linear in the payload, and memory for a word or three per key of the objects that are open at a time: the
/// text of a key without escapes stays where it is.
pub(super) fn scan(payload: &[u8]) -> Result<(), ManifestError> {
    if payload.starts_with(b"\xef\xbb\xbf") {
        return Err(ManifestError::ByteOrderMark);
    }
    let mut json = serde_json::Deserializer::from_slice(payload);
    let mut scan = Scan { path: Vec::new(), values: 0, refusal: None };
    if let Err(error) = scan.deserialize(&mut json) {
        return Err(scan.refusal.unwrap_or_else(|| ManifestError::NotJson(error.to_string())));
    }
    json.end().map_err(|error| ManifestError::TrailingBytes { line: error.line(), column: error.column() })
}

struct Scan<'a> {
    /// From the document to the value that is being read; its length is the depth.
    path: Vec<Step<'a>>,
    /// How many values there were so far.
    values: usize,
    /// What a JSON error, which can only be text, stands for.
    refusal: Option<ManifestError>,
}

enum Step<'a> {
    Key(Cow<'a, str>),
    Index(usize),
}

/// A key, which is only copied if it has escapes.
#[derive(Deserialize)]
struct Key<'a>(#[serde(borrow)] Cow<'a, str>);

impl Scan<'_> {
    fn refuse<T, E: serde::de::Error>(&mut self, refusal: ManifestError) -> Result<T, E> {
        let error = E::custom(&refusal);
        self.refusal = Some(refusal);
        Err(error)
    }

    fn count<E: serde::de::Error>(&mut self) -> Result<(), E> {
        self.values += 1;
        if self.values <= MAX_VALUES { Ok(()) } else { self.refuse(ManifestError::TooManyValues) }
    }

    fn enter<E: serde::de::Error>(&mut self) -> Result<(), E> {
        if self.path.len() < MAX_DEPTH {
            return Ok(());
        }
        let path = self.path();
        self.refuse(ManifestError::TooDeep { path })
    }

    fn scalar<E: serde::de::Error>(&mut self) -> Result<(), E> {
        if self.path.is_empty() { self.refuse(ManifestError::NotAnObject { path: self.path() }) } else { Ok(()) }
    }

    fn path(&self) -> String {
        let mut text = String::new();
        for step in &self.path {
            let written = match step {
                Step::Key(key) if text.is_empty() => write!(text, "{}", shorten(key)),
                Step::Key(key) => write!(text, ".{}", shorten(key)),
                Step::Index(index) => write!(text, "[{index}]"),
            };
            written.expect("writing to a string cannot fail");
        }
        if text.is_empty() { ".".to_owned() } else { shorten(&text) }
    }

    /// Checks a key that was not seen before in its object.
    fn check_key<E: serde::de::Error>(&mut self, key: &str) -> Result<(), E> {
        if is_structure(&self.path)
            && let Some(field) = FIELDS.into_iter().find(|field| *field != key && folds_to(key, field))
        {
            let path = self.path();
            return self.refuse(ManifestError::MisspelledField { key: shorten(key), field, path });
        }
        Ok(())
    }
}

impl<'de> DeserializeSeed<'de> for &mut Scan<'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        self.count()?;
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for &mut Scan<'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        self.enter()?;
        let mut seen = HashSet::new();
        while let Some(Key(key)) = map.next_key()? {
            if seen.contains(&key) {
                let path = self.path();
                return self.refuse(ManifestError::DuplicateKey { key: shorten(&key), path });
            }
            self.check_key(&key)?;
            self.path.push(Step::Key(key));
            map.next_value_seed(&mut *self)?;
            if let Some(Step::Key(key)) = self.path.pop() {
                seen.insert(key);
            }
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        self.enter()?;
        // Decoders that map objects to structures may also read an array, field by field.
        if is_structure(&self.path) {
            let path = self.path();
            return self.refuse(ManifestError::NotAnObject { path });
        }
        for index in 0.. {
            self.path.push(Step::Index(index));
            let element = seq.next_element_seed(&mut *self)?;
            self.path.pop();
            if element.is_none() {
                break;
            }
        }
        Ok(())
    }

    fn visit_bool<E: serde::de::Error>(self, _: bool) -> Result<(), E> {
        self.scalar()
    }

    fn visit_i64<E: serde::de::Error>(self, _: i64) -> Result<(), E> {
        self.scalar()
    }

    fn visit_u64<E: serde::de::Error>(self, _: u64) -> Result<(), E> {
        self.scalar()
    }

    fn visit_f64<E: serde::de::Error>(self, _: f64) -> Result<(), E> {
        self.scalar()
    }

    fn visit_str<E: serde::de::Error>(self, _: &str) -> Result<(), E> {
        self.scalar()
    }

    fn visit_unit<E: serde::de::Error>(self) -> Result<(), E> {
        self.scalar()
    }
}

/// Whether the value at `path` is a manifest, a descriptor or a platform.
fn is_structure(path: &[Step<'_>]) -> bool {
    match path {
        [] => true,
        [Step::Key(field)] => field == "config" || field == "subject",
        [Step::Key(list), Step::Index(_)] => list == "layers" || list == "manifests",
        [parent @ .., Step::Key(field)] => field == "platform" && is_structure(parent),
        _ => false,
    }
}

/// Whether Go's decoder takes `key` for `field`: letters of either case, and the two letters outside ASCII whose lower
/// or upper case is inside.
fn folds_to(key: &str, field: &str) -> bool {
    let fold = |c: char| match c {
        'ſ' => 's',
        '\u{212a}' => 'k',
        c => c.to_ascii_lowercase(),
    };
    key.chars().map(fold).eq(field.chars().map(fold))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_every_unambiguous_object() {
        let deep = format!("{{\"a\":{}1{}}}", "[".repeat(MAX_DEPTH - 1), "]".repeat(MAX_DEPTH - 1));
        for text in [
            "{}",
            " \r\n\t{ } \n",
            r#"{"a":1,"b":-1,"c":1.5e3,"d":null,"e":true,"f":"\u00e9\ud83d\ude00","g":[{},[],{"a":1}]}"#,
            r#"{"a":{"a":{"a":1}},"b":{"a":1}}"#,
            r#"{"annotations":{"Layers":"","layers":"","LAYERS":""},"custom":{"Digest":1,"digest":2}}"#,
            &deep,
        ] {
            assert_eq!(scan(text.as_bytes()), Ok(()), "{text}");
        }
    }

    #[test]
    fn refuses_what_is_not_json() {
        for text in [
            "",
            " ",
            "{",
            "}",
            "{]",
            "{\"a\":}",
            "{\"a\" 1}",
            "{a:1}",
            "{'a':1}",
            "{\"a\":1,}",
            "{\"a\":NaN}",
            "{\"a\":Infinity}",
            "{\"a\":01}",
            "{\"a\":+1}",
            "{\"a\":1e999}",
            "{\"a\":\"\n\"}",
            "{\"a\":\"\\x\"}",
            "{\"a\":\"\\ud800\"}",
            "// x\n{}",
            "\0",
            "nul",
        ] {
            assert!(
                matches!(scan(text.as_bytes()), Err(ManifestError::NotJson(_))),
                "{text}: {:?}",
                scan(text.as_bytes())
            );
        }
        assert!(matches!(scan(b"{\"a\":\"\xff\"}"), Err(ManifestError::NotJson(_))));
        assert!(matches!(scan(b"{\x00\"\x00a\x00\"\x00:\x001\x00}\x00"), Err(ManifestError::NotJson(_))));
        let error = scan(b"{\n  \"a\": x}").unwrap_err().to_string();
        assert!(error.ends_with("expected value at line 2 column 8"), "{error}");
    }

    #[test]
    fn refuses_what_surrounds_an_object() {
        assert_eq!(scan(b"\xef\xbb\xbf{}"), Err(ManifestError::ByteOrderMark));
        for (text, line, column) in [("{}{}", 1, 3), ("{}\n x", 2, 2), ("{}\0", 1, 3), ("{},", 1, 3)] {
            assert_eq!(scan(text.as_bytes()), Err(ManifestError::TrailingBytes { line, column }), "{text}");
        }
        for text in ["[]", "[{}]", "null", "true", "1", "-1", "1.5", "\"{}\""] {
            assert_eq!(scan(text.as_bytes()), Err(ManifestError::NotAnObject { path: ".".to_owned() }), "{text}");
        }
    }

    #[test]
    fn refuses_arrays_in_place_of_objects() {
        for (text, path) in [
            (r#"{"config":[]}"#, "config"),
            (r#"{"layers":[{},["a/b"]]}"#, "layers[1]"),
            (r#"{"manifests":[{"platform":["arm64","linux"]}]}"#, "manifests[0].platform"),
            (r#"{"subject":[1]}"#, "subject"),
        ] {
            assert_eq!(scan(text.as_bytes()), Err(ManifestError::NotAnObject { path: path.to_owned() }), "{text}");
        }
    }

    #[test]
    fn refuses_a_key_that_occurs_twice() {
        for (text, key, path) in [
            (r#"{"a":1,"a":1}"#, "a", "."),
            (r#"{"a":1,"b":2,"\u0061":3}"#, "a", "."),
            (r#"{"layers":[{},{"digest":1,"digest":1}]}"#, "digest", "layers[1]"),
            (r#"{"a":{"b":[[{"c":{"":1,"":2}}]]}}"#, "", "a.b[0][0].c"),
            (r#"{"annotations":{"x":"1","x":"2"}}"#, "x", "annotations"),
        ] {
            let expected = ManifestError::DuplicateKey { key: key.to_owned(), path: path.to_owned() };
            assert_eq!(scan(text.as_bytes()), Err(expected), "{text}");
        }
    }

    #[test]
    fn refuses_a_field_in_another_case() {
        for (text, key, field, path) in [
            (r#"{"Layers":[]}"#, "Layers", "layers", "."),
            (r#"{"layer\u017f":[]}"#, "layerſ", "layers", "."),
            (r#"{"manifestS":[]}"#, "manifestS", "manifests", "."),
            (r#"{"layers":[{"Digest":1}]}"#, "Digest", "digest", "layers[0]"),
            (r#"{"config":{"MEDIATYPE":1}}"#, "MEDIATYPE", "mediaType", "config"),
        ] {
            let expected = ManifestError::MisspelledField { key: key.to_owned(), field, path: path.to_owned() };
            assert_eq!(scan(text.as_bytes()), Err(expected), "{text}");
        }
    }

    #[test]
    fn refuses_depth_bombs() {
        let one_too_many = format!("{{\"a\":{}1{}}}", "[".repeat(MAX_DEPTH), "]".repeat(MAX_DEPTH));
        let objects = "{\"a\":".repeat(1_000_000);
        let arrays = format!("{{\"a\":{}", "[".repeat(1_000_000));
        for text in [one_too_many, objects, arrays] {
            assert!(matches!(scan(text.as_bytes()), Err(ManifestError::TooDeep { .. })));
        }
    }

    #[test]
    fn refuses_more_values_than_a_reader_should_have_to_hold() {
        let zeros = |count| format!("{{\"a\":[0{}]}}", ",0".repeat(count - 1));
        // Two more are the object and the array.
        assert_eq!(scan(zeros(MAX_VALUES - 2).as_bytes()), Ok(()));
        assert_eq!(scan(zeros(MAX_VALUES - 1).as_bytes()), Err(ManifestError::TooManyValues));
    }

    #[test]
    fn echoes_no_more_than_a_little() {
        let long = "x".repeat(1_000_000);
        let text = format!(r#"{{"{long}":{{"{long}":1,"{long}":2}}}}"#);
        assert!(scan(text.as_bytes()).unwrap_err().to_string().len() < 1000);
    }
}
