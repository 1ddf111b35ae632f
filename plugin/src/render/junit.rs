//! Findings as the XML of `JUnit`, as continuous integration reads it: one test case a finding, which fails if the check
//! does.

use std::io::{self, Write};

use netintent::finding::Severity;

use super::findings::Found;

/// Prints one suite, in which findings of `least` and above fail. Without findings it has one case, which passes: some
/// readers refuse a suite without cases.
pub(crate) fn print(out: &mut dyn Write, found: &[Found<'_>], least: Option<Severity>) -> io::Result<()> {
    let fails = |found: &Found<'_>| least.is_some_and(|least| found.finding.code.severity() >= least);
    let (tests, failures) = (found.len().max(1), found.iter().filter(|found| fails(found)).count());
    writeln!(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>")?;
    writeln!(out, "<testsuites name=\"netintent check\" tests=\"{tests}\" failures=\"{failures}\">")?;
    writeln!(out, "  <testsuite name=\"netintent check\" tests=\"{tests}\" failures=\"{failures}\" errors=\"0\">")?;
    if found.is_empty() {
        writeln!(out, "    <testcase classname=\"netintent\" name=\"check\"/>")?;
    }
    for found in found {
        let file = if found.file.is_empty() { "input" } else { found.file };
        let line = found.origin.map_or_else(String::new, |origin| format!(" in line {}", origin.span.start.line));
        writeln!(out, "    <testcase classname=\"{}\" name=\"{}{line}\">", escaped(file), found.finding.code)?;
        let (severity, message) = (found.finding.code.severity(), escaped(&found.message()));
        let (place, help) = (escaped(&found.place()), escaped(found.finding.advice()));
        if fails(found) {
            writeln!(out, "      <failure type=\"{severity}\" message=\"{message}\">{place}\n{help}</failure>")?;
        } else {
            writeln!(out, "      <system-out>{severity}: {message}\n{place}\n{help}</system-out>")?;
        }
        writeln!(out, "    </testcase>")?;
    }
    writeln!(out, "  </testsuite>\n</testsuites>")
}

/// Text for content and attributes; characters that XML 1.0 cannot have are replaced.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\n' => escaped.push_str("&#10;"),
            '\u{9}' | '\u{20}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'.. => escaped.push(c),
            _ => escaped.push('\u{fffd}'),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::escaped;

    #[test]
    fn nothing_ends_an_attribute_or_is_no_xml() {
        assert_eq!(escaped("a<b>\"&\u{1b}\n\u{ffff}é"), "a&lt;b&gt;&quot;&amp;\u{fffd}&#10;\u{fffd}é");
    }
}
