//! Manifests: any file, from its bytes to every connection.

use std::convert::Infallible;

use jiff::Timestamp;
use netintent::diff::diff;
use netintent::finding::{Finding, Place, Step};
use netintent::list::{Filter, grouped, list};
use netintent::manifest::text::{Document, Node, Position, Span, Value, documents, locate, parse};
use netintent::manifest::{Object, collect, decode, field};
use netintent::snapshot::{Options, Snapshot};

/// The largest file that is tried.
const MAX_BYTES: usize = 32 * 1024;
/// The most pods of which every connection is listed.
const MAX_PODS: usize = 32;

/// Whatever the bytes, there is an answer, and what it says of them is at a place within them.
pub fn check(data: &[u8]) {
    let (Ok(text), true) = (std::str::from_utf8(data), data.len() <= MAX_BYTES) else {
        // Of what is no text there is just one thing to say.
        if let Ok(cut) = documents(&data[..data.len().min(MAX_BYTES)]) {
            cut.iter().for_each(|document| drop(parse(document)));
        }
        return;
    };
    let lines = Lines::of(text);
    let cut = match documents(data) {
        Ok(cut) => cut,
        Err(error) => return lines.have(error.span),
    };
    let mut objects: Vec<Object> = Vec::new();
    let mut findings: Vec<Finding> = Vec::new();
    let mut before = Position::default();
    for document in &cut {
        let start = Position::new(document.first_line, document.first_column);
        assert!(before < start, "documents are in order");
        before = start;
        let node = match parse(document) {
            Ok(Some(node)) => node,
            Ok(None) => continue,
            Err(error) => {
                lines.have(error.span);
                continue;
            }
        };
        lines.have_all(&node);
        match decode(&node, 0, "shop") {
            Ok(decoded) => {
                objects.extend(decoded.objects);
                findings.extend(decoded.findings);
            }
            Err(error) => lines.have(error.origin.span),
        }
    }
    let objects = collect(objects, &|origin| origin.span.start.line.to_string(), &mut findings);
    let snapshot = Snapshot::new(objects, &Options::at(Timestamp::UNIX_EPOCH));
    for finding in findings.iter().chain(&snapshot.findings) {
        place(&lines, &cut, finding);
    }
    connections(&snapshot);
}

/// Every connection is listed, one by one and in groups, and none of them differs from itself.
fn connections(snapshot: &Snapshot) {
    if snapshot.pods.len() > MAX_PODS {
        return;
    }
    for declared in [false, true] {
        let filter = Filter { declared, own: true, ..Filter::default() };
        let Ok(()) = list(snapshot, &filter, &mut |connection| {
            drop((connection.ranges(), connection.cut()));
            Ok::<_, Infallible>(())
        });
    }
    drop(grouped(snapshot, &Filter::default()));
    let Ok(()) = diff(snapshot, snapshot, &mut |difference| {
        unreachable!("{difference:?} of a snapshot from itself");
        #[expect(unreachable_code, reason = "says what the error would be")]
        Ok::<_, Infallible>(())
    });
}

/// The place of a finding is in the file, to the field and the character.
fn place(lines: &Lines<'_>, cut: &[Document<'_>], finding: &Finding) {
    match &finding.place {
        None => {}
        Some(Place::Whole(origin)) => lines.have(origin.span),
        Some(Place::Part(part, at)) => {
            assert!(part.value.get(at.clone()).is_some(), "{at:?} is no part of {:?}", part.value);
            let Some(origin) = part.origin else { return };
            let node = Node { span: origin.span, style: part.style, value: Value::String(part.value.clone()) };
            let (start, end) = (locate(lines.text, &node, at.start), locate(lines.text, &node, at.end));
            lines.have(Span { start, end });
        }
        Some(Place::Field(origin, path)) => found(lines, cut, origin.span, path),
    }
}

fn found(lines: &Lines<'_>, cut: &[Document<'_>], object: Span, path: &[Step]) {
    let start = object.start;
    let document = cut.iter().rfind(|d| Position::new(d.first_line, d.first_column) <= start);
    let Some(Ok(Some(node))) = document.map(parse) else { unreachable!("no document at {start:?}") };
    let Some(span) = field(&node, object, path) else { unreachable!("no object at {start:?}") };
    lines.have(span);
}

/// How many characters each line has.
struct Lines<'t> {
    text: &'t str,
    lengths: Vec<usize>,
}

impl<'t> Lines<'t> {
    fn of(text: &'t str) -> Self {
        let lengths = text.strip_prefix('\u{feff}').unwrap_or(text).split('\n').map(|line| line.chars().count());
        Self { text, lengths: lengths.collect() }
    }

    fn has(&self, at: Position) -> bool {
        let line = self.lengths.get((at.line as usize).wrapping_sub(1));
        line.is_some_and(|length| (1..=length + 1).contains(&(at.column as usize)))
    }

    fn have(&self, span: Span) {
        assert!(self.has(span.start), "{span:?} begins outside of the file");
        // What ends with its line may end at the line after it.
        let end = span.end;
        let last = Position::new(u32::try_from(self.lengths.len()).unwrap_or(u32::MAX).saturating_add(1), 1);
        let after = end == last || end.line as usize <= self.lengths.len();
        assert!(after && span.start <= end, "{span:?} ends outside of the file");
    }

    fn have_all(&self, node: &Node) {
        self.have(node.span);
        match &node.value {
            Value::Mapping(entries) => entries.iter().for_each(|entry| {
                self.have(entry.key_span);
                self.have_all(&entry.value);
            }),
            Value::Sequence(items) => items.iter().for_each(|item| self.have_all(item)),
            _ => {}
        }
    }
}
