//! Whether netintent is as it should be, and how much takes part.

use std::io::{self, Write};

use netintent::finding::Finding;
use netintent::mode::Mode;
use netintent::names::printable;
use netintent::snapshot::Snapshot;
use netintent::tally::{Tallies, Tally};
use serde_json::{Value, json};

use super::items::{API_VERSION, yaml_object};
use super::table::{Field, TableWriter, Tone, plain};
use super::views::UnreadView;
use crate::cli::{Format, StatusFormat};
use crate::commands::status::{Line, State};
use crate::printer::{BOLD, styled};

/// In place of what hangs on objects that could not be read.
const NOBODY_KNOWS: &str = "?";
/// How many things that are not covered a table shows.
const MOST: usize = 20;

/// All that is said.
pub(crate) struct View<'a> {
    pub(crate) lines: Vec<Line>,
    pub(crate) versions: Vec<String>,
    pub(crate) tallies: Tallies<'a>,
    pub(crate) not_covered: Vec<Finding>,
    /// What was read, and not; none where nothing had to be.
    pub(crate) unread: Option<&'a Snapshot>,
}

impl View<'_> {
    /// Whether all is as it should be; `None` where nobody can tell.
    pub(crate) fn ok(&self) -> Option<bool> {
        let any = |state: State| self.lines.iter().any(|line| line.state == state);
        let unread = self.unread.is_some_and(|snapshot| !snapshot.objects.unread.is_empty());
        if any(State::Bad) {
            return Some(false);
        }
        (!any(State::Unknown) && !unread).then_some(true)
    }

    pub(crate) fn print(&self, out: &mut dyn Write, format: StatusFormat) -> io::Result<()> {
        match format {
            StatusFormat::Table => self.table(out),
            StatusFormat::Json => writeln!(out, "{:#}", self.json()),
            StatusFormat::Yaml => yaml_object(out, &self.json()),
        }
    }

    fn json(&self) -> Value {
        let line =
            |line: &Line| json!({"name": line.name, "state": word(line.state), "text": line.text, "help": line.help});
        let namespace = |(name, tally): (&&str, &Tally)| {
            let Tally { mode, unknown, services, callers, granted, refused, would_be_cut } = tally;
            json!({
                "name": name,
                "mode": mode.map(Mode::as_str),
                "unknownMode": unknown,
                "services": services.map(|[off, shadow, enforce]| json!({"off": off, "shadow": shadow, "enforce": enforce})),
                "callers": callers,
                "granted": granted,
                "refused": refused,
                "wouldBeCut": would_be_cut,
            })
        };
        let finding = |finding: &Finding| {
            let object = finding.object.as_ref();
            let object = object.map(|o| json!({"kind": o.kind, "namespace": o.namespace, "name": o.name}));
            json!({"code": finding.code.as_str(), "message": finding.message, "object": object, "help": finding.advice()})
        };
        let mut all = json!({
            "apiVersion": API_VERSION,
            "kind": "Status",
            "ok": self.ok(),
            "versions": {"plugin": env!("CARGO_PKG_VERSION"), "webhook": self.versions},
            "checks": self.lines.iter().map(line).collect::<Vec<_>>(),
            "namespaces": self.tallies.namespaces.iter().map(namespace).collect::<Vec<_>>(),
            "notCovered": self.not_covered.iter().map(finding).collect::<Vec<_>>(),
        });
        let unread = self.unread.map(UnreadView::of).unwrap_or_default();
        if !unread.is_empty() {
            all["unread"] = serde_json::to_value(unread).unwrap_or_default();
        }
        all
    }

    fn table(&self, out: &mut dyn Write) -> io::Result<()> {
        let versions = if self.versions.is_empty() { "none".to_owned() } else { self.versions.join(", ") };
        writeln!(out, "Versions: plugin {}, webhook {}\n", env!("CARGO_PKG_VERSION"), printable(&versions))?;
        let mut table = TableWriter::new(out, Format::Table, vec!["CHECK", "STATE", "FOUND"], false);
        for line in &self.lines {
            let tone = match line.state {
                State::Good => Tone::Good,
                State::Bad => Tone::Bad,
                State::Unknown => Tone::Note,
                State::Told => Tone::Plain,
            };
            table.row(vec![plain(line.name), (word(line.state).to_owned(), tone), plain(line.text.as_str())])?;
        }
        table.finish()?;
        let helps: Vec<(&str, &String)> =
            self.lines.iter().filter_map(|line| Some((line.name, line.help.as_ref()?))).collect();
        if !helps.is_empty() {
            writeln!(out, "\n{}", styled(BOLD, "What to do:"))?;
        }
        for (name, help) in helps {
            writeln!(out, "- {name}: {}", printable(help))?;
        }
        self.namespaces(out)?;
        self.not_covered(out)
    }

    fn namespaces(&self, out: &mut dyn Write) -> io::Result<()> {
        if self.unread.is_none() {
            return Ok(());
        }
        let all = &self.tallies.namespaces;
        if all.is_empty() && !self.tallies.more {
            return writeln!(out, "\nNo namespace takes part: kubectl netintent mode NAMESPACE shadow begins.");
        }
        if all.is_empty() {
            return writeln!(out, "\nWhich namespaces take part can't be told: not all Namespaces could be read.");
        }
        writeln!(out)?;
        let headers = vec!["NAMESPACE", "MODE", "SERVICES", "CALLERS", "APPROVED", "NOT APPROVED", "WOULD BE CUT"];
        let mut table = TableWriter::new(out, Format::Table, headers, false);
        for (name, tally) in all {
            let mode = match (&tally.unknown, tally.mode) {
                (Some(value), _) => (format!("off (`{value}` is no mode)"), Tone::Bad),
                (None, Some(mode)) => plain(mode.as_str()),
                (None, None) => plain(NOBODY_KNOWS),
            };
            table.row(vec![
                plain(*name),
                mode,
                plain(services(tally)),
                count(tally.callers, Tone::Plain),
                count(tally.granted, Tone::Plain),
                count(tally.refused, Tone::Note),
                count(tally.would_be_cut, Tone::Plain),
            ])?;
        }
        table.finish()?;
        if self.tallies.more {
            writeln!(out, "There may be more of them: not all Namespaces could be read.")?;
        }
        Ok(())
    }

    fn not_covered(&self, out: &mut dyn Write) -> io::Result<()> {
        if self.not_covered.is_empty() {
            return Ok(());
        }
        writeln!(out, "\n{}", styled(BOLD, "Not covered:"))?;
        let mut table = TableWriter::new(out, Format::Table, vec!["WHY", "WHAT"], true);
        for finding in self.not_covered.iter().take(MOST) {
            table.row(vec![plain(finding.code.as_str()), plain(finding.message.as_str())])?;
        }
        table.finish()?;
        if self.not_covered.len() > MOST {
            writeln!(out, "and {} more: kubectl netintent check -A shows all", self.not_covered.len() - MOST)?;
        }
        Ok(())
    }
}

/// How something is, in a word.
fn word(state: State) -> &'static str {
    match state {
        State::Good => "ok",
        State::Bad => "wrong",
        State::Unknown => "unknown",
        State::Told => "told",
    }
}

/// A count, in a tone where there is something to count.
fn count(count: Option<usize>, some: Tone) -> Field {
    match count {
        None => plain(NOBODY_KNOWS),
        Some(0) => plain("0"),
        Some(count) => (count.to_string(), some),
    }
}

/// How many Services there are, and how many of them are in another mode than their namespace.
fn services(tally: &Tally) -> String {
    let Some(services) = tally.services else { return NOBODY_KNOWS.to_owned() };
    let all: usize = services.iter().sum();
    let modes = [Mode::Off, Mode::Shadow, Mode::Enforce];
    let others = modes.iter().zip(services).filter(|(mode, count)| Some(**mode) != tally.mode && *count > 0);
    let others: Vec<String> = others.map(|(mode, count)| format!("{count} in {mode}")).collect();
    if others.is_empty() { all.to_string() } else { format!("{all} ({})", others.join(", ")) }
}
