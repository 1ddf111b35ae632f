//! Services that everybody may call for a while.

use std::future::{Future, poll_fn};
use std::io::Write as _;
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use netintent::objects::Service;
use netintent::policy::NetworkPolicy;
use netintent::recover::policy::{self, Record};

use super::{agreed, warn_of};
use crate::cli::RecoverOpen;
use crate::cluster::Cluster;
use crate::error::{Error, Result, Status};
use crate::printer;
use crate::render::recover as render;

/// How long to wait before closing is tried again that has failed.
const AGAIN: Duration = Duration::from_secs(5);

pub(super) fn run(args: &RecoverOpen) -> Result<Status> {
    let cluster = Cluster::connect(&args.change.connection)?;
    let now = Timestamp::now();
    let until = Timestamp::from_second(now.as_second()).unwrap_or(now) + args.span;
    let record = Record { opened: cluster.myself()?.opens(now), until };
    let mut all: Vec<(Service, NetworkPolicy)> = Vec::new();
    for typed in &args.services {
        let namespace = typed.namespace.as_deref().unwrap_or(cluster.namespace());
        let service = cluster.service(namespace, &typed.name)?;
        let opening = opening(&cluster, &service, &record)?;
        if !all.iter().any(|(_, other)| other.metadata.key() == opening.metadata.key()) {
            all.push((service, opening));
        }
    }
    let mut out = printer::stdout();
    for (service, opening) in &all {
        render::opening(&mut out, service, opening, until)?;
    }
    out.flush()?;
    if !args.wait {
        printer::note(
            "Nothing runs that closes this in time: you do, by `kubectl netintent recover undo`, or this command, with --wait; \
             or the controller, when it is back",
        );
    }
    warn_of(cluster.recovery()?.leader.as_ref());
    let doing = match agreed(&args.change, "Let everybody call this?")? {
        Ok(doing) => doing,
        Err(status) => return Ok(status),
    };
    // Before anything is open: nobody who stops it then leaves it open.
    let stopped = (args.wait && !doing.is_dry()).then(|| cluster.run(stopped()));
    for (at, (service, opening)) in all.iter().enumerate() {
        if let Err(error) = cluster.open(opening, &service.metadata.name, doing.is_dry()) {
            // Nobody waits for the end of what is open already.
            if stopped.is_some() {
                // This one too: that there was no answer does not say that it was not kept.
                close(&cluster, &all[..=at])?;
            }
            return Err(error);
        }
        printer::note(&format!("{}everybody may call Service {}", doing.word(), service.metadata.full_name()));
    }
    if let Some(stopped) = stopped {
        wait(&cluster, until, stopped);
        return close(&cluster, &all);
    }
    Ok(Status::Yes)
}

/// The policy that opens a Service, if that opens anything and closes nothing.
fn opening(cluster: &Cluster, service: &Service, record: &Record) -> Result<NetworkPolicy> {
    let (namespace, name) = service.metadata.key();
    let Some(opening) = policy::open(service, record) else {
        let help =
            "a NetworkPolicy selects pods by the selector of the Service, and opens its ports: it has none".to_owned();
        return Err(Error::with_help(format!("Service {namespace}/{name} can't be opened by a NetworkPolicy"), help));
    };
    if !policy::is_closed(service, &cluster.policies(namespace)?) {
        let help = "by another NetworkPolicy its pods would lose what may call their other ports".to_owned();
        return Err(Error::with_help(
            format!("no NetworkPolicy closes Service {namespace}/{name}: there is nothing to open"),
            help,
        ));
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

/// That the user wants no more.
type Stopped = Pin<Box<dyn Future<Output = std::io::Result<()>>>>;

/// Hears Ctrl-C from now on.
async fn stopped() -> Stopped {
    let mut stopped: Stopped = Box::pin(tokio::signal::ctrl_c());
    // What is not waited for is not heard.
    poll_fn(|context| {
        let _ = stopped.as_mut().poll(context);
        Poll::Ready(())
    })
    .await;
    stopped
}

/// Waits until it is time, or until the user wants no more.
fn wait(cluster: &Cluster, until: Timestamp, stopped: Stopped) {
    printer::note(&format!("open until {until}; Ctrl-C closes it now"));
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
            _ = stopped => {}
        }
    });
}

/// Closes what was opened, and tries again where that fails.
fn close(cluster: &Cluster, all: &[(Service, NetworkPolicy)]) -> Result<Status> {
    const TIMES: usize = 60;
    let mut left: Vec<(&str, &str)> = all.iter().map(|(service, _)| service.metadata.key()).collect();
    let mut last = Ok(Status::Yes);
    // Each is tried once before any is tried again.
    for time in 0..TIMES {
        if time > 0 {
            cluster.pause(AGAIN);
        }
        last = Ok(Status::Yes);
        left.retain(|(namespace, name)| {
            let closed = cluster.open_service(namespace, name).and_then(|open| match open {
                Some(open) => cluster.close(&open, false),
                None => Ok(()),
            });
            match closed {
                Ok(()) => printer::note(&format!("done: Service {namespace}/{name} is closed")),
                Err(error) => {
                    last = Err(error);
                    return true;
                }
            }
            false
        });
        if left.is_empty() {
            break;
        }
    }
    last
}
