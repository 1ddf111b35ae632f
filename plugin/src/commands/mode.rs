//! `mode`: shows how a namespace or a Service takes part, and changes it once it is shown what that does.

use std::io::Write as _;
use std::mem::ManuallyDrop;

use netintent::mode::{Counts, Mode, Origin, Stop, Subject, settled, stops, warnings};
use netintent::names::printable;
use netintent::snapshot::Snapshot;
use netintent::suggest::did_you_mean;
use netintent::unread::Unread;

use super::confirm::confirmed;
use crate::cli::{self, DryRun};
use crate::cluster::{Cluster, Labelled, missing};
use crate::error::{Error, Result, Status};
use crate::printer;
use crate::render::mode::{Change, Choice, Standing, choices, summary};
use crate::source::{self, Loaded};

pub(super) fn run(args: &cli::Mode) -> Result<Status> {
    let subject = &args.subject;
    if args.input.with_cluster {
        let help = "leave out --with-cluster, or leave out -f".to_owned();
        return Err(Error::with_help("`mode` is of the cluster as it is, or of files alone", help));
    }
    if args.input.is_live() && args.target.is_some() && !args.input.modes.is_empty() {
        let help = "leave out --mode".to_owned();
        return Err(Error::with_help("a mode is set on the cluster as it is, and not as --mode says", help));
    }
    // What is written is what was read before all else: a change of somebody else's in between is found.
    let sets = args.input.is_live() && args.target.is_some() && args.asked.trial.dry_run != Some(DryRun::Client);
    let target = if sets { Some(Target::read(args)?) } else { None };
    // Where not all may be read, its namespace is.
    let names = [format!("{}/", subject.namespace)];
    let loaded = source::load_for_mode(&args.input, &names.each_ref().map(String::as_str))?;
    // The process ends with the answer: there is no use in tidying up before.
    let loaded = ManuallyDrop::new(loaded);
    let standing = standing(&loaded, subject)?;
    match args.target {
        None => show(args, &loaded, &standing),
        Some(mode) => change(args, &loaded, &standing, mode, target),
    }
}

/// Where the label is written.
struct Target {
    cluster: Cluster,
    labelled: Labelled,
}

impl Target {
    fn read(args: &cli::Mode) -> Result<Self> {
        let cluster = Cluster::connect(&args.input.connection)?;
        let labelled = cluster.labelled(&args.subject)?;
        Ok(Self { cluster, labelled })
    }
}

fn standing<'a>(loaded: &'a Loaded, subject: &'a Subject) -> Result<Standing<'a>> {
    let snapshot = &loaded.snapshot;
    let found = subject.mode(snapshot);
    let overrides = if subject.service.is_none() { subject.overrides(snapshot) } else { Vec::new() };
    if let Some((mode, origin)) = found {
        return Ok(Standing { subject, mode, origin, overrides });
    }
    let (kind, name) = (subject.kind(), subject.name());
    if !snapshot.objects.unread.is_empty() {
        let message = format!("cannot tell: {kind} {name} is not among what could be read");
        let help = "not all of the cluster may be read, see the warnings above".to_owned();
        return Err(Error::with_help(message, help));
    }
    let near = match &subject.service {
        None => did_you_mean(&subject.namespace, snapshot.namespaces.keys().map(String::as_str)),
        Some(wanted) => {
            let here = snapshot.objects.services.iter().filter(|s| s.metadata.namespace == subject.namespace);
            did_you_mean(wanted, here.map(|service| service.metadata.name.as_str()))
        }
    };
    if near.is_none() && snapshot.options.observed {
        return Err(missing(subject));
    }
    let else_ = "add its manifest with -f, or say its mode with --mode".to_owned();
    let help = near.or_else(|| subject.service.is_none().then_some(else_));
    Err(Error::with_help(format!("there is no {kind} {name} in {}", snapshot.options.place()), help))
}

/// What each other mode would do.
fn show(args: &cli::Mode, loaded: &Loaded, standing: &Standing<'_>) -> Result<Status> {
    let now = &loaded.snapshot;
    let known = now.objects.unread.is_empty();
    let before = known.then(|| settled(now, None));
    let others = [Mode::Enforce, Mode::Shadow, Mode::Off].into_iter().filter(|mode| *mode != standing.mode);
    let all: Vec<Choice> = others
        .map(|mode| match &before {
            None => Choice { mode, counts: None, stops: Vec::new() },
            Some(before) => {
                let after = settled(now, Some((standing.subject, mode)));
                let stops = stops(now, before, &after, mode);
                Choice { mode, counts: Some(Counts::of(before, &after)), stops }
            }
        })
        .collect();
    let mut out = printer::stdout_for(args.output.format);
    choices(&mut out, standing, &all, args.output.format, args.no_headers)?;
    out.flush()?;
    Ok(if known { Status::Yes } else { Status::Trouble })
}

fn change(
    args: &cli::Mode,
    loaded: &Loaded,
    standing: &Standing<'_>,
    mode: Mode,
    target: Option<Target>,
) -> Result<Status> {
    let now = &loaded.snapshot;
    check_known(loaded, standing.subject, mode)?;
    if let Some(target) = &target {
        check_same(standing, &target.labelled)?;
    }
    if standing.mode == mode && standing.origin == Origin::Own {
        printer::note(&format!("{} Nothing is changed.", standing.sentence()));
        return Ok(Status::Yes);
    }
    let (before, after) = (settled(now, None), settled(now, Some((standing.subject, mode))));
    let stops = stops(now, &before, &after, mode);
    let change = Change { standing, mode, before: &before, after: &after, stops: &stops, declared: args.declared };
    let mut out = printer::stdout_for(args.output.format);
    let counts = change.print(&mut out, args.output.format, args.no_headers)?;
    out.flush()?;
    tell(loaded, &before, &after, mode, counts, args.declared);
    stopped(&stops, standing.subject)?;
    let cuts = if counts.cut > 0 { Status::No } else { Status::Yes };
    let Some(Target { cluster, labelled }) = target else { return Ok(cuts) };
    let (kind, name) = (standing.subject.kind(), standing.subject.name());
    if args.asked.trial.dry_run == Some(DryRun::Server) {
        cluster.set_mode(standing.subject, &labelled, mode, true)?;
        printer::note(&format!("dry run: the API server would take {mode} for {kind} {name}"));
        return Ok(cuts);
    }
    if !args.asked.yes && !confirmed(&format!("Set {kind} {name} to {mode}?"))? {
        printer::note("nothing was changed");
        return Ok(Status::Trouble);
    }
    cluster.set_mode(standing.subject, &labelled, mode, false)?;
    printer::note(&format!("{kind} {name} is in {mode}; the controller follows within seconds"));
    Ok(Status::Yes)
}

/// Nothing is set on what is not known: what was not read may be what is cut.
fn check_known(loaded: &Loaded, subject: &Subject, mode: Mode) -> Result<()> {
    let unread = &loaded.snapshot.objects.unread;
    if unread.iter().any(Unread::is_not_installed) {
        let help = "kubectl netintent install prints what it takes".to_owned();
        return Err(Error::with_help("netintent is not installed in this cluster: a mode would change nothing", help));
    }
    if !unread.is_empty() {
        let what = match &subject.service {
            None => format!("namespace {}", subject.namespace),
            Some(service) => format!("service -n {} {service}", subject.namespace),
        };
        let help = format!(
            "whoever may read all of the cluster can ask; kubectl label --overwrite {what} netintent.dev/mode={mode} sets it unseen"
        );
        return Err(Error::with_help(format!("cannot tell what {mode} would cut: not all of it could be read"), help));
    }
    Ok(())
}

/// That the label is still what the preview was made of.
fn check_same(standing: &Standing<'_>, labelled: &Labelled) -> Result<()> {
    let is = match (&standing.origin, &labelled.label) {
        (Origin::Own, Some(label)) => label == standing.mode.as_str(),
        (Origin::Unknown(value), Some(label)) => label == value,
        (Origin::Namespace | Origin::Nothing, None) => true,
        _ => false,
    };
    if is {
        return Ok(());
    }
    let message = format!("somebody else changed {} {} meanwhile", standing.subject.kind(), standing.subject.name());
    Err(Error::with_help(message, "nothing was changed: run the command again".to_owned()))
}

/// Says on standard error what the table does not.
fn tell(loaded: &Loaded, before: &Snapshot, after: &Snapshot, mode: Mode, counts: Counts, declared: bool) {
    for finding in warnings(before, after) {
        printer::warning(&loaded.sources.worded(&finding));
    }
    printer::note(&summary(mode, counts, declared));
}

fn stopped(stops: &[Stop], subject: &Subject) -> Result<()> {
    let count = match stops.len() {
        0 => return Ok(()),
        1 => "one thing stands".to_owned(),
        count => format!("{count} things stand"),
    };
    let message = printable(&format!("{} {} stays as it is: {count} against it", subject.kind(), subject.name()));
    let help = stops.first().map(|stop| printable(&format!("{}: {}", stop.message, stop.help)));
    Err(Error::with_help(message, help))
}
