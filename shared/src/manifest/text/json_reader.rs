//! The words of JSON: strings, numbers, literals.

use super::error::SyntaxError;
use super::position::{Position, Span, position_of};

/// Reads JSON word by word.
pub(super) struct Reader<'a> {
    text: &'a str,
    bytes: &'a [u8],
    /// The byte that comes next.
    pub(super) at: usize,
    origin: Position,
}

impl<'a> Reader<'a> {
    /// A reader of `text`, whose first character is `origin` in the file.
    pub(super) fn new(text: &'a str, origin: Position) -> Self {
        Self { text, bytes: text.as_bytes(), at: 0, origin }
    }

    /// The next byte.
    pub(super) fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    /// Skips blanks.
    pub(super) fn blanks(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\r' | b'\n')) {
            self.at += 1;
        }
    }

    /// Skips a string.
    ///
    /// # Errors
    /// If it is not one.
    pub(super) fn string(&mut self) -> Result<(), SyntaxError> {
        let start = self.at;
        self.at += 1;
        loop {
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(());
                }
                Some(b'\\') => self.escape()?,
                Some(b'\n') => {
                    return Err(self.error("this string is not closed before the end of the line", start));
                }
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

    /// Skips a number.
    ///
    /// # Errors
    /// If it is not one.
    pub(super) fn number(&mut self) -> Result<(), SyntaxError> {
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

    /// Skips `true`, `false` or `null`.
    ///
    /// # Errors
    /// If it is none of them.
    pub(super) fn literal(&mut self) -> Result<(), SyntaxError> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let Some(word) = [b"true".as_slice(), b"false", b"null"].into_iter().find(|word| rest.starts_with(word)) else {
            return Err(self.expected("a value"));
        };
        self.at += word.len();
        Ok(())
    }

    /// The error that something else than `what` comes next.
    pub(super) fn expected(&self, what: &str) -> SyntaxError {
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

    /// The character at the byte `at`.
    pub(super) fn span(&self, at: usize) -> Span {
        Span::character(position_of(self.text, at, self.origin))
    }
}
