//! Reading fields from a tree, with errors that say where.

use std::cell::RefCell;

use super::ManifestError;
use super::text::{Entry, Node, Span, Value};
use crate::finding::{Code, Finding};
use crate::objects::{Origin, Text};
use crate::suggest::did_you_mean;

/// What reading an object depends on.
#[derive(Debug)]
pub(super) struct Context<'a> {
    /// The number of the file.
    pub(super) file: u32,
    /// The namespace of objects that name none.
    pub(super) namespace: &'a str,
    /// What was read with reservations.
    pub(super) findings: RefCell<Vec<Finding>>,
}

type Result<T> = std::result::Result<T, ManifestError>;

impl Context<'_> {
    /// Where something stands; `None` where all of it comes from a cluster.
    pub(super) fn origin(&self, span: Span) -> Option<Origin> {
        (self.file != Origin::CLUSTER).then_some(Origin { file: self.file, span })
    }

    pub(super) fn find(&self, code: Code, span: Span, message: impl Into<String>, help: Option<String>) {
        let finding = Finding::new(code, message).help(help).at_origin(self.origin(span));
        self.add(finding);
    }

    pub(super) fn add(&self, finding: Finding) {
        self.findings.borrow_mut().push(finding);
    }

    pub(super) fn error<T>(&self, span: Span, message: impl Into<String>, help: Option<String>) -> Result<T> {
        Err(ManifestError { message: message.into(), help, origin: Origin { file: self.file, span } })
    }

    /// The field, if it is there and not null: to the API server both are the same.
    #[expect(clippy::unused_self, reason = "it is asked beside the others, and reads like them")]
    pub(super) fn present<'n>(&self, node: &'n Node, key: &str) -> Option<&'n Node> {
        node.get(key).filter(|value| !matches!(value.value, Value::Null))
    }

    pub(super) fn mapping<'n>(&self, node: &'n Node, what: &str) -> Result<&'n [Entry]> {
        match &node.value {
            Value::Mapping(entries) => Ok(entries),
            _ => self.error(node.span, format!("{what} must be a mapping, and this is a {}", node.type_name()), None),
        }
    }

    pub(super) fn sequence<'n>(&self, node: &'n Node, what: &str) -> Result<&'n [Node]> {
        match &node.value {
            Value::Sequence(items) => Ok(items),
            _ => self.error(node.span, format!("`{what}` must be a list, and this is a {}", node.type_name()), None),
        }
    }

    /// The items of a list that may be absent.
    pub(super) fn items<'n>(&self, node: &'n Node, key: &str) -> Result<&'n [Node]> {
        self.present(node, key).map_or(Ok(&[]), |list| self.sequence(list, key))
    }

    pub(super) fn string<'n>(&self, node: &'n Node, what: &str) -> Result<&'n str> {
        match &node.value {
            Value::String(text) => Ok(text),
            Value::Number(written) => self.error(
                node.span,
                format!("`{what}` must be a string, and this is a number"),
                Some(format!("quote it: \"{written}\"")),
            ),
            Value::Bool(_) => self.error(
                node.span,
                format!("`{what}` must be a string, and this is a boolean"),
                Some("quote it: YAML reads yes, no, on, off, true and false as booleans".into()),
            ),
            _ => self.error(node.span, format!("`{what}` must be a string, and this is a {}", node.type_name()), None),
        }
    }

    pub(super) fn optional_string<'n>(&self, node: &'n Node, key: &str) -> Result<Option<&'n str>> {
        self.present(node, key).map(|value| self.string(value, key)).transpose()
    }

    pub(super) fn required_string<'n>(&self, node: &'n Node, key: &str) -> Result<&'n str> {
        match self.optional_string(node, key)? {
            Some(text) if !text.is_empty() => Ok(text),
            _ => {
                let help = match key {
                    "kind" | "apiVersion" => {
                        let near = match &node.value {
                            Value::Mapping(entries) => did_you_mean(key, entries.iter().map(|e| e.key.as_str())),
                            _ => None,
                        };
                        near.map(|n| n.replace("did you mean", "is it")).or_else(|| {
                            Some(
                                "every object has an apiVersion and a kind; values files and the like are no manifests"
                                    .into(),
                            )
                        })
                    }
                    _ => None,
                };
                self.error(head(node), format!("`{key}` is missing"), help)
            }
        }
    }

    pub(super) fn bool(&self, node: &Node, key: &str) -> Result<bool> {
        match self.present(node, key).map(|value| (value, &value.value)) {
            None => Ok(false),
            Some((_, Value::Bool(value))) => Ok(*value),
            Some((value, _)) => self.error(
                value.span,
                format!("`{key}` must be true or false, and this is a {}", value.type_name()),
                None,
            ),
        }
    }

    /// A port number, 1 to 65535.
    pub(super) fn port_number(&self, node: &Node, key: &str) -> Result<u16> {
        let Value::Number(written) = &node.value else {
            return self.error(
                node.span,
                format!("`{key}` must be a number, and this is a {}", node.type_name()),
                None,
            );
        };
        match whole_number::<u16>(written) {
            Some(number) if number > 0 => Ok(number),
            _ => self.error(node.span, format!("`{written}` is no port: 1 to 65535 was expected"), None),
        }
    }

    /// Refuses fields that the API server does not know in `what`.
    pub(super) fn only(&self, node: &Node, what: &str, known: &[&str]) -> Result<()> {
        let Value::Mapping(entries) = &node.value else { return Ok(()) };
        match entries.iter().find(|e| !known.contains(&e.key.as_str()) && !matches!(e.value.value, Value::Null)) {
            None => Ok(()),
            Some(entry) => self.error(
                entry.key_span,
                format!("{what} has no field `{}`", crate::names::printable(&entry.key)),
                did_you_mean(&entry.key, known.iter().copied()),
            ),
        }
    }

    /// A string with its place.
    pub(super) fn text(&self, node: &Node, what: &str) -> Result<Text> {
        let value = self.string(node, what)?.to_owned();
        Ok(Text { value, style: node.style, origin: self.origin(node.span) })
    }
}

/// Where an object begins: its first line, for an error about what it lacks.
pub(super) fn head(node: &Node) -> Span {
    match &node.value {
        Value::Mapping(entries) => entries.first().map_or(node.span, |e| e.key_span),
        _ => node.span,
    }
}

/// A number as JSON has it: `80`, but also `80.0` and `8e1`.
pub(super) fn whole_number<T: std::str::FromStr>(written: &str) -> Option<T> {
    if let Ok(number) = written.parse::<T>() {
        return Some(number);
    }
    let number = written.parse::<f64>().ok().filter(|n| n.fract() == 0.0)?;
    format!("{number:.0}").parse().ok()
}
