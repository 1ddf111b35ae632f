//! What a change of approvals opens and closes, or why it does neither.

use std::fmt::Write as _;

use netintent::callee::{CalleePattern, Port, Scope};
use netintent::caller::{Caller, CallerPattern};
use netintent::derive::Reason;
use netintent::diff::{Difference, diff};
use netintent::explain::{AskedPort, Explanation, Question, explain};
use netintent::names::printable;
use netintent::resolve::{Subject, is_workload};
use netintent::snapshot::Snapshot;
use netintent::unread::Unread;

use crate::printer::{self, BAD, GOOD, styled};
use crate::render::chain::write_fix;
use crate::render::ends::{caveats, ports, short};
use crate::source::{self, Loaded};

/// Who is approved or revoked for whom.
#[derive(Clone, Copy)]
pub(super) struct Pair<'a> {
    pub(super) caller: &'a CallerPattern,
    pub(super) callee: &'a CalleePattern,
}

/// How many connections are shown.
const MOST: usize = 20;

/// Says on standard error what opens and closes.
pub(super) fn tell(before: &Snapshot, after: &Snapshot, pair: Pair<'_>, approved: bool) {
    let verb = if approved { "opens" } else { "closes" };
    let unseen = unseen(after, pair);
    if !changes(before, after) {
        return nothing(before, after, pair, approved, &unseen);
    }
    if !unseen.is_empty() {
        let unseen = unseen.join(", ");
        printer::warning(&printable(&format!("cannot tell what {verb} besides: {unseen} could not be read")));
    }
    let forbids = |unread: &Unread| unread.kind == "ClusterProhibition" && !unread.is_not_installed();
    if approved && after.objects.unread.iter().any(forbids) {
        printer::warning("cannot tell whether a ClusterProhibition forbids it: they could not be read");
    }
}

/// The same of what was read before and after an edit of files, among which may be a cluster in a file.
pub(super) fn tell_of_files(before: &Loaded, after: &Loaded, pair: Pair<'_>, approved: bool) {
    let (then, now) = (source::settled(before), source::settled(after));
    tell(then.as_ref().unwrap_or(&before.snapshot), now.as_ref().unwrap_or(&after.snapshot), pair, approved);
}

/// Of what hangs on it what opens and closes: pods of either end and Services, as far as they could not be read.
fn unseen(snapshot: &Snapshot, pair: Pair<'_>) -> Vec<String> {
    let caller = match pair.caller {
        CallerPattern::One(Caller { namespace, .. }) | CallerPattern::Namespace(namespace) => Some(namespace),
        CallerPattern::Any => None,
    };
    let callee = match &pair.callee.scope {
        Scope::Service { namespace, .. } | Scope::Namespace(namespace) => Some(namespace),
        Scope::Cluster | Scope::Type(_) => None,
    };
    let touches = |unread: &Unread, namespace: Option<&String>| namespace.is_none_or(|name| unread.touches(name));
    let bears = |unread: &&Unread| {
        (is_workload(&unread.kind) && touches(unread, caller))
            || (matches!(&*unread.kind, "Pod" | "Service") && touches(unread, callee))
    };
    let mut unseen: Vec<&Unread> = snapshot.objects.unread.iter().filter(bears).collect();
    if unseen.iter().any(|unread| unread.kind == "Pod") {
        // Who may not read pods may mostly not read what makes them either.
        unseen.retain(|unread| matches!(&*unread.kind, "Pod" | "Service"));
    }
    unseen.into_iter().map(ToString::to_string).collect()
}

/// Says on standard error what connections open and close; whether there are any.
pub(super) fn changes(before: &Snapshot, after: &Snapshot) -> bool {
    let mut lines: Vec<String> = Vec::new();
    let _ = diff::<()>(before, after, &mut |difference| {
        lines.extend(line(&difference, true));
        lines.extend(line(&difference, false));
        Ok(())
    });
    lines.iter().take(MOST).for_each(|line| printer::note(line));
    if lines.len() > MOST {
        printer::note(&format!("and {} more", lines.len() - MOST));
    }
    !lines.is_empty()
}

/// One side of a difference: what opens, or what closes.
fn line(difference: &Difference<'_>, opens: bool) -> Option<String> {
    let [every, in_part] = if opens { difference.gained() } else { difference.lost() };
    if every.is_empty() && in_part.is_empty() {
        return None;
    }
    let word = if opens { styled(GOOD.bold(), "opens") } else { styled(BAD.bold(), "closes") };
    let ends = format!("{} → {}", short(&difference.source, false), short(&difference.destination, false));
    let mut text = format!("{word}: {}: {}", printable(&ends), ports(&every, &in_part));
    if !difference.caveats.is_empty() {
        let _ = write!(text, " ({})", caveats(&difference.caveats));
    }
    Some(text)
}

/// Why nothing changes, or why that cannot be told.
fn nothing(before: &Snapshot, after: &Snapshot, pair: Pair<'_>, approved: bool, unseen: &[String]) {
    let verb = if approved { "opens" } else { "closes" };
    let unclear = |why: &str| printer::warning(&printable(&format!("cannot tell what {verb}: {why}")));
    let unread = || format!("{} could not be read", unseen.join(", "));
    let (CallerPattern::One(caller), Scope::Service { namespace, name }) = (pair.caller, &pair.callee.scope) else {
        if !unseen.is_empty() {
            return unclear(&unread());
        }
        return printer::note(&format!("{verb} nothing: {}", of_pattern(after, pair, approved)));
    };
    let Some(question) = question(after, caller, (namespace, name), &pair.callee.port) else {
        if !unseen.is_empty() {
            return unclear(&unread());
        }
        let text = format!("{verb} nothing: there is no workload {caller}, or no Service {namespace}/{name}");
        return printer::note(&text);
    };
    let now = explain(after, &question);
    if now.allowed == Some(true) && unseen.is_empty() {
        return printer::note(&format!("{verb} nothing: it is allowed in any case: {}", printable(&now.summary)));
    }
    let then = explain(before, &question);
    if now.allowed.is_none() || then.allowed.is_none() || !unseen.is_empty() {
        let why = if unseen.is_empty() { now.summary } else { unread() };
        return unclear(&why);
    }
    if !approved {
        return printer::note(&format!("{verb} nothing: it was not allowed before: {}", printable(&then.summary)));
    }
    printer::note(&format!("{verb} nothing yet: {}", printable(&now.summary)));
    remedies(&now);
}

/// What it still takes.
fn remedies(explanation: &Explanation) {
    let mut out = Vec::new();
    for (index, fix) in explanation.fixes.iter().enumerate() {
        // A vector takes everything.
        let _ = write_fix(&mut out, index, fix);
    }
    let text = String::from_utf8_lossy(&out);
    if !text.is_empty() {
        printer::note(text.trim_end_matches('\n'));
    }
}

/// The question whether one caller may call one Service.
fn question(snapshot: &Snapshot, caller: &Caller, (namespace, name): (&str, &str), port: &Port) -> Option<Question> {
    let service = snapshot.service(namespace, name)?;
    let of_caller = |pod: &u32| snapshot.pods[*pod as usize].caller == *caller;
    let source = snapshot.workloads.iter().enumerate().find_map(|(at, workload)| {
        let pods: Vec<u32> = workload.pods.clone().filter(of_caller).collect();
        (!pods.is_empty()).then_some(Subject::Workload(at, pods))
    })?;
    let port = (*port != Port::All).then(|| AskedPort::Service(port.clone()));
    Some(Question { source, destination: Subject::Service(service), port })
}

/// The same of many callers or callees: whether any of them declares it.
fn of_pattern(snapshot: &Snapshot, pair: Pair<'_>, approved: bool) -> String {
    let ours = snapshot.pods.iter().filter(|pod| pair.caller.matches(&pod.caller));
    let declared = |callee: &CalleePattern| pair.callee.covers(callee);
    let mut any = false;
    for pod in ours {
        any |= pod.intents.iter().any(|intent| declared(&intent.callee));
        for refusal in pod.derivation.refusals.iter().filter(|refusal| declared(&refusal.callee)) {
            if let Reason::Prohibited { prohibition } = refusal.reason {
                let name = &snapshot.objects.prohibitions[prohibition as usize].metadata.name;
                return format!("ClusterProhibition {name} forbids {} → {}", pod.caller, refusal.callee);
            }
        }
    }
    let (caller, callee) = (pair.caller, pair.callee);
    match (any, approved) {
        (false, _) => format!("no intent of {caller} in {} is covered by {callee}", snapshot.options.place()),
        (true, true) => format!("of {caller}, what declares it is open already, or cut by other policies"),
        (true, false) => format!("of {caller}, what declares it is open in any case, or cut by other policies"),
    }
}
