//! Builds the tree from the parser's events.

use std::cell::Cell;

use libyaml_safer::{Event, EventData, MappingStyle, Mark, ScalarStyle, SequenceStyle};

use super::anchor::{Anchors, MAX_DEPTH, Opened, too_deep};
use super::error::{SyntaxError, shown};
use super::mapping::Mapping;
use super::mark::{Marks, index};
use super::node::{Entry, Node, Style, Value};
use super::position::{Position, Span};
use super::quirk::{self, Patch};
use super::scalar::{Meaning, plain};
use super::tag::{self, Tagged};

/// The merge key's tag (`!!merge`).
const MERGE: &str = "tag:yaml.org,2002:merge";

/// The tree as far as it is known.
pub(super) struct Builder<'a> {
    marks: &'a Marks<'a>,
    patch: Option<&'a Patch>,
    open: Open,
    anchors: Anchors,
    root: Option<Node>,
    /// Whether an escape has to be looked for that goyaml.v2 does not know.
    slashes: bool,
}

/// What is open. Kept from one document to the next, for the sake of its memory.
#[derive(Default)]
struct Open {
    frames: Vec<Frame>,
    /// The items of all open lists, so that each list is allocated once and with its final size.
    items: Vec<Node>,
    /// The entries of all open mappings, likewise.
    entries: Vec<Entry>,
}

thread_local! {
    static SPARE: Cell<Open> = Cell::default();
}

/// A list or mapping that is being read.
struct Frame {
    start: Position,
    flow: bool,
    anchor: Option<Opened>,
    content: Content,
}

enum Content {
    /// Its items are those from this number on.
    Sequence(usize),
    Mapping(Mapping),
}

/// The parts of a scalar event.
struct Scalar {
    tag: Option<String>,
    text: String,
    implicit: bool,
    style: ScalarStyle,
    start: Mark,
    end: Mark,
    has_properties: bool,
}

impl<'a> Builder<'a> {
    /// A builder of the tree of the text that `marks` is of.
    pub(super) fn new(marks: &'a Marks<'a>, patch: Option<&'a Patch>) -> Self {
        let slashes = quirk::has_slash_escape(marks.text());
        Self { marks, patch, open: SPARE.take(), anchors: Anchors::default(), root: None, slashes }
    }

    /// The whole tree; none if there was nothing.
    pub(super) fn root(mut self) -> Option<Node> {
        let root = self.root.take();
        // All is closed by now, so this is empty.
        SPARE.set(self.open);
        root
    }

    /// Takes the next event.
    ///
    /// # Errors
    /// What goyaml.v2 refuses though its parser does not, and duplicate keys.
    pub(super) fn event(&mut self, event: Event) -> Result<(), SyntaxError> {
        let (start, end) = (event.start_mark, event.end_mark);
        match event.data {
            EventData::Scalar { anchor, tag, value, plain_implicit, style, .. } => {
                let has_properties = anchor.is_some() || tag.is_some();
                let scalar = Scalar { tag, text: value, implicit: plain_implicit, style, start, end, has_properties };
                self.scalar(anchor, scalar)
            }
            EventData::SequenceStart { anchor, style, .. } => {
                let flow = style == SequenceStyle::Flow;
                self.open(start, end, flow, anchor, Content::Sequence(self.open.items.len()))
            }
            EventData::MappingStart { anchor, style, .. } => {
                let flow = style == MappingStyle::Flow;
                self.open(start, end, flow, anchor, Content::Mapping(Mapping::new(self.open.entries.len())))
            }
            EventData::SequenceEnd | EventData::MappingEnd => self.close(end),
            EventData::Alias { anchor } => {
                let span = self.marks.span(start, end);
                let node = self.anchors.expand(&anchor, self.open.frames.len(), span)?;
                self.attach(node, Some(span))
            }
            _ => Ok(()),
        }
    }

    fn open(
        &mut self,
        start: Mark,
        end: Mark,
        flow: bool,
        anchor: Option<String>,
        content: Content,
    ) -> Result<(), SyntaxError> {
        let start = match anchor {
            Some(_) => self.content(start, end),
            None => self.marks.position(start),
        };
        if self.open.frames.len() >= MAX_DEPTH {
            return Err(too_deep(Span::character(start)));
        }
        if self.expects_key() {
            let what = if matches!(content, Content::Sequence(_)) { "list" } else { "mapping" };
            return Err(SyntaxError::new(format!("expected a key, found a {what}"), Span::character(start)));
        }
        let anchor = anchor.map(|name| self.anchors.open(name));
        self.open.frames.push(Frame { start, flow, anchor, content });
        Ok(())
    }

    fn close(&mut self, end: Mark) -> Result<(), SyntaxError> {
        let Some(Frame { start, flow, anchor, content }) = self.open.frames.pop() else { return Ok(()) };
        let (last, value) = match content {
            Content::Sequence(first) => {
                let items = self.open.items.split_off(first);
                (items.last().map(|item| item.span), Value::Sequence(items))
            }
            Content::Mapping(mapping) => {
                let entries = self.open.entries.split_off(mapping.first());
                (mapping.end(&entries), Value::Mapping(mapping.finish(entries)?))
            }
        };
        // The parser sees the end of a block collection at whatever comes next.
        let end = match last {
            _ if flow => self.marks.position(end),
            Some(last) => last.end.max(start),
            None => start,
        };
        let node = Node { span: Span::new(start, end), style: Style::Plain, value };
        if let Some(anchor) = anchor {
            self.anchors.close(anchor, &node, self.marks.text())?;
        }
        self.attach(node, None)
    }

    fn scalar(&mut self, anchor: Option<String>, scalar: Scalar) -> Result<(), SyntaxError> {
        let start = if scalar.has_properties {
            self.content(scalar.start, scalar.end)
        } else {
            self.marks.position(scalar.start)
        };
        let span = Span::new(start, self.marks.position(scalar.end));
        let style = match scalar.style {
            ScalarStyle::SingleQuoted => Style::SingleQuoted,
            ScalarStyle::DoubleQuoted => Style::DoubleQuoted,
            ScalarStyle::Literal => Style::Literal,
            ScalarStyle::Folded => Style::Folded,
            _ => Style::Plain,
        };
        self.check(&scalar, style, span)?;
        let Scalar { tag, mut text, implicit, .. } = scalar;
        if let Some(patch) = self.patch {
            text = patch.undo(&text);
        }
        let is_key = self.expects_key();
        if is_key && text == "<<" && (implicit || tag.as_deref() == Some(MERGE)) {
            return match self.open.frames.last_mut() {
                Some(Frame { content: Content::Mapping(mapping), .. }) => mapping.merge_key(span),
                _ => Ok(()),
            };
        }
        let (meaning, text) = match tag {
            None if implicit => (plain(&text), text),
            None => (Meaning::Text, text),
            Some(tag) => match tag::resolve(&tag, &text).map_err(|message| SyntaxError::new(message, span))? {
                Tagged::Meaning(meaning) => (meaning, text),
                Tagged::Decoded(text) => (Meaning::Text, text),
            },
        };
        if is_key && anchor.is_none() {
            return self.key(meaning, text, span);
        }
        // As a value infinity has no place in JSON; as a key it has.
        let node = if is_key && matches!(meaning, Meaning::Float(value) if !value.is_finite()) {
            return self.key(meaning, text, span);
        } else if self.root.is_none()
            && self.open.frames.is_empty()
            && meaning == Meaning::Null
            && text.is_empty()
            && !scalar.has_properties
        {
            return Ok(());
        } else {
            Node { span, style, value: value(meaning, text, span)? }
        };
        if let Some(name) = anchor {
            let anchor = self.anchors.open(name);
            self.anchors.close(anchor, &node, self.marks.text())?;
        }
        self.attach(node, None)
    }

    /// Adds `node` to what is open. `alias` is the span of the alias it came from.
    fn attach(&mut self, node: Node, alias: Option<Span>) -> Result<(), SyntaxError> {
        match self.open.frames.last_mut() {
            None => self.root = Some(node),
            Some(Frame { content: Content::Sequence(_), .. }) => self.open.items.push(node),
            Some(Frame { content: Content::Mapping(mapping), .. }) if !mapping.expects_key() => {
                mapping.value(&mut self.open.entries, node, alias.is_some())?;
            }
            Some(_) => return self.node_as_key(node, alias),
        }
        Ok(())
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
            _ => return Err(SyntaxError::new(format!("expected a key, found a {name}"), span)),
        };
        self.key(meaning, text, span)
    }

    fn key(&mut self, meaning: Meaning, text: String, span: Span) -> Result<(), SyntaxError> {
        let found = match meaning {
            Meaning::Null => Some("null".to_owned()),
            Meaning::Unsigned(_) => Some(format!("`{}`", shown(&text))),
            _ => None,
        };
        let Some(key) = meaning.key(text) else {
            let message = format!("expected a key, found {}", found.unwrap_or_default());
            return Err(SyntaxError::new(message, span).help("put the key in quotes"));
        };
        if let Some(Frame { content: Content::Mapping(mapping), .. }) = self.open.frames.last_mut() {
            mapping.key(key, span);
        }
        Ok(())
    }

    fn expects_key(&self) -> bool {
        matches!(self.open.frames.last(), Some(Frame { content: Content::Mapping(mapping), .. }) if mapping.expects_key())
    }

    /// What goyaml.v2's scanner refuses and libyaml-safer's does not.
    fn check(&self, scalar: &Scalar, style: Style, span: Span) -> Result<(), SyntaxError> {
        let flow = || self.open.frames.last().is_some_and(|frame| frame.flow);
        match style {
            Style::Plain if flow() && scalar.text.contains('?') => Err(SyntaxError::new(
                "expected `,` or the end of the list or mapping, found `?` in a text without quotes",
                span,
            )
            .help("put the text in quotes")),
            Style::DoubleQuoted if self.slashes => {
                let raw = self.marks.text().get(index(scalar.start)..index(scalar.end)).unwrap_or_default();
                match quirk::slash_escape(raw) {
                    Some(at) => {
                        let start = self.marks.at(index(scalar.start) + at);
                        Err(SyntaxError::new(
                            "unknown escape `\\/` in double quotes",
                            Span::new(start, start.next().next()),
                        )
                        .help("write `/`"))
                    }
                    None => Ok(()),
                }
            }
            _ => Ok(()),
        }
    }

    /// Where the value between two marks begins, after its anchor and tag.
    fn content(&self, start: Mark, end: Mark) -> Position {
        let (from, to) = (index(start), index(end));
        let at = quirk::after_properties(self.marks.text(), from).map_or(from, |(at, _)| at);
        if at >= to { self.marks.position(start) } else { self.marks.at(at) }
    }
}

fn value(meaning: Meaning, text: String, span: Span) -> Result<Value, SyntaxError> {
    let written = if matches!(meaning, Meaning::Float(_)) { shown(&text) } else { String::new() };
    meaning.value(text).ok_or_else(|| {
        SyntaxError::new(format!("`{written}` is not a number that JSON has"), span)
            .help("if it is meant as text, put it in quotes")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::yaml::parse;

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

    #[test]
    fn values_that_do_not_fit() {
        let infinite = error("a: .inf");
        assert_eq!(infinite.message, "`.inf` is not a number that JSON has");
        assert_eq!(infinite.help.as_deref(), Some("if it is meant as text, put it in quotes"));
        let tagged = error("a: !!int x");
        assert_eq!(tagged.message, "`x` is not a whole number, as its tag `!!int` says");
        assert_eq!(tagged.span, Span::character(Position::new(1, 10)));
    }

    #[test]
    fn what_goyaml_refuses_and_libyaml_does_not() {
        let question = error("a: [x?b]");
        assert_eq!(
            question.message,
            "expected `,` or the end of the list or mapping, found `?` in a text without quotes"
        );
        assert_eq!(question.span.start, Position::new(1, 5));
        assert!(parse("a: x?b", START).is_ok());
        let slash = error("a: \"x\\\\/\\/\"");
        assert_eq!(slash.message, "unknown escape `\\/` in double quotes");
        assert_eq!(slash.span, Span::new(Position::new(1, 9), Position::new(1, 11)));
        assert!(parse("a: \"x\\\\/\"", START).is_ok());
    }
}
