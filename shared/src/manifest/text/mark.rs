//! From the parser's marks to positions in the file.

use std::cell::OnceCell;

use libyaml_safer::Mark;

use super::position::{Position, Ruler, Span, narrow};

/// How many bytes lie between two checkpoints.
const STRIDE: usize = 1024;

/// Knows the position of each mark of a text.
///
/// The parser counts lines as YAML 1.1 does: at a lone `\r`, NEL, LS and PS too. Where a text has
/// one of those, its lines are counted anew.
pub(super) struct Marks<'a> {
    text: &'a str,
    origin: Position,
    checkpoints: Vec<Position>,
    end: OnceCell<Position>,
}

impl<'a> Marks<'a> {
    /// The marks of `text`, whose first character is `origin` in the file.
    pub(super) fn new(text: &'a str, origin: Position) -> Self {
        let checkpoints = if has_other_breaks(text) {
            let mut ruler = Ruler::new(text, origin);
            (0..=text.len() / STRIDE).map(|stride| ruler.position(stride * STRIDE)).collect()
        } else {
            Vec::new()
        };
        Self { text, origin, checkpoints, end: OnceCell::new() }
    }

    /// The text.
    pub(super) fn text(&self) -> &'a str {
        self.text
    }

    /// Where `mark` stands in the file.
    pub(super) fn position(&self, mark: Mark) -> Position {
        // To the parser every text ends with its line, so that what is missing at the end is in a line that there is not.
        if index(mark) >= self.text.len() && mark.column == 0 && !self.text.ends_with('\n') {
            return *self.end.get_or_init(|| self.at(self.text.len()));
        }
        if self.checkpoints.is_empty() {
            let at = Position::new(narrow(mark.line).saturating_add(1), narrow(mark.column).saturating_add(1));
            return at.after(self.origin);
        }
        self.at(index(mark))
    }

    /// The span between two marks.
    pub(super) fn span(&self, start: Mark, end: Mark) -> Span {
        Span::new(self.position(start), self.position(end))
    }

    /// Where the byte `index` stands in the file. Slow unless the text is short.
    pub(super) fn at(&self, index: usize) -> Position {
        let stride = index / STRIDE;
        let (from, origin) = match self.checkpoints.get(stride) {
            Some(position) => (stride * STRIDE, *position),
            None => (0, self.origin),
        };
        let mut at = origin;
        for byte in self.text.as_bytes().get(from..index.min(self.text.len())).unwrap_or_default() {
            if *byte == b'\n' {
                at = Position::new(at.line.saturating_add(1), 1);
            } else if byte & 0xC0 != 0x80 {
                at = at.next();
            }
        }
        at
    }
}

/// The byte that `mark` stands at.
pub(super) fn index(mark: Mark) -> usize {
    usize::try_from(mark.index).unwrap_or(usize::MAX)
}

fn has_other_breaks(text: &str) -> bool {
    let bytes = text.as_bytes();
    let lone = bytes.contains(&b'\r') && bytes.windows(2).any(|pair| matches!(pair, [b'\r', next] if *next != b'\n'));
    lone || !text.is_ascii() && text.contains(['\u{85}', '\u{2028}', '\u{2029}'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_those_of_an_editor() {
        assert!(!has_other_breaks("a\r\nb\r\n"));
        assert!(has_other_breaks("a\rb\r\n"));
        let text = format!("a: \u{2028}\r x\n{}b", "é\n".repeat(STRIDE));
        let marks = Marks::new(&text, Position::new(5, 1));
        assert_eq!(marks.at(3), Position::new(5, 4));
        assert_eq!(marks.at(10), Position::new(6, 1));
        assert_eq!(marks.at(text.len() - 1), Position::new(6 + narrow(STRIDE), 1));
    }
}
