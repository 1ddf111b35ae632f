//! Every code as `check` shows it: what is found, where, and what to do.

use std::collections::BTreeSet;
use std::fs;

use netintent::finding::Code;

use crate::run::{Said, root, run_on};

/// The cases, of which `shared/src/check/tests.rs` tells more.
const CASES: &str = include_str!("../../../shared/tests/findings/cases.json");

fn cases() -> Vec<String> {
    let cases: Vec<[String; 3]> = serde_json::from_str(CASES).unwrap();
    cases.into_iter().map(|[code, ..]| code).collect()
}

/// An approval that ends in ten days.
fn soon() -> String {
    (jiff::Timestamp::now() + jiff::SignedDuration::from_hours(240)).strftime("%Y-%m-%dT00:00:00Z").to_string()
}

fn manifest(code: &str) -> String {
    let path = root().join(format!("shared/tests/findings/{code}.yaml"));
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn checked(manifest: &str, more: &[&str]) -> Said {
    run_on(&manifest.replace("SOON", &soon()), &[&["check"], more].concat())
}

#[test]
fn each_finding_says_where_and_what_to_do() {
    for code in cases() {
        let args = ["check", "--fail-on", "info", "-f", "-"];
        let said = checked(&manifest(&code), &args[1..3]);
        assert_eq!(said.status, 1, "{code}: {said:?}");
        assert!(said.stdout.contains(&format!("[{code}]")), "{code}: {said:?}");
        said.check_without(&format!("findings/{code}"), &args, &[(&soon(), "SOON")]);
    }
}

#[test]
fn no_code_is_without_its_case() {
    let codes: BTreeSet<String> = Code::ALL.iter().map(ToString::to_string).collect();
    // What Cilium is configured to do stands in no manifest that is read.
    let with_case = codes.iter().filter(|code| **code != Code::IgnoredLabels.to_string()).cloned().collect();
    assert_eq!(cases().into_iter().collect::<BTreeSet<_>>(), with_case);
    for code in &codes {
        let said = crate::run::run(&["check", "--explain", code]);
        assert_eq!((said.status, said.stderr.as_str()), (0, ""), "{code}");
        assert!(said.stdout.starts_with(code.as_str()), "{said:?}");
    }
}

/// The snapshots of this file.
pub(crate) fn names() -> impl Iterator<Item = String> {
    cases().into_iter().map(|code| format!("findings/{code}"))
}
