//! The tree of a JSON value.

use super::error::SyntaxError;
use super::json::{self, Sink};
use super::mapping::check_duplicates;
use super::node::{Entry, Node, Style, Value};
use super::position::{Position, Ruler, Span};

/// The tree of `text`, whose first character is `origin` in the file.
///
/// # Errors
/// If it is not JSON, or a mapping has a key twice.
pub(super) fn parse(text: &str, origin: Position) -> Result<Option<Node>, SyntaxError> {
    let mut tree = Tree { text, ruler: Ruler::new(text, origin), frames: Vec::new(), root: None };
    json::read(text, origin, &mut tree)?;
    Ok(tree.root)
}

struct Tree<'a> {
    text: &'a str,
    ruler: Ruler<'a>,
    frames: Vec<Frame>,
    root: Option<Node>,
}

struct Frame {
    start: Position,
    content: Content,
}

enum Content {
    Sequence(Vec<Node>),
    Mapping(Vec<Entry>, Option<(String, Span)>),
}

impl Tree<'_> {
    /// The span of two bytes of the text.
    fn span(&mut self, start: usize, end: usize) -> Span {
        let start = self.ruler.position(start);
        Span::new(start, self.ruler.position(end))
    }

    fn add(&mut self, span: Span, style: Style, value: Value) {
        let node = Node { span, style, value };
        match self.frames.last_mut().map(|frame| &mut frame.content) {
            None => self.root = Some(node),
            Some(Content::Sequence(items)) => items.push(node),
            Some(Content::Mapping(entries, key)) => {
                if let Some((key, span)) = key.take() {
                    entries.push(Entry { key, key_span: span, value: node });
                }
            }
        }
    }

    fn raw(&self, start: usize, end: usize) -> &str {
        self.text.get(start..end).unwrap_or_default()
    }
}

impl Sink for Tree<'_> {
    fn open(&mut self, at: usize, mapping: bool) {
        let content = if mapping { Content::Mapping(Vec::new(), None) } else { Content::Sequence(Vec::new()) };
        let start = self.ruler.position(at);
        self.frames.push(Frame { start, content });
    }

    fn close(&mut self, end: usize) -> Result<(), SyntaxError> {
        let end = self.ruler.position(end);
        let Some(Frame { start, content }) = self.frames.pop() else {
            return Ok(());
        };
        let value = match content {
            Content::Sequence(items) => Value::Sequence(items),
            Content::Mapping(entries, _) => {
                check_duplicates(&entries)?;
                Value::Mapping(entries)
            }
        };
        self.add(Span::new(start, end), Style::Plain, value);
        Ok(())
    }

    fn key(&mut self, start: usize, end: usize) {
        let span = self.span(start, end);
        let text = unescape(self.raw(start + 1, end - 1));
        if let Some(Content::Mapping(_, key)) = self.frames.last_mut().map(|frame| &mut frame.content) {
            *key = Some((text, span));
        }
    }

    fn string(&mut self, start: usize, end: usize) {
        let span = self.span(start, end);
        let text = unescape(self.raw(start + 1, end - 1));
        self.add(span, Style::DoubleQuoted, Value::String(text));
    }

    fn word(&mut self, start: usize, end: usize) {
        let span = self.span(start, end);
        let value = match self.raw(start, end) {
            "true" => Value::Bool(true),
            "false" => Value::Bool(false),
            "null" => Value::Null,
            number => Value::Number(number.to_owned()),
        };
        self.add(span, Style::Plain, value);
    }
}

/// The text that `raw`, a valid string without its quotes, stands for. Half of a surrogate pair
/// becomes U+FFFD, as in Go.
fn unescape(raw: &str) -> String {
    if !raw.as_bytes().contains(&b'\\') {
        return raw.to_owned();
    }
    let mut out = String::with_capacity(raw.len());
    let mut rest = raw;
    while let Some((before, after)) = rest.split_once('\\') {
        out.push_str(before);
        let (character, length) = escaped(after);
        out.push(character);
        rest = after.get(length..).unwrap_or_default();
    }
    out.push_str(rest);
    out
}

/// The character that the escape stands for whose `\` is before `text`, and how many more bytes it
/// takes.
pub(super) fn escaped(text: &str) -> (char, usize) {
    const UNIT: usize = 5;
    match text.bytes().next() {
        Some(b'b') => ('\u{8}', 1),
        Some(b'f') => ('\u{c}', 1),
        Some(b'n') => ('\n', 1),
        Some(b'r') => ('\r', 1),
        Some(b't') => ('\t', 1),
        Some(b'u') => {
            let unit = |text: &str| text.get(1..UNIT).and_then(|digits| u16::from_str_radix(digits, 16).ok());
            let first = unit(text).unwrap_or_default();
            let second = text
                .get(UNIT..)
                .and_then(|rest| rest.strip_prefix('\\'))
                .filter(|rest| rest.starts_with('u'))
                .and_then(unit);
            match char::decode_utf16([first].into_iter().chain(second)).next() {
                Some(Ok(character)) => (character, if character.len_utf16() == 2 { 2 * UNIT + 1 } else { UNIT }),
                _ => (char::REPLACEMENT_CHARACTER, UNIT),
            }
        }
        Some(byte) => (char::from(byte), 1),
        None => ('\\', 0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_and_their_spans() {
        let node = parse("{\"a\": [1.0, \"é\"],\n \"b\": null}", Position::new(3, 5)).ok().flatten();
        let list = node.as_ref().and_then(|node| node.get("a"));
        assert_eq!(list.map(|list| list.span), Some(Span::new(Position::new(3, 11), Position::new(3, 21))));
        assert_eq!(list.and_then(|list| list.items().first()).and_then(Node::as_number), Some("1.0"));
        assert_eq!(list.and_then(|list| list.items().last()).map(|item| item.style), Some(Style::DoubleQuoted));
        let key = node.as_ref().and_then(|node| node.entry("b")).map(|entry| entry.key_span);
        assert_eq!(key, Some(Span::new(Position::new(4, 2), Position::new(4, 5))));
        assert_eq!(node.map(|node| node.span.end), Some(Position::new(4, 12)));
    }

    #[test]
    fn escapes() {
        assert_eq!(unescape(r#"a\n\"\/\\\u00e9\ud83d\ude00"#), "a\n\"/\\é😀");
        assert_eq!(unescape(r"\ud83dx\ude00\ud83d\u0041"), "\u{FFFD}x\u{FFFD}\u{FFFD}A");
    }

    #[test]
    fn duplicates() {
        let error = parse("{\"a\": 1,\n\"\\u0061\": 2}", Position::new(5, 1)).err();
        assert_eq!(
            error.as_ref().map(|error| error.message.as_str()),
            Some("duplicate key `a`: it is already set in line 5")
        );
        assert_eq!(error.map(|error| error.span), Some(Span::new(Position::new(6, 1), Position::new(6, 9))));
    }
}
