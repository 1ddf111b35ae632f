//! Reads one YAML document as goyaml.v2 does for kubectl.

use libyaml_safer::{Event, EventData};

use super::build::Builder;
use super::encoding;
use super::error::SyntaxError;
use super::mark::{Marks, index};
use super::message::{self, Failure};
use super::node::Node;
use super::position::Position;
use super::quirk::{self, Patch};
use super::source::Events;

/// The tree of `text`, whose first character is `origin` in the file; none if there is nothing in
/// it but comments.
///
/// # Errors
/// What kubectl would refuse; duplicate keys; anything after the first document, which kubectl
/// would ignore.
pub(super) fn parse(text: &str, origin: Position) -> Result<Option<Node>, SyntaxError> {
    let text = text.strip_prefix('\u{FEFF}').unwrap_or(text);
    if quirk::may_panic(text) {
        quirk::check_tags(text, origin)?;
    }
    let failure = match attempt(&Marks::new(text, origin), None) {
        Ok(node) => return Ok(node),
        Err(failure) => failure,
    };
    let Some(mut patch) = Patch::new(text) else {
        return Err(explain(text, origin, failure));
    };
    let mut failure = failure;
    while let Failure::Parser(error) = &failure
        && patch.apply(error)
    {
        match attempt(&Marks::new(patch.text(), origin), Some(&patch)) {
            Ok(node) => return Ok(node),
            Err(next) => failure = next,
        }
    }
    Err(explain(patch.text(), origin, failure))
        .map_err(|error| SyntaxError { message: patch.undo(&error.message), ..error })
}

fn explain(text: &str, origin: Position, failure: Failure) -> SyntaxError {
    match failure {
        Failure::Text(error) => error,
        Failure::Parser(error) => {
            encoding::control(text, origin).unwrap_or_else(|| message::explain(&error, &Marks::new(text, origin)))
        }
    }
}

fn attempt(marks: &Marks<'_>, patch: Option<&Patch>) -> Result<Option<Node>, Failure> {
    let mut events = Events::new(marks.text());
    let mut builder = Builder::new(marks, patch);
    loop {
        let event = events.next()?;
        match event.data {
            EventData::StreamStart { .. } | EventData::DocumentStart { .. } => {}
            EventData::StreamEnd => {
                events.finish();
                return Ok(None);
            }
            EventData::DocumentEnd { .. } => break,
            _ => builder.event(event)?,
        }
    }
    match events.next() {
        Ok(Event { data: EventData::StreamEnd, .. }) => {
            events.finish();
            Ok(builder.root())
        }
        Ok(event) => Err(message::trailing(marks, index(event.start_mark)).into()),
        Err(error) if error.problem() == message::NO_DOCUMENT_START => {
            let at = error.problem_mark().map(index).unwrap_or_default();
            Err(message::trailing(marks, at).into())
        }
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::text::node::{Style, Value};
    use crate::manifest::text::position::Span;

    const START: Position = Position::new(1, 1);

    fn read(text: &str) -> Node {
        let empty = Node { span: Span::default(), style: Style::Plain, value: Value::Null };
        parse(text, START).ok().flatten().unwrap_or(empty)
    }

    fn error(text: &str) -> SyntaxError {
        parse(text, START).err().unwrap_or_else(|| SyntaxError::new("no error", Span::default()))
    }

    fn span(start: (u32, u32), end: (u32, u32)) -> Span {
        Span::new(Position::new(start.0, start.1), Position::new(end.0, end.1))
    }

    #[test]
    fn nothing_is_none() {
        for text in ["", "\n", "# a\n", "---\n", "--- # a\n\n", "---\n...\n", "\u{FEFF}"] {
            assert_eq!(parse(text, START), Ok(None), "{text:?}");
        }
        assert_eq!(read("~").value, Value::Null);
    }

    #[test]
    fn spans_are_those_of_the_text() {
        let node = read("---\nmetadata:\n  name: \"é\"  # c\n  list:\n  - a\n  - {b: c}\n\n# end\n");
        assert_eq!(node.span, span((2, 1), (6, 11)));
        let metadata = node.get("metadata").map(|node| node.span);
        assert_eq!(metadata, Some(span((3, 3), (6, 11))));
        let name = node.get("metadata").and_then(|node| node.entry("name"));
        assert_eq!(name.map(|entry| entry.key_span), Some(span((3, 3), (3, 7))));
        assert_eq!(name.map(|entry| entry.value.span), Some(span((3, 9), (3, 12))));
        let items = node.get("metadata").and_then(|node| node.get("list")).map(Node::items).unwrap_or_default();
        assert_eq!(
            items.iter().map(|item| item.span).collect::<Vec<_>>(),
            [span((5, 5), (5, 6)), span((6, 5), (6, 11))]
        );
    }

    #[test]
    fn the_span_of_a_value_leaves_out_its_anchor_and_tag() {
        let node = read("a: &x !!str 12\nb: !!str &y\n  'z'\n");
        assert_eq!(node.get("a").map(|node| (node.span, node.as_str())), Some((span((1, 13), (1, 15)), Some("12"))));
        assert_eq!(node.get("b").map(|node| node.span), Some(span((3, 3), (3, 6))));
    }

    #[test]
    fn styles_are_kept() {
        let node = read("- a\n- 'a'\n- \"a\"\n- |\n  a\n- >\n  a\n");
        let styles: Vec<_> = node.items().iter().map(|node| node.style).collect();
        assert_eq!(styles, [Style::Plain, Style::SingleQuoted, Style::DoubleQuoted, Style::Literal, Style::Folded]);
    }

    #[test]
    fn what_follows_the_document_is_an_error() {
        let error_ = error("a: 1\n...\nb: 2\n");
        assert_eq!(error_.message, "found `b: 2` after the end of the document: kubectl would ignore it");
        assert_eq!(error_.span, Span::character(Position::new(3, 1)));
        assert_eq!(error_.help.as_deref(), Some("separate documents by a line `---`"));
        assert_eq!(error("{a: b}\nc: d\n").span.start, Position::new(2, 1));
        assert_eq!(parse("a: 1\n...\n# c\n", START).map(|node| node.is_some()), Ok(true));
    }

    #[test]
    fn lines_end_in_any_way() {
        let node = read("a: |\r\n  x\r\n  y\r\nb: 'c'");
        assert_eq!(node.get("a").and_then(Node::as_str), Some("x\ny\n"));
        assert_eq!(node.entry("b").map(|entry| entry.key_span.start), Some(Position::new(4, 1)));
        let separators = read("a: x\u{2028}\nb: y\n");
        assert_eq!(separators.entry("b").map(|entry| entry.key_span.start), Some(Position::new(2, 1)));
        let block = read("a: |\n  x");
        assert_eq!(block.get("a").and_then(Node::as_str), Some("x\n"));
    }

    #[test]
    fn what_is_missing_at_the_end_is_in_the_last_line() {
        assert_eq!(error("a:\n  b: [c").span.start, Position::new(2, 8));
        assert_eq!(read("a:\n? b ").get("b").map(|node| node.span), Some(span((2, 5), (2, 5))));
        assert_eq!(read("a:\n  b: c").get("a").map(|node| node.span), Some(span((2, 3), (2, 7))));
    }

    #[test]
    fn nesting_is_bounded() {
        let flow = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert!(parse(&flow(1000), START).is_ok());
        assert_eq!(error(&flow(1001)).message, "lists and mappings are nested more than 1000 levels deep");
        assert_eq!(error(&flow(1001)).span, Span::character(Position::new(1, 1001)));
        for deep in ["[".repeat(5 << 20), "- ".repeat(1 << 20), "{a: ".repeat(1 << 20)] {
            assert_eq!(error(&deep).message, "lists and mappings are nested more than 1000 levels deep");
        }
        let block = (0..1200).map(|depth| format!("{}a:\n", " ".repeat(depth))).collect::<Vec<_>>().concat();
        assert_eq!(error(&block).message, "lists and mappings are nested more than 1000 levels deep");
    }
}
