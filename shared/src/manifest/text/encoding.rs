//! From the bytes of a file to its text: UTF-8 without control characters, or an error that says
//! what the file seems to be instead.

use super::error::SyntaxError;
use super::position::{Position, Ruler, Span, position_of};

const START: Position = Position::new(1, 1);
const BINARY: &str = "a manifest is text in UTF-8";

/// The text of `bytes` and whether a byte order mark was taken off its front.
///
/// # Errors
/// UTF-16, UTF-8 with errors, and what has NUL bytes in it. Other control characters are found
/// by [`control`] when the text is parsed.
pub(super) fn decode(bytes: &[u8]) -> Result<(&str, bool), SyntaxError> {
    if let Some(name) = utf16(bytes) {
        return Err(SyntaxError::new(format!("the file seems to be {name}, expected UTF-8"), Span::character(START))
            .help("save the file as UTF-8"));
    }
    let (bytes, mark) = match bytes.strip_prefix(b"\xEF\xBB\xBF") {
        Some(rest) => (rest, true),
        None => (bytes, false),
    };
    let text = std::str::from_utf8(bytes).map_err(|error| invalid(bytes, error.valid_up_to()))?;
    if bytes.contains(&0)
        && let Some(error) = control(text, START)
    {
        return Err(error);
    }
    Ok((text, mark))
}

/// The error of the first character that neither YAML nor JSON allow in a text, if there is one.
///
/// The set is libyaml's (`reader.c`), which is YAML 1.1's `c-printable`.
pub(super) fn control(text: &str, origin: Position) -> Option<SyntaxError> {
    let (index, character) = text.char_indices().find(|(_, character)| !printable(*character))?;
    let at = Span::character(position_of(text, index, origin));
    Some(if character == '\0' {
        let what = kind(text.as_bytes()).unwrap_or("binary data");
        SyntaxError::new(format!("found a NUL byte: the file seems to be {what}"), at).help(BINARY)
    } else {
        let code = u32::from(character);
        SyntaxError::new(format!("found the control character U+{code:04X}, expected text"), at)
            .help("remove the character; in double quotes it can be written as an escape")
    })
}

fn printable(character: char) -> bool {
    match character {
        '\t' | '\n' | '\r' | '\u{85}' => true,
        '\u{FFFE}' | '\u{FFFF}' => false,
        _ => !character.is_control(),
    }
}

/// The error of the byte `at`, up to which `bytes` is UTF-8.
fn invalid(bytes: &[u8], at: usize) -> SyntaxError {
    let before = std::str::from_utf8(bytes.get(..at).unwrap_or_default()).unwrap_or_default();
    let span = Span::character(Ruler::new(before, START).position(at));
    let byte = bytes.get(at).copied().unwrap_or_default();
    if let Some(what) = kind(bytes) {
        return SyntaxError::new(format!("the file seems to be {what}, expected text in UTF-8"), span).help(BINARY);
    }
    let message =
        format!("found the byte 0x{byte:02X}, which is not valid UTF-8: the file seems to be in another encoding");
    SyntaxError::new(message, span).help("save the file as UTF-8")
}

/// What a file that is no text seems to be.
fn kind(bytes: &[u8]) -> Option<&'static str> {
    const KINDS: [(&[u8], &str); 8] = [
        (b"\x1F\x8B", "compressed with gzip"),
        (b"\x28\xB5\x2F\xFD", "compressed with zstd"),
        (b"\xFD7zXZ", "compressed with xz"),
        (b"BZh", "compressed with bzip2"),
        (b"PK\x03\x04", "a zip archive"),
        (b"\x7FELF", "a program"),
        (b"\x89PNG", "an image"),
        (b"\xFF\xD8\xFF", "an image"),
    ];
    let magic = KINDS.iter().find(|(magic, _)| bytes.starts_with(magic)).map(|(_, what)| *what);
    magic.or_else(|| bytes.contains(&0).then_some("binary data"))
}

/// Whether `bytes` is UTF-16, by its byte order mark or by every second byte of its start being
/// NUL.
fn utf16(bytes: &[u8]) -> Option<&'static str> {
    match bytes {
        [0xFF, 0xFE, 0, 0, ..] | [_, 0, 0, 0, ..] => Some("UTF-32 (little endian)"),
        [0, 0, 0xFE, 0xFF, ..] | [0, 0, 0, _, ..] => Some("UTF-32 (big endian)"),
        [0xFF, 0xFE, ..] => Some("UTF-16 (little endian)"),
        [0xFE, 0xFF, ..] => Some("UTF-16 (big endian)"),
        [a, 0, b, 0, ..] if *a != 0 && *b != 0 => Some("UTF-16 (little endian)"),
        [0, a, 0, b, ..] if *a != 0 && *b != 0 => Some("UTF-16 (big endian)"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(bytes: &[u8]) -> SyntaxError {
        match decode(bytes) {
            Err(error) => error,
            Ok((text, _)) => control(text, START).unwrap_or_else(|| SyntaxError::new("none", Span::default())),
        }
    }

    fn at(line: u32, column: u32) -> Span {
        Span::character(Position::new(line, column))
    }

    #[test]
    fn a_byte_order_mark_is_taken_off() {
        assert_eq!(decode(b"\xEF\xBB\xBFa: 1"), Ok(("a: 1", true)));
        assert_eq!(decode("a: é".as_bytes()), Ok(("a: é", false)));
    }

    #[test]
    fn utf16_is_named() {
        let text: Vec<u8> = "a: 1".encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert_eq!(error(&text).message, "the file seems to be UTF-16 (little endian), expected UTF-8");
        let big: Vec<u8> = "\u{FEFF}a: 1".encode_utf16().flat_map(u16::to_be_bytes).collect();
        assert_eq!(error(&big).message, "the file seems to be UTF-16 (big endian), expected UTF-8");
        assert_eq!(error(&big).help.as_deref(), Some("save the file as UTF-8"));
        assert_eq!(error(&big).span, at(1, 1));
    }

    #[test]
    fn binary_data_is_named() {
        let gzip = error(b"\x1F\x8B\x08\x00\xFF");
        assert_eq!(gzip.message, "the file seems to be compressed with gzip, expected text in UTF-8");
        assert_eq!(gzip.span, at(1, 2));
        let nul = error(b"a: b\nc: \0");
        assert_eq!(nul.message, "found a NUL byte: the file seems to be binary data");
        assert_eq!(nul.span, at(2, 4));
    }

    #[test]
    fn other_encodings_point_at_the_byte() {
        let latin = error(b"a: x\nb: \xE9t\xE9\n");
        assert_eq!(
            latin.message,
            "found the byte 0xE9, which is not valid UTF-8: the file seems to be in another encoding"
        );
        assert_eq!(latin.span, at(2, 4));
        assert_eq!(latin.help.as_deref(), Some("save the file as UTF-8"));
    }

    #[test]
    fn control_characters_point_at_the_character() {
        let bell = error("ü: \u{7}".as_bytes());
        assert_eq!(bell.message, "found the control character U+0007, expected text");
        assert_eq!(bell.span, at(1, 4));
        assert_eq!(control("a\tb\r\n\u{85}\u{FEFF}😀", START), None);
    }
}
