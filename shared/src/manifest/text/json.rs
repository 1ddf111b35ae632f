//! The grammar of JSON (RFC 8259), as strict as Go's `encoding/json`.

use super::anchor::{MAX_DEPTH, too_deep};
use super::error::SyntaxError;
use super::position::{Position, Span, position_of};

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
    let mut reader = Reader { text, bytes: text.as_bytes(), at: 0, origin };
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
                        reader.key(sink)?;
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
            let Some(mapping) = open.last().copied() else { return Ok(reader.at) };
            reader.blanks();
            match (reader.peek(), mapping) {
                (Some(b','), _) => {
                    reader.at += 1;
                    reader.blanks();
                    if mapping {
                        reader.key(sink)?;
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

struct Reader<'a> {
    text: &'a str,
    bytes: &'a [u8],
    at: usize,
    origin: Position,
}

impl Reader<'_> {
    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn blanks(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\r' | b'\n')) {
            self.at += 1;
        }
    }

    fn key(&mut self, sink: &mut impl Sink) -> Result<(), SyntaxError> {
        let start = self.at;
        if self.peek() != Some(b'"') {
            return Err(self.expected("a key in double quotes"));
        }
        self.string()?;
        sink.key(start, self.at);
        self.blanks();
        if self.peek() != Some(b':') {
            return Err(self.expected("`:` after the key"));
        }
        self.at += 1;
        Ok(())
    }

    fn string(&mut self) -> Result<(), SyntaxError> {
        let start = self.at;
        self.at += 1;
        loop {
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(());
                }
                Some(b'\\') => self.escape()?,
                Some(b'\n') => return Err(self.error("this string is not closed before the end of the line", start)),
                Some(byte) if byte < b' ' => {
                    return Err(self.error(
                        &format!("found the control character U+{byte:04X} in a string, expected its escape"),
                        self.at,
                    ));
                }
                Some(_) => self.at += 1,
                None => return Err(self.error("this string is never closed", start)),
            }
        }
    }

    fn escape(&mut self) -> Result<(), SyntaxError> {
        let start = self.at;
        self.at += 1;
        match self.peek() {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => self.at += 1,
            Some(b'u') => {
                self.at += 1;
                for _ in 0..4 {
                    if !self.peek().is_some_and(|byte| byte.is_ascii_hexdigit()) {
                        return Err(self.expected("four hexadecimal digits after `\\u`"));
                    }
                    self.at += 1;
                }
            }
            _ => return Err(self.error("unknown escape in a string", start)),
        }
        Ok(())
    }

    fn number(&mut self) -> Result<(), SyntaxError> {
        if self.peek() == Some(b'-') {
            self.at += 1;
            if !self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
                return Err(self.expected("a digit after the `-`"));
            }
        }
        if self.peek() == Some(b'0') {
            self.at += 1;
        } else {
            self.digits()?;
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.digits()?;
        }
        Ok(())
    }

    fn digits(&mut self) -> Result<(), SyntaxError> {
        let start = self.at;
        while self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
        if self.at == start { Err(self.expected("a digit")) } else { Ok(()) }
    }

    fn literal(&mut self) -> Result<(), SyntaxError> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let Some(word) = [b"true".as_slice(), b"false", b"null"].into_iter().find(|word| rest.starts_with(word)) else {
            return Err(self.expected("a value"));
        };
        self.at += word.len();
        Ok(())
    }

    fn expected(&self, what: &str) -> SyntaxError {
        let rest = self.text.get(self.at..).unwrap_or_default();
        let word: String = rest.chars().take_while(|character| character.is_alphanumeric()).take(20).collect();
        let found = match rest.chars().next() {
            None => "the end of the file".to_owned(),
            Some('\n' | '\r') => "the end of the line".to_owned(),
            Some(first) if word.is_empty() => format!("`{first}`"),
            Some(_) => format!("`{word}`"),
        };
        let error = self.error(&format!("expected {what}, found {found}"), self.at);
        match rest.as_bytes() {
            [b'/', b'/' | b'*', ..] | [b'#', ..] => error.help("JSON has no comments"),
            [b'\'', ..] => error.help("JSON has only double quotes"),
            [b'}' | b']', ..] => error.help("remove the `,` before it"),
            _ => error,
        }
    }

    fn error(&self, message: &str, at: usize) -> SyntaxError {
        SyntaxError::new(message, self.span(at))
    }

    fn span(&self, at: usize) -> Span {
        Span::character(position_of(self.text, at, self.origin))
    }
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
