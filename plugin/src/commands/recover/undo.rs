//! All is put back, without the webhook.

use std::io::Write as _;

use netintent::recover::admission::{self, CONFIGURATION};

use super::{agreed, ended};
use crate::cli::RecoverUndo;
use crate::cluster::{Cluster, Leads};
use crate::error::{Result, Status};
use crate::printer;
use crate::render::recover as render;

pub(super) fn run(args: &RecoverUndo) -> Result<Status> {
    let cluster = Cluster::connect(&args.change.connection)?;
    let state = cluster.recovery()?;
    let mut changes = Vec::new();
    // What can't be put back is told with what to do about it, and keeps nothing else from it.
    let mut errors = Vec::new();
    for configuration in &state.configurations {
        match configuration.record() {
            Ok(_) => {
                let change = admission::readmit(&configuration.object).ok().flatten();
                changes.extend(change.map(|change| (configuration, change)));
            }
            Err(error) => errors.push(error),
        }
    }
    if changes.is_empty() && state.services.is_empty() {
        if errors.is_empty() {
            printer::note("nothing to do: nothing is open");
        }
        return ended(errors);
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
        Err(status) => return ended(errors).map(|_| status),
    };
    // What is open to everybody first.
    for service in &state.services {
        match cluster.close(service, doing.is_dry()) {
            Ok(()) => {
                printer::note(&format!("{}Service {}/{} is closed", doing.word(), service.namespace, service.service));
            }
            Err(error) => errors.push(error),
        }
    }
    for (configuration, change) in &changes {
        match cluster.change_admission(configuration, change, doing.is_dry()) {
            Ok(()) => printer::note(&format!("{}{} {CONFIGURATION}", doing.word(), configuration.kind)),
            Err(error) => errors.push(error),
        }
    }
    ended(errors)
}
