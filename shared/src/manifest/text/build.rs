//! Builds the tree from the parser's events.

use libyaml_safer::{Event, EventData, MappingStyle, Mark, ScalarStyle, SequenceStyle};

use super::anchor::Anchors;
use super::error::{SyntaxError, shown};
use super::mapping::Mapping;
use super::mark::{Marks, index};
use super::node::{Node, Style, Value};
use super::open::{Content, Frame, Open};
use super::position::{Position, Span, position_of};
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
        Self { marks, patch, open: Open::new(), anchors: Anchors::default(), root: None, slashes }
    }

    /// The whole tree; none if there was nothing.
    pub(super) fn root(mut self) -> Option<Node> {
        let root = self.root.take();
        self.open.keep();
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
                self.open(start, end, flow, anchor, Content::Sequence(self.open.next_item()))
            }
            EventData::MappingStart { anchor, style, .. } => {
                let flow = style == MappingStyle::Flow;
                self.open(start, end, flow, anchor, Content::Mapping(Mapping::new(self.open.next_entry())))
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
        let anchor = anchor.map(|name| self.anchors.open(name));
        self.open.push(Frame { start, flow, anchor, content })
    }

    fn close(&mut self, end: Mark) -> Result<(), SyntaxError> {
        let Some(frame) = self.open.frames.pop() else {
            return Ok(());
        };
        let (last, value) = self.open.take(frame.content)?;
        // The parser sees the end of a block collection at whatever comes next.
        let end = match last {
            _ if frame.flow => self.marks.position(end),
            Some(last) => last.end.max(frame.start),
            None => frame.start,
        };
        let node = Node { span: Span::new(frame.start, end), style: Style::Plain, value };
        if let Some(anchor) = frame.anchor {
            self.anchors.close(anchor, &node, self.marks.text())?;
        }
        self.attach(node, None)
    }

    fn attach(&mut self, node: Node, alias: Option<Span>) -> Result<(), SyntaxError> {
        if self.open.frames.is_empty() {
            self.root = Some(node);
            return Ok(());
        }
        self.open.attach(node, alias)
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
        let is_key = self.open.expects_key();
        if is_key && text == "<<" && (implicit || tag.as_deref() == Some(MERGE)) {
            return self.open.merge_key(span);
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
            return self.open.key(meaning, text, span);
        }
        // As a value infinity has no place in JSON; as a key it has.
        let node = if is_key && matches!(meaning, Meaning::Float(value) if !value.is_finite()) {
            return self.open.key(meaning, text, span);
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
        let (text, from) = (self.marks.text(), index(start));
        let position = self.marks.position(start);
        match quirk::after_properties(text, from) {
            Some((at, _)) if at < index(end) => {
                let skipped = text.get(from..).unwrap_or_default();
                position_of(skipped, at - from, position)
            }
            _ => position,
        }
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
    use crate::manifest::text::yaml::parse;

    const START: Position = Position::new(1, 1);

    fn error(text: &str) -> SyntaxError {
        parse(text, START).err().unwrap_or_else(|| SyntaxError::new("no error", Span::default()))
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
