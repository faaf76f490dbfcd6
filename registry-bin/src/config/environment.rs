//! Overriding the configuration by environment variables, by distribution's rule.
//!
//! `REGISTRY_HTTP_ADDR` sets `http.addr`: the parts of a name are the keys in capitals (in a few places other words,
//! see `x-variable` in the schema). Variables are applied in the order of their names, so that `REGISTRY_STORAGE=s3`
//! comes before `REGISTRY_STORAGE_S3_BUCKET`. A value is YAML, and replaces what it sets. A number is the place in a
//! list, or the place after its end. A free key is found whatever its case, and else created in lower case.
//!
//! The Sohu registry's `SEARCH_BACKEND` and `SEARCH_BACKEND_MYSQL` are known too. Their values are taken as they are.
//!
//! Source: distribution, `configuration/parser.go`.

use std::io;
use std::path;
use std::sync::Arc;

use super::problem::{Problem, nearest, shorten};
use super::section::Variables;
use super::shape::Shape;
use super::tree::{Node, Origin, Value};
use super::yaml;

/// What every variable of the registry starts with.
pub(super) const PREFIX: &str = "REGISTRY_";
/// The variable with the path of the configuration file.
pub const CONFIGURATION_PATH: &str = "REGISTRY_CONFIGURATION_PATH";
/// The variable with the directory of the embedded configuration.
pub const DATA: &str = "REGISTRY_DATA";
/// Variables of another form, with the parts of the names that they stand for.
const OTHER_NAMES: [(&str, &[&str]); 3] = [
    ("SEARCH_BACKEND", &["SEARCH", "BACKEND"]),
    ("SEARCH_BACKEND_MYSQL", &["SEARCH", "MYSQL"]),
    ("SEARCH_BACKEND_MYSQL_FILE", &["SEARCH", "MYSQL", "FILE"]),
];

/// Tells whether the registry looks at a variable of this name.
pub fn is_variable(name: &str) -> bool {
    is_own_variable(name) || Variables::is_one(name)
}

/// Tells whether a variable of this name sets something in the configuration.
pub fn is_own_variable(name: &str) -> bool {
    name.starts_with(PREFIX) || OTHER_NAMES.iter().any(|(other, _)| *other == name)
}

/// Reads a file with a secret; a failure is reported with the variable that names the file.
pub type ReadSecret<'a> = &'a dyn Fn(&path::Path) -> io::Result<String>;

/// What came of applying variables.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    pub(super) problems: Vec<Problem>,
    pub(super) warnings: Vec<String>,
}

/// Applies the variables to `root`. Those that are not the registry's are left out of account; those that set nothing
/// are warned of, because Kubernetes adds some.
pub(super) fn apply(
    root: &mut Node,
    shape: &Shape,
    variables: &[(String, String)],
    read_secret: ReadSecret<'_>,
) -> Outcome {
    let mut outcome = Outcome::default();
    let mut sorted: Vec<_> = variables.iter().filter(|(name, _)| name.starts_with(PREFIX)).collect();
    sorted.sort();
    // First, so that the names by the rule have the last word.
    let others = OTHER_NAMES.iter().filter_map(|(other, parts)| {
        let (name, value) = variables.iter().find(|(name, _)| name == other)?;
        let variable = Variable { name: name.as_str().into(), value, is_verbatim: true, read_secret };
        Some((name, variable, parts.to_vec()))
    });
    let by_rule = sorted.into_iter().filter(|(name, _)| name != CONFIGURATION_PATH && name != DATA);
    let by_rule = by_rule.map(|(name, value)| {
        let variable = Variable { name: name.as_str().into(), value, is_verbatim: false, read_secret };
        (name, variable, name[PREFIX.len()..].split('_').collect())
    });
    for (name, variable, parts) in others.chain(by_rule) {
        match variable.set(root, shape, &parts) {
            Ok(Recognised::Yes) => {}
            Ok(Recognised::No) => outcome.warnings.push(unrecognised(name, shape)),
            Err(message) => outcome.problems.push(Problem { origin: variable.origin(), message }),
        }
        expand_selectors(root, shape);
    }
    outcome
}

/// Puts an empty section of that name where a single value selects one: `storage: inmemory`.
pub(super) fn expand_selectors(root: &mut Node, shape: &Shape) {
    let Shape::Section { keys, .. } = shape else { return };
    for key in keys {
        if let (Shape::Section { selector: true, .. }, Some(node)) = (&key.shape, root.get_mut(&key.name))
            && let Value::Scalar(scalar) = &node.value
        {
            let section = Node { origin: node.origin.clone(), value: Value::Null };
            node.value = Value::Map(vec![(scalar.text.clone(), section)]);
        }
    }
}

fn unrecognised(name: &str, shape: &Shape) -> String {
    let variables = shape.variables();
    match nearest(name, variables.iter().map(|(name, _)| name.as_str())) {
        Some(known) => format!("Ignoring unrecognized environment variable {name}; did you mean {known}?"),
        None => format!("Ignoring unrecognized environment variable {name}"),
    }
}

/// Whether the parts of a name lead to something that can be set.
#[derive(Debug, PartialEq, Eq)]
enum Recognised {
    Yes,
    No,
}

struct Variable<'a> {
    name: Arc<str>,
    value: &'a str,
    /// Whether the value is text, and not YAML.
    is_verbatim: bool,
    read_secret: ReadSecret<'a>,
}

impl Variable<'_> {
    fn origin(&self) -> Origin {
        Origin::Variable(Arc::clone(&self.name))
    }

    /// Returns the value, parsed as YAML unless it is text.
    fn parsed(&self) -> Result<Node, String> {
        if self.is_verbatim {
            return Ok(Node::text(self.origin(), self.value));
        }
        yaml::parse(self.value, &|_| self.origin()).map_err(|error| error.message)
    }

    /// Sets what `parts` lead to below `node`. What is not recognised changes nothing.
    fn set(&self, node: &mut Node, shape: &Shape, parts: &[&str]) -> Result<Recognised, String> {
        let Some((part, rest)) = parts.split_first() else {
            *node = self.parsed()?;
            return Ok(Recognised::Yes);
        };
        match shape {
            Shape::Section { keys, .. } => match keys.iter().find_map(|key| Some((key, behind(&key.variable, parts)?)))
            {
                Some((key, rest)) => self.set_entry(node, &key.name, &key.shape, rest),
                None => Ok(Recognised::No),
            },
            Shape::Map(entry) => self.set_entry(node, &existing_key(node, part), entry, rest),
            Shape::List(item) => self.set_item(node, part, item, rest),
            Shape::Opaque if matches!(node.value, Value::List(_)) => self.set_item(node, part, shape, rest),
            Shape::Opaque => self.set_entry(node, &existing_key(node, part), shape, rest),
            Shape::Scalar { secret: true } if parts == ["FILE"] => self.set_from_file(node),
            Shape::Scalar { .. } => Ok(Recognised::No),
        }
    }

    fn set_entry(&self, node: &mut Node, key: &str, shape: &Shape, rest: &[&str]) -> Result<Recognised, String> {
        if let Some(entry) = node.get_mut(key) {
            return self.set(entry, shape, rest);
        }
        let mut entry = Node { origin: self.origin(), value: Value::Null };
        let recognised = self.set(&mut entry, shape, rest)?;
        if recognised == Recognised::Yes {
            match &mut node.value {
                Value::Map(entries) => entries.push((key.to_owned(), entry)),
                other => *other = Value::Map(vec![(key.to_owned(), entry)]),
            }
        }
        Ok(recognised)
    }

    fn set_item(&self, node: &mut Node, part: &str, shape: &Shape, rest: &[&str]) -> Result<Recognised, String> {
        let index: usize = part
            .parse()
            .map_err(|_| format!("non-numeric index `{part}`; expected the place in a list, counted from 0"))?;
        let count = match &mut node.value {
            Value::List(items) => match items.get_mut(index) {
                Some(item) => return self.set(item, shape, rest),
                None => items.len(),
            },
            _ => 0,
        };
        if index > count {
            return Err(format!("undefined index {index}; the list has {count} entries"));
        }
        let mut item = Node { origin: self.origin(), value: Value::Null };
        let recognised = self.set(&mut item, shape, rest)?;
        if recognised == Recognised::Yes {
            match &mut node.value {
                Value::List(items) => items.push(item),
                other => *other = Value::List(vec![item]),
            }
        }
        Ok(recognised)
    }

    fn set_from_file(&self, node: &mut Node) -> Result<Recognised, String> {
        let plain = self.name.trim_end_matches("_FILE");
        if matches!(&node.origin, Origin::Variable(name) if **name == *plain) {
            return Err(format!("`{plain}` is set too; expected one of the two"));
        }
        let secret = (self.read_secret)(path::Path::new(self.value))
            .map_err(|error| format!("file `{}` cannot be read: {error}", shorten(self.value)))?;
        // Editors and `echo` end a file with a line feed that is no part of the secret.
        let secret = secret.strip_suffix('\n').unwrap_or(&secret);
        *node = Node::text(self.origin(), secret.strip_suffix('\r').unwrap_or(secret));
        Ok(Recognised::Yes)
    }
}

/// Returns the parts behind those of a key, if they begin with those.
fn behind<'a>(variable: &str, parts: &'a [&'a str]) -> Option<&'a [&'a str]> {
    let words = variable.split('_');
    let (first, rest) = parts.split_at_checked(words.clone().count())?;
    words.eq(first.iter().copied()).then_some(rest)
}

/// Returns the spelling of a free key that is there already, or else its name in lower case.
fn existing_key(node: &Node, part: &str) -> String {
    match &node.value {
        Value::Map(entries) => entries.iter().map(|(key, _)| key).find(|key| key.eq_ignore_ascii_case(part)).cloned(),
        _ => None,
    }
    .unwrap_or_else(|| part.to_lowercase())
}
