//! Findings: for people with the text underlined, and for programs.

use std::io::{self, Write};

use netintent::finding::{Finding, Severity};
use netintent::names::printable;
use netintent::objects::Origin;
use serde::Serialize;
use serde_json::Value;

use crate::cli::Format;
use crate::render::items::Items;
use crate::render::table::{TableWriter, Tone, plain};
use crate::source::Sources;

/// A finding and where it is.
pub(crate) struct Found<'a> {
    pub(crate) finding: &'a Finding,
    /// Where in which file, by number.
    pub(crate) origin: Option<Origin>,
    /// The name of that file.
    pub(crate) file: &'a str,
}

impl<'a> Found<'a> {
    pub(crate) fn new(finding: &'a Finding, sources: &'a Sources) -> Self {
        let origin = finding.place.as_ref().and_then(|place| sources.origin(place));
        Self { finding, origin, file: origin.map_or("", |origin| sources.name(origin.file)) }
    }

    /// What findings are ordered by: what has no place comes first.
    pub(crate) fn key(&self) -> (Option<Origin>, netintent::finding::Code, &str) {
        (self.origin, self.finding.code, &self.finding.message)
    }

    /// The path of the file as programs want it, from the folder in which the check was run; `None` for standard input.
    pub(crate) fn path(&self) -> Option<&str> {
        let path = self.file.trim_start_matches("./");
        (self.origin.is_some() && path != "<stdin>").then_some(path)
    }

    /// What is wrong, and of which object where no place says it.
    pub(crate) fn message(&self) -> String {
        told(self.finding, self.origin.is_some())
    }

    /// `file:line:column`, or else the object that it is about.
    fn place_or_object(&self) -> String {
        let object = || self.finding.object.as_ref().map_or_else(String::new, |object| printable(&object.to_string()));
        if self.origin.is_some() { self.place() } else { object() }
    }

    /// `file:line:column`, or nothing.
    pub(crate) fn place(&self) -> String {
        self.origin.map_or_else(String::new, |origin| {
            let at = origin.span.start;
            format!("{}:{}:{}", printable(self.file), at.line, at.column)
        })
    }
}

/// The message of a finding, with the object that is meant where neither a place nor the message itself says it.
pub(crate) fn told(finding: &Finding, has_place: bool) -> String {
    match &finding.object {
        Some(object) if !has_place && !finding.message.contains(&object.name) => {
            format!("{object}: {}", finding.message)
        }
        _ => finding.message.clone(),
    }
}

/// An item of a `FindingList`.
#[derive(Serialize)]
struct FindingView<'a> {
    code: &'static str,
    severity: &'static str,
    message: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    object: Option<ObjectView<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    location: Option<LocationView<'a>>,
    help: &'a str,
}

#[derive(Serialize)]
struct ObjectView<'a> {
    kind: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    namespace: &'a str,
    name: &'a str,
}

#[derive(Serialize)]
struct LocationView<'a> {
    file: &'a str,
    line: u32,
    column: u32,
}

impl<'a> FindingView<'a> {
    fn new(found: &Found<'a>) -> Self {
        let finding = found.finding;
        let object = |o: &'a netintent::finding::ObjectName| ObjectView {
            kind: &o.kind,
            namespace: &o.namespace,
            name: &o.name,
        };
        let location = |origin: Origin| LocationView {
            file: found.file,
            line: origin.span.start.line,
            column: origin.span.start.column,
        };
        Self {
            code: finding.code.as_str(),
            severity: finding.code.severity().as_str(),
            message: &finding.message,
            object: finding.object.as_ref().map(object),
            location: found.origin.map(location),
            help: finding.advice(),
        }
    }
}

/// Prints a `FindingList`; `more` are further fields of it.
pub(crate) fn items(mut items: Items<'_>, found: &[Found<'_>], more: &[(&str, Value)]) -> io::Result<()> {
    found.iter().try_for_each(|found| items.item(&FindingView::new(found)))?;
    items.finish(more)
}

/// Prints each with its line underlined.
pub(crate) fn text(out: &mut dyn Write, found: &[Found<'_>], sources: &Sources) -> io::Result<()> {
    found.iter().try_for_each(|found| writeln!(out, "{}\n", sources.underlined(found.finding, found.origin)))
}

/// Prints `file:line:column: code`, a line each; the object in place of what has no file.
pub(crate) fn names(out: &mut dyn Write, found: &[Found<'_>]) -> io::Result<()> {
    for found in found {
        let place = found.place_or_object();
        let colon = if place.is_empty() { "" } else { ": " };
        writeln!(out, "{place}{colon}{}", found.finding.code)?;
    }
    Ok(())
}

/// Prints a table.
pub(crate) fn table(out: &mut dyn Write, found: &[Found<'_>], markdown: bool) -> io::Result<()> {
    let format = if markdown { Format::Markdown } else { Format::Table };
    let mut table = TableWriter::new(out, format, vec!["SEVERITY", "CODE", "PLACE", "MESSAGE"], false);
    for found in found {
        let severity = found.finding.code.severity();
        let tone = match severity {
            Severity::Error => Tone::Bad,
            Severity::Warning => Tone::Note,
            Severity::Info => Tone::Plain,
        };
        table.row(vec![
            (severity.to_string(), tone),
            plain(found.finding.code.as_str()),
            plain(found.place_or_object()),
            plain(found.finding.message.as_str()),
        ])?;
    }
    table.finish().map(drop)
}

#[cfg(test)]
mod tests {
    use netintent::finding::{Code, ObjectName};

    use super::*;

    /// A finding of a cluster, whose objects stand in no file.
    fn finding() -> Finding {
        let object = ObjectName { kind: "Deployment".into(), namespace: "shop".to_owned(), name: "web".to_owned() };
        Finding { object: Some(object), ..Finding::new(Code::UnknownCallee, "there is no Service bank/legder") }
    }

    #[test]
    fn without_a_file_it_is_said_of_which_object_it_is() {
        let finding = finding();
        let found = [Found { finding: &finding, origin: None, file: "" }];
        let printed = |print: &dyn Fn(&mut Vec<u8>) -> io::Result<()>| {
            let mut out = Vec::new();
            print(&mut out).unwrap();
            String::from_utf8(out).unwrap()
        };
        assert_eq!(printed(&|out| names(out, &found)), "Deployment shop/web: unknown-callee\n");
        let whose = "Deployment shop/web: there is no Service bank/legder";
        let github = printed(&|out| crate::render::github::print(out, &found));
        assert!(github.starts_with(&format!("::warning title=unknown-callee::{whose}%0A")), "{github}");
        let junit = printed(&|out| crate::render::junit::print(out, &found, None));
        assert!(junit.contains(whose), "{junit}");
        let sarif = printed(&|out| crate::render::sarif::print(out, &found));
        assert!(sarif.contains(whose), "{sarif}");
        assert!(printed(&|out| table(out, &found, true)).contains("| Deployment shop/web |"));
        let plain = anstream::adapter::strip_str(&Sources::none().underlined(&finding, None)).to_string();
        assert!(
            plain.starts_with(&format!("warning[unknown-callee]: {whose}\n  = help: ")) && !plain.contains('|'),
            "{plain}"
        );
        // What the message names itself is not said twice.
        let named = Finding { message: "shop/web declares it".to_owned(), ..finding };
        assert_eq!(told(&named, false), "shop/web declares it");
    }
}
