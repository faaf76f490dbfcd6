//! A configuration as a tree of values, each of which remembers where it was written.
//!
//! The file and the environment both end up in one tree, so that every later complaint can name a line or a variable.

use std::fmt;
use std::sync::Arc;

/// Where a value was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// A line of the file, counted from 1.
    Line(u64),
    /// An environment variable.
    Variable(Arc<str>),
}

impl Origin {
    /// Returns what sorts places in the order in which they take effect.
    pub(super) fn order(&self) -> u64 {
        match self {
            Self::Line(line) => *line,
            Self::Variable(_) => u64::MAX,
        }
    }
}

/// A value and where it was written. An entry of a map has the place of its key.
#[derive(Debug, Clone)]
pub(super) struct Node {
    pub(super) origin: Origin,
    pub(super) value: Value,
}

/// What a node holds.
#[derive(Debug, Clone)]
pub(super) enum Value {
    /// Taken out after a problem was reported, so that the rest can be looked at. Its place in a list stays.
    Absent,
    /// A key without a value.
    Null,
    Scalar(Scalar),
    List(Vec<Node>),
    Map(Vec<(String, Node)>),
}

/// A single value: its text as written, and what YAML takes it for.
#[derive(Debug, Clone)]
pub(super) struct Scalar {
    pub(super) text: String,
    pub(super) kind: Kind,
}

/// What YAML takes a single value for. The text stays the truth for whoever wants a text: `007` or `1e3` may be a
/// password.
#[derive(Debug, Clone, Copy)]
pub(super) enum Kind {
    Bool(bool),
    Integer(i128),
    Float(f64),
    Text,
}

impl Node {
    pub(super) fn text(origin: Origin, text: impl Into<String>) -> Self {
        Self { origin, value: Value::Scalar(Scalar { text: text.into(), kind: Kind::Text }) }
    }

    /// Returns the entry of exactly that name.
    pub(super) fn get(&self, key: &str) -> Option<&Node> {
        match &self.value {
            Value::Map(entries) => entries.iter().find(|(name, _)| name == key).map(|(_, node)| node),
            _ => None,
        }
    }

    /// Returns the entry of exactly that name.
    pub(super) fn get_mut(&mut self, key: &str) -> Option<&mut Node> {
        match &mut self.value {
            Value::Map(entries) => entries.iter_mut().find(|(name, _)| name == key).map(|(_, node)| node),
            _ => None,
        }
    }

    /// Returns the place of the value at `path`, or of its nearest ancestor that was written.
    pub(super) fn origin_of(&self, path: &Path) -> &Origin {
        let mut node = self;
        for step in &path.0 {
            match node.child(step) {
                Some(child) => node = child,
                None => break,
            }
        }
        &node.origin
    }

    /// Takes the value at `path` out of the tree; of a path that leads nowhere nothing changes.
    pub(super) fn remove(&mut self, path: &Path) {
        let mut node = self;
        for step in &path.0 {
            let child = match (&mut node.value, step) {
                (Value::Map(entries), Step::Key(key)) => {
                    entries.iter_mut().find(|(name, _)| name == key).map(|(_, child)| child)
                }
                (Value::List(items), Step::Index(index)) => items.get_mut(*index),
                _ => None,
            };
            match child {
                Some(child) => node = child,
                None => return,
            }
        }
        node.value = Value::Absent;
    }

    fn child(&self, step: &Step) -> Option<&Node> {
        match (&self.value, step) {
            (Value::List(items), Step::Index(index)) => items.get(*index),
            (_, Step::Key(key)) => self.get(key),
            _ => None,
        }
    }
}

/// One step down the tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    Key(String),
    Index(usize),
}

/// The way from the root to a value, shown as `health.http[0].uri`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Path(pub(super) Vec<Step>);

impl Path {
    /// Makes a path of keys separated by dots.
    pub(super) fn of_keys(dotted: &str) -> Self {
        Self(dotted.split('.').map(|key| Step::Key(key.to_owned())).collect())
    }

    /// Tells whether one of the two paths leads through the other.
    pub(super) fn overlaps(&self, other: &Path) -> bool {
        self.0.iter().zip(&other.0).all(|(a, b)| a == b)
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (depth, step) in self.0.iter().enumerate() {
            match step {
                Step::Key(key) if depth == 0 => f.write_str(key)?,
                Step::Key(key) => write!(f, ".{key}")?,
                Step::Index(index) => write!(f, "[{index}]")?,
            }
        }
        Ok(())
    }
}
