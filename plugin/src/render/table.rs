//! Tables, as kubectl's, and as Markdown.

use std::collections::BTreeMap;
use std::io::{self, Write};

use comfy_table::{Cell, Color, ColumnConstraint, ContentArrangement, Table, Width, presets};
use netintent::names::printable;
use netintent::snapshot::Snapshot;

use crate::cli::Format;
use crate::printer;
use crate::render::markdown;

/// Rows that are laid out together; after so many they are printed, so that a table of millions needs no memory.
const BLOCK: usize = 5000;

/// How many blanks stand between columns.
const GAP: u16 = 3;

/// How a cell is to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tone {
    Plain,
    Good,
    Bad,
    Note,
}

/// A cell.
pub(crate) type Field = (String, Tone);

/// A plain cell.
pub(crate) fn plain(text: impl Into<String>) -> Field {
    (text.into(), Tone::Plain)
}

/// A table on its way out.
pub(crate) struct TableWriter<'w> {
    out: &'w mut dyn Write,
    headers: Vec<&'static str>,
    markdown: bool,
    no_headers: bool,
    rows: Vec<Vec<Field>>,
    printed: bool,
}

impl<'w> TableWriter<'w> {
    pub(crate) fn new(out: &'w mut dyn Write, format: Format, headers: Vec<&'static str>, no_headers: bool) -> Self {
        let markdown = format == Format::Markdown;
        Self { out, headers, markdown, no_headers, rows: Vec::new(), printed: false }
    }

    pub(crate) fn row(&mut self, row: Vec<Field>) -> io::Result<()> {
        // Whatever stands in an object must not reach the terminal as an escape.
        self.rows.push(row.into_iter().map(|(text, tone)| (printable(&text), tone)).collect());
        if self.rows.len() == BLOCK { self.flush() } else { Ok(()) }
    }

    /// Prints what is left. Returns whether there was any row.
    pub(crate) fn finish(mut self) -> io::Result<bool> {
        if !self.rows.is_empty() {
            self.flush()?;
        }
        Ok(self.printed)
    }

    fn flush(&mut self) -> io::Result<()> {
        let rows = std::mem::take(&mut self.rows);
        if self.markdown {
            self.write_markdown(&rows)?;
        } else {
            self.write_table(rows)?;
        }
        self.printed = true;
        Ok(())
    }

    fn write_table(&mut self, rows: Vec<Vec<Field>>) -> io::Result<()> {
        let mut table = Table::new();
        table.load_style(presets::NOTHING).enforce_styling();
        let words = words(&rows, &self.headers);
        match printer::width() {
            Some(width) => table.set_content_arrangement(ContentArrangement::Dynamic).set_width(width),
            None => table.set_content_arrangement(ContentArrangement::Disabled),
        };
        if !self.printed && !self.no_headers {
            table.set_header(self.headers.iter().map(Cell::new));
        }
        for row in rows {
            table.add_row(row.into_iter().map(|(text, tone)| match tone {
                Tone::Plain => Cell::new(text),
                Tone::Good => Cell::new(text).fg(Color::DarkGreen),
                Tone::Bad => Cell::new(text).fg(Color::DarkRed),
                Tone::Note => Cell::new(text).fg(Color::DarkYellow),
            }));
        }
        table.style_text_only();
        let fits = printer::width()
            .is_some_and(|width| words.iter().map(|word| u32::from(word + GAP)).sum::<u32>() <= width.into());
        for (column, word) in table.column_iter_mut().zip(words) {
            column.set_padding((0, GAP));
            // A name is copied: it is in one piece, where there is room for that.
            if fits {
                column.set_constraint(ColumnConstraint::LowerBoundary(Width::Fixed(word + GAP)));
            }
        }
        for line in table.lines() {
            writeln!(self.out, "{}", line.trim_end())?;
        }
        Ok(())
    }

    fn write_markdown(&mut self, rows: &[Vec<Field>]) -> io::Result<()> {
        if !self.printed {
            writeln!(self.out, "| {} |", self.headers.join(" | "))?;
            writeln!(self.out, "|{}", " --- |".repeat(self.headers.len()))?;
        }
        for row in rows {
            let cells: Vec<String> = row.iter().map(|(text, _)| markdown::text(text)).collect();
            writeln!(self.out, "| {} |", cells.join(" | "))?;
        }
        Ok(())
    }
}

/// How many columns the longest word of each column takes.
fn words(rows: &[Vec<Field>], headers: &[&str]) -> Vec<u16> {
    let longest = |text: &str| text.split(' ').map(|word| word.chars().count()).max().unwrap_or_default();
    let mut all: Vec<usize> = headers.iter().map(|header| longest(header)).collect();
    for row in rows {
        for (word, (text, _)) in all.iter_mut().zip(row) {
            *word = longest(text).max(*word);
        }
    }
    all.into_iter().map(|word| u16::try_from(word).unwrap_or(u16::MAX / 64)).collect()
}

/// How many workloads there are, so that a set can be told by its namespace.
pub(crate) struct Totals {
    pub(crate) workloads: usize,
    pub(crate) by_namespace: BTreeMap<String, usize>,
}

impl Totals {
    pub(crate) fn of(snapshot: &Snapshot) -> Self {
        let mut by_namespace: BTreeMap<String, usize> = BTreeMap::new();
        for workload in &snapshot.workloads {
            *by_namespace.entry(workload.namespace.clone()).or_default() += 1;
        }
        Self { workloads: snapshot.workloads.len(), by_namespace }
    }
}
