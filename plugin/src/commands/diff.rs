//! `diff`: what a change opens and closes.

use std::io::{self, Write};
use std::mem::ManuallyDrop;

use netintent::approval;
use netintent::callee::Scope;
use netintent::derive::{Reason, Strictness};
use netintent::diff::{Change, Difference, Needed, Protection, ProtectionChange, diff, needed, protection_changes};
use netintent::owner::Owner;
use netintent::snapshot::Snapshot;
use netintent::suggest::did_you_mean;
use netintent::unread::may_be_approved;

use super::list::parse_selector;
use crate::cli::{Diff, Format};
use crate::error::{Result, Status};
use crate::printer::{self, BOLD, styled};
use crate::render::difference::{self, DifferenceView};
use crate::render::ends::{self, caveats, short};
use crate::render::items::Items;
use crate::render::markdown;
use crate::render::table::{TableWriter, Tone, plain};
use crate::render::unread;
use crate::source::{self, Loaded, Prune};

pub(super) fn run(args: &Diff) -> Result<Status> {
    // The process ends with the answer: there is no use in tidying up before.
    let over_cluster = args.base.is_empty() && args.base_rev.is_none();
    let both = ManuallyDrop::new(if over_cluster {
        let prune = args.prune.then(|| prune(args)).transpose()?;
        source::load_over_cluster(&args.input, &args.also, prune.as_ref())?
    } else {
        source::load_both(&args.input, &args.base, args.base_rev.as_deref(), &args.also)?
    });
    let [Loaded { snapshot: before, .. }, Loaded { snapshot: after, .. }] = &*both;
    let changes = Changes { needed: needed(before, after), services: protection_changes(before, after) };
    let mut out = printer::stdout_for(args.output.format);
    let any = match args.output.format {
        Format::Json => items(before, after, &changes, Items::json(&mut out, "ConnectionDiff")?)?,
        Format::Yaml => items(before, after, &changes, Items::yaml(&mut out, "ConnectionDiff")?)?,
        Format::Name => names(&mut out, before, after)?,
        Format::Table | Format::Wide | Format::Markdown => table(&mut out, before, after, &changes, args)?,
    };
    out.flush()?;
    let same = !any && changes.needed.is_empty() && changes.services.is_empty();
    // Of what could not be read nobody can say that it stays the same.
    if !before.objects.unread.is_empty() || !after.objects.unread.is_empty() {
        return Ok(Status::Trouble);
    }
    Ok(if same { Status::Yes } else { Status::No })
}

fn prune(args: &Diff) -> Result<Prune> {
    let selector = args.selector.as_deref().map(parse_selector).transpose()?;
    Ok(Prune { selector, kinds: args.prune_allowlist.clone(), namespaces: args.input.namespace.is_none() })
}

/// What changes besides connections.
struct Changes {
    needed: Vec<Needed>,
    services: Vec<ProtectionChange>,
}

fn items(before: &Snapshot, after: &Snapshot, changes: &Changes, mut items: Items<'_>) -> io::Result<bool> {
    let mut any = false;
    diff(before, after, &mut |d: Difference<'_>| {
        any = true;
        items.item(&DifferenceView::new(before, after, &d))
    })?;
    let needed: Vec<serde_json::Value> = changes
        .needed
        .iter()
        .map(|n| {
            serde_json::json!({
                "caller": n.caller.to_string(),
                "callee": n.callee.to_string(),
                "owner": owner(after, n),
                "rejected": is_known(after, n).then_some(n.strictness == Strictness::Reject),
                "paste": paste(after, n),
            })
        })
        .collect();
    let word = |p: Option<Protection>| p.map(Protection::as_str);
    let services: Vec<serde_json::Value> = changes
        .services
        .iter()
        .map(|s| {
            let (namespace, name) = &s.service;
            serde_json::json!({"namespace": namespace, "name": name, "before": word(s.before), "after": word(s.after)})
        })
        .collect();
    let mut fields = vec![("approvalsNeeded", needed.into()), ("services", services.into())];
    fields.extend(unread::fields(after, &[]));
    items.finish(&fields)?;
    Ok(any)
}

fn names(out: &mut dyn Write, before: &Snapshot, after: &Snapshot) -> io::Result<bool> {
    let mut any = false;
    diff(before, after, &mut |d: Difference<'_>| {
        any = true;
        writeln!(out, "{}", difference::name(&d))
    })?;
    Ok(any)
}

fn table(out: &mut dyn Write, before: &Snapshot, after: &Snapshot, changes: &Changes, args: &Diff) -> io::Result<bool> {
    let format = args.output.format;
    let wide = format == Format::Wide;
    let mut headers = vec!["CHANGE", "SOURCE", "DESTINATION", "BEFORE", "AFTER"];
    if wide {
        headers.push("CAVEATS");
    }
    let mut writer = TableWriter::new(out, format, headers, args.no_headers);
    diff(before, after, &mut |d: Difference<'_>| {
        let change = match d.change() {
            _ if !difference::is_known(&d) => ("cannot tell".to_owned(), Tone::Note),
            Change::Added => (Change::Added.as_str().to_owned(), Tone::Good),
            Change::Removed => (Change::Removed.as_str().to_owned(), Tone::Bad),
            Change::Changed => (Change::Changed.as_str().to_owned(), Tone::Note),
        };
        let ports = |allowed: &netintent::diff::Allowed| {
            if allowed.ports.is_empty() && allowed.in_part.is_empty() {
                plain("-")
            } else {
                plain(ends::ports(&allowed.ports, &allowed.in_part))
            }
        };
        let mut row = vec![
            change,
            plain(short(&d.source, wide)),
            plain(short(&d.destination, wide)),
            ports(&d.before),
            ports(&d.after),
        ];
        if wide {
            row.push(plain(caveats(&d.caveats)));
        }
        writer.row(row)
    })?;
    let any = writer.finish()?;
    let mut printed = any;
    if !changes.services.is_empty() {
        heading(out, &mut printed, format, "Services")?;
        let mut writer = TableWriter::new(out, format, vec!["SERVICE", "BEFORE", "AFTER"], args.no_headers);
        for change in &changes.services {
            let word = |p: Option<Protection>| p.map_or("-", Protection::as_str);
            let tone = match change.after {
                Some(Protection::Protected) => Tone::Good,
                _ => Tone::Bad,
            };
            let name = format!("{}/{}", change.service.0, change.service.1);
            writer.row(vec![plain(name), plain(word(change.before)), (word(change.after).to_owned(), tone)])?;
        }
        writer.finish()?;
    }
    if !changes.needed.is_empty() {
        heading(out, &mut printed, format, "Approvals needed")?;
        let headers = vec!["CALLER", "CALLEE", "FROM", "WITHOUT IT"];
        let mut writer = TableWriter::new(out, format, headers, args.no_headers);
        for needed in &changes.needed {
            let without = match (&needed.reason, needed.strictness) {
                (Reason::Prohibited { .. }, _) => ("prohibited", Tone::Bad),
                _ if !is_known(after, needed) => ("cannot tell", Tone::Note),
                (_, Strictness::Reject) => ("rejected at admission", Tone::Bad),
                _ => ("a warning", Tone::Note),
            };
            writer.row(vec![
                plain(needed.caller.to_string()),
                plain(needed.callee.to_string()),
                plain(owner(after, needed)),
                (without.0.to_owned(), without.1),
            ])?;
        }
        writer.finish()?;
        for text in changes.needed.iter().filter_map(|needed| paste(after, needed)) {
            let text = if format == Format::Markdown { markdown::block(&text) } else { format!("---\n{text}") };
            write!(out, "\n{text}")?;
        }
    }
    out.flush()?;
    if !printed {
        unread::none(after, "No differences");
    }
    Ok(any)
}

fn heading(out: &mut dyn Write, printed: &mut bool, format: Format, title: &str) -> io::Result<()> {
    if std::mem::replace(printed, true) {
        writeln!(out)?;
    }
    if format == Format::Markdown {
        writeln!(out, "### {title}\n")
    } else {
        writeln!(out, "{}", styled(BOLD, &format!("{title}:")))
    }
}

/// The Approval that would do, where one can: none helps against a prohibition, or for a Service that there is not.
fn paste(snapshot: &Snapshot, needed: &Needed) -> Option<String> {
    let helpless = matches!(needed.reason, Reason::Prohibited { .. }) || missing(snapshot, needed).is_some();
    (!helpless).then(|| approval::manifest(&needed.caller, &needed.callee))
}

/// Whether it is certain that it takes one: an approval that could not be read may do.
fn is_known(snapshot: &Snapshot, needed: &Needed) -> bool {
    matches!(needed.reason, Reason::Prohibited { .. }) || !may_be_approved(snapshot, &needed.callee)
}

/// Whose approval it takes.
fn owner(snapshot: &Snapshot, needed: &Needed) -> String {
    if matches!(needed.reason, Reason::Prohibited { .. }) {
        return Owner::Platform.to_string();
    }
    if let Some((namespace, name)) = missing(snapshot, needed) {
        let here = snapshot.objects.services.iter().map(|s| &s.metadata);
        let here = here.filter(|m| m.namespace == namespace).map(|m| m.name.as_str());
        let near = did_you_mean(name, here).map_or_else(String::new, |near| format!(": {near}"));
        return format!("namespace {namespace}, which has no such Service{near}");
    }
    Owner::of(snapshot, &needed.callee).to_string()
}

/// The Service that an intent names though there is none of the name.
fn missing<'n>(snapshot: &Snapshot, needed: &'n Needed) -> Option<(&'n str, &'n str)> {
    match &needed.callee.scope {
        Scope::Service { namespace, name }
            if snapshot.service(namespace, name).is_none() && !snapshot.is_unread("Service", namespace) =>
        {
            Some((namespace, name))
        }
        _ => None,
    }
}
