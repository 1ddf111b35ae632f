//! Any text as a YAML scalar in one line, that is read back equal.

use std::fmt::Write as _;

use crate::names::printable_char;

/// The text as it stands where it can only be text, and in double quotes otherwise.
pub fn quoted(text: &str) -> String {
    if is_plain(text) {
        return text.to_owned();
    }
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            // What steers a terminal or turns the text around it is seen only as an escape; the rest no YAML can hold.
            _ if printable_char(c) != c || matches!(c, '\u{FEFF}' | '\u{FFFE}' | '\u{FFFF}') => {
                let _ = match u32::from(c) {
                    code @ 0..=0xFF => write!(out, "\\x{code:02X}"),
                    code @ 0..=0xFFFF => write!(out, "\\u{code:04X}"),
                    code => write!(out, "\\U{code:08X}"),
                };
            }
            _ => out.push(c),
        }
    }
    out.push('"');
    out
}

/// Whether nobody can take the text for anything but itself: words with harmless marks between them, the first of which
/// is no word that YAML gives a meaning to when it stands alone.
fn is_plain(text: &str) -> bool {
    let first = text.chars().next().is_some_and(|c| c.is_ascii_alphabetic());
    let last = !text.ends_with(' ');
    let all = text.chars().all(|c| c.is_ascii_alphanumeric() || " .,;/_-()+@<>=".contains(c));
    let words = ["y", "n", "yes", "no", "on", "off", "true", "false", "null"];
    first && last && all && !words.contains(&text.to_ascii_lowercase().as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_be_mistaken_is_in_quotes() {
        for plain in ["refunds, PAY-1234", "Ada <ada@example.com>", "e1", "no one"] {
            assert_eq!(quoted(plain), plain);
        }
        for (text, expected) in [
            ("", "\"\""),
            ("No", "\"No\""),
            ("1e3", "\"1e3\""),
            ("a: b", "\"a: b\""),
            ("a #b", "\"a #b\""),
            ("a ", "\"a \""),
            ("\"\\\n\r\t", r#""\"\\\n\r\t""#),
            ("\u{1b}[31m\u{85}\u{202E}\u{FEFF}", r#""\x1B[31m\x85\u202E\uFEFF""#),
            ("größe 😀", "\"größe 😀\""),
        ] {
            assert_eq!(quoted(text), expected);
        }
    }
}
