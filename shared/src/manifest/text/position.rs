//! Where something stands in a file.

/// A place in a file: 1-based line, and 1-based column that counts characters.
///
/// Lines end at `\n`, as editors count them (`\r\n` is one end of line). A byte
/// order mark is not a column.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Position {
    /// The line, from 1.
    pub line: u32,
    /// The column in characters, from 1.
    pub column: u32,
}

impl Position {
    /// The position `line`:`column`, both from 1.
    #[must_use]
    pub const fn new(line: u32, column: u32) -> Self {
        Self { line, column }
    }

    /// The position one character further on the same line.
    #[must_use]
    pub const fn next(self) -> Self {
        Self { line: self.line, column: self.column.saturating_add(1) }
    }

    /// This position, if the line 1 it counts from were to begin at `origin`.
    #[must_use]
    pub(super) fn after(self, origin: Self) -> Self {
        let line = origin.line.saturating_add(self.line.saturating_sub(1));
        if self.line == 1 {
            Self { line, column: origin.column.saturating_add(self.column.saturating_sub(1)) }
        } else {
            Self { line, column: self.column }
        }
    }
}

/// A stretch of a file; the end is exclusive.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Span {
    /// The first character.
    pub start: Position,
    /// The position after the last character.
    pub end: Position,
}

impl Span {
    /// The span from `start` up to `end`.
    #[must_use]
    pub const fn new(start: Position, end: Position) -> Self {
        Self { start, end }
    }

    /// The span of the one character at `start`.
    #[must_use]
    pub const fn character(start: Position) -> Self {
        Self { start, end: start.next() }
    }

    /// This span, or one character if it is empty: an error has to point at something.
    #[must_use]
    pub fn at_least_one_character(self) -> Self {
        if self.end > self.start { self } else { Self::character(self.start) }
    }
}

/// `value` as `u32`: files of four billion lines or columns are not told apart.
pub(super) fn narrow<T: TryInto<u32>>(value: T) -> u32 {
    value.try_into().unwrap_or(u32::MAX)
}

/// Counts lines and columns along a text. Cheap as long as it moves forward.
#[derive(Clone, Debug)]
pub(super) struct Ruler<'a> {
    text: &'a str,
    index: usize,
    at: Position,
}

impl<'a> Ruler<'a> {
    /// A ruler at the start of `text`, which is `origin` in the file.
    pub(super) fn new(text: &'a str, origin: Position) -> Self {
        Self { text, index: 0, at: origin }
    }

    /// The position of the byte `index`, which must not lie before the one asked for last.
    pub(super) fn position(&mut self, index: usize) -> Position {
        for byte in self.text.as_bytes().get(self.index..index).unwrap_or_default() {
            if *byte == b'\n' {
                self.at = Position::new(self.at.line.saturating_add(1), 1);
            } else if byte & 0xC0 != 0x80 {
                self.at = self.at.next();
            }
        }
        self.index = self.index.max(index);
        self.at
    }
}

/// The position of the byte `index` of `text`, whose first character is `origin` in the file.
pub(super) fn position_of(text: &str, index: usize, origin: Position) -> Position {
    Ruler::new(text, origin).position(index)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_count_characters_and_lines_end_at_line_feeds() {
        let text = "aé\r\nü: x";
        assert_eq!(position_of(text, 0, Position::new(1, 1)), Position::new(1, 1));
        assert_eq!(position_of(text, 3, Position::new(7, 5)), Position::new(7, 7));
        assert_eq!(position_of(text, 7, Position::new(7, 5)), Position::new(8, 2));
    }

    #[test]
    fn only_the_first_line_is_shifted_by_the_column_of_the_origin() {
        let origin = Position::new(10, 4);
        assert_eq!(Position::new(1, 2).after(origin), Position::new(10, 5));
        assert_eq!(Position::new(3, 2).after(origin), Position::new(12, 2));
    }

    #[test]
    fn an_empty_span_grows_to_one_character() {
        let at = Position::new(2, 3);
        assert_eq!(Span::new(at, at).at_least_one_character(), Span::character(at));
    }
}
