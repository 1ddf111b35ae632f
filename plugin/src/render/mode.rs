//! Modes: what there is, and what a change of one cuts and opens.

use std::io::{self, Write};

use netintent::diff::{Difference, diff};
use netintent::list::Party;
use netintent::mode::{Counts, Mode, Origin, Stop, Subject, cuts_declared, opens_declared};
use netintent::names::printable;
use netintent::port::PortSet;
use netintent::snapshot::Snapshot;
use serde_json::{Value, json};

use super::difference::{self, DifferenceView};
use super::ends::{caveats, ports, short};
use super::items::Items;
use super::markdown;
use super::table::{Field, TableWriter, Tone, plain};
use crate::cli::Format;
use crate::printer::{BOLD, styled};

/// A namespace or a Service, and how it takes part.
pub(crate) struct Standing<'a> {
    pub(crate) subject: &'a Subject,
    pub(crate) mode: Mode,
    pub(crate) origin: Origin,
    /// The Services of the namespace that have a mode of their own.
    pub(crate) overrides: Vec<(&'a str, Mode)>,
}

impl Standing<'_> {
    /// In one or two sentences.
    pub(crate) fn sentence(&self) -> String {
        let Self { subject, mode, origin, overrides } = self;
        let (kind, name) = (subject.kind(), subject.name());
        let text = match origin {
            Origin::Own => format!("{kind} {name} is in {mode}: its label netintent.dev/mode says so."),
            Origin::Namespace => {
                format!("{kind} {name} is in {mode}: its namespace is, and it has no mode of its own.")
            }
            Origin::Nothing => format!("{kind} {name} is in {mode}: it has no label netintent.dev/mode."),
            Origin::Unknown(value) => {
                let instead = if subject.service.is_some() { "its namespace decides" } else { "it takes no part" };
                format!(
                    "{kind} {name} is in {mode}: its label netintent.dev/mode says `{value}`, which is no mode, so {instead}."
                )
            }
            Origin::Given => format!("{kind} {name} is in {mode}: the command line says so."),
        };
        let overrides: Vec<String> = overrides.iter().map(|(name, mode)| format!("{name} ({mode})")).collect();
        match (overrides.is_empty(), &subject.service) {
            (false, None) => printable(&format!("{text} Services with a mode of their own: {}.", overrides.join(", "))),
            _ => printable(&text),
        }
    }

    fn fields(&self) -> Vec<(&'static str, Value)> {
        let Self { subject, mode, origin, overrides } = self;
        let origin = match origin {
            Origin::Own => "label",
            Origin::Namespace => "namespace",
            Origin::Nothing => "none",
            Origin::Unknown(_) => "unknown",
            Origin::Given => "given",
        };
        let services: Vec<Value> =
            overrides.iter().map(|(name, mode)| json!({"name": name, "mode": mode.as_str()})).collect();
        vec![
            ("namespace", subject.namespace.as_str().into()),
            ("service", subject.service.clone().into()),
            ("mode", mode.as_str().into()),
            ("origin", origin.into()),
            ("overrides", services.into()),
        ]
    }
}

/// What one of the other modes would do; no counts where nobody can tell.
pub(crate) struct Choice {
    pub(crate) mode: Mode,
    pub(crate) counts: Option<Counts>,
    pub(crate) stops: Vec<Stop>,
}

/// Prints what there is, and what each other mode would do.
pub(crate) fn choices(
    out: &mut dyn Write,
    standing: &Standing<'_>,
    choices: &[Choice],
    format: Format,
    no_headers: bool,
) -> io::Result<()> {
    let items = |mut items: Items<'_>| {
        for choice in choices {
            let counts = choice.counts;
            items.item(&json!({
                "mode": choice.mode.as_str(),
                "cut": counts.map(|counts| counts.cut),
                "cutDeclared": counts.map(|counts| counts.declared),
                "opened": counts.map(|counts| counts.opened),
                "stops": counts.map(|_| stops_view(&choice.stops)),
            }))?;
        }
        items.finish(&standing.fields())
    };
    match format {
        Format::Json => return items(Items::json(out, "ModeList")?),
        Format::Yaml => return items(Items::yaml(out, "ModeList")?),
        Format::Name => return writeln!(out, "{}", standing.mode),
        Format::Table | Format::Wide | Format::Markdown => {}
    }
    writeln!(out, "{}\n", standing.sentence())?;
    let headers = vec!["MODE", "CUTS", "OF THEM DECLARED", "OPENS", "STOPPED BY"];
    let mut table = TableWriter::new(out, format, headers, no_headers);
    for choice in choices {
        let count = |of: fn(&Counts) -> usize, tone| match choice.counts.as_ref().map(of) {
            None => ("cannot tell".to_owned(), Tone::Note),
            Some(0) => plain("-"),
            Some(count) => (count.to_string(), tone),
        };
        let stops = match choice.stops.len() {
            0 => plain("-"),
            count => (count.to_string(), Tone::Bad),
        };
        table.row(vec![
            plain(choice.mode.as_str()),
            count(|counts| counts.cut, Tone::Note),
            count(|counts| counts.declared, Tone::Bad),
            count(|counts| counts.opened, Tone::Note),
            stops,
        ])?;
    }
    table.finish()?;
    Ok(())
}

/// A change of a mode.
pub(crate) struct Change<'a> {
    pub(crate) standing: &'a Standing<'a>,
    pub(crate) mode: Mode,
    pub(crate) before: &'a Snapshot,
    pub(crate) after: &'a Snapshot,
    pub(crate) stops: &'a [Stop],
    /// Whether only what is declared is shown and counted.
    pub(crate) declared: bool,
}

impl Change<'_> {
    /// Whether a connection is one that is shown.
    fn is_shown(&self, difference: &Difference<'_>) -> bool {
        !self.declared || cuts_declared(difference) || opens_declared(difference)
    }

    /// Prints every connection that changes, and what stands against it.
    pub(crate) fn print(&self, out: &mut dyn Write, format: Format, no_headers: bool) -> io::Result<Counts> {
        match format {
            Format::Json => self.items(Items::json(out, "ModeChange")?),
            Format::Yaml => self.items(Items::yaml(out, "ModeChange")?),
            Format::Name => self.each(&mut |difference| writeln!(out, "{}", difference::name(difference))),
            Format::Table | Format::Wide | Format::Markdown => self.table(out, format, no_headers),
        }
    }

    fn each(&self, emit: &mut dyn FnMut(&Difference<'_>) -> io::Result<()>) -> io::Result<Counts> {
        let mut counts = Counts::default();
        diff(self.before, self.after, &mut |difference| {
            if !self.is_shown(&difference) {
                return Ok(());
            }
            counts.add(&difference);
            emit(&difference)
        })?;
        Ok(counts)
    }

    fn items(&self, mut items: Items<'_>) -> io::Result<Counts> {
        let counts =
            self.each(&mut |difference| items.item(&DifferenceView::new(self.before, self.after, difference)))?;
        let mut fields = self.standing.fields();
        fields.extend([
            ("target", self.mode.as_str().into()),
            ("cut", counts.cut.into()),
            ("cutDeclared", counts.declared.into()),
            ("opened", counts.opened.into()),
            ("stops", stops_view(self.stops)),
        ]);
        items.finish(&fields)?;
        Ok(counts)
    }

    fn table(&self, out: &mut dyn Write, format: Format, no_headers: bool) -> io::Result<Counts> {
        let wide = format == Format::Wide;
        let mut headers = vec!["CHANGE", "SOURCE", "DESTINATION", "PORTS", "DECLARED"];
        headers.extend(wide.then_some("CAVEATS"));
        let mut table = TableWriter::new(out, format, headers, no_headers);
        let counts = self.each(&mut |difference| {
            let sides = [("cut", Tone::Bad, difference.lost()), ("opened", Tone::Good, difference.gained())];
            for (word, tone, [every, in_part]) in sides {
                if every.is_empty() && in_part.is_empty() {
                    continue;
                }
                let mut row = vec![
                    (word.to_owned(), tone),
                    plain(short(&difference.source, wide)),
                    plain(short(&difference.destination, wide)),
                    plain(ports(&every, &in_part)),
                    declared(difference, &every, &in_part),
                ];
                row.extend(wide.then(|| plain(caveats(&difference.caveats))));
                table.row(row)?;
            }
            Ok(())
        })?;
        let any = table.finish()?;
        self.stops(out, format, any)?;
        Ok(counts)
    }

    fn stops(&self, out: &mut dyn Write, format: Format, any: bool) -> io::Result<()> {
        if self.stops.is_empty() {
            return Ok(());
        }
        if any {
            writeln!(out)?;
        }
        match format {
            Format::Markdown => writeln!(out, "### What stops it\n")?,
            _ => writeln!(out, "{}", styled(BOLD, "What stops it:"))?,
        }
        for stop in self.stops {
            writeln!(out, "- {}\n  {}", printable(&stop.message), printable(&stop.help))?;
        }
        for paste in self.stops.iter().filter_map(|stop| stop.paste.as_ref()) {
            let text = if format == Format::Markdown { markdown::block(paste) } else { format!("---\n{paste}") };
            write!(out, "\n{text}")?;
        }
        Ok(())
    }
}

/// What of these ports is declared, and approved.
fn declared(difference: &Difference<'_>, every: &PortSet, in_part: &PortSet) -> Field {
    let workloads = [&difference.source, &difference.destination].iter().all(|end| matches!(end, Party::Workload(_)));
    if !workloads {
        return plain("-");
    }
    let of = |part: fn(&netintent::diff::Allowed) -> &PortSet| -> [PortSet; 2] {
        let side = if part(&difference.before).is_empty() { &difference.after } else { &difference.before };
        [every.intersection(part(side)), in_part.intersection(part(side))]
    };
    let (declared, approved) = (of(|allowed| &allowed.declared), of(|allowed| &allowed.approved));
    if declared.iter().all(PortSet::is_empty) {
        plain("no")
    } else if declared == approved {
        ("approved".to_owned(), Tone::Good)
    } else {
        ("not approved".to_owned(), Tone::Note)
    }
}

fn stops_view(stops: &[Stop]) -> Value {
    let view = |stop: &Stop| {
        let object = &stop.object;
        json!({
            "reason": stop.reason.as_str(),
            "object": {"kind": object.kind, "namespace": object.namespace, "name": object.name},
            "message": stop.message,
            "help": stop.help,
            "paste": stop.paste,
        })
    };
    stops.iter().map(view).collect()
}

/// How much a change cuts and opens, in words.
pub(crate) fn summary(mode: Mode, counts: Counts, only_declared: bool) -> String {
    let of = |count: usize| match count {
        0 => "nothing".to_owned(),
        1 => "1 connection".to_owned(),
        count => format!("{count} connections"),
    };
    let what = if only_declared { " of what is declared" } else { "" };
    let declared = match (counts.cut, counts.declared) {
        _ if only_declared => String::new(),
        (0, _) | (1, 0) => String::new(),
        (_, 0) => ", none of them declared".to_owned(),
        (1, _) => ", which is declared".to_owned(),
        (_, count) => format!(", {count} of them declared"),
    };
    format!("{mode} cuts {}{what}{declared}, and opens {}.", of(counts.cut), of(counts.opened))
}
