//! Findings in SARIF 2.1.0, the OASIS standard that code scanning reads.

use std::fmt::Write as _;
use std::io::{self, Write};

use netintent::finding::{Code, Severity};
use serde_json::{Value, json};

use super::findings::Found;

const SCHEMA: &str = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json";

/// Prints one run with a rule for each code.
pub(crate) fn print(out: &mut dyn Write, found: &[Found<'_>]) -> io::Result<()> {
    let rules: Vec<Value> = Code::ALL.iter().map(|code| rule(*code)).collect();
    let results: Vec<Value> = found.iter().map(result).collect();
    let log = json!({
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": {
                "name": "netintent",
                "semanticVersion": env!("CARGO_PKG_VERSION"),
                "rules": rules,
            }},
            // Columns count characters, not UTF-16 units.
            "columnKind": "unicodeCodePoints",
            "results": results,
        }],
    });
    serde_json::to_writer_pretty(&mut *out, &log)?;
    writeln!(out)
}

fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Info => "note",
    }
}

fn rule(code: Code) -> Value {
    let meaning = code.meaning();
    json!({
        "id": meaning.name,
        "shortDescription": {"text": meaning.summary},
        "fullDescription": {"text": meaning.why},
        "help": {"text": meaning.fix},
        "defaultConfiguration": {"level": level(meaning.severity)},
    })
}

fn result(found: &Found<'_>) -> Value {
    let finding = found.finding;
    let mut result = json!({
        "ruleId": finding.code.as_str(),
        "ruleIndex": Code::ALL.iter().position(|code| *code == finding.code),
        "level": level(finding.code.severity()),
        "message": {"text": format!("{}\n{}", found.message(), finding.advice())},
    });
    if let Some((origin, path)) = found.origin.zip(found.path()) {
        let (start, end) = (origin.span.start, origin.span.end);
        result["locations"] = json!([{"physicalLocation": {
            "artifactLocation": {"uri": uri(path)},
            "region": {
                "startLine": start.line,
                "startColumn": start.column,
                "endLine": end.line,
                "endColumn": end.column,
            },
        }}]);
    }
    result
}

/// A path as a relative reference: whatever is no part of one is percent-encoded.
fn uri(path: &str) -> String {
    let mut uri = String::with_capacity(path.len());
    for byte in path.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => uri.push(char::from(byte)),
            // A string takes whatever is written.
            _ => drop(write!(uri, "%{byte:02X}")),
        }
    }
    uri
}

#[cfg(test)]
mod tests {
    use super::uri;

    #[test]
    fn a_path_is_a_uri() {
        assert_eq!(uri("../a b/ü:c.yaml"), "../a%20b/%C3%BC%3Ac.yaml");
    }
}
