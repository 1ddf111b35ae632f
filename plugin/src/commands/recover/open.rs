//! Services that everybody may call for a while.

use std::io::Write as _;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use netintent::names::printable;
use netintent::objects::Service;
use netintent::policy::NetworkPolicy;
use netintent::recover::policy::{self, Record};

use super::stop::Stop;
use super::{agreed, warn_of};
use crate::cli::RecoverOpen;
use crate::cluster::{Closed, Cluster, OpenService};
use crate::error::{Error, Result, Status};
use crate::printer;
use crate::render::recover as render;

/// How long to wait before closing is tried again that has failed.
const AGAIN: Duration = Duration::from_secs(5);
/// How long a request may take while somebody may want it to end, where nobody has said.
const PATIENCE: Duration = Duration::from_secs(10);

pub(super) fn run(args: &RecoverOpen) -> Result<Status> {
    let mut cluster = Cluster::connect(&args.change.connection)?;
    let by = cluster.myself()?;
    let record = || {
        let opened = cluster.opened_now(&by)?;
        Ok::<_, Error>(Record { until: opened.since + args.span, opened })
    };
    let shown = record()?;
    let mut all: Vec<(Service, NetworkPolicy)> = Vec::new();
    for typed in &args.services {
        let namespace = typed.namespace.as_deref().unwrap_or(cluster.namespace());
        let service = cluster.service(namespace, &typed.name)?;
        let opening = opening(&cluster, &service, &shown)?;
        if !all.iter().any(|(_, other)| other.metadata.key() == opening.metadata.key()) {
            all.push((service, opening));
        }
    }
    let mut out = printer::stdout();
    for (service, opening) in &all {
        render::opening(&mut out, service, opening, shown.until)?;
    }
    out.flush()?;
    if !args.wait {
        printer::note(
            "Nothing runs that closes this in time: you do, by `kubectl netintent recover undo`, or this command, with --wait; \
             or the controller, when it is back",
        );
    }
    let state = cluster.recovery()?;
    if state.configurations.is_empty() {
        printer::warning("netintent is not installed in this cluster: no controller will come back that closes it");
    }
    warn_of(&state.leads);
    let doing = match agreed(&args.change, "Let everybody call this?")? {
        Ok(doing) => doing,
        Err(status) => return Ok(status),
    };
    // The answer may have come late.
    let record = record()?;
    for (service, opening) in &mut all {
        *opening = policy::open(service, &record).unwrap_or_else(|| opening.clone());
    }
    // Before anything is open: nobody who stops it then leaves it open.
    let mut stop =
        (args.wait && !doing.is_dry()).then(|| cluster.run(async { Stop::hear() })).transpose().map_err(|error| {
            Error::with_help(format!("Ctrl-C can't be heard: {error}"), "open it without --wait".to_owned())
        })?;
    if stop.is_some() {
        // It is not heard while a request is under way.
        cluster.in_time_at_most(PATIENCE);
    }
    for (at, (service, opening)) in all.iter().enumerate() {
        if let Err(error) = cluster.open(opening, &service.metadata.name, doing.is_dry()) {
            // Nobody waits for the end of what is open already.
            let Some(stop) = &mut stop else { return Err(error) };
            error.report();
            // This one too: that there was no answer does not say that it was not kept.
            return close(&cluster, &all[..=at], &record, stop).map(|_| Status::Trouble);
        }
        printer::note(&format!("{}everybody may call Service {}", doing.word(), service.metadata.full_name()));
    }
    match &mut stop {
        Some(stop) => {
            printer::note(&format!("open until {}; Ctrl-C closes it now", record.until));
            // By the clock of this machine, whatever it says.
            wait(&cluster, Timestamp::now() + args.span, stop);
            close(&cluster, &all, &record, stop)
        }
        None => Ok(Status::Yes),
    }
}

/// The policy that opens a Service, if that opens anything and closes nothing.
fn opening(cluster: &Cluster, service: &Service, record: &Record) -> Result<NetworkPolicy> {
    let (namespace, name) = service.metadata.key();
    let Some(opening) = policy::open(service, record) else {
        let help =
            "a NetworkPolicy selects pods by the selector of the Service, and opens its ports: it has none".to_owned();
        return Err(Error::with_help(format!("Service {namespace}/{name} can't be opened by a NetworkPolicy"), help));
    };
    let policies = cluster.policies(namespace)?;
    if !policy::is_closed(service, &policies) {
        // Nor by their labels, whatever the policies select by?
        let mut pods = cluster.pod_labels(namespace)?;
        pods.retain(|(_, labels)| opening.pods.matches(labels));
        let free = pods.iter().find(|(_, labels)| !policy::is_pod_closed(service, &policies, labels));
        let why = match free {
            Some((pod, _)) => format!("everybody may call its pod {} already", printable(pod)),
            None if pods.is_empty() => "it has no pods, and no NetworkPolicy would select all of them".to_owned(),
            None => String::new(),
        };
        if !why.is_empty() {
            let help =
                "a NetworkPolicy that opens it would take from its pods what may call their other ports".to_owned();
            return Err(Error::with_help(
                format!("there is nothing to open of Service {namespace}/{name}: {why}"),
                help,
            ));
        }
    }
    if cluster.is_taken(namespace, name)? {
        let help = format!(
            "it lacks the label app.kubernetes.io/managed-by=netintent: see what it is, and remove it: kubectl \
             describe networkpolicy -n {namespace} {}",
            policy::name(name)
        );
        let message = format!("NetworkPolicy {namespace}/{} is there already, and not netintent's", policy::name(name));
        return Err(Error::with_help(message, help));
    }
    Ok(opening)
}

/// Waits until it is time, or until the user wants no more.
fn wait(cluster: &Cluster, until: Timestamp, stop: &mut Stop) {
    cluster.run(async {
        // A clock that is set, or a machine that sleeps, makes it no later than that.
        let over = async {
            loop {
                let left = until.duration_since(Timestamp::now());
                if !left.is_positive() {
                    break;
                }
                let nap = left.min(SignedDuration::from_secs(10));
                tokio::time::sleep(nap.unsigned_abs()).await;
            }
        };
        tokio::select! {
            () = over => {}
            () = stop.heard() => {}
        }
    });
}

/// Closes what was opened, and tries again where that fails, until the user wants no more of that either.
fn close(cluster: &Cluster, all: &[(Service, NetworkPolicy)], record: &Record, stop: &mut Stop) -> Result<Status> {
    let mut left: Vec<&Service> = all.iter().map(|(service, _)| service).collect();
    let mut status = Status::Yes;
    loop {
        // Each is tried once before any is tried again.
        left.retain(|service| match close_one(cluster, service, record) {
            Ok(is_closed) => {
                if !is_closed {
                    status = Status::Trouble;
                }
                false
            }
            Err(error) => {
                error.report();
                true
            }
        });
        if left.is_empty() {
            return Ok(status);
        }
        printer::note(&format!("tried again in {} s; Ctrl-C leaves it open", AGAIN.as_secs()));
        let is_over = cluster.run(async {
            tokio::select! {
                () = tokio::time::sleep(AGAIN) => false,
                () = stop.interrupted() => true,
            }
        });
        if is_over {
            let names: Vec<String> = left.iter().map(|service| service.metadata.full_name()).collect();
            let help = "kubectl netintent recover undo closes it".to_owned();
            return Err(Error::with_help(format!("everybody may still call Service {}", names.join(", ")), help));
        }
    }
}

/// Closes a Service, if it is this command that has opened it; whether it is closed.
fn close_one(cluster: &Cluster, service: &Service, record: &Record) -> Result<bool> {
    let (namespace, name) = service.metadata.key();
    // What nobody can understand no command has written: it goes.
    let is_meant = |open: &OpenService| open.record.as_ref().is_none_or(|other| other == record);
    match cluster.close(namespace, name, is_meant, false)? {
        Closed::Now => printer::note(&format!("done: Service {namespace}/{name} is closed")),
        Closed::Before => printer::note(&format!("Service {namespace}/{name} is not open any more")),
        Closed::Anew(record) => {
            let until = record.map_or_else(String::new, |record| {
                format!(" until {}, as of {} by {}", record.until, record.opened.since, printable(&record.opened.by))
            });
            printer::warning(&format!(
                "Service {namespace}/{name} stays open{until}: that is not what this command has written"
            ));
            return Ok(false);
        }
    }
    Ok(true)
}
