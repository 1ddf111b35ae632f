//! What the webhook says of a callee that the user may not read.
//!
//! It is asked about the user's own workload, by a server-side dry run of one of its pods that declares just this. What it says
//! is what admission knows: who approves what. Whether the network lets a connection through hangs on policies besides, which
//! nobody has read, so that it is no verdict.

use netintent::callee::CalleePattern;
use netintent::caller::Caller;
use netintent::explain::{Explanation, Fix, Step};
use netintent::port::PortSet;
use netintent::resolve::Subject;
use netintent::snapshot::Snapshot;

use crate::cli::Connection;
use crate::cluster::{Admitted, Cluster, Probe};

/// What there is to say of it.
#[derive(Default)]
pub(super) struct Said {
    pub(super) steps: Vec<Step>,
    pub(super) fixes: Vec<Fix>,
}

/// Asks about a workload of which something is known; nothing where the source is none.
pub(super) fn ask(
    connection: &Connection,
    snapshot: &Snapshot,
    source: &Subject,
    callee: &CalleePattern,
) -> Option<Said> {
    let Subject::Workload(_, pods) = source else { return None };
    let number = *pods.first()?;
    let pod = &snapshot.pods[number as usize];
    let declared = || pod.intents.iter().map(|declared| &*declared.callee);
    let mut calls: Vec<CalleePattern> = declared().filter(|declared| declared.covers(callee)).cloned().collect();
    if calls.is_empty() {
        calls = declared().filter(|declared| declared.overlaps(callee)).cloned().collect();
    }
    let mut said = Said::default();
    if calls.is_empty() {
        said.steps.push(step(false, format!("{} declares nothing that covers {callee}", pod.caller)));
        said.steps.push(step(None, "what follows is what would be if it did".to_owned()));
        calls.push(callee.clone());
    }
    let in_part = !calls.iter().any(|declared| declared.covers(callee));
    let service_account = &snapshot.spec(number).service_account;
    let probe = Probe { caller: &pod.caller, service_account, calls: &calls };
    match Cluster::connect(connection).ok()?.probe(&probe) {
        Ok(Admitted::Yes { granted, warnings }) => {
            granted_or_warned(&mut said, callee, &pod.caller, &calls, &granted, &warnings);
        }
        Ok(Admitted::No(why)) => denied(&mut said, &why, &pod.caller, &calls),
        Err(failure) => {
            let (why, _) = failure.worded();
            said.steps.push(step(None, format!("the webhook can't be asked by a dry run of a pod: {why}")));
        }
    }
    if in_part {
        said.steps.push(step(false, only_in_part(&pod.caller, callee, &calls)));
    }
    Some(said)
}

/// That of all that is asked about, only some is declared.
fn only_in_part(caller: &Caller, callee: &CalleePattern, declared: &[CalleePattern]) -> String {
    let declared: Vec<String> = declared.iter().map(ToString::to_string).collect();
    format!("of {callee} {caller} declares {} alone: what else it has is not granted", declared.join(", "))
}

fn step(holds: impl Into<Option<bool>>, text: String) -> Step {
    Step { holds: holds.into(), text, ..Step::default() }
}

fn granted_or_warned(
    said: &mut Said,
    callee: &CalleePattern,
    caller: &Caller,
    calls: &[CalleePattern],
    granted: &[CalleePattern],
    warnings: &[String],
) {
    let before = said.steps.len();
    for pattern in granted.iter().filter(|granted| granted.overlaps(callee)) {
        let text = format!("the webhook grants {caller} {pattern}: pods get the label {}=allowed", pattern.label_key());
        said.steps.push(step(true, text));
    }
    let about = |warning: &&String| {
        calls.iter().any(|callee| warning.starts_with(&format!("{caller} may not call {callee}: ")))
    };
    for warning in warnings.iter().filter(about) {
        said.steps.push(step(false, format!("the webhook warns: {warning}")));
    }
    if said.steps.len() == before {
        let text = format!(
            "the webhook gives {caller} no label for {callee}, and no reason: the callee takes no part, or the \
            webhook was not asked"
        );
        said.steps.push(step(None, text));
    }
}

/// What the webhook says where it refuses: in a line what, then what to do, then what to paste.
fn denied(said: &mut Said, why: &str, caller: &Caller, calls: &[CalleePattern]) {
    let mut lines = why.lines();
    let first = lines.next().unwrap_or_default();
    // The pod declares what its ServiceAccount declares besides, and that may be what is refused.
    if !calls.iter().any(|callee| first.starts_with(&format!("{caller} may not call {callee}: "))) {
        said.steps.push(step(None, format!("the webhook can't be asked about it alone, since it refuses: {first}")));
        return;
    }
    said.steps.push(step(false, format!("the webhook refuses it: {first}")));
    let Some(what) = lines.next() else { return };
    let paste: Vec<&str> = lines.skip(1).map(|line| line.strip_prefix("    ").unwrap_or(line)).collect();
    let paste = Some(paste.join("\n") + "\n").filter(|paste| !paste.trim().is_empty());
    said.fixes.push(Fix { what: what.trim().to_owned(), paste });
}

/// An explanation of a callee of which nothing could be read.
pub(super) fn unknown(callee: &CalleePattern, Said { steps: chain, fixes }: Said) -> Explanation {
    Explanation {
        allowed: None,
        in_part: false,
        summary: format!("{callee} can't be read; what follows is what the webhook says"),
        asked: PortSet::none(),
        ports: PortSet::none(),
        chain,
        caveats: Vec::new(),
        fixes,
    }
}
