//! `check`: what is wrong, or not as it seems, in manifests.

use std::io::{self, Write};
use std::mem::ManuallyDrop;

use netintent::callee::CalleePattern;
use netintent::caller::Caller;
use netintent::check::accept::{Accepted, accept, comments};
use netintent::check::check;
use netintent::finding::{Code, Finding, Severity};
use netintent::suggest::did_you_mean;

use crate::cli::{Check, CheckFormat};
use crate::error::{Error, Result, Status};
use crate::printer::{self, BOLD, styled};
use crate::render::findings::{self, Found};
use crate::render::items::Items;
use crate::render::{github, junit, sarif, unread};
use crate::source::{self, Loaded};

pub(super) fn run(args: &Check) -> Result<Status> {
    if let Some(code) = &args.explain {
        return explain(parsed(code)?);
    }
    let ignored: Vec<Code> = args.ignore.iter().map(|code| parsed(code)).collect::<Result<_>>()?;
    let mut loaded = ManuallyDrop::new(source::load_for_check(&args.input)?);
    let read = std::mem::take(&mut loaded.findings);
    let Loaded { snapshot, sources, .. } = &*loaded;
    let comments: Vec<_> = sources
        .texts()
        .enumerate()
        .flat_map(|(file, text)| comments(u32::try_from(file).unwrap_or(u32::MAX), &text))
        .collect();
    let mut all = check(snapshot, read);
    all.retain(|finding| is_shown(finding, &loaded));
    let (kept, accepted) = accept(all, &snapshot.objects, &comments, &|place| sources.origin(place));
    let mut found: Vec<Found<'_>> = kept
        .iter()
        .filter(|finding| !ignored.contains(&finding.code))
        .map(|finding| Found::new(finding, sources))
        .collect();
    found.sort_by(|a, b| a.key().cmp(&b.key()));
    let mut out = printer::stdout_for_text(args.output.format.is_text());
    let least = args.fail_on.severity();
    print(&mut out, &found, &loaded, args.output.format, least)?;
    out.flush()?;
    if !matches!(args.output.format, CheckFormat::Json | CheckFormat::Yaml) {
        unread::report(&undecided(&loaded));
    }
    summary(&found, &accepted, args, &loaded);
    if !snapshot.objects.unread.is_empty() {
        // What was not read may be as wrong as can be.
        return Ok(Status::Trouble);
    }
    let fails = least.is_some_and(|least| found.iter().any(|f| f.finding.code.severity() >= least));
    Ok(if fails { Status::No } else { Status::Yes })
}

/// Whether a finding is about a namespace that is shown, or something in it, or in a file.
fn is_shown(finding: &Finding, loaded: &Loaded) -> bool {
    let about = finding.object.as_ref();
    about.map_or_else(
        || loaded.shows(""),
        |object| loaded.shows(if object.kind == "Namespace" { &object.name } else { &object.namespace }),
    ) || finding.place.as_ref().and_then(|place| loaded.sources.origin(place)).is_some()
}

fn parsed(name: &str) -> Result<Code> {
    Code::parse(name).ok_or_else(|| {
        let help = did_you_mean(name, Code::ALL.iter().map(|code| code.as_str()));
        let help = help.unwrap_or_else(|| "docs/findings.md lists all codes".to_owned());
        Error::with_help(format!("there is no finding of the code `{}`", netintent::names::printable(name)), help)
    })
}

fn explain(code: Code) -> Result<Status> {
    let meaning = code.meaning();
    let mut out = printer::stdout();
    writeln!(out, "{} ({})", styled(BOLD, meaning.name), meaning.severity)?;
    writeln!(out, "\n{}.\n\n{}\n\n{}", meaning.summary, meaning.why, meaning.fix)?;
    out.flush()?;
    Ok(Status::Yes)
}

fn print(
    out: &mut dyn Write,
    found: &[Found<'_>],
    loaded: &Loaded,
    format: CheckFormat,
    least: Option<Severity>,
) -> io::Result<()> {
    match format {
        CheckFormat::Text => findings::text(out, found, &loaded.sources),
        CheckFormat::Table | CheckFormat::Markdown => findings::table(out, found, format == CheckFormat::Markdown),
        CheckFormat::Name => findings::names(out, found),
        CheckFormat::Json => findings::items(Items::json(out, "FindingList")?, found, &incomplete(loaded)),
        CheckFormat::Yaml => findings::items(Items::yaml(out, "FindingList")?, found, &incomplete(loaded)),
        CheckFormat::Github => github::print(out, found),
        CheckFormat::Sarif => sarif::print(out, found),
        CheckFormat::Junit => junit::print(out, found, least),
    }
}

/// What could not be read, and what is declared of it by the workloads that are shown.
fn incomplete(loaded: &Loaded) -> Vec<(&'static str, serde_json::Value)> {
    unread::fields(&loaded.snapshot, &undecided(loaded))
}

fn undecided(loaded: &Loaded) -> Vec<(&Caller, &CalleePattern)> {
    let workloads = &loaded.snapshot.workloads;
    netintent::unread::undecided(&loaded.snapshot, &|workload| loaded.shows(&workloads[workload].namespace))
}

/// How many there are, and how many were accepted.
fn summary(found: &[Found<'_>], accepted: &[Accepted], args: &Check, loaded: &Loaded) {
    let Loaded { snapshot, sources, .. } = loaded;
    if args.input.verbose {
        for Accepted { finding, reason } in accepted {
            printer::note(&format!("accepted ({reason}): {}", sources.worded(finding)));
        }
    }
    let of = |severity: Severity| found.iter().filter(|f| f.finding.code.severity() == severity).count();
    let counted = |count: usize, one: &str, many: &str| match count {
        0 => None,
        1 => Some(format!("1 {one}")),
        count => Some(format!("{count} {many}")),
    };
    let counts: Vec<String> = [
        counted(of(Severity::Error), "error", "errors"),
        counted(of(Severity::Warning), "warning", "warnings"),
        counted(of(Severity::Info), "remark", "remarks"),
    ]
    .into_iter()
    .flatten()
    .collect();
    let among = unread::among(snapshot);
    let said =
        if counts.is_empty() { format!("Nothing found{among}") } else { format!("Found {}{among}", counts.join(", ")) };
    let accepted = counted(accepted.len(), "finding is accepted", "findings are accepted");
    let accepted = accepted.map_or_else(String::new, |text| format!("; {text}"));
    printer::note(&format!("{said}{accepted}."));
}
