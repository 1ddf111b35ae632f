//! The tree that a document is read into.

use serde::{Serialize, Serializer};

use super::position::Span;

/// How a scalar was written. Of no meaning for lists and mappings, which say `Plain`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Style {
    /// Without quotes. Everything in JSON that is no string.
    #[default]
    Plain,
    /// `'…'`
    SingleQuoted,
    /// `"…"`, also each string in JSON.
    DoubleQuoted,
    /// `|`
    Literal,
    /// `>`
    Folded,
}

/// A value, with the types that JSON has.
#[derive(Clone, PartialEq, Debug)]
pub enum Value {
    /// `null`, `~` or nothing.
    Null,
    /// `true`, and in YAML also `yes`, `on`, …
    Bool(bool),
    /// A number as JSON text would have it: YAML's `0x10` is `16` here.
    Number(String),
    /// Text.
    String(String),
    /// A list.
    Sequence(Vec<Node>),
    /// A mapping, in the order of the text, without duplicates.
    Mapping(Vec<Entry>),
}

/// A value and where it stands in the file.
///
/// What an alias (`*name`) or a merge (`<<`) brought in has the span of the text it was copied from.
#[derive(Clone, PartialEq, Debug)]
pub struct Node {
    /// Where the value stands, without its anchor and tag. Empty for a value that was left out.
    pub span: Span,
    /// How it was written.
    pub style: Style,
    /// What it is.
    pub value: Value,
}

/// A key of a mapping and its value.
#[derive(Clone, PartialEq, Debug)]
pub struct Entry {
    /// The key; a number or boolean as the string that kubectl makes of it.
    pub key: String,
    /// Where the key stands.
    pub key_span: Span,
    /// What belongs to it.
    pub value: Node,
}

impl Node {
    /// The value of `key`; none if there is no such key or this is no mapping.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.entry(key).map(|entry| &entry.value)
    }

    /// The entry of `key`; none if there is no such key or this is no mapping.
    #[must_use]
    pub fn entry(&self, key: &str) -> Option<&Entry> {
        self.entries().iter().find(|entry| entry.key == key)
    }

    /// The text, if this is a string.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        match &self.value {
            Value::String(text) => Some(text),
            _ => None,
        }
    }

    /// The truth value, if this is a boolean.
    #[must_use]
    pub fn as_bool(&self) -> Option<bool> {
        match self.value {
            Value::Bool(value) => Some(value),
            _ => None,
        }
    }

    /// The number as JSON text, if this is a number.
    #[must_use]
    pub fn as_number(&self) -> Option<&str> {
        match &self.value {
            Value::Number(text) => Some(text),
            _ => None,
        }
    }

    /// Whether this is null.
    #[must_use]
    pub fn is_null(&self) -> bool {
        matches!(self.value, Value::Null)
    }

    /// The items, if this is a list; otherwise none.
    #[must_use]
    pub fn items(&self) -> &[Node] {
        match &self.value {
            Value::Sequence(items) => items,
            _ => &[],
        }
    }

    /// The entries in the order of the text, if this is a mapping; otherwise none.
    #[must_use]
    pub fn entries(&self) -> &[Entry] {
        match &self.value {
            Value::Mapping(entries) => entries,
            _ => &[],
        }
    }

    /// What this is, in a word for messages: `null`, `boolean`, `number`, `string`, `list` or
    /// `mapping`.
    #[must_use]
    pub fn type_name(&self) -> &'static str {
        match self.value {
            Value::Null => "null",
            Value::Bool(_) => "boolean",
            Value::Number(_) => "number",
            Value::String(_) => "string",
            Value::Sequence(_) => "list",
            Value::Mapping(_) => "mapping",
        }
    }
}

impl Serialize for Node {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &self.value {
            Value::Null => serializer.serialize_unit(),
            Value::Bool(value) => serializer.serialize_bool(*value),
            Value::Number(text) => match (text.parse::<i64>(), text.parse::<f64>()) {
                (Ok(number), _) => serializer.serialize_i64(number),
                (_, Ok(number)) => serializer.serialize_f64(number),
                _ => serializer.serialize_str(text),
            },
            Value::String(text) => serializer.serialize_str(text),
            Value::Sequence(items) => serializer.collect_seq(items),
            Value::Mapping(entries) => {
                serializer.collect_map(entries.iter().map(|entry| (entry.key.as_str(), &entry.value)))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(value: Value) -> Node {
        Node { span: Span::default(), style: Style::Plain, value }
    }

    #[test]
    fn a_mapping_answers_for_its_keys_and_nothing_else_does() {
        let text = node(Value::String("x".to_owned()));
        let entry = Entry { key: "a".to_owned(), key_span: Span::default(), value: text.clone() };
        let mapping = node(Value::Mapping(vec![entry]));
        assert_eq!(mapping.get("a").and_then(Node::as_str), Some("x"));
        assert_eq!(mapping.get("b"), None);
        assert_eq!(text.get("a"), None);
        assert_eq!(mapping.entries().len(), 1);
        assert!(mapping.items().is_empty());
    }

    #[test]
    fn each_type_has_its_name() {
        let names: Vec<_> = [
            Value::Null,
            Value::Bool(true),
            Value::Number("1".to_owned()),
            Value::String(String::new()),
            Value::Sequence(Vec::new()),
            Value::Mapping(Vec::new()),
        ]
        .into_iter()
        .map(|value| node(value).type_name())
        .collect();
        assert_eq!(names, ["null", "boolean", "number", "string", "list", "mapping"]);
        assert_eq!(node(Value::Bool(true)).as_bool(), Some(true));
        assert_eq!(node(Value::Number("1".to_owned())).as_number(), Some("1"));
        assert!(node(Value::Null).is_null());
    }
}
