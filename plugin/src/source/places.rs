//! From positions to what a person reads: file, line and column, and the text underlined.

use std::borrow::Cow;

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet, Title};
use netintent::finding::{Finding, Place, Severity, Step};
use netintent::manifest::ManifestError;
use netintent::manifest::field;
use netintent::manifest::text::{Node, Position, Span, Value, documents, locate, parse};
use netintent::names::{printable, printable_char};
use netintent::objects::{Origin, Text};

use super::files::File;
use crate::printer::{BOLD, styled};
use crate::render::findings::told;

/// The files that a snapshot was read from.
pub(crate) struct Sources {
    files: Vec<File>,
}

impl Sources {
    pub(super) fn new(files: Vec<File>) -> Self {
        Self { files }
    }

    /// Those of a cluster.
    pub(crate) fn none() -> Self {
        Self::new(Vec::new())
    }

    /// The files.
    pub(crate) fn files(&self) -> &[File] {
        &self.files
    }

    pub(super) fn len(&self) -> usize {
        self.files.len()
    }

    pub(super) fn bytes(&self) -> impl Iterator<Item = &[u8]> {
        self.files.iter().map(|file| file.bytes.as_slice())
    }

    /// The name of a file.
    pub(crate) fn name(&self, file: u32) -> &str {
        self.files.get(file as usize).map_or("", |f| f.name.as_str())
    }

    fn text(&self, file: u32) -> Cow<'_, str> {
        self.files.get(file as usize).map_or(Cow::Borrowed(""), |f| String::from_utf8_lossy(&f.bytes))
    }

    /// `file:line`.
    pub(crate) fn place(&self, origin: Origin) -> String {
        format!("{}:{}", self.name(origin.file), origin.span.start.line)
    }

    /// The file and position of a place.
    pub(crate) fn position(&self, place: &Place) -> Option<(&str, Position)> {
        let origin = self.origin(place)?;
        Some((self.name(origin.file), origin.span.start))
    }

    /// Where a place begins and ends.
    pub(crate) fn origin(&self, place: &Place) -> Option<Origin> {
        match place {
            Place::Whole(origin) => Some(*origin),
            Place::Part(text, part) => {
                let origin = text.origin?;
                let (start, end) = (self.within(text, origin, part.start), self.within(text, origin, part.end));
                Some(Origin { file: origin.file, span: Span { start, end } })
            }
            Place::Field(origin, path) => Some(self.field(*origin, path).unwrap_or(*origin)),
        }
    }

    /// Where a field of an object stands. The trees of the manifests are gone by now: one document is read again.
    fn field(&self, object: Origin, path: &[Step]) -> Option<Origin> {
        let bytes = &self.files.get(object.file as usize)?.bytes;
        let start = object.span.start;
        let documents = documents(bytes).ok()?;
        let document = documents.iter().rfind(|d| (d.first_line, d.first_column) <= (start.line, start.column))?;
        let span = field(&parse(document).ok()??, object.span, path)?;
        Some(Origin { file: object.file, span })
    }

    /// The position of a byte of a string's value.
    fn within(&self, text: &Text, origin: Origin, offset: usize) -> Position {
        let node = Node { span: origin.span, style: text.style, value: Value::String(text.value.clone()) };
        locate(&self.text(origin.file), &node, offset)
    }

    /// A warning in one line.
    pub(crate) fn worded(&self, warning: &Finding) -> String {
        let place = warning.place.as_ref().and_then(|place| self.position(place));
        let place =
            place.map_or_else(String::new, |(file, at)| format!("{}:{}:{}: ", printable(file), at.line, at.column));
        let help = warning.help.as_ref().map_or_else(String::new, |help| format!("; {}", printable(help)));
        format!("{place}{}{help}", printable(&warning.message))
    }

    /// An error with its line underlined.
    pub(crate) fn report(&self, error: &ManifestError) -> String {
        let message = printable(&error.message);
        let title = Level::ERROR.primary_title(message.as_str());
        self.snippet(title, Some(error.origin), error.help.as_deref())
    }

    /// A finding with its line underlined, once it is known where it is.
    pub(crate) fn underlined(&self, finding: &Finding, origin: Option<Origin>) -> String {
        let level = match finding.code.severity() {
            Severity::Error => Level::ERROR,
            Severity::Warning => Level::WARNING,
            Severity::Info => Level::INFO,
        };
        let message = printable(&told(finding, origin.is_some()));
        let title = level.primary_title(message.as_str()).id(finding.code.as_str());
        self.snippet(title, origin, Some(finding.advice()))
    }

    fn snippet(&self, title: Title<'_>, origin: Option<Origin>, help: Option<&str>) -> String {
        let (text, path, line, marked, start);
        let mut group = Group::with_title(title);
        if let Some(origin) = origin {
            text = self.text(origin.file);
            start = origin.span.start;
            let raw = text.lines().nth(start.line.saturating_sub(1) as usize).unwrap_or_default();
            (line, marked) = window(raw, start, origin.span.end);
            path = printable(self.name(origin.file));
            let snippet = Snippet::source(line.as_str())
                .path(path.as_str())
                .line_start(start.line.max(1) as usize)
                .annotation(AnnotationKind::Primary.span(marked));
            group = group.element(snippet);
        }
        let help = help.map(printable);
        if origin.is_none() {
            // Beside nothing there is no margin.
            let help = help.map_or_else(String::new, |help| format!("\n  = {}: {help}", styled(BOLD, "help")));
            return format!("{}{help}", Renderer::styled().render(&[group]));
        }
        if let Some(help) = &help {
            group = group.element(Level::HELP.message(help.as_str()));
        }
        Renderer::styled().render(&[group])
    }

    /// The text of each file.
    pub(crate) fn texts(&self) -> impl Iterator<Item = Cow<'_, str>> {
        self.files.iter().map(|file| String::from_utf8_lossy(&file.bytes))
    }
}

/// The longest line that is shown whole, in characters.
const LONGEST: usize = 200;

/// A line without control characters, and the bytes of it to underline; of a long one the part around them.
fn window(raw: &str, start: Position, end: Position) -> (String, std::ops::Range<usize>) {
    let characters: Vec<char> = raw.chars().map(printable_char).collect();
    let first = (start.column.saturating_sub(1) as usize).min(characters.len());
    let last = if end.line > start.line { characters.len() } else { end.column.saturating_sub(1) as usize };
    let last = last.clamp(first, characters.len());
    let from = if characters.len() > LONGEST { first.saturating_sub(LONGEST / 2) } else { 0 };
    let to = characters.len().min(from + LONGEST);
    let last = last.min(to);
    let bytes = |range: &[char]| range.iter().map(|c| c.len_utf8()).sum::<usize>();
    let marked = bytes(&characters[from..first])..bytes(&characters[from..last.max(first)]);
    (characters[from..to].iter().collect(), marked)
}
