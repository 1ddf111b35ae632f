//! All is put back, without the webhook.

use std::io::Write as _;

use netintent::recover::admission::{self, CONFIGURATION};

use super::agreed;
use crate::cli::RecoverUndo;
use crate::cluster::{Closed, Cluster, Leads};
use crate::error::{Error, Result, Status};
use crate::printer;
use crate::render::recover as render;

pub(super) fn run(args: &RecoverUndo) -> Result<Status> {
    let cluster = Cluster::connect(&args.change.connection)?;
    let state = cluster.recovery()?;
    let mut changes = Vec::new();
    // What can't be put back is told with what to do about it, and keeps nothing else from it.
    let mut undone = Status::Yes;
    let mut failed = |error: Error| {
        error.report();
        undone = Status::Trouble;
    };
    for configuration in &state.configurations {
        match configuration.record() {
            Ok(_) => {
                let change = admission::readmit(&configuration.object).ok().flatten();
                changes.extend(change.map(|change| (configuration, change)));
            }
            Err(error) => failed(error),
        }
    }
    if changes.is_empty() && state.services.is_empty() {
        if undone == Status::Yes {
            printer::note("nothing to do: nothing is open");
        }
        return Ok(undone);
    }
    let mut out = printer::stdout();
    for service in &state.services {
        writeln!(
            out,
            "Service {}/{}: nobody may call it any more who is not approved",
            service.namespace, service.service
        )?;
    }
    for (configuration, change) in &changes {
        render::entries(&mut out, configuration.kind, &change.entries, "Ignore", "Fail")?;
    }
    out.flush()?;
    if !matches!(state.leads, Leads::Replica(_)) && !changes.is_empty() {
        let why = if matches!(state.leads, Leads::Nobody) { "nobody leads" } else { "who leads can't be known" };
        printer::warning(&format!(
            "{why}: as long as the webhook does not answer, new pods and workloads with intents are refused"
        ));
    }
    let doing = match agreed(&args.change, "Undo it?")? {
        Ok(doing) => doing,
        // What can't be understood stays so, though nothing was to be done.
        Err(status) => return Ok(if undone == Status::Yes { status } else { undone }),
    };
    // What is open to everybody first.
    for service in &state.services {
        let (namespace, name) = (&service.namespace, &service.service);
        match cluster.close(namespace, name, |open| open.is_same(service), doing.is_dry()) {
            Ok(Closed::Now | Closed::Before) => {
                printer::note(&format!("{}Service {namespace}/{name} is closed", doing.word()));
            }
            Ok(Closed::Anew(_)) => {
                let help = "run the command again".to_owned();
                failed(Error::with_help(
                    format!("somebody has opened Service {namespace}/{name} anew meanwhile"),
                    help,
                ));
            }
            Err(error) => failed(error),
        }
    }
    for (configuration, change) in &changes {
        match cluster.change_admission(configuration, change, doing.is_dry()) {
            Ok(()) => printer::note(&format!("{}{} {CONFIGURATION}", doing.word(), configuration.kind)),
            Err(error) => failed(error),
        }
    }
    Ok(undone)
}
