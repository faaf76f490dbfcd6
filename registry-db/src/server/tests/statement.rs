//! A statement with the values of one of its calls, as diesel shows them.

/// A statement.
#[derive(Debug)]
pub(super) struct Statement {
    /// With placeholders.
    pub(super) text: String,
    pub(super) values: Vec<Value>,
}

/// A value in the place of a placeholder.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Value {
    Null,
    /// A number or a truth value.
    Plain(String),
    Text(String),
    List(Vec<Value>),
}

impl Statement {
    /// Reads what stands before and behind the ` -- binds: `.
    pub(super) fn new(text: &str, values: &str) -> Self {
        let (values, rest) = value(values);
        assert_eq!(rest, "", "{values:?}");
        let Value::List(values) = values else { panic!("{text} has no list of values") };
        Self { text: text.to_owned(), values }
    }
}

impl Value {
    /// Returns the bytes that a list is, if it is one of bytes.
    pub(super) fn bytes_in_hex(&self) -> Option<String> {
        let Self::List(items) = self else { return None };
        let byte = |item: &Self| match item {
            Self::Plain(number) => number.parse().ok(),
            _ => None,
        };
        items.iter().map(|item| byte(item).map(|byte: u8| format!("{byte:02x}"))).collect()
    }
}

/// Reads one value in the form of `Debug`. Returns what follows it.
fn value(text: &str) -> (Value, &str) {
    if let Some(rest) = text.strip_prefix("Some(") {
        let (value, rest) = value(rest);
        return (value, rest.strip_prefix(')').expect("a parenthesis is closed"));
    }
    if let Some(rest) = text.strip_prefix("None") {
        return (Value::Null, rest);
    }
    if let Some(mut rest) = text.strip_prefix('[') {
        let mut items = Vec::new();
        loop {
            if let Some(rest) = rest.strip_prefix(']') {
                return (Value::List(items), rest);
            }
            let (item, after) = value(rest.strip_prefix(", ").unwrap_or(rest));
            items.push(item);
            rest = after;
        }
    }
    if let Some(rest) = text.strip_prefix('"') {
        let mut unescaped = String::new();
        let mut characters = rest.char_indices();
        while let Some((at, character)) = characters.next() {
            match character {
                '"' => return (Value::Text(unescaped), &rest[at + 1..]),
                '\\' => unescaped.extend(characters.next().map(|(_, escaped)| escaped)),
                other => unescaped.push(other),
            }
        }
        panic!("a text is not closed: {text}");
    }
    let end = text.find([',', ']', ')']).unwrap_or(text.len());
    (Value::Plain(text[..end].to_owned()), &text[end..])
}

#[test]
fn values_are_read_as_they_are_shown() {
    let shown = format!("{:?}", ("a\"b", Some(1), None::<i64>, true, [1u8, 255], ["x", "y"]));
    let shown = format!("[{}]", shown.trim_start_matches('(').trim_end_matches(')'));
    let statement = Statement::new("SELECT ?", &shown);
    let list = |items: [&str; 2], of: fn(String) -> Value| Value::List(items.map(|item| of(item.to_owned())).into());
    assert_eq!(
        statement.values,
        [
            Value::Text("a\"b".to_owned()),
            Value::Plain("1".to_owned()),
            Value::Null,
            Value::Plain("true".to_owned()),
            list(["1", "255"], Value::Plain),
            list(["x", "y"], Value::Text),
        ]
    );
    assert_eq!(statement.values[4].bytes_in_hex().as_deref(), Some("01ff"));
    assert_eq!(statement.values[5].bytes_in_hex(), None);
}
