//! Hands a text to the YAML parser: in small pieces, so that the parser's buffer of characters
//! stays small, and with a line feed at the end, which kubectl's reader adds too (and without
//! which libyaml-safer panics in a block scalar).

use std::cell::Cell;
use std::io::{BufRead, Read, Result};

use libyaml_safer::{Encoding, Error, Event, EventData, Parser};

const PIECE: usize = 4096;
/// The largest buffer that is kept for the next text, in bytes.
const KEPT: usize = 1 << 20;

thread_local! {
    /// A parser that has come to the end of its text. Its buffers are large: to allocate them for
    /// each document costs as much as to parse a small one.
    static SPARE: Cell<Option<Parser<Source>>> = const { Cell::new(None) };
    /// The buffer of the last text.
    static BUFFER: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// The events of a text.
pub(in crate::manifest) struct Events {
    parser: Parser<Source>,
    ended: bool,
}

impl Events {
    /// The events of `text`.
    pub(in crate::manifest) fn new(text: &str) -> Self {
        let mut parser = SPARE.take().unwrap_or_default();
        parser.set_encoding(Encoding::Utf8);
        parser.set_input(Source::new(text));
        Self { parser, ended: false }
    }

    /// The next event.
    ///
    /// # Errors
    /// What libyaml refuses.
    pub(in crate::manifest) fn next(&mut self) -> std::result::Result<Event, Error> {
        let event = self.parser.parse()?;
        self.ended = matches!(event.data, EventData::StreamEnd);
        Ok(event)
    }

    /// Keeps the parser for the next text, if this one was read to its end: a parser that was left
    /// before is not fit for it, even after its `reset`.
    pub(in crate::manifest) fn finish(mut self) {
        if self.ended {
            self.parser.reset();
            SPARE.set(Some(self.parser));
        }
    }
}

/// The bytes of a text.
struct Source {
    bytes: Vec<u8>,
    at: usize,
}

impl Source {
    fn new(text: &str) -> Self {
        let mut bytes = BUFFER.take();
        bytes.clear();
        bytes.extend_from_slice(text.as_bytes());
        if !text.ends_with('\n') {
            bytes.push(b'\n');
        }
        Self { bytes, at: 0 }
    }
}

impl Drop for Source {
    fn drop(&mut self) {
        let bytes = std::mem::take(&mut self.bytes);
        if bytes.capacity() <= KEPT {
            // When the thread ends there may be no place for it any more.
            let _ = BUFFER.try_with(|buffer| buffer.set(bytes));
        }
    }
}

impl Read for Source {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        let count = self.fill_buf()?.read(buffer)?;
        self.consume(count);
        Ok(count)
    }
}

impl BufRead for Source {
    fn fill_buf(&mut self) -> Result<&[u8]> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        Ok(rest.get(..PIECE).unwrap_or(rest))
    }

    fn consume(&mut self, count: usize) {
        self.at += count;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_final_line_feed_is_added_once() -> Result<()> {
        for (text, expected) in [("a", "a\n"), ("a\n", "a\n"), ("", "\n")] {
            let mut read = String::new();
            Source::new(text).read_to_string(&mut read)?;
            assert_eq!(read, expected);
        }
        Ok(())
    }

    #[test]
    fn a_parser_is_kept_only_from_the_end_of_its_text() {
        for text in ["a: [", "a: b", "[[[", "x"] {
            let mut events = Events::new(text);
            while !events.ended && events.next().is_ok() {}
            let ended = events.ended;
            events.finish();
            let spare = SPARE.take();
            assert_eq!(spare.is_some(), ended, "{text}");
            SPARE.set(spare);
        }
    }
}
