//! Cuts a file into documents where kubectl does: `k8s.io/apimachinery/pkg/util/yaml/decoder.go`,
//! `YAMLOrJSONDecoder` and `YAMLReader`.

use super::encoding;
use super::error::{SyntaxError, shown};
use super::json;
use super::position::{Position, Span, position_of};

/// The language that a document is written in.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Format {
    /// YAML 1.1 as goyaml.v2 reads it.
    Yaml,
    /// JSON, in its strict form.
    Json,
}

/// One document of a file, as kubectl cuts it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Document<'a> {
    /// Its text. It may begin with a line `---`, and it may hold nothing at all.
    pub text: &'a str,
    /// The line of the file, from 1, that the text begins in.
    pub first_line: u32,
    /// The column of the file, from 1, that the text begins at: 1 except after other JSON.
    pub first_column: u32,
    /// What it is written in.
    pub format: Format,
}

impl Document<'_> {
    /// The position of the text's first character in the file.
    pub(super) fn origin(&self) -> Position {
        Position::new(self.first_line, self.first_column)
    }
}

const START: Position = Position::new(1, 1);
/// How far kubectl looks for a `{` to tell JSON from YAML, in bytes.
const GUESS: usize = 4096;

/// Cuts `bytes`, the content of a file, into its documents.
///
/// # Errors
/// If the file is not UTF-8, if something follows a separator (`--- x`), or if what follows JSON
/// is neither JSON nor could be YAML.
pub fn documents(bytes: &[u8]) -> Result<Vec<Document<'_>>, SyntaxError> {
    let (text, mark) = encoding::decode(bytes)?;
    let mut documents = Vec::new();
    // kubectl sees no `{` after a byte order mark.
    let start = if !mark && seems_json(text) { cut_json(text, &mut documents)? } else { Some(0) };
    if let Some(start) = start {
        cut_yaml(text, start, mark, &mut documents).map_err(|error| error.template(text))?;
    }
    Ok(documents)
}

fn seems_json(text: &str) -> bool {
    text.char_indices()
        .take_while(|(index, _)| *index < GUESS)
        .find(|(_, character)| !character.is_whitespace())
        .is_some_and(|(_, first)| first == '{')
}

/// Cuts JSON values off the front of `text`. Returns where YAML goes on, if it does.
fn cut_json<'a>(text: &'a str, documents: &mut Vec<Document<'a>>) -> Result<Option<usize>, SyntaxError> {
    let mut index = 0;
    let mut origin = START;
    loop {
        let rest = text.get(index..).unwrap_or_default();
        let blank = rest.len() - rest.trim_start_matches(json::is_blank).len();
        let value = rest.get(blank..).unwrap_or_default();
        if value.is_empty() {
            return Ok(None);
        }
        let start = position_of(rest, blank, origin);
        match json::extent(value, start) {
            Ok(length) => {
                let text = value.get(..length).unwrap_or_default();
                documents.push(Document {
                    text,
                    first_line: start.line,
                    first_column: start.column,
                    format: Format::Json,
                });
                index += blank + length;
                origin = position_of(value, length, start);
            }
            // One value or none may be YAML after all; with two it is certainly JSON.
            Err(error) => {
                return match yaml_start(rest) {
                    Some(skip) if documents.len() < 2 => Ok(Some(index + skip)),
                    _ => Err(error.template(text)),
                };
            }
        }
    }
}

/// What kubectl skips before it reads the rest as YAML (`consumeWhitespace`): blanks up to the end
/// of a line. None if that leaves fewer than the four bytes it wants to see.
fn yaml_start(rest: &str) -> Option<usize> {
    const WANTED: usize = 4;
    for (index, character) in rest.char_indices() {
        if rest.len() - index < WANTED {
            return None;
        }
        if !character.is_whitespace() {
            return Some(index);
        }
        if character == '\n' {
            return Some(index + 1);
        }
    }
    None
}

/// Cuts `text` from `start` on at its separators. `mark` says that a byte order mark was before it,
/// which hides a separator from kubectl.
fn cut_yaml<'a>(text: &'a str, start: usize, mark: bool, documents: &mut Vec<Document<'a>>) -> Result<(), SyntaxError> {
    let at = position_of(text, start, START);
    let rest = text.get(start..).unwrap_or_default();
    let mut push = |text: &'a str, at: Position| {
        if !text.is_empty() {
            documents.push(Document { text, first_line: at.line, first_column: at.column, format: Format::Yaml });
        }
    };
    let (mut begin, mut begin_at) = (0, at);
    let (mut index, mut line) = (0, at.line);
    for content in rest.split_inclusive('\n') {
        let next = index + content.len();
        if content.starts_with("---") && !(mark && index == 0) {
            let column = if index == 0 { at.column } else { 1 };
            check_separator(content, Position::new(line, column))?;
            // A separator that nothing precedes belongs to the document that it begins.
            if index > begin {
                push(rest.get(begin..index).unwrap_or_default(), begin_at);
                (begin, begin_at) = (next, Position::new(line.saturating_add(1), 1));
            }
        }
        index = next;
        line = line.saturating_add(1);
    }
    push(rest.get(begin..).unwrap_or_default(), begin_at);
    Ok(())
}

fn check_separator(line: &str, at: Position) -> Result<(), SyntaxError> {
    let after = line.trim_start_matches('-').trim();
    let dashes = line.len() - line.trim_start_matches('-').len();
    let rest = line.get(3..).unwrap_or_default();
    let found = rest.trim();
    if found.is_empty() || found.starts_with('#') {
        return Ok(());
    }
    let skipped = rest.len() - rest.trim_start().len();
    let start = position_of(line, 3 + skipped, at);
    let end = position_of(line, 3 + skipped + found.len(), at);
    let error = SyntaxError::new(
        format!("expected the end of the line or a comment after the separator `---`, found `{}`", shown(found)),
        Span::new(start, end),
    );
    Err(if after.is_empty() && dashes > 3 {
        error.help("a separator has three dashes")
    } else {
        error.help("begin the document in the next line")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(text: &str) -> Vec<(&str, u32, u32)> {
        let documents = documents(text.as_bytes()).unwrap_or_default();
        documents.iter().map(|document| (document.text, document.first_line, document.first_column)).collect()
    }

    fn error(text: &str) -> SyntaxError {
        documents(text.as_bytes()).err().unwrap_or_else(|| SyntaxError::new("no error", Span::default()))
    }

    #[test]
    fn separators_cut() {
        assert_eq!(cut("a: 1\n---\nb: 2\n--- # c\nc: 3"), [("a: 1\n", 1, 1), ("b: 2\n", 3, 1), ("c: 3", 5, 1)]);
        assert_eq!(cut("---\na: 1\r\n---\r\n---\nb: 2\n"), [("---\na: 1\r\n", 1, 1), ("---\nb: 2\n", 4, 1)]);
        assert_eq!(cut("a: |\n  ---\n ---\n"), [("a: |\n  ---\n ---\n", 1, 1)]);
        assert_eq!(cut(""), []);
        assert_eq!(cut("a: 1\n---"), [("a: 1\n", 1, 1)]);
        assert_eq!(cut("---\n---\n"), [("---\n", 1, 1)]);
    }

    #[test]
    fn a_byte_order_mark_hides_a_separator() {
        assert_eq!(cut("\u{FEFF}---\na: 1\n---\nb: 2\n"), [("---\na: 1\n", 1, 1), ("b: 2\n", 4, 1)]);
        assert_eq!(cut("\u{FEFF}{\"a\": 1}\n{\"b\": 1}\n").len(), 1);
    }

    #[test]
    fn nothing_but_a_comment_may_follow_a_separator() {
        let text = error("a: 1\n--- x: 1 \n");
        assert_eq!(text.message, "expected the end of the line or a comment after the separator `---`, found `x: 1`");
        assert_eq!(text.span, Span::new(Position::new(2, 5), Position::new(2, 9)));
        assert_eq!(text.help.as_deref(), Some("begin the document in the next line"));
        let dashes = error("-----\n");
        assert_eq!(dashes.span, Span::new(Position::new(1, 4), Position::new(1, 6)));
        assert_eq!(dashes.help.as_deref(), Some("a separator has three dashes"));
        assert!(error("--- {{ x }}\n").help.is_some_and(|help| help.contains("helm template")));
    }

    #[test]
    fn json_values_follow_one_another() {
        assert_eq!(cut(" {\"a\": 1} {\"é\": 2}\n  {}\n"), [("{\"a\": 1}", 1, 2), ("{\"é\": 2}", 1, 11), ("{}", 2, 3)]);
        let formats: Vec<_> =
            documents(b"{}\n---\na: 1\n").unwrap_or_default().iter().map(|document| document.format).collect();
        assert_eq!(formats, [Format::Json, Format::Yaml]);
        assert_eq!(cut("{}\n---\na: 1\n"), [("{}", 1, 1), ("---\na: 1\n", 2, 1)]);
    }

    #[test]
    fn what_begins_like_json_may_be_yaml() {
        let flow = documents(b"\n {a: 1}\n---\nb: 2\n").unwrap_or_default();
        assert_eq!(
            flow.iter().map(|document| (document.text, document.format)).collect::<Vec<_>>(),
            [(" {a: 1}\n", Format::Yaml), ("b: 2\n", Format::Yaml)]
        );
        let mixed = error("{}\n{}\n---\na: 1\n");
        assert_eq!(mixed.message, "expected a digit after the `-`, found `-`");
        assert_eq!(mixed.span.start, Position::new(3, 2));
        assert!(!error("{}---").message.contains("no error"));
    }
}
