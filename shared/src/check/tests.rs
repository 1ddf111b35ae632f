//! Every code in its case and not beside it; then what the cases do not show.

mod acceptances;
mod approvals;
mod calls;
mod policies;
mod services;

use std::fs;

use jiff::{SignedDuration, Timestamp};

use super::accept::{accept, comments};
use super::check;
use crate::finding::{Code, Finding, Place};
use crate::manifest::text::{documents, parse};
use crate::manifest::{collect, decode};
use crate::mode::ModeOverride;
use crate::objects::Origin;
use crate::snapshot::{Options, Snapshot};
use crate::testing::NOW;

fn options(modes: &[&str]) -> Options {
    let modes: Vec<ModeOverride> = modes.iter().map(|m| m.parse().unwrap()).collect();
    Options { modes, ..Options::at(NOW.parse().unwrap()) }
}

fn found_with(text: &str, options: &Options) -> (Vec<Finding>, Snapshot) {
    let (mut objects, mut read) = (Vec::new(), Vec::new());
    let mut options = options.clone();
    for document in documents(text.as_bytes()).unwrap() {
        if let Some(node) = parse(&document).unwrap() {
            let decoded =
                decode(&node, 0, "default").unwrap_or_else(|e| panic!("{e} at {:?} in {text}", e.origin.span));
            options.observed |= decoded.observed.is_some();
            objects.extend(decoded.objects);
            read.extend(decoded.findings);
        }
    }
    let objects = collect(objects, &|_| String::new(), &mut read);
    let mut snapshot = Snapshot::new(objects, &options);
    read.append(&mut snapshot.findings);
    (check(&snapshot, read), snapshot)
}

fn found(text: &str, modes: &[&str]) -> Vec<Finding> {
    found_with(text, &options(modes)).0
}

/// The messages of a code's findings.
fn told(code: Code, text: &str, modes: &[&str]) -> Vec<String> {
    found(text, modes).into_iter().filter(|f| f.code == code).map(|f| f.message).collect()
}

/// The one finding of a code.
fn one(code: Code, text: &str, modes: &[&str]) -> Finding {
    let mut all: Vec<Finding> = found(text, modes).into_iter().filter(|f| f.code == code).collect();
    assert_eq!(all.len(), 1, "{all:?}");
    all.remove(0)
}

/// Where a place is; of a part of a string, where the string begins.
fn locate(text: &str, place: &Place) -> Option<Origin> {
    let Place::Field(origin, path) = place else { return place.origin() };
    let documents = documents(text.as_bytes()).unwrap();
    let mut nodes = documents.iter().filter_map(|d| parse(d).unwrap());
    let span = nodes.find_map(|node| crate::manifest::field(&node, origin.span, path))?;
    Some(Origin { file: origin.file, span })
}

/// The text that a place underlines, as far as it is in one line.
fn underlined(text: &str, finding: &Finding) -> String {
    let place = finding.place.as_ref().unwrap();
    if let Place::Part(text, part) = place {
        return text.value[part.clone()].to_owned();
    }
    let span = locate(text, place).unwrap().span;
    let line = text.lines().nth(span.start.line as usize - 1).unwrap();
    let (start, end) = (span.start.column as usize - 1, span.end.column as usize - 1);
    line.chars().skip(start).take(end - start).collect()
}

/// Each case: a code, a text that stands once in its manifest, and another that makes of it a neighbour without the
/// finding.
#[test]
fn every_code_is_found_and_not_beside_it() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/findings");
    let cases = fs::read_to_string(format!("{folder}/cases.json")).unwrap();
    let cases: Vec<[String; 3]> = serde_json::from_str(&cases).unwrap();
    let soon = (NOW.parse::<Timestamp>().unwrap() + SignedDuration::from_hours(24 * 30)).to_string();
    let mut missing: Vec<Code> = Code::ALL.to_vec();
    for [code, once, other] in cases {
        let manifest = fs::read_to_string(format!("{folder}/{code}.yaml")).unwrap();
        assert_eq!(manifest.matches(&once).count(), 1, "{code}: `{once}` stands once");
        let codes = |text: &str| {
            let (all, snapshot) = found_with(&text.replace("SOON", &soon), &options(&[]));
            let (kept, _) = accept(all, &snapshot.objects, &comments(0, text), &|place| locate(text, place));
            kept.into_iter().map(|f| f.code.to_string()).collect::<Vec<_>>()
        };
        let (found, beside) = (codes(&manifest), codes(&manifest.replace(&once, &other)));
        assert!(found.contains(&code), "{code} is not found, but {found:?}");
        assert!(!beside.contains(&code), "{code} is found beside it too: {beside:?}");
        assert!(found.iter().filter(|c| **c != code).count() < 2, "{code} comes with {found:?}");
        missing.retain(|c| c.as_str() != code);
    }
    // No manifest shows it: `cilium` has a test of its own.
    assert_eq!(missing, [Code::IgnoredLabels]);
}
