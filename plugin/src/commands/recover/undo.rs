//! All is put back, without the webhook.

use std::io::Write as _;

use netintent::recover::admission::{self, CONFIGURATION};

use super::agreed;
use crate::cli::RecoverUndo;
use crate::cluster::Cluster;
use crate::error::{Result, Status};
use crate::printer;
use crate::render::recover as render;

pub(super) fn run(args: &RecoverUndo) -> Result<Status> {
    let cluster = Cluster::connect(&args.change.connection)?;
    let state = cluster.recovery()?;
    let mut changes = Vec::new();
    for configuration in &state.configurations {
        // What can't be understood is told with what to do about it.
        configuration.record()?;
        let change = admission::readmit(&configuration.object).ok().flatten();
        changes.extend(change.map(|change| (configuration, change)));
    }
    if changes.is_empty() && state.services.is_empty() {
        printer::note("nothing to do: nothing is open");
        return Ok(Status::Yes);
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
    if state.leader.is_none() && !changes.is_empty() {
        printer::warning(
            "nobody leads: as long as the webhook does not answer, new pods and workloads with intents are refused",
        );
    }
    let doing = match agreed(&args.change, "Undo it?")? {
        Ok(doing) => doing,
        Err(status) => return Ok(status),
    };
    // What is open to everybody first; one that can't be put back keeps nothing else from it.
    let mut undone = Ok(Status::Yes);
    for service in &state.services {
        match cluster.close(service, doing.is_dry()) {
            Ok(()) => {
                printer::note(&format!("{}Service {}/{} is closed", doing.word(), service.namespace, service.service));
            }
            Err(error) => undone = undone.and(Err(error)),
        }
    }
    for (configuration, change) in &changes {
        match cluster.change_admission(configuration, change, doing.is_dry()) {
            Ok(()) => printer::note(&format!("{}{} {CONFIGURATION}", doing.word(), configuration.kind)),
            Err(error) => undone = undone.and(Err(error)),
        }
    }
    undone
}
