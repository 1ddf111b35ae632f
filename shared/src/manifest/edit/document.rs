//! A whole document of a file.

use std::ops::Range;

use super::lines::{Lines, is_blank, is_comment, is_nothing};
use super::{EditError, Result};
use crate::manifest::text::{Document, Format, Node};

/// The bytes that go with the document number `at`, which holds `node`: its lines, the comments directly above them, and one
/// separator. Where other comments remain, the separator stays before them.
pub(super) fn document(lines: &Lines<'_>, all: &[Document<'_>], at: usize, node: &Node) -> Result<Range<usize>> {
    let by_hand = || EditError::by_hand(node.span.start);
    let own = &all[at];
    let start = own.text.as_ptr().addr().checked_sub(lines.text.as_ptr().addr()).ok_or_else(by_hand)?;
    let place = start..start + own.text.len();
    if own.format == Format::Json {
        if all.len() == 1 {
            let error = EditError::new("it is all that the file holds, and a JSON file cannot be empty");
            return Err(error.help("remove the file").at(node.span.start));
        }
        return Ok(json(lines, &place));
    }
    yaml(lines, &place, node).ok_or_else(by_hand)
}

/// A JSON value with the rest of its line, if that is blank.
fn json(lines: &Lines<'_>, place: &Range<usize>) -> Range<usize> {
    let rest = &lines.text[place.end..];
    let line = rest.split_inclusive('\n').next().unwrap_or_default();
    place.start..place.end + if is_blank(line) { line.len() } else { 0 }
}

fn yaml(lines: &Lines<'_>, place: &Range<usize>, node: &Node) -> Option<Range<usize>> {
    let text = lines.text;
    let first_line = lines.line_of(place.start);
    // Its own separator, if nothing is before that; else the line before is one, unless this is the first document.
    let separator = if is_separator(lines.line(first_line)) {
        Some(first_line)
    } else {
        first_line.checked_sub(1).filter(|line| is_separator(lines.line(*line)))
    };
    let head = separator.map_or(first_line, |line| line + 1);
    let (from, to) = (lines.byte(node.span.start)?, lines.byte(node.span.end)?);
    let end = if text.get(..to)?.ends_with('\n') { to - 1 } else { to }.max(from);
    let (content, mut last) = (lines.line_of(from), lines.line_of(end));
    let (content_start, last_end) = (lines.range(content)?.start, lines.range(last)?.end);
    if !is_blank(text.get(content_start..from)?) || !is_nothing(text.get(to.min(last_end)..last_end)?) {
        return None;
    }
    if lines.line(last + 1).trim_end() == "..." && lines.range(last + 1).is_some_and(|line| line.end <= place.end) {
        last += 1;
    }
    let above = (head..content).rev().take_while(|line| is_comment(lines.line(*line))).last().unwrap_or(content);
    // What a file begins with, such as a licence, is the file's.
    let comments = if separator.is_none() && above == 0 { content } else { above };
    let next = if place.end < text.len() { lines.line_of(place.end) } else { lines.line_of(text.len()) + 1 };
    let nothing = |lines_of: Range<usize>| lines_of.into_iter().all(|line| is_blank(lines.line(line)));
    if !nothing(head..comments) || !nothing(last + 1..next) {
        return lines.whole(comments..last + 1);
    }
    let start = separator.map_or(place.start, |line| lines.range(line).map_or(place.start, |range| range.start));
    let following = lines.line(next);
    let end = match lines.range(next) {
        // The first document has no separator before it: the next one, if nothing is said there, takes its place.
        Some(line) if separator.is_none() && place.end < text.len() && following.trim_end() == "---" => line.end,
        _ => place.end,
    };
    Some(lines.at_the_end(start..end))
}

fn is_separator(line: &str) -> bool {
    line.starts_with("---")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::edit::without;
    use crate::manifest::text::{documents, parse};

    /// The text without the document that holds `x`.
    fn cut(text: &str) -> Option<String> {
        let all = documents(text.as_bytes()).unwrap();
        let (at, node) = all
            .iter()
            .enumerate()
            .filter_map(|(at, document)| Some((at, parse(document).unwrap()?)))
            .find(|(_, node)| node.get("x").is_some())?;
        without(text, vec![document(&Lines::new(text), &all, at, &node).ok()?])
    }

    #[test]
    fn a_document_goes_with_its_separator() {
        for (text, rest) in [
            ("x: 1\n", ""),
            ("---\nx: 1\n", ""),
            ("a: 1\n---\nx: 1\n", "a: 1\n"),
            ("a: 1\n---\nx: 1", "a: 1"),
            ("a: 1\r\n---\r\nx: 1", "a: 1"),
            ("a: 1\n---\n---\nx: 1\n", "a: 1\n---\n"),
            ("a: 1\n---\nx: 1\n---\n", "a: 1\n---\n"),
            ("x: 1\n---\na: 1\n", "a: 1\n"),
            ("x: 1\n--- # a\na: 1\n", "--- # a\na: 1\n"),
            ("---\nx: 1\n---\na: 1\n", "---\na: 1\n"),
            ("a: 1\n---\n\n# x\nx: 1 # one\ny:\n- 2\n\n---\nb: 1\n", "a: 1\n---\nb: 1\n"),
            ("a: 1\n---\nx: 1\n...\n---\nb: 1\n", "a: 1\n---\nb: 1\n"),
            ("a: 1\n---\nx: |\n  text\n---\nb: 1\n", "a: 1\n---\nb: 1\n"),
        ] {
            assert_eq!(cut(text).as_deref(), Some(rest), "{text:?}");
        }
    }

    #[test]
    fn other_comments_stay() {
        for (text, rest) in [
            ("# licence\n\n# x\nx: 1\n", "# licence\n\n"),
            ("# licence\n\nx: 1\n---\na: 1\n", "# licence\n\n---\na: 1\n"),
            ("a: 1\n---\nx: 1\n# the end\n", "a: 1\n---\n# the end\n"),
            ("a: 1\n---\n# part two\n\nx: 1", "a: 1\n---\n# part two\n"),
        ] {
            assert_eq!(cut(text).as_deref(), Some(rest), "{text:?}");
        }
    }

    #[test]
    fn json_values_follow_one_another() {
        assert_eq!(cut("{\"a\": 1}\n{\"x\": 1}\n{}\n").as_deref(), Some("{\"a\": 1}\n{}\n"));
        assert_eq!(cut("{\"x\": 1}{}").as_deref(), Some("{}"));
        assert_eq!(cut("{\"x\": 1}\n"), None);
    }
}
