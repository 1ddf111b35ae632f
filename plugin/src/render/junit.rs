//! Findings as the XML of `JUnit`, as continuous integration reads it: one test case a file and code, which fails.

use std::collections::BTreeMap;
use std::io::{self, Write};

use super::findings::Found;

/// Prints one suite. A run without findings has one case, which passes: some readers refuse a suite without cases.
pub(crate) fn print(out: &mut dyn Write, found: &[Found<'_>]) -> io::Result<()> {
    let mut cases: BTreeMap<(&str, &str), Vec<&Found<'_>>> = BTreeMap::new();
    for found in found {
        cases.entry((found.file, found.finding.code.as_str())).or_default().push(found);
    }
    writeln!(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>")?;
    let (tests, failures) = (cases.len().max(1), cases.len());
    writeln!(out, "<testsuites name=\"netintent check\" tests=\"{tests}\" failures=\"{failures}\">")?;
    writeln!(out, "  <testsuite name=\"netintent check\" tests=\"{tests}\" failures=\"{failures}\" errors=\"0\">")?;
    if cases.is_empty() {
        writeln!(out, "    <testcase classname=\"netintent\" name=\"check\"/>")?;
    }
    for ((file, code), found) in cases {
        let file = if file.is_empty() { "input" } else { file };
        writeln!(out, "    <testcase classname=\"{}\" name=\"{code}\">", escaped(file))?;
        for found in found {
            let (severity, message) = (found.finding.code.severity(), escaped(&found.finding.message));
            let help = escaped(found.finding.advice());
            writeln!(
                out,
                "      <failure type=\"{severity}\" message=\"{message}\">{}\n{help}</failure>",
                escaped(&found.place())
            )?;
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
