//! From a place in a scalar's value back to the place in the file.

use super::json_tree::escaped;
use super::node::{Node, Style};
use super::position::{Position, narrow, position_of};

/// The position in the file of the byte `offset` of the string that `node` holds; `text` is the
/// whole file. The end of the value is where the next character would be.
///
/// Exact for plain and quoted strings in one line, for literal blocks (`|`), and for folded and
/// quoted text in several lines as far as each line is found again; otherwise the start of `node`.
#[must_use]
pub fn locate(text: &str, node: &Node, offset: usize) -> Position {
    let text = text.strip_prefix('\u{FEFF}').unwrap_or(text);
    let start = node.span.start;
    let Some(value) = node.as_str() else {
        return start;
    };
    let mut offset = offset.min(value.len());
    while !value.is_char_boundary(offset) {
        offset -= 1;
    }
    let skipped = usize::try_from(start.line.saturating_sub(1)).unwrap_or(usize::MAX);
    let lines = || text.split('\n').skip(skipped);
    let found = match node.style {
        Style::Literal => literal(lines().skip(1), value, offset),
        Style::Folded => folded(lines().skip(1), value, offset),
        Style::Plain | Style::SingleQuoted | Style::DoubleQuoted => {
            let first = lines().next().unwrap_or_default();
            let before =
                first.char_indices().nth(usize::try_from(start.column.saturating_sub(1)).unwrap_or(usize::MAX));
            let begin = start_of_line(text, skipped) + before.map_or(first.len(), |(index, _)| index);
            let raw = text.get(begin..).unwrap_or_default();
            return flow(raw, node.style, value, offset).map_or(start, |at| position_of(raw, at, start));
        }
    };
    found.map_or(start, |(line, column)| {
        Position::new(start.line.saturating_add(narrow(line)).saturating_add(1), narrow(column).saturating_add(1))
    })
}

fn start_of_line(text: &str, number: usize) -> usize {
    text.split_inclusive('\n').take(number).map(str::len).sum()
}

/// The line after the header and the column, both from 0. The lines of the value are those of the
/// text, less the indentation.
fn literal<'a>(lines: impl Iterator<Item = &'a str>, value: &str, offset: usize) -> Option<(usize, usize)> {
    let before = value.get(..offset)?;
    let number = before.matches('\n').count();
    let in_line = before.rsplit('\n').next()?;
    let lines: Vec<&str> =
        lines.take(number.max(value.matches('\n').count()) + 1).map(|line| line.trim_end_matches('\r')).collect();
    let indentation = lines
        .iter()
        .zip(value.split('\n'))
        .find(|(_, content)| !content.is_empty())
        .and_then(|(line, content)| line.ends_with(content).then(|| line.len() - content.len()));
    let length = lines.get(number).map_or(0, |line| line.len());
    let indentation = indentation.unwrap_or(0).min(length);
    Some((number, indentation + in_line.chars().count()))
}

/// The same for a folded block: each line of the text is looked for in the value.
fn folded<'a>(lines: impl Iterator<Item = &'a str>, value: &str, offset: usize) -> Option<(usize, usize)> {
    let mut from = 0;
    let mut best = None;
    for (number, line) in lines.enumerate() {
        let content = line.trim();
        if content.is_empty() {
            continue;
        }
        let Some(found) = value.get(from..)?.find(content) else {
            break;
        };
        let begin = from + found;
        let indentation = line.len() - line.trim_start().len();
        if begin > offset {
            return Some(best.unwrap_or((number, indentation)));
        }
        let into = offset.min(begin + content.len());
        best = Some((number, indentation + value.get(begin..into)?.chars().count()));
        from = begin + content.len();
        if offset < from {
            break;
        }
    }
    best
}

/// The byte of `raw`, which begins with the scalar, that the byte `offset` of its value came from.
fn flow(raw: &str, style: Style, value: &str, offset: usize) -> Option<usize> {
    let mut at = usize::from(style != Style::Plain);
    let mut done = 0;
    while done < offset {
        let rest = raw.get(at..)?;
        let character = rest.chars().next()?;
        let (taken, made) = match (style, character) {
            (_, ' ' | '\t' | '\r' | '\n') if fold(rest).is_some() => fold(rest)?,
            (Style::SingleQuoted, '\'') => (2, 1),
            (Style::DoubleQuoted, '\\') => escape(rest),
            _ => (character.len_utf8(), character.len_utf8()),
        };
        done += made;
        at += taken;
    }
    // A value of several lines goes on after the indentation of the next one.
    let rest = raw.get(at..)?;
    let skip = if done == offset && offset < value.len() && rest.starts_with("\\\n") { escape(rest).0 } else { 0 };
    (done == offset).then_some(at + skip)
}

/// If `rest` begins with blanks and the end of a line: how many bytes they take up to the next
/// text, and how many bytes of the value they make: a blank, or a line feed for each empty line.
fn fold(rest: &str) -> Option<(usize, usize)> {
    let next = rest.trim_start_matches([' ', '\t', '\r', '\n']);
    let blanks = rest.get(..rest.len() - next.len())?;
    let breaks = blanks.matches('\n').count();
    (breaks > 0).then(|| (blanks.len(), (breaks - 1).max(1)))
}

/// How many bytes the escape takes that `rest` begins with, and how many bytes of the value it
/// makes.
fn escape(rest: &str) -> (usize, usize) {
    let code = |digits: usize| {
        let code = rest.get(2..2 + digits).and_then(|code| u32::from_str_radix(code, 16).ok());
        (2 + digits, code.and_then(char::from_u32).map_or(1, char::len_utf8))
    };
    let after = rest.get(1..).unwrap_or_default();
    match after.bytes().next() {
        Some(b'x') => code(2),
        Some(b'U') => code(8),
        Some(b'u') => {
            let (character, taken) = escaped(after);
            (1 + taken, character.len_utf8())
        }
        Some(b'N' | b'_') => (2, 2),
        Some(b'L' | b'P') => (2, 3),
        Some(b'\r' | b'\n') => (1 + after.len() - after.trim_start().len(), 0),
        Some(_) => (2, 1),
        None => (1, 1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::text::{documents, parse};

    /// Where the first `needle` in the value of the key `k` of the last document stands.
    fn find(text: &str, needle: &str) -> (u32, u32) {
        let node = documents(text.as_bytes())
            .ok()
            .and_then(|documents| documents.last().and_then(|document| parse(document).ok().flatten()))
            .and_then(|node| node.get("k").cloned());
        let offset = node.as_ref().and_then(Node::as_str).and_then(|value| value.find(needle));
        match (node, offset) {
            (Some(node), Some(offset)) => {
                let at = locate(text, &node, offset);
                (at.line, at.column)
            }
            _ => (0, 0),
        }
    }

    /// Where `needle` stands in the text: what `find` should say.
    fn truth(text: &str, needle: &str) -> (u32, u32) {
        let at = position_of(text, text.rfind(needle).unwrap_or_default(), Position::new(1, 1));
        (at.line, at.column)
    }

    #[test]
    fn every_style() {
        let cases = [
            "k: é abc XYZ\n",
            "k: 'é it''s XYZ'\n",
            "k: \"é \\\"\\u00e9\\x41\\n\\U0001F600\\_\\L\\\\ XYZ\"\n",
            "a: 1\n---\nk: &x !!str   XYZ\n",
            "a: 1\n---\nk: |\n  one\n\n   two\n  é XYZ\n",
            "k: |2-\n\n\n    XYZ\n",
            "k: |+ # c\n  one\n  \n     \n  XYZ\n\n\n",
            "k: |\r\n  one\r\n\r\n  é XYZ\r\n",
            "- k:\n   x\n---\nk: |\n      é\n      XYZ",
            "k: >\n  one\n  two XYZ\n",
            "k: >-\n\n  one\n\n  two\n    three\n  é XYZ\n",
            "k: one\n  two\n\n\n  é XYZ\n",
            "k: 'one\n  two\n\n\n  it''s XYZ'\n",
            "k: \"one  \n  two \\\n   é XYZ\"\n",
            "k: \"one \\\n   XYZ\"\n",
            "{\"k\": \"\\ud83d\\ude00\\/ XYZ\"}",
            "{\"k\": \"\\ud83d \\u00e9XYZ\"}",
        ];
        for text in cases {
            assert_eq!(find(text, "XYZ"), truth(text, "XYZ"), "{text:?}");
        }
    }

    #[test]
    fn the_end_and_what_is_no_string() {
        let node = Node {
            span: crate::manifest::text::Span::character(Position::new(2, 3)),
            style: Style::Plain,
            value: crate::manifest::text::Value::Null,
        };
        assert_eq!(locate("", &node, 5), Position::new(2, 3));
        let text = "k: abc";
        let node = documents(text.as_bytes())
            .ok()
            .and_then(|documents| documents.last().and_then(|document| parse(document).ok().flatten()));
        let end = node.as_ref().and_then(|node| node.get("k")).map(|node| locate(text, node, 3));
        assert_eq!(end, Some(Position::new(1, 7)));
    }
}
