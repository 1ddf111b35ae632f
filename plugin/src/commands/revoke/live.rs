//! An approval out of a cluster: what it closes is shown first, and asked about.

use netintent::approval::{Approval, Cut, CutOut, Draft};
use netintent::names::printable;
use netintent::objects::Objects;

use super::super::confirm::confirmed;
use super::super::effect::{self, Pair};
use super::{nothing, warn_of_wider};
use crate::cli::{DryRun, Revoke};
use crate::cluster::Cluster;
use crate::error::{Result, Status};
use crate::printer;
use crate::source::{self, Loaded};

/// What is written to an object that goes where nobody gives a reason: none but says that it was meant.
const NO_REASON: &str = "revoked by kubectl netintent revoke";

pub(super) fn run(args: &Revoke, loaded: &Loaded, pair: Pair<'_>) -> Result<Status> {
    let found = all(&loaded.snapshot.objects, pair);
    if found.is_empty() {
        return Err(nothing(loaded, pair));
    }
    let [before, after] = source::planned(loaded, |objects| take(objects, &found));
    for (approval, cut_out) in &found {
        printer::note(&worded(approval, cut_out, pair));
    }
    effect::tell(&before, &after, pair, false);
    warn_of_wider(loaded, pair.callee);
    let server = args.asked.trial.dry_run == Some(DryRun::Server);
    if args.asked.trial.dry_run == Some(DryRun::Client) {
        return Ok(Status::Yes);
    }
    if !server && !args.asked.yes && !confirmed("Revoke it?")? {
        printer::note("nothing was changed");
        return Ok(Status::Trouble);
    }
    let reason = args.reason.as_deref().map(str::trim).filter(|reason| !reason.is_empty()).unwrap_or(NO_REASON);
    let cluster = Cluster::connect(&args.input.connection)?;
    for (approval, CutOut { cut, rest }) in &found {
        // First what is to stay, so that nothing is cut that should not be.
        if let Some(rest) = rest {
            cluster.create(rest, server)?;
        }
        cluster.take(approval, *cut, reason, server)?;
    }
    let done = if server { "dry run: the API server would take it" } else { "revoked" };
    printer::note(&format!("{done}: {} → {}", pair.caller, pair.callee));
    Ok(Status::Yes)
}

/// Every approval that names the pair, with what has to go, one after the other where one names it twice.
fn all(objects: &Objects, pair: Pair<'_>) -> Vec<(Approval, CutOut)> {
    let mut names: Vec<(String, String)> =
        objects.approvals.iter().map(|a| (a.metadata.namespace.clone(), a.metadata.name.clone())).collect();
    let key = |draft: &Draft| (draft.namespace.clone().unwrap_or_default(), draft.name.clone());
    let mut found = Vec::new();
    for approval in &objects.approvals {
        let mut left = approval.clone();
        while let Some(mut cut_out) = left.without(pair.caller, pair.callee) {
            if let Some(rest) = &mut cut_out.rest {
                rest.rename(&|draft| names.contains(&key(draft)));
                names.push(key(rest));
            }
            let cut = cut_out.cut;
            found.push((left.clone(), cut_out));
            if cut == Cut::Whole {
                break;
            }
            cut.take(&mut left);
        }
    }
    found
}

fn take(objects: &mut Objects, found: &[(Approval, CutOut)]) {
    for (approval, CutOut { cut, rest }) in found {
        let is_it = |other: &Approval| other.metadata.key() == approval.metadata.key();
        if *cut == Cut::Whole {
            objects.approvals.retain(|other| !is_it(other));
        } else if let Some(other) = objects.approvals.iter_mut().find(|other| is_it(other)) {
            cut.take(other);
        }
        objects.approvals.extend(rest.iter().map(Draft::approval));
    }
}

fn worded(approval: &Approval, CutOut { cut, rest }: &CutOut, pair: Pair<'_>) -> String {
    let object = format!("{} {}", approval.kind(), approval.metadata.full_name());
    let what = match cut {
        Cut::Whole => object,
        Cut::Callers => format!("`callers` of {object}"),
        Cut::Caller(_) => format!("{} of {object}", pair.caller),
        Cut::Callee(_) => format!("{} of {object}", pair.callee),
    };
    let rest = rest.as_ref().map_or_else(String::new, |rest| {
        format!(", and {} {} comes, for what {} may still call", rest.kind(), rest.full_name(), pair.caller)
    });
    printable(&format!("goes: {what}{rest}"))
}
