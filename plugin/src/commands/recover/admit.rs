//! New pods and workloads are let in though nobody answers.

use std::io::Write as _;

use netintent::recover::admission::{self, CONFIGURATION};

use super::{agreed, warn_of};
use crate::cli::RecoverAdmit;
use crate::cluster::Cluster;
use crate::error::{Error, Result, Status};
use crate::printer;
use crate::render::recover as render;

pub(super) fn run(args: &RecoverAdmit) -> Result<Status> {
    let cluster = Cluster::connect(&args.change.connection)?;
    let (state, myself) = (cluster.recovery()?, cluster.myself()?);
    if state.configurations.is_empty() {
        let help = "nothing waits for a webhook that nobody is told to ask".to_owned();
        return Err(Error::with_help("netintent is not installed in this cluster: it has no registrations", help));
    }
    let by = cluster.opened_now(&myself)?;
    let mut changes = Vec::new();
    for configuration in &state.configurations {
        // What can't be understood is told with what to do about it.
        configuration.record()?;
        let change = admission::admit(&configuration.object, &by).ok().flatten();
        changes.extend(change.map(|change| (configuration, change)));
    }
    if changes.is_empty() {
        printer::note("nothing to do: no pod or workload waits for the webhook");
        return Ok(Status::Yes);
    }
    let mut out = printer::stdout();
    for (configuration, change) in &changes {
        render::entries(&mut out, configuration.kind, &change.entries, "Fail", "Ignore")?;
    }
    writeln!(
        out,
        "Until that is undone new pods start without labels, and nobody refuses a call that is not approved."
    )?;
    let is_guarded = admission::is_guarded(state.configurations.iter().map(|configuration| &configuration.object));
    if is_guarded {
        writeln!(out, "The guard stays: nobody gains a label by hand.")?;
    }
    out.flush()?;
    if !is_guarded {
        printer::warning(&format!(
            "there is no guard: no entry {} waits for an answer, so that whoever may write pods gives them any label; \
             `kubectl netintent install --apply` puts it back",
            admission::GUARD
        ));
    }
    warn_of(&state.leads);
    let doing = match agreed(&args.change, "Let them in?")? {
        Ok(doing) => doing,
        Err(status) => return Ok(status),
    };
    for (configuration, change) in &changes {
        cluster.change_admission(configuration, change, doing.is_dry())?;
        printer::note(&format!("{}{} {CONFIGURATION}", doing.word(), configuration.kind));
    }
    if !doing.is_dry() {
        printer::note("next: kubectl netintent recover label NAMESPACE gives new pods their labels");
    }
    Ok(Status::Yes)
}
