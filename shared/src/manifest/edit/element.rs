//! One element of a list or mapping out of several.

use std::ops::Range;

use super::lines::{Lines, indentation, is_blank, is_comment, is_nothing};
use super::{EditError, Result};
use crate::manifest::text::{Node, Position, Span, Value};

/// The bytes that go with the element number `at` of a list or mapping that has others: its lines where it has lines of its
/// own, with the comments directly above it that are indented like it; otherwise the element and one comma.
pub(super) fn element(lines: &Lines<'_>, parent: &Node, at: usize) -> Result<Vec<Range<usize>>> {
    let hand = || EditError::by_hand(parent.span.start);
    let spans: Vec<Span> = match &parent.value {
        Value::Sequence(items) => items.iter().map(|item| item.span).collect(),
        Value::Mapping(entries) => entries.iter().map(|e| Span::new(e.key_span.start, e.value.span.end)).collect(),
        _ => Vec::new(),
    };
    let bytes = |span: &Span| Some(lines.byte(span.start)?..lines.byte(span.end)?);
    let places: Vec<Range<usize>> = spans.iter().map(bytes).collect::<Option<_>>().ok_or_else(hand)?;
    let in_order = places.windows(2).all(|pair| pair[0].end <= pair[1].start);
    if places.len() < 2 || at >= places.len() || !in_order {
        return Err(hand());
    }
    let whole = bytes(&parent.span).ok_or_else(hand)?;
    let is_list = matches!(parent.value, Value::Sequence(_));
    let found = if lines.text[whole.start..].starts_with(['[', '{']) {
        Flow { lines, places: &places, open: whole.start + 1, close: whole.end.saturating_sub(1) }.part(at)
    } else {
        block(lines, &places, at, is_list).map(|part| vec![part])
    };
    found.ok_or_else(|| EditError::by_hand(spans.get(at).map_or(parent.span.start, |span: &Span| span.start)))
}

/// The last line of what ends at a byte: a block scalar ends at the start of the next line.
pub(super) fn last_line(lines: &Lines<'_>, place: &Range<usize>) -> usize {
    let end = if lines.text[..place.end].ends_with('\n') { place.end - 1 } else { place.end };
    lines.line_of(end.max(place.start))
}

/// The first of the comment lines directly above a line that are indented like it; at least `floor`.
fn with_comments(lines: &Lines<'_>, first: usize, floor: usize) -> usize {
    let own = indentation(lines.line(first));
    let belongs = |line: &usize| is_comment(lines.line(*line)) && indentation(lines.line(*line)) == own;
    (floor..first).rev().take_while(belongs).last().unwrap_or(first)
}

/// An item behind its dash, or an entry, in lines of its own.
fn block(lines: &Lines<'_>, places: &[Range<usize>], at: usize, is_list: bool) -> Option<Range<usize>> {
    let place = &places[at];
    let (first, last) = (lines.line_of(place.start), last_line(lines, place));
    let before = lines.text.get(lines.range(first)?.start..place.start)?.trim_start_matches(' ');
    let alone = if is_list { before.strip_prefix('-').is_some_and(is_blank) } else { before.is_empty() };
    let line_end = lines.range(last)?.end;
    let rest = if place.end < line_end { lines.text.get(place.end..line_end)? } else { "" };
    if !alone || !is_nothing(rest) {
        return None;
    }
    let floor = if at == 0 { 0 } else { last_line(lines, &places[at - 1]) + 1 };
    lines.whole(with_comments(lines, first, floor)..last + 1)
}

/// The elements between brackets, and where those open and close.
struct Flow<'a> {
    lines: &'a Lines<'a>,
    places: &'a [Range<usize>],
    open: usize,
    close: usize,
}

impl Flow<'_> {
    fn part(&self, at: usize) -> Option<Vec<Range<usize>>> {
        let text = self.lines.text;
        let place = &self.places[at];
        let before = if at == 0 { self.open } else { self.places[at - 1].end };
        let after = self.places.get(at + 1).map_or(self.close, |next| next.start);
        let (gap_before, gap_after) = (text.get(before..place.start)?, text.get(place.end..after)?);
        let is_last = at + 1 == self.places.len();
        if let Some(own) = self.own_lines(place, before, gap_after) {
            let mut parts = vec![own];
            // JSON knows no comma after the last.
            if is_last && comma(gap_after).is_none() {
                let at = before + comma(gap_before)?;
                parts.push(at..at + 1);
            }
            return Some(parts);
        }
        let (part, gap) = if is_last { (before..place.end, gap_before) } else { (place.start..after, gap_after) };
        // A comment between them may be about either.
        (!gap.contains('#')).then(|| vec![part])
    }

    /// The lines of an element that shares them with nothing but its comma and a comment.
    fn own_lines(&self, place: &Range<usize>, before: usize, gap_after: &str) -> Option<Range<usize>> {
        let lines = self.lines;
        let first = lines.line_of(place.start);
        let last = lines.line_of(place.end);
        let head = lines.text.get(lines.range(first)?.start..place.start)?;
        let rest = gap_after.split_inclusive('\n').next().filter(|rest| rest.ends_with('\n'))?;
        let rest = rest.trim_start_matches([' ', '\t']);
        let rest = rest.strip_prefix(',').unwrap_or(rest);
        if !is_blank(head) || !(is_blank(rest) || is_comment(rest)) {
            return None;
        }
        lines.whole(with_comments(lines, first, lines.line_of(before) + 1)..last + 1)
    }
}

/// Where the comma is in what stands between two elements.
fn comma(gap: &str) -> Option<usize> {
    let mut at = 0;
    for line in gap.split_inclusive('\n') {
        let code = line.find('#').map_or(line, |comment| &line[..comment]);
        if let Some(found) = code.find(',') {
            return Some(at + found);
        }
        at += line.len();
    }
    None
}

/// The element's place, for errors.
pub(super) fn place_of(parent: &Node, at: usize) -> Position {
    parent.items().get(at).map_or(parent.span.start, |item| item.span.start)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::edit::without;
    use crate::manifest::text::{documents, parse};

    /// The text without one of what stands under `k`.
    fn cut(text: &str, at: usize) -> Option<String> {
        let node = parse(&documents(text.as_bytes()).unwrap()[0]).unwrap().unwrap();
        let parts = element(&Lines::new(text), node.get("k").unwrap(), at).ok()?;
        without(text, parts)
    }

    #[test]
    fn items_in_lines_go_with_their_lines() {
        let text =
            "k:\n  # all of them\n\n  # one\n  - a # first\n  # two\n    # odd\n  - 'b'\n\n  - |-\n    c\nz: 1\n";
        assert_eq!(
            cut(text, 0).unwrap(),
            "k:\n  # all of them\n\n  # two\n    # odd\n  - 'b'\n\n  - |-\n    c\nz: 1\n"
        );
        assert_eq!(
            cut(text, 1).unwrap(),
            "k:\n  # all of them\n\n  # one\n  - a # first\n  # two\n    # odd\n\n  - |-\n    c\nz: 1\n"
        );
        assert_eq!(
            cut(text, 2).unwrap(),
            "k:\n  # all of them\n\n  # one\n  - a # first\n  # two\n    # odd\n  - 'b'\n\nz: 1\n"
        );
        assert_eq!(cut("k:\n- a\n- b", 1).unwrap(), "k:\n- a");
        assert_eq!(cut("k:\r\n- a\r\n- b\r\n", 0).unwrap(), "k:\r\n- b\r\n");
        assert_eq!(cut("k:\n-\n  a\n- b\n", 0), None);
    }

    #[test]
    fn entries_in_lines_go_with_their_lines() {
        let text = "k:\n  a: [x]\n  # b\n  b:\n  - x\n  - y # y\n  c: 1\n";
        assert_eq!(cut(text, 1).unwrap(), "k:\n  a: [x]\n  c: 1\n");
        assert_eq!(cut(text, 0).unwrap(), "k:\n  # b\n  b:\n  - x\n  - y # y\n  c: 1\n");
        assert_eq!(cut("k: {a: [x], b: 1, c: 2}\n", 0).unwrap(), "k: {b: 1, c: 2}\n");
    }

    #[test]
    fn items_in_brackets_go_with_a_comma() {
        assert_eq!(cut("k: [a, b, c]\n", 0).unwrap(), "k: [b, c]\n");
        assert_eq!(cut("k: [a, 'b', c] # x\n", 1).unwrap(), "k: [a, c] # x\n");
        assert_eq!(cut("k: [ a, b, c ]\n", 2).unwrap(), "k: [ a, b ]\n");
        assert_eq!(cut("k: [a, b,]\n", 1).unwrap(), "k: [a,]\n");
        let text = "k: [\n  a, # one\n  # two\n  b, # two\n  c # three\n]\n";
        assert_eq!(cut(text, 0).unwrap(), "k: [\n  # two\n  b, # two\n  c # three\n]\n");
        assert_eq!(cut(text, 1).unwrap(), "k: [\n  a, # one\n  c # three\n]\n");
        assert_eq!(cut(text, 2).unwrap(), "k: [\n  a, # one\n  # two\n  b # two\n]\n");
        assert_eq!(cut("k: [\n  a,\n  b,\n]\n", 1).unwrap(), "k: [\n  a,\n]\n");
        assert_eq!(cut("k: [a, # one\n  b]\n", 1), None, "whose comment is it?");
        assert_eq!(cut("{\"k\": [\"a\", \"b\"]}", 1).unwrap(), "{\"k\": [\"a\"]}");
        assert_eq!(cut("{\"k\": [\n\"a\",\n\"b\"\n]}", 1).unwrap(), "{\"k\": [\n\"a\"\n]}");
    }
}
