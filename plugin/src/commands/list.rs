//! `list`: every allowed connection.

use std::io::{self, Write};
use std::mem::ManuallyDrop;

use netintent::callee::{CalleePattern, Scope};
use netintent::caller::Caller;
use netintent::list::{Caveat, Connection, Filter, Group, grouped, list};
use netintent::names::printable;
use netintent::port::PortSet;
use netintent::resolve::{Role, Subject, split_port};
use netintent::selector::Selector;
use netintent::snapshot::Snapshot;

use crate::cli::{Format, List};
use crate::error::{Error, Result, Status};
use crate::printer::{self, NOTE, styled};
use crate::render::ends::{self, caveats, full, short};
use crate::render::items::Items;
use crate::render::table::{Field, TableWriter, Tone, Totals, plain};
use crate::render::unread;
use crate::render::views::{ConnectionView, GroupView};
use crate::source::{self, Loaded};

pub(super) fn run(args: &List) -> Result<Status> {
    // The process ends with the answer: there is no use in tidying up before.
    let ends: Vec<&str> = [&args.from, &args.to].into_iter().flatten().map(String::as_str).collect();
    let loaded = ManuallyDrop::new(source::load(&args.input, &ends)?);
    let snapshot = &loaded.snapshot;
    let filter = filter(&loaded, args)?;
    let mut out = printer::stdout_for(args.output.format);
    if args.grouped {
        print_groups(&mut out, snapshot, &grouped(snapshot, &filter), &filter, args)?;
    } else {
        match args.output.format {
            Format::Json => items(snapshot, &filter, Items::json(&mut out, "ConnectionList")?)?,
            Format::Yaml => items(snapshot, &filter, Items::yaml(&mut out, "ConnectionList")?)?,
            Format::Name => {
                list(snapshot, &filter, &mut |c| writeln!(out, "{} -> {}", full(&c.source), full(&c.destination)))?;
            }
            Format::Table | Format::Wide | Format::Markdown => table(&mut out, snapshot, &filter, args)?,
        }
    }
    out.flush()?;
    if args.declared && !matches!(args.output.format, Format::Json | Format::Yaml) {
        unread::report(&undecided(snapshot, &filter));
    }
    Ok(if snapshot.objects.unread.is_empty() { Status::Yes } else { Status::Trouble })
}

fn filter(loaded: &Loaded, args: &List) -> Result<Filter> {
    let (snapshot, home) = (&loaded.snapshot, source::home(&args.input, loaded));
    let set = |text: &Option<String>, role: Role| -> Result<Option<Vec<bool>>> {
        let Some(text) = text else { return Ok(None) };
        let name = match split_port(text) {
            (_, Some(port)) if role == Role::Callee => {
                let help =
                    format!("leave out `:{port}`; kubectl netintent explain takes ports", port = printable(port));
                return Err(Error::with_help("--to names a callee without its port", help));
            }
            _ => text,
        };
        let mut wanted = vec![false; snapshot.workloads.len()];
        match loaded.resolve(name, role, home)? {
            Subject::Workload(at, _) => wanted[at] = true,
            Subject::Service(at) => {
                snapshot.services[at]
                    .pods
                    .iter()
                    .for_each(|pod| wanted[snapshot.pods[*pod as usize].workload as usize] = true);
            }
            Subject::Addresses(_, text) => {
                let help = "kubectl netintent explain takes addresses".to_owned();
                return Err(Error::with_help(format!("`{text}` is an address, and a workload was expected"), help));
            }
        }
        Ok(Some(wanted))
    };
    let mut either = args.selector.as_deref().map(|text| selected(snapshot, text)).transpose()?;
    if loaded.is_narrowed() && args.from.is_none() && args.to.is_none() {
        let all = either.unwrap_or_else(|| vec![true; snapshot.workloads.len()]);
        let here = snapshot.workloads.iter().map(|workload| loaded.shows(&workload.namespace));
        either = Some(all.into_iter().zip(here).map(|(selected, here)| selected && here).collect());
    }
    let (from, to) = (set(&args.from, Role::Caller)?, set(&args.to, Role::Callee)?);
    Ok(Filter { from, to, either, declared: args.declared, own: args.own })
}

/// A selector as kubectl takes it.
pub(super) fn parse_selector(text: &str) -> Result<Selector> {
    let wrong = |message: String| Error::new(format!("`{}` is no selector: {}", printable(text), printable(&message)));
    Selector::parse(text).map_err(wrong)
}

/// The workloads that have a pod with these labels.
fn selected(snapshot: &Snapshot, text: &str) -> Result<Vec<bool>> {
    let selector = parse_selector(text)?;
    let mut wanted = vec![false; snapshot.workloads.len()];
    for pod in snapshot.select(None, &selector) {
        wanted[snapshot.pods[pod as usize].workload as usize] = true;
    }
    Ok(wanted)
}

fn items(snapshot: &Snapshot, filter: &Filter, mut items: Items<'_>) -> io::Result<()> {
    list(snapshot, filter, &mut |connection| items.item(&ConnectionView::new(snapshot, connection)))?;
    items.finish(&unread::fields(snapshot, &undecided(snapshot, filter)))
}

/// What the wanted callers declare of callees that could not be read. Where one callee is asked for, it could be.
fn undecided<'s>(snapshot: &'s Snapshot, filter: &Filter) -> Vec<(&'s Caller, &'s CalleePattern)> {
    if filter.to.is_some() {
        return Vec::new();
    }
    netintent::unread::undecided(snapshot, &|workload| filter.wants(Some(workload), None))
}

/// Which columns a table has, besides the ends and the ports.
#[expect(clippy::struct_excessive_bools, reason = "each is a column of its own")]
struct Columns {
    /// What is declared: who declares nothing anywhere wants to read nothing of declarations.
    declared: bool,
    /// What of the declared is cut.
    cut: bool,
    /// What stays once all that is in shadow is in enforce.
    enforced: bool,
    /// Isolation and caveats.
    wide: bool,
}

impl Columns {
    fn headers(&self) -> Vec<&'static str> {
        let mut headers = vec!["SOURCE", "DESTINATION", "PORTS"];
        headers.extend(self.declared.then_some("DECLARED"));
        headers.extend(self.cut.then_some("CUT"));
        headers.extend(self.enforced.then_some("ONCE ENFORCED"));
        if self.wide {
            headers.extend(["ISOLATED", "CAVEATS"]);
        }
        headers
    }

    fn row(&self, connection: &Connection<'_>) -> Vec<Field> {
        let mut ports = ends::ports(&connection.ports, &connection.in_part);
        if !self.wide && connection.caveats.contains(&Caveat::HostNetwork) {
            ports.push_str(" (hostNetwork)");
        }
        if !self.wide && connection.caveats.iter().any(Caveat::is_fatal) {
            ports.push_str(" (cannot tell)");
        }
        let (source, destination) = (&connection.source, &connection.destination);
        let mut row = vec![plain(short(source, self.wide)), plain(short(destination, self.wide)), plain(ports)];
        if self.declared {
            row.push(declared(connection));
        }
        if self.cut {
            let cut = connection.cut();
            row.push(if cut.is_empty() { plain("-") } else { (cut.to_string(), Tone::Bad) });
        }
        if self.enforced {
            row.push(once_enforced(connection));
        }
        if self.wide {
            row.push(plain(isolated(connection.egress_isolated, connection.ingress_isolated)));
            row.push(plain(caveats(&connection.caveats)));
        }
        row
    }
}

/// What stays of the allowed ports once all that is in shadow is in enforce.
fn once_enforced(connection: &Connection<'_>) -> Field {
    let stays = connection.ports.difference(&connection.would_cut);
    if connection.would_cut.is_empty() {
        plain("-")
    } else if stays.is_empty() {
        ("cut".into(), Tone::Bad)
    } else {
        (format!("only {stays}"), Tone::Note)
    }
}

fn table(out: &mut dyn Write, snapshot: &Snapshot, filter: &Filter, args: &List) -> io::Result<()> {
    let columns = Columns {
        declared: snapshot.pods.iter().any(|pod| !pod.intents.is_empty()),
        cut: filter.declared,
        enforced: snapshot.has_shadow(),
        wide: args.output.format == Format::Wide,
    };
    let uncertain = !columns.wide && !snapshot.objects.foreign.is_empty();
    let mut writer = TableWriter::new(out, args.output.format, columns.headers(), args.no_headers);
    list(snapshot, filter, &mut |connection| writer.row(columns.row(connection)))?;
    let any = writer.finish()?;
    // What is said about the table comes after it.
    out.flush()?;
    if !any {
        unread::none(snapshot, if filter.declared { "No declared connections" } else { "No connections" });
    }
    if uncertain {
        printer::note("Policies of other APIs may allow or deny more: -o wide shows where.");
    }
    if filter.declared {
        report_missing(snapshot, filter);
    } else if columns.declared {
        report_cut(snapshot, filter)?;
    }
    Ok(())
}

/// What is declared of a Service that is not there is no connection: say that there is some.
fn report_missing(snapshot: &Snapshot, filter: &Filter) {
    const MOST: usize = 5;
    let mut missing: Vec<String> = Vec::new();
    for pod in snapshot.pods.iter().filter(|pod| filter.wants(Some(pod.workload as usize), None)) {
        for declared in &pod.intents {
            let Scope::Service { namespace, name } = &declared.callee.scope else { continue };
            if snapshot.service(namespace, name).is_none() && !snapshot.is_unread("Service", namespace) {
                missing.push(format!("{} declares {}", pod.caller, declared.callee));
            }
        }
    }
    missing.sort_unstable();
    missing.dedup();
    let place = snapshot.options.place();
    let rest = missing.len().saturating_sub(MOST);
    for text in missing.iter().take(MOST) {
        printer::note(&styled(NOTE, &format!("{}, and there is no such Service in {place}.", printable(text))));
    }
    if rest > 0 {
        printer::note(&styled(NOTE, &format!("So it is with {rest} more.")));
    }
}

/// What is declared but cut is not among the allowed connections: say that there is some.
fn report_cut(snapshot: &Snapshot, filter: &Filter) -> io::Result<()> {
    let mut cut = 0;
    let filter = Filter { declared: true, ..filter.clone() };
    list(snapshot, &filter, &mut |connection| {
        let is_known = !connection.caveats.iter().any(Caveat::is_fatal);
        cut += usize::from(is_known && !connection.cut().is_empty());
        io::Result::Ok(())
    })?;
    if cut > 0 {
        let what =
            if cut == 1 { "1 declared connection is".to_owned() } else { format!("{cut} declared connections are") };
        printer::note(&styled(NOTE, &format!("{what} cut: --declared shows which.")));
    }
    Ok(())
}

/// What of the allowed ports is declared and approved, in a word.
fn declared(connection: &Connection<'_>) -> Field {
    let allowed = &connection.ports;
    let of = |set: &PortSet| allowed.intersection(set);
    let outside = !matches!(connection.source, netintent::list::Party::Workload(_))
        || !matches!(connection.destination, netintent::list::Party::Workload(_));
    if outside {
        return plain("-");
    }
    if allowed.is_empty() {
        return match (&connection.declared, &connection.approved) {
            (declared, _) if declared.is_empty() => plain("-"),
            (declared, approved) if declared == approved => ("approved".into(), Tone::Good),
            _ => ("not approved".into(), Tone::Note),
        };
    }
    let (declared, approved) = (of(&connection.declared), of(&connection.approved));
    if declared.is_empty() {
        ("no".into(), Tone::Note)
    } else if declared != *allowed {
        (format!("only {declared}"), Tone::Note)
    } else if approved == *allowed {
        ("approved".into(), Tone::Good)
    } else {
        ("not approved".into(), Tone::Note)
    }
}

fn isolated(egress: bool, ingress: bool) -> &'static str {
    match (egress, ingress) {
        (false, false) => "-",
        (true, false) => "egress",
        (false, true) => "ingress",
        (true, true) => "egress,ingress",
    }
}

fn print_groups(
    out: &mut dyn Write,
    snapshot: &Snapshot,
    groups: &[Group<'_>],
    filter: &Filter,
    args: &List,
) -> io::Result<()> {
    let stream = |mut items: Items<'_>| {
        groups.iter().try_for_each(|group| items.item(&GroupView::new(snapshot, group)))?;
        items.finish(&unread::fields(snapshot, &undecided(snapshot, filter)))
    };
    match args.output.format {
        Format::Json => stream(Items::json(out, "ConnectionGroupList")?),
        Format::Yaml => stream(Items::yaml(out, "ConnectionGroupList")?),
        Format::Name => groups.iter().try_for_each(|group| {
            let names = |parties: &[netintent::list::Party<'_>]| parties.iter().map(full).collect::<Vec<_>>().join(",");
            writeln!(out, "{} -> {}", names(&group.sources), names(&group.destinations))
        }),
        format => {
            let totals = Totals::of(snapshot);
            let wide = format == Format::Wide;
            let mut headers = vec!["SOURCES", "DESTINATIONS", "PORTS"];
            if wide {
                headers.push("ISOLATED");
            }
            let mut writer = TableWriter::new(out, format, headers, args.no_headers);
            for group in groups {
                let mut row = vec![
                    plain(ends::group(&group.sources, &totals, wide)),
                    plain(ends::group(&group.destinations, &totals, wide)),
                    plain(ends::ports(&group.ports, &group.in_part)),
                ];
                if wide {
                    row.push(plain(isolated(group.egress_isolated, group.ingress_isolated)));
                }
                writer.row(row)?;
            }
            if !writer.finish()? {
                unread::none(snapshot, "No connections");
            }
            Ok(())
        }
    }
}
