//! The lines of a text, and where a position of it is.

use std::ops::Range;

use crate::manifest::text::Position;

/// A text, without byte order mark, and where its lines begin.
pub(super) struct Lines<'a> {
    pub(super) text: &'a str,
    starts: Vec<usize>,
}

impl<'a> Lines<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        let mut starts = vec![0];
        starts.extend(text.match_indices('\n').map(|(at, _)| at + 1).filter(|at| *at < text.len()));
        Self { text, starts }
    }

    /// The bytes of the line, from 0, with its end.
    pub(super) fn range(&self, line: usize) -> Option<Range<usize>> {
        let start = *self.starts.get(line)?;
        Some(start..self.starts.get(line + 1).copied().unwrap_or(self.text.len()))
    }

    /// The line, from 0, without its end; nothing past the last.
    pub(super) fn line(&self, line: usize) -> &'a str {
        self.range(line).and_then(|range| self.text.get(range)).unwrap_or_default().trim_end_matches(['\r', '\n'])
    }

    /// The line, from 0, that a byte is in.
    pub(super) fn line_of(&self, byte: usize) -> usize {
        self.starts.partition_point(|start| *start <= byte).saturating_sub(1)
    }

    /// The byte at a position of the file.
    pub(super) fn byte(&self, at: Position) -> Option<usize> {
        let line = usize::try_from(at.line).ok()?.checked_sub(1)?;
        let column = usize::try_from(at.column).ok()?.checked_sub(1)?;
        let Some(range) = self.range(line) else { return Some(self.text.len()) };
        let rest = self.text.get(range.start..)?;
        Some(rest.char_indices().nth(column).map_or(self.text.len(), |(index, _)| range.start + index))
    }

    /// Whole lines, the last exclusive. Where they are the last ones of a text that has no end of line there, the end of the
    /// line before goes in its place.
    pub(super) fn whole(&self, lines: Range<usize>) -> Option<Range<usize>> {
        let start = self.range(lines.start)?.start;
        let end = self.range(lines.end).map_or(self.text.len(), |range| range.start);
        Some(self.at_the_end(start..end))
    }

    /// See [`Lines::whole`]: of a part that begins at the start of a line.
    pub(super) fn at_the_end(&self, part: Range<usize>) -> Range<usize> {
        if part.end < self.text.len() || self.text.ends_with('\n') {
            return part;
        }
        let (before, taken) = self.text.split_at(part.start);
        // The ends of lines of what goes are those of whoever wrote it: a lone `\r` before it is none of them.
        let crlf = taken.contains("\r\n") || !taken.contains('\n');
        let kept = before.strip_suffix("\r\n").filter(|_| crlf).or_else(|| before.strip_suffix('\n'));
        kept.unwrap_or(before).len()..part.end
    }
}

/// Whether there is nothing in a line but blanks.
pub(super) fn is_blank(line: &str) -> bool {
    line.trim_start_matches([' ', '\t', '\r', '\n']).is_empty()
}

/// Whether there is nothing in a line but a comment.
pub(super) fn is_comment(line: &str) -> bool {
    line.trim_start_matches([' ', '\t']).starts_with('#')
}

/// Whether what follows a value in its line is nothing to YAML.
pub(super) fn is_nothing(rest: &str) -> bool {
    is_blank(rest) || rest.starts_with([' ', '\t']) && is_comment(rest)
}

/// How far a line is indented.
pub(super) fn indentation(line: &str) -> usize {
    line.len() - line.trim_start_matches(' ').len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_are_found() {
        let lines = Lines::new("aé\r\nüx\n");
        assert_eq!(lines.byte(Position::new(1, 3)), Some(3));
        assert_eq!(lines.byte(Position::new(2, 2)), Some(7));
        assert_eq!(lines.byte(Position::new(3, 1)), Some(9));
        assert_eq!((lines.line(0), lines.line(1), lines.line(2)), ("aé", "üx", ""));
        assert_eq!((lines.line_of(0), lines.line_of(4), lines.line_of(5)), (0, 0, 1));
    }

    #[test]
    fn without_a_last_end_of_line_the_one_before_goes() {
        assert_eq!(Lines::new("a\nb\n").whole(1..2), Some(2..4));
        assert_eq!(Lines::new("a\nb").whole(1..2), Some(1..3));
        assert_eq!(Lines::new("a\r\nb\r\nc").whole(1..3), Some(1..7));
        assert_eq!(Lines::new("a\r\nb\nc").whole(1..3), Some(2..6));
        assert_eq!(Lines::new("a\nb").whole(0..1), Some(0..2));
        assert_eq!(Lines::new("a").whole(0..1), Some(0..1));
    }
}
