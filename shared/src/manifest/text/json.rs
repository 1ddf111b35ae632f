//! The grammar of JSON (RFC 8259), as strict as Go's `encoding/json`.

use super::anchor::{MAX_DEPTH, too_deep};
use super::error::SyntaxError;
use super::json_reader::Reader;
use super::position::Position;

/// Takes what is read. Ranges are bytes of the text.
pub(super) trait Sink {
    /// `{` or `[` at the byte `at`.
    fn open(&mut self, at: usize, mapping: bool);
    /// `}` or `]` up to the byte `end`.
    ///
    /// # Errors
    /// If the mapping has a key twice.
    fn close(&mut self, end: usize) -> Result<(), SyntaxError>;
    /// A key, with its quotes.
    fn key(&mut self, start: usize, end: usize);
    /// A string, with its quotes.
    fn string(&mut self, start: usize, end: usize);
    /// A number, or one of `true`, `false` and `null`.
    fn word(&mut self, start: usize, end: usize);
}

/// Whether JSON takes `character` for a blank.
pub(super) fn is_blank(character: char) -> bool {
    matches!(character, ' ' | '\t' | '\r' | '\n')
}

/// How many bytes the value has that `text` begins with.
///
/// # Errors
/// If it is not JSON. The first character of `text` is `origin` in the file.
pub(super) fn extent(text: &str, origin: Position) -> Result<usize, SyntaxError> {
    read(text, origin, &mut Nothing)
}

/// Hands the value that `text` begins with to `sink`, and returns its length in bytes.
///
/// # Errors
/// If it is not JSON, and those of `sink`.
pub(super) fn read(text: &str, origin: Position, sink: &mut impl Sink) -> Result<usize, SyntaxError> {
    let mut reader = Reader::new(text, origin);
    // Whether each open collection is a mapping.
    let mut open: Vec<bool> = Vec::new();
    loop {
        // A value.
        reader.blanks();
        let start = reader.at;
        match reader.peek() {
            Some(bracket @ (b'{' | b'[')) => {
                if open.len() >= MAX_DEPTH {
                    return Err(too_deep(reader.span(start)));
                }
                let mapping = bracket == b'{';
                sink.open(start, mapping);
                open.push(mapping);
                reader.at += 1;
                reader.blanks();
                if reader.peek() != Some(if mapping { b'}' } else { b']' }) {
                    if mapping {
                        key(&mut reader, sink)?;
                    }
                    continue;
                }
            }
            Some(b'"') => {
                reader.string()?;
                sink.string(start, reader.at);
            }
            Some(b'-' | b'0'..=b'9') => {
                reader.number()?;
                sink.word(start, reader.at);
            }
            _ => {
                reader.literal()?;
                sink.word(start, reader.at);
            }
        }
        // What follows it.
        loop {
            let Some(mapping) = open.last().copied() else {
                return Ok(reader.at);
            };
            reader.blanks();
            match (reader.peek(), mapping) {
                (Some(b','), _) => {
                    reader.at += 1;
                    reader.blanks();
                    if mapping {
                        key(&mut reader, sink)?;
                    }
                    break;
                }
                (Some(b'}'), true) | (Some(b']'), false) => {
                    reader.at += 1;
                    open.pop();
                    sink.close(reader.at)?;
                }
                (_, true) => return Err(reader.expected("`,` or `}`")),
                (_, false) => return Err(reader.expected("`,` or `]`")),
            }
        }
    }
}

/// Reads a key and the `:` after it.
fn key(reader: &mut Reader<'_>, sink: &mut impl Sink) -> Result<(), SyntaxError> {
    let start = reader.at;
    if reader.peek() != Some(b'"') {
        return Err(reader.expected("a key in double quotes"));
    }
    reader.string()?;
    sink.key(start, reader.at);
    reader.blanks();
    if reader.peek() != Some(b':') {
        return Err(reader.expected("`:` after the key"));
    }
    reader.at += 1;
    Ok(())
}

/// Takes nothing: only the extent is wanted.
struct Nothing;

impl Sink for Nothing {
    fn open(&mut self, _: usize, _: bool) {}
    fn close(&mut self, _: usize) -> Result<(), SyntaxError> {
        Ok(())
    }
    fn key(&mut self, _: usize, _: usize) {}
    fn string(&mut self, _: usize, _: usize) {}
    fn word(&mut self, _: usize, _: usize) {}
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::text::position::Span;

    const START: Position = Position::new(1, 1);

    #[test]
    fn values_end_where_they_end() {
        for (text, length) in [
            ("{} {}", 2),
            ("{\"a\":[1,-0.5e+3,{}],\"b\":null}x", 29),
            ("12a", 2),
            ("\"\\u00e9\\\"\"", 10),
            ("01", 1),
            ("[ ]", 3),
        ] {
            assert_eq!(extent(text, START), Ok(length), "{text}");
        }
    }

    #[test]
    fn what_is_not_json() {
        let cases = [
            ("{\"a\": 1,}", "expected a key in double quotes, found `}`", 9, Some("remove the `,` before it")),
            ("[1,]", "expected a value, found `]`", 4, Some("remove the `,` before it")),
            ("{'a': 1}", "expected a key in double quotes, found `'`", 2, Some("JSON has only double quotes")),
            ("{\"a\": 1 // x\n}", "expected `,` or `}`, found `/`", 9, Some("JSON has no comments")),
            ("{\"a\" 1}", "expected `:` after the key, found `1`", 6, None),
            ("{\"a\": tru}", "expected a value, found `tru`", 7, None),
            ("{\"a\": 1.}", "expected a digit, found `}`", 9, Some("remove the `,` before it")),
            ("{\"a\": \"\\x\"}", "unknown escape in a string", 8, None),
            ("{\"a\": \"\\u12g4\"}", "expected four hexadecimal digits after `\\u`, found `g4`", 12, None),
            ("{\"a", "this string is never closed", 2, None),
            ("{\"a\n\": 1}", "this string is not closed before the end of the line", 2, None),
            ("{\"a\": \"\u{1}\"}", "found the control character U+0001 in a string, expected its escape", 8, None),
            ("[1", "expected `,` or `]`, found the end of the file", 3, None),
        ];
        for (text, message, column, help) in cases {
            let error = extent(text, START).err().unwrap_or_else(|| SyntaxError::new("no error", Span::default()));
            assert_eq!((error.message.as_str(), error.span.start.column), (message, column), "{text}");
            if !message.contains("digit") {
                assert_eq!(error.help.as_deref(), help, "{text}");
            }
        }
    }

    #[test]
    fn nesting_is_bounded() {
        let error = extent(&"[".repeat(1 << 20), START).err();
        assert_eq!(
            error.as_ref().map(|error| error.message.as_str()),
            Some("lists and mappings are nested more than 1000 levels deep")
        );
        assert_eq!(error.map(|error| error.span.start), Some(Position::new(1, 1001)));
    }
}
