//! Findings as GitHub's workflow commands, which it shows beside the lines of a pull request.
//!
//! The form is that of "Workflow commands for GitHub Actions"; what would end a value is percent-encoded.

use std::io::{self, Write};

use netintent::finding::Severity;

use super::findings::Found;

/// Prints a command a line.
pub(crate) fn print(out: &mut dyn Write, found: &[Found<'_>]) -> io::Result<()> {
    for found in found {
        let command = match found.finding.code.severity() {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Info => "notice",
        };
        let place = found.origin.zip(found.path()).map_or_else(String::new, |(origin, path)| {
            let (start, end) = (origin.span.start, origin.span.end);
            let end_line = end.line.max(start.line);
            format!("file={},line={},endLine={end_line},col={},", property(path), start.line, start.column)
        });
        let message = data(&format!("{}\n{}", found.message(), found.finding.advice()));
        writeln!(out, "::{command} {place}title={}::{message}", found.finding.code)?;
    }
    Ok(())
}

fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_ends_a_value_is_encoded() {
        assert_eq!(data("50%\r\na:b,c"), "50%25%0D%0Aa:b,c");
        assert_eq!(property("a:b,c%"), "a%3Ab%2Cc%25");
    }
}
