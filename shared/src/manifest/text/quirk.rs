//! Where libyaml-safer reads a text otherwise than goyaml.v2, though both are ports of libyaml.

use libyaml_safer::{Error, EventData};

use super::anchor::{MAX_DEPTH, is_name, too_deep};
use super::error::SyntaxError;
use super::mark::{Marks, index};
use super::message;
use super::position::{Position, Ruler, Span, narrow, position_of};
use super::source::Events;

/// A text in which characters are exchanged that libyaml-safer stumbles over and goyaml.v2 does
/// not: a `:` before a bracket in a flow collection (`[fe80::]`), and the escape `\'`.
pub(super) struct Patch {
    text: String,
    colon: char,
    nothing: char,
    /// How many bytes of text may still be parsed for the sake of one more exchange.
    effort: usize,
}

impl Patch {
    /// A copy of `text` to be patched; none if it uses the characters that are to stand in.
    pub(super) fn new(text: &str) -> Option<Self> {
        const EFFORT: usize = 64 << 20;
        let (colon, nothing) = ('\u{F8F0}', '\u{F8F1}');
        (!text.contains([colon, nothing])).then(|| Self { text: text.to_owned(), colon, nothing, effort: EFFORT })
    }

    /// The text with the stand-ins, each for one character.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// Puts a stand-in where `error` was found. Returns whether that is worth another attempt.
    pub(super) fn apply(&mut self, error: &Error) -> bool {
        let Some(at) = error.problem_mark().map(index) else {
            return false;
        };
        let rest = self.text.get(at..).unwrap_or_default();
        let stand_in = match error.problem() {
            "found unexpected ':'" if rest.starts_with(':') => self.colon,
            "found unknown escape character" if rest.starts_with("\\'") => self.nothing,
            _ => return false,
        };
        let Some(effort) = self.effort.checked_sub(self.text.len()) else {
            return false;
        };
        self.effort = effort;
        self.text.replace_range(at..=at, stand_in.encode_utf8(&mut [0; 4]));
        true
    }

    /// What `text` would be without the stand-ins.
    pub(super) fn undo(&self, text: &str) -> String {
        text.replace(self.colon, ":").replace(self.nothing, "")
    }
}

/// Whether `text` has an escape `\/` somewhere, maybe.
pub(super) fn has_slash_escape(text: &str) -> bool {
    text.as_bytes().contains(&b'\\') && text.contains("\\/")
}

/// Where in the double-quoted `raw` the first escape `\/` is, which goyaml.v2 does not know.
pub(super) fn slash_escape(raw: &str) -> Option<usize> {
    let mut bytes = raw.bytes().enumerate();
    while let Some((at, byte)) = bytes.next() {
        if byte == b'\\' && matches!(bytes.next(), Some((_, b'/'))) {
            return Some(at);
        }
    }
    None
}

/// Whether `text` may have a tag directly before a `,`, where libyaml-safer panics.
pub(super) fn may_panic(text: &str) -> bool {
    text.as_bytes().contains(&b'!') && commas(text).next().is_some()
}

/// Refuses a tag directly before a `,`. goyaml.v2 takes the `,` as part of the tag, which nobody
/// means.
///
/// The text is parsed with a space before each such `,`, to tell tags from text that looks alike.
///
/// # Errors
/// If there is such a tag, or if the text could not be parsed.
pub(super) fn check_tags(text: &str, origin: Position) -> Result<(), SyntaxError> {
    let mut spaced = String::with_capacity(text.len());
    let mut from = 0;
    let mut tags = Vec::new();
    for (start, comma) in commas(text) {
        if comma > from {
            spaced.push_str(text.get(from..comma).unwrap_or_default());
            spaced.push(' ');
            from = comma;
        }
        tags.push(Tag { start, comma, spaced: spaced.len() - 1 - (comma - start) });
    }
    spaced.push_str(text.get(from..).unwrap_or_default());
    let mut events = Events::new(&spaced);
    let mut depth = 0_usize;
    loop {
        // An error here may stand before such a tag or after it: the real parse must not go on.
        let event = events.next().map_err(|error| {
            let error = message::explain(&error, &Marks::new(&spaced, origin));
            let shift = |at: Position| unshift(&spaced, &tags, origin, at);
            SyntaxError { span: Span::new(shift(error.span.start), shift(error.span.end)), ..error }
        })?;
        let tagged = match &event.data {
            EventData::StreamEnd => {
                events.finish();
                return Ok(());
            }
            EventData::Scalar { tag, .. } => tag.is_some(),
            EventData::SequenceStart { tag, .. } | EventData::MappingStart { tag, .. } => {
                depth += 1;
                tag.is_some()
            }
            EventData::SequenceEnd | EventData::MappingEnd => {
                depth = depth.saturating_sub(1);
                false
            }
            _ => false,
        };
        if depth > MAX_DEPTH {
            return Err(too_deep(Span::character(position_of(&spaced, index(event.start_mark), origin))));
        }
        let at = after_properties(&spaced, index(event.start_mark)).and_then(|(_, tag)| tag);
        if let Some(at) = at.filter(|_| tagged)
            && let Ok(found) = tags.binary_search_by_key(&at, |tag| tag.spaced)
            && let Some(Tag { start, comma, .. }) = tags.get(found)
        {
            let span = Span::new(position_of(text, *start, origin), position_of(text, *comma, origin));
            return Err(SyntaxError::new("expected a value after the tag, found `,`", span)
                .help("put a space before the `,`, or quotes around text that begins with `!`"));
        }
    }
}

/// What may be a tag directly before a `,`.
struct Tag {
    /// Where it begins.
    start: usize,
    /// Where the `,` is.
    comma: usize,
    /// Where it begins in the text with the spaces.
    spaced: usize,
}

/// Where `at` in the text with the spaces stands in the file.
fn unshift(spaced: &str, tags: &[Tag], origin: Position, at: Position) -> Position {
    let mut added: Vec<usize> = tags.iter().map(|tag| tag.spaced + (tag.comma - tag.start)).collect();
    added.dedup();
    let mut ruler = Ruler::new(spaced, origin);
    let before = |space: &Position| space.line == at.line && space.column < at.column;
    let count = added.into_iter().map(|space| ruler.position(space)).filter(before).count();
    Position::new(at.line, at.column.saturating_sub(narrow(count)))
}

/// The `!` and the `,` of each place that may be a tag directly before a `,`.
fn commas(text: &str) -> impl Iterator<Item = (usize, usize)> + '_ {
    let bytes = text.as_bytes();
    // Where the tag ends that was looked at last: a `!` in it has the same end.
    let mut known = 0;
    text.match_indices('!').filter_map(move |(start, _)| {
        let verbatim = bytes.get(start + 1) == Some(&b'<');
        let end = if verbatim || start >= known { end_of_tag(bytes, start) } else { known };
        known = if verbatim { known } else { end };
        (bytes.get(end) == Some(&b',')).then_some((start, end))
    })
}

/// Where the tag that begins at `start` ends.
fn end_of_tag(bytes: &[u8], start: usize) -> usize {
    let run = |from: usize, verbatim: bool| {
        let rest = bytes.get(from..).unwrap_or_default();
        from + rest.iter().take_while(|byte| is_tag(**byte, verbatim)).count()
    };
    if bytes.get(start + 1) == Some(&b'<') {
        let end = run(start + 2, true);
        if bytes.get(end) == Some(&b'>') { end + 1 } else { end }
    } else {
        run(start + 1, false)
    }
}

/// Whether libyaml-safer reads `byte` as part of a tag (`scan_tag_uri`).
fn is_tag(byte: u8, verbatim: bool) -> bool {
    is_name(char::from(byte)) || b";/?:@&=+$.%!~*'()".contains(&byte) || verbatim && b",[]".contains(&byte)
}

/// Where the value begins whose anchor or tag begins at `start`, and where its tag begins.
pub(super) fn after_properties(text: &str, start: usize) -> Option<(usize, Option<usize>)> {
    let bytes = text.as_bytes();
    let mut at = start;
    let mut tag = None;
    loop {
        match bytes.get(at)? {
            b'&' => {
                let name = text.get(at + 1..)?.chars();
                at += 1 + name.take_while(|character| is_name(*character)).count();
            }
            b'!' if tag.is_none() => {
                tag = Some(at);
                at = end_of_tag(bytes, at);
            }
            b' ' | b'\t' | b'\r' | b'\n' => at += 1,
            b'#' if at > start => at += text.get(at..)?.find('\n')?,
            _ => return Some((at, tag)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::text::node::Node;
    use crate::manifest::text::yaml::parse;

    const START: Position = Position::new(1, 1);

    fn texts(text: &str) -> Vec<String> {
        let node = parse(text, START).unwrap_or_default();
        node.iter().flat_map(Node::items).map(|item| item.as_str().unwrap_or_default().to_owned()).collect()
    }

    #[test]
    fn a_colon_before_a_bracket_is_text() {
        assert_eq!(texts("[fe80::, 'a:,', x:]"), ["fe80::", "a:,", "x:"]);
        let node = parse("[é, fe80::, {b:, c: 1}]", START).unwrap_or_default();
        let keys: Vec<_> =
            node.iter().flat_map(Node::items).flat_map(Node::entries).map(|entry| entry.key_span.start).collect();
        assert_eq!(keys, [Position::new(1, 14), Position::new(1, 18)]);
    }

    #[test]
    fn an_escaped_single_quote_is_one() {
        assert_eq!(texts(r#"["it\'s", "\\'"]"#), ["it's", "\\'"]);
    }

    #[test]
    fn the_effort_for_stand_ins_is_bounded() {
        let text = format!("[{}]", "fe80::, ".repeat(200_000));
        let error = parse(&text, START).err().map(|error| error.message);
        assert_eq!(error.as_deref(), Some("found `:` directly before a `,` or a bracket, expected a blank or a text"));
    }

    #[test]
    fn a_tag_before_a_comma_is_refused() {
        for text in [
            "[!!str, a]",
            "[!a, a]",
            "{a: !b, c}",
            "[&x !b, c]",
            "[&x # c\n !b, c]",
            "[!<tag:x,y>, a]",
            "[!b &x, !c, d]",
        ] {
            let error = parse(text, START).err();
            assert_eq!(
                error.map(|error| error.message).as_deref(),
                Some("expected a value after the tag, found `,`"),
                "{text}"
            );
        }
        let span = parse("[&x\n !b, c]", START).err().map(|error| error.span);
        assert_eq!(span, Some(Span::new(Position::new(2, 2), Position::new(2, 4))));
    }

    #[test]
    fn text_that_looks_like_a_tag_is_not() {
        assert_eq!(
            texts("# a !b, c\n- Hello !you, there\n- '!a, b'\n- |\n  !x, y\n- [x !y, z]\n- ! x\n"),
            ["Hello !you, there", "!a, b", "!x, y\n", "", "x"]
        );
        assert_eq!(texts("[!a b !c, d, ! \"!x, y\"]"), ["b !c", "d", "!x, y"]);
    }
}
