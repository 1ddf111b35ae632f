//! Whether netintent is as it should be, and how much takes part.

use std::io::{self, Write};

use netintent::finding::Finding;
use netintent::mode::Mode;
use netintent::names::printable;
use netintent::snapshot::Snapshot;
use netintent::tally::Tally;
use serde_json::{Value, json};

use super::items::{API_VERSION, yaml_object};
use super::table::{Field, TableWriter, Tone, plain};
use super::views::UnreadView;
use crate::cli::{Format, StatusFormat};
use crate::commands::status::{Line, State};
use crate::printer::{BOLD, styled};

/// How many things that are not covered a table shows.
const MOST: usize = 20;

/// How much there is in a namespace.
pub(crate) struct OfNamespace<'a> {
    pub(crate) name: &'a str,
    pub(crate) tally: Tally,
    /// As the replica that leads counts it, where it could be asked.
    pub(crate) would_be_cut: Option<u64>,
}

/// All that is said.
pub(crate) struct View<'a> {
    pub(crate) lines: Vec<Line>,
    pub(crate) versions: Vec<String>,
    pub(crate) namespaces: Vec<OfNamespace<'a>>,
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
        let namespace = |of: &OfNamespace<'_>| {
            let Tally { mode, unknown, services: [off, shadow, enforce], callers, granted, refused } = &of.tally;
            json!({
                "name": of.name,
                "mode": mode.as_str(),
                "unknownMode": unknown,
                "services": {"off": off, "shadow": shadow, "enforce": enforce},
                "callers": callers,
                "granted": granted,
                "refused": refused,
                "wouldBeCut": of.would_be_cut,
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
            "namespaces": self.namespaces.iter().map(namespace).collect::<Vec<_>>(),
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
        if self.namespaces.is_empty() {
            return writeln!(out, "\nNo namespace takes part: kubectl netintent mode NAMESPACE shadow begins.");
        }
        writeln!(out)?;
        let headers = vec!["NAMESPACE", "MODE", "SERVICES", "CALLERS", "APPROVED", "NOT APPROVED", "WOULD BE CUT"];
        let mut table = TableWriter::new(out, Format::Table, headers, false);
        for of in &self.namespaces {
            let tally = &of.tally;
            let mode = match &tally.unknown {
                Some(value) => (format!("off (`{value}` is no mode)"), Tone::Bad),
                None => plain(tally.mode.as_str()),
            };
            let refused = (tally.refused.to_string(), if tally.refused > 0 { Tone::Note } else { Tone::Plain });
            let cut: Field = of.would_be_cut.map_or_else(|| plain("?"), |cut| plain(cut.to_string()));
            table.row(vec![
                plain(of.name),
                mode,
                plain(services(tally)),
                plain(tally.callers.to_string()),
                plain(tally.granted.to_string()),
                refused,
                cut,
            ])?;
        }
        table.finish()?;
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

/// How many Services there are, and how many of them are in another mode than their namespace.
fn services(tally: &Tally) -> String {
    let all: usize = tally.services.iter().sum();
    let modes = [Mode::Off, Mode::Shadow, Mode::Enforce];
    let others = modes.iter().zip(tally.services).filter(|(mode, count)| **mode != tally.mode && *count > 0);
    let others: Vec<String> = others.map(|(mode, count)| format!("{count} in {mode}")).collect();
    if others.is_empty() { all.to_string() } else { format!("{all} ({})", others.join(", ")) }
}
