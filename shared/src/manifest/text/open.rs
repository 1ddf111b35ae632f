//! The lists and mappings that are open while a tree is built.

use std::cell::Cell;

use super::anchor::{MAX_DEPTH, Opened, too_deep};
use super::error::{SyntaxError, shown};
use super::mapping::Mapping;
use super::node::{Entry, Node, Value};
use super::position::{Position, Span};
use super::scalar::Meaning;

/// What is open. Kept from one document to the next, for the sake of its memory.
#[derive(Default)]
pub(super) struct Open {
    /// From the outermost to the innermost.
    pub(super) frames: Vec<Frame>,
    /// The items of all open lists, so that each list is allocated once and with its final size.
    items: Vec<Node>,
    /// The entries of all open mappings, likewise.
    entries: Vec<Entry>,
}

thread_local! {
    static SPARE: Cell<Open> = Cell::default();
}

/// A list or mapping that is being read.
pub(super) struct Frame {
    /// Where it begins.
    pub(super) start: Position,
    /// Whether it is written with brackets.
    pub(super) flow: bool,
    /// The anchor that names it.
    pub(super) anchor: Option<Opened>,
    /// What it is.
    pub(super) content: Content,
}

/// What a frame holds.
pub(super) enum Content {
    /// A list: its items are those from this number on.
    Sequence(usize),
    /// A mapping.
    Mapping(Mapping),
}

impl Open {
    /// Nothing is open.
    pub(super) fn new() -> Self {
        SPARE.take()
    }

    /// Keeps the memory for the next document; to be called when all is closed again.
    pub(super) fn keep(self) {
        if self.frames.is_empty() && self.items.is_empty() && self.entries.is_empty() {
            SPARE.set(self);
        }
    }

    /// The number of the next item.
    pub(super) fn next_item(&self) -> usize {
        self.items.len()
    }

    /// The number of the next entry.
    pub(super) fn next_entry(&self) -> usize {
        self.entries.len()
    }

    /// Opens a list or mapping.
    ///
    /// # Errors
    /// If it is nested too deeply, or a key comes next.
    pub(super) fn push(&mut self, frame: Frame) -> Result<(), SyntaxError> {
        let span = Span::character(frame.start);
        if self.frames.len() >= MAX_DEPTH {
            return Err(too_deep(span));
        }
        if self.expects_key() {
            let list = matches!(frame.content, Content::Sequence(_));
            let what = if list { "list" } else { "mapping" };
            let message = format!("expected a key, found a {what}");
            return Err(SyntaxError::new(message, span));
        }
        self.frames.push(frame);
        Ok(())
    }

    /// The value of a frame that was closed, and the span of what ends it.
    ///
    /// # Errors
    /// If a mapping has a key twice.
    pub(super) fn take(&mut self, content: Content) -> Result<(Option<Span>, Value), SyntaxError> {
        Ok(match content {
            Content::Sequence(first) => {
                let items = self.items.split_off(first);
                (items.last().map(|item| item.span), Value::Sequence(items))
            }
            Content::Mapping(mapping) => {
                let entries = self.entries.split_off(mapping.first());
                let last = mapping.end(&entries);
                (last, Value::Mapping(mapping.finish(entries)?))
            }
        })
    }

    /// Adds `node` to the innermost frame. `alias` is the span of the alias it came from.
    ///
    /// # Errors
    /// If it cannot be a key, or cannot be merged.
    pub(super) fn attach(&mut self, node: Node, alias: Option<Span>) -> Result<(), SyntaxError> {
        match self.frames.last_mut().map(|frame| &mut frame.content) {
            None => Ok(()),
            Some(Content::Sequence(_)) => {
                self.items.push(node);
                Ok(())
            }
            Some(Content::Mapping(mapping)) if !mapping.expects_key() => {
                mapping.value(&mut self.entries, node, alias.is_some())
            }
            Some(Content::Mapping(_)) => self.node_as_key(node, alias),
        }
    }

    /// Takes the key `<<`.
    ///
    /// # Errors
    /// If there was one already.
    pub(super) fn merge_key(&mut self, span: Span) -> Result<(), SyntaxError> {
        match self.frames.last_mut().map(|frame| &mut frame.content) {
            Some(Content::Mapping(mapping)) => mapping.merge_key(span),
            _ => Ok(()),
        }
    }

    /// A key that had an anchor or came from an alias.
    fn node_as_key(&mut self, node: Node, alias: Option<Span>) -> Result<(), SyntaxError> {
        let span = alias.unwrap_or(node.span);
        let name = node.type_name();
        let (meaning, text) = match node.value {
            Value::String(text) => (Meaning::Text, text),
            Value::Bool(value) => (Meaning::Bool(value), String::new()),
            Value::Number(text) => match text.parse::<i64>() {
                Ok(value) => (Meaning::Int(value), text),
                Err(_) if text.parse::<u64>().is_ok() => (Meaning::Unsigned(0), text),
                Err(_) => (text.parse().map_or(Meaning::Text, Meaning::Float), text),
            },
            _ => {
                return Err(SyntaxError::new(format!("expected a key, found a {name}"), span));
            }
        };
        self.key(meaning, text, span)
    }

    /// Takes a key: what `meaning` makes of `text`.
    ///
    /// # Errors
    /// If it cannot be a key.
    pub(super) fn key(&mut self, meaning: Meaning, text: String, span: Span) -> Result<(), SyntaxError> {
        let found = match meaning {
            Meaning::Null => Some("null".to_owned()),
            Meaning::Unsigned(_) => Some(format!("`{}`", shown(&text))),
            _ => None,
        };
        let Some(key) = meaning.key(text) else {
            let message = format!("expected a key, found {}", found.unwrap_or_default());
            return Err(SyntaxError::new(message, span).help("put the key in quotes"));
        };
        if let Some(Frame { content: Content::Mapping(mapping), .. }) = self.frames.last_mut() {
            mapping.key(key, span);
        }
        Ok(())
    }

    /// Whether a key comes next.
    pub(super) fn expects_key(&self) -> bool {
        matches!(self.frames.last(), Some(Frame { content: Content::Mapping(mapping), .. }) if mapping.expects_key())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::text::yaml::parse;

    const START: Position = Position::new(1, 1);

    fn error(text: &str) -> SyntaxError {
        parse(text, START).err().unwrap_or_else(|| SyntaxError::new("no error", Span::default()))
    }

    fn keys(text: &str) -> Vec<String> {
        let node = parse(text, START).unwrap_or_default();
        node.iter().flat_map(Node::entries).map(|entry| entry.key.clone()).collect()
    }

    #[test]
    fn keys_become_strings() {
        assert_eq!(keys("1: a\nyes: b\n1.50: c\n.inf: d\n0x10: e\n"), ["1", "true", "1.5", ".inf", "16"]);
        assert_eq!(keys("- &a 0x10\n"), Vec::<String>::new());
        let node = parse("- &a 0x10\n- *a : b\n- &b 1.50: c\n", START).unwrap_or_default();
        let keys: Vec<_> =
            node.iter().flat_map(Node::items).flat_map(Node::entries).map(|entry| entry.key.as_str()).collect();
        assert_eq!(keys, ["16", "1.5"]);
    }

    #[test]
    fn what_cannot_be_a_key() {
        let null = error("~: a");
        assert_eq!(
            (null.message.as_str(), null.help.as_deref()),
            ("expected a key, found null", Some("put the key in quotes"))
        );
        assert_eq!(error("18446744073709551615: a").message, "expected a key, found `18446744073709551615`");
        let mapping = error("image: {{ .Values.image }}");
        assert_eq!(mapping.message, "expected a key, found a mapping");
        assert_eq!(mapping.span, Span::character(Position::new(1, 9)));
        assert_eq!(error("? [a]\n: b").message, "expected a key, found a list");
        assert_eq!(error("a: &x [1]\n*x : b").message, "expected a key, found a list");
    }
}
