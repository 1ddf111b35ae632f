//! Findings that are meant so: accepted by a comment in the manifest, or by an annotation of the object, with a reason.
//!
//! The comment stands at the end of the line of the finding or alone above it, `# netintent:accept CODE: reason`; the
//! annotation [`names::ACCEPT`] of the object has a line `CODE: reason` for each code.

use std::ops::Range;

use rustc_hash::FxHashMap;

use crate::finding::{Code, Finding, ObjectName, Place};
use crate::manifest::text::{Node, Position, Span, Value, documents, parse};
use crate::names;
use crate::objects::{Metadata, Objects, Origin, Text};
use crate::suggest::did_you_mean;

const MARK: &str = "netintent:accept";

/// A comment that accepts a finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Comment {
    /// Where it stands.
    pub origin: Origin,
    /// The line of the findings that it means.
    pub line: u32,
    /// What it says after the mark.
    pub text: String,
}

/// A finding, and why it is accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accepted {
    /// What was found.
    pub finding: Finding,
    /// Why that is meant so.
    pub reason: String,
}

/// The accepting comments of file number `file`.
pub fn comments(file: u32, text: &str) -> Vec<Comment> {
    if !text.contains(MARK) {
        return Vec::new();
    }
    let mut found = Vec::new();
    let values = values(text);
    let is_comment = |line: &str| line.trim_start().starts_with('#');
    let lines: Vec<&str> = text.lines().collect();
    for (at, line) in lines.iter().enumerate() {
        let Some((before, rest)) = line.split_once(MARK) else { continue };
        let Some(hash) = before.rfind('#').filter(|hash| before[hash + 1..].trim().is_empty()) else { continue };
        let target = if is_comment(line) {
            let below = lines[at + 1..].iter().position(|line| !is_comment(line) && !line.trim().is_empty());
            below.map_or(at, |below| at + 1 + below)
        } else {
            at
        };
        let number = |line: usize| u32::try_from(line + 1).unwrap_or(u32::MAX);
        let column = |bytes: usize| u32::try_from(line[..bytes].chars().count() + 1).unwrap_or(u32::MAX);
        let start = Position::new(number(at), column(hash));
        let end = Position::new(number(at), column(line.trim_end().len()));
        if values.iter().any(|span| span.start <= start && start < span.end) {
            continue;
        }
        let origin = Origin { file, span: Span::new(start, end) };
        found.push(Comment { origin, line: number(target), text: rest.trim().to_owned() });
    }
    found
}

/// Where the scalars of a file are, in which a `#` begins no comment; but for intents, in which it does.
fn values(text: &str) -> Vec<Span> {
    fn walk(node: &Node, spans: &mut Vec<Span>) {
        match &node.value {
            Value::Sequence(items) => items.iter().for_each(|item| walk(item, spans)),
            Value::Mapping(entries) => {
                for entry in entries {
                    spans.push(entry.key_span);
                    if entry.key != names::CALLS {
                        walk(&entry.value, spans);
                    }
                }
            }
            _ => spans.push(node.span),
        }
    }
    let mut spans = Vec::new();
    for document in documents(text.as_bytes()).unwrap_or_default() {
        if let Ok(Some(node)) = parse(&document) {
            walk(&node, &mut spans);
        }
    }
    spans
}

/// Something that accepts findings of one code.
struct Acceptance {
    code: Code,
    reason: String,
    meant: Meant,
    place: Place,
    used: bool,
}

enum Meant {
    Object(ObjectName),
    Line(u32, u32),
}

impl Acceptance {
    fn accepts(&self, finding: &Finding, at: Option<Origin>) -> bool {
        self.code == finding.code
            && match &self.meant {
                Meant::Object(object) => finding.object.as_ref() == Some(object),
                Meant::Line(file, line) => at.is_some_and(|at| at.file == *file && at.span.start.line == *line),
            }
    }
}

/// Takes out what is accepted, and adds what is wrong with acceptances; `locate` gives the position of a place.
pub fn accept(
    found: Vec<Finding>,
    objects: &Objects,
    comments: &[Comment],
    locate: &dyn Fn(&Place) -> Option<Origin>,
) -> (Vec<Finding>, Vec<Accepted>) {
    let mut wrong = Vec::new();
    let mut acceptances: Vec<Acceptance> = Vec::new();
    for (object, text) in annotated(objects) {
        for (range, line) in lines(&text.value) {
            let place = Place::Part(text.clone(), range);
            read(line, Meant::Object(object.clone()), place, &mut acceptances, &mut wrong);
        }
    }
    for comment in comments {
        let meant = Meant::Line(comment.origin.file, comment.line);
        read(&comment.text, meant, Place::Whole(comment.origin), &mut acceptances, &mut wrong);
    }
    let mut by_code: FxHashMap<Code, Vec<usize>> = FxHashMap::default();
    for (at, acceptance) in acceptances.iter().enumerate() {
        by_code.entry(acceptance.code).or_default().push(at);
    }
    let (mut kept, mut accepted) = (Vec::new(), Vec::new());
    for finding in found {
        let mut reason = None;
        if let Some(candidates) = by_code.get(&finding.code) {
            let at = finding.place.as_ref().and_then(locate);
            for candidate in candidates {
                let acceptance = &mut acceptances[*candidate];
                if acceptance.accepts(&finding, at) {
                    acceptance.used = true;
                    reason.get_or_insert_with(|| acceptance.reason.clone());
                }
            }
        }
        match reason {
            Some(reason) => accepted.push(Accepted { finding, reason }),
            None => kept.push(finding),
        }
    }
    for unused in acceptances.into_iter().filter(|acceptance| !acceptance.used) {
        let message = format!("this accepts nothing: there is no {} here", unused.code);
        let help = "remove it, or put it where the finding is".to_owned();
        wrong.push(Finding::new(Code::UnknownAcceptance, message).help(help).at(unused.place));
    }
    kept.extend(wrong);
    (kept, accepted)
}

fn read(line: &str, meant: Meant, place: Place, acceptances: &mut Vec<Acceptance>, wrong: &mut Vec<Finding>) {
    let (name, reason) = line.split_once(':').unwrap_or((line, ""));
    let (name, reason) = (name.trim(), reason.trim());
    let Some(code) = Code::parse(name) else {
        let message = format!("there is no finding of the code `{}`", names::printable(name));
        let near = did_you_mean(name, Code::ALL.iter().map(|code| code.as_str()));
        wrong.push(Finding::new(Code::UnknownAcceptance, message).help(near).at(place));
        return;
    };
    if reason.is_empty() {
        let message = format!("accepting {code} needs a reason");
        let help = format!("write `{code}: why it is meant so`");
        wrong.push(Finding::new(Code::UnknownAcceptance, message).help(help).at(place));
        return;
    }
    acceptances.push(Acceptance { code, reason: reason.to_owned(), meant, place, used: false });
}

/// The lines of an annotation that say something, and where each is.
fn lines(value: &str) -> impl Iterator<Item = (Range<usize>, &str)> {
    let offset = |part: &str| part.as_ptr() as usize - value.as_ptr() as usize;
    value.lines().map(str::trim).filter(|line| !line.is_empty()).map(move |line| {
        let start = offset(line);
        (start..start + line.len(), line)
    })
}

/// The objects with the annotation.
fn annotated(objects: &Objects) -> Vec<(ObjectName, &Text)> {
    let of = |kind: crate::objects::Kind, metadata: &Metadata| ObjectName::new(kind, metadata);
    let all = (objects.namespaces.iter().map(|o| ("Namespace".into(), &o.metadata)))
        .chain(objects.workloads.iter().map(|o| (o.kind.clone(), &o.metadata)))
        .chain(objects.services.iter().map(|o| ("Service".into(), &o.metadata)))
        .chain(objects.service_accounts.iter().map(|o| ("ServiceAccount".into(), &o.metadata)))
        .chain(objects.policies.iter().map(|o| ("NetworkPolicy".into(), &o.metadata)))
        .chain(objects.approvals.iter().map(|o| (o.kind().into(), &o.metadata)))
        .chain(objects.prohibitions.iter().map(|o| ("ClusterProhibition".into(), &o.metadata)))
        .chain(objects.foreign.iter().map(|o| (o.kind.clone(), &o.metadata)))
        .chain(objects.exposures.iter().map(|o| (o.kind.clone(), &o.metadata)));
    all.filter_map(|(kind, metadata)| Some((of(kind, metadata), metadata.annotation(names::ACCEPT)?))).collect()
}
