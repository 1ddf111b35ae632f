//! The links of the chain: intent, approval, label, and the verdict in one sentence.

use super::{Explanation, Pair, Question, Step, parts, pods, policies};
use crate::callee::{CalleePattern, Port, Scope};
use crate::cidr::AddressSet;
use crate::derive::Reason;
use crate::evaluate::{End, evaluate};
use crate::finding::Place;
use crate::mode::Mode;
use crate::names;
use crate::objects::Metadata;
use crate::pod::Declared;
use crate::resolve::Subject;
use crate::snapshot::Snapshot;
use crate::suggest::nearest;

/// What the question comes to in terms of intents: who calls, and what it is to be called.
pub(super) struct Told<'a> {
    pub(super) snapshot: &'a Snapshot,
    /// The calling pod that stands for the others; `None`: addresses call.
    pub(super) pod: Option<u32>,
    /// The Service, and each of its ports that is asked about; `None`: no Service is called.
    pub(super) callee: Option<(usize, Vec<CalleePattern>)>,
}

/// How far an intent has come.
pub(super) enum Link<'a> {
    /// Not declared.
    Undeclared,
    /// Declared and refused.
    Refused(&'a Declared, &'a Reason),
    /// Declared and granted, by these approvals.
    Granted(&'a Declared, &'a [u32]),
}

impl<'a> Told<'a> {
    pub(super) fn new(snapshot: &'a Snapshot, question: &'a Question, pairs: &[Pair<'_>]) -> Self {
        // The pod that is worst off stands for all.
        let worst = pairs.iter().find(|p| !p.is_allowed()).or(pairs.first());
        let pod = worst.and_then(|p| if let End::Pod(pod) = p.source { Some(pod) } else { None });
        let callee = if let Subject::Service(at) = question.destination {
            let service = &snapshot.objects.services[at];
            let scope = crate::compile::scope_of(service);
            let asked = match &question.port {
                Some(super::AskedPort::Service(port)) => port.clone(),
                _ => Port::All,
            };
            let ports = service.ports.iter().map(crate::objects::ServicePort::identifier);
            let patterns = ports
                .filter(|port| asked.covers(port))
                .map(|port| CalleePattern { scope: scope.clone(), port })
                .collect();
            Some((at, patterns))
        } else {
            None
        };
        Self { snapshot, pod, callee }
    }

    /// How far the intent for one port of the Service has come. A grant that covers it wins over a refusal that does.
    pub(super) fn link(&self, pod: u32, service: usize, callee: &CalleePattern) -> Link<'a> {
        let snapshot = self.snapshot;
        let object = &snapshot.objects.services[service];
        let mode = snapshot.mode(&object.metadata.namespace);
        let pod = &snapshot.pods[pod as usize];
        let means = |declared: &&Declared| {
            crate::compile::means(&declared.callee, object, mode) && declared.callee.port.covers(&callee.port)
        };
        let granted = |declared: &Declared| pod.derivation.grants.iter().find(|g| g.callee == declared.callee);
        if let Some((declared, grant)) = pod.intents.iter().filter(means).find_map(|d| Some((d, granted(d)?))) {
            return Link::Granted(declared, &grant.approvals);
        }
        let refused = |declared: &Declared| pod.derivation.refusals.iter().find(|r| r.callee == declared.callee);
        match pod.intents.iter().filter(means).find_map(|d| Some((d, refused(d)?))) {
            Some((declared, refusal)) => Link::Refused(declared, &refusal.reason),
            None => Link::Undeclared,
        }
    }

    /// The mode of the called Service.
    pub(super) fn callee_mode(&self) -> Option<Mode> {
        self.callee.as_ref().map(|(service, _)| self.snapshot.services[*service].mode)
    }

    /// Whether the callee's policies let the source of a pair in on all that one port of the Service leads to.
    pub(super) fn lets_in(&self, pair: &Pair<'_>, service: usize, callee: &CalleePattern) -> bool {
        let End::Pod(to) = pair.destination else { return false };
        let mut leads = self.snapshot.ports_meant(callee, service).into_iter().filter(|(pod, ..)| *pod == to);
        leads.all(|(_, protocol, number)| pair.verdict.ingress.ports.contains(protocol, number))
    }

    pub(super) fn steps(&self, pairs: &[Pair<'_>]) -> Vec<Step> {
        let mut steps = Vec::new();
        if let (Some(pod), Some((service, callees))) = (self.pod, &self.callee) {
            for callee in callees {
                let open = pairs.iter().all(|pair| self.lets_in(pair, *service, callee));
                steps.extend(self.intent_steps(pod, *service, callee, open));
            }
        }
        steps.extend(policies::steps(self.snapshot, pairs));
        steps.extend(self.shadow_step(pairs));
        steps
    }

    /// What the callee's policies would say, were all that is in `shadow` in `enforce`.
    fn shadow_step(&self, pairs: &[Pair<'_>]) -> Option<Step> {
        let (service, _) = self.callee.as_ref()?;
        if self.snapshot.services[*service].mode != Mode::Shadow {
            return None;
        }
        // The same objects in the same order: pods keep their numbers.
        let enforced = self.snapshot.enforced();
        let then = |pair: &Pair<'_>| evaluate(&enforced, pair.source, pair.destination).ports.intersection(&pair.asked);
        let lost = pairs.iter().any(|pair| !then(pair).is_superset(&pair.allowed()));
        let won = pairs.iter().any(|pair| !pair.allowed().is_superset(&then(pair)));
        let name = self.snapshot.objects.services[*service].metadata.full_name();
        let (holds, outcome) = match (lost, won) {
            (true, _) => (Some(false), "this is cut"),
            (false, true) => (Some(true), "more of this is allowed"),
            (false, false) => (None, "this stays as it is"),
        };
        Some(Step::new(
            holds,
            format!("Service {name} is in shadow: once all of shadow is in enforce, {outcome}"),
            None,
        ))
    }

    fn intent_steps(&self, pod: u32, service: usize, callee: &CalleePattern, open: bool) -> Vec<Step> {
        let caller = &self.snapshot.pods[pod as usize].caller;
        let mode = self.snapshot.services[service].mode;
        let needed = mode == Mode::Shadow || mode == Mode::Enforce && !open;
        // Without a part in it, what is missing is no fault.
        let missing = if needed { Some(false) } else { None };
        let place = |declared: &Declared| {
            let text = self.snapshot.declaration(pod, declared)?;
            text.origin.map(|_| Place::Part(text.clone(), declared.at.clone()))
        };
        match self.link(pod, service, callee) {
            Link::Undeclared if self.snapshot.spec(pod).mirror => {
                vec![Step::new(missing, format!("{caller} is a mirror pod, which gets no grants"), None)]
            }
            Link::Undeclared => vec![self.undeclared(pod, callee, missing)],
            Link::Refused(declared, reason) => {
                let text = format!("{caller} declares {}", declared.callee);
                vec![Step::new(true, text, place(declared)), self.refusal(&declared.callee, reason, missing)]
            }
            Link::Granted(declared, approvals) => {
                let text = format!("{caller} declares {}", declared.callee);
                let mut steps = vec![Step::new(true, text, place(declared))];
                for at in approvals {
                    let approval = &self.snapshot.objects.approvals[*at as usize];
                    let reason =
                        approval.reason.as_ref().map_or_else(String::new, |r| format!(": {}", names::printable(r)));
                    let until = approval.expires_at.map_or_else(String::new, |at| format!(", until {at}"));
                    let text =
                        format!("{} {} approves it{reason}{until}", approval.kind(), approval.metadata.full_name());
                    let mut step = Step::new(true, text, approval.metadata.origin.map(Place::Whole));
                    step.steps.extend(who(&approval.metadata).map(|text| Step::new(None, text, None)));
                    steps.push(step);
                }
                if approvals.is_empty() {
                    steps.push(Step::new(true, "an approval that could not be read covers it: the label tells", None));
                }
                steps.push(self.label(pod, &declared.callee, missing));
                steps
            }
        }
    }

    fn undeclared(&self, pod: u32, callee: &CalleePattern, missing: Option<bool>) -> Step {
        let state = &self.snapshot.pods[pod as usize];
        let object = &self.snapshot.objects.workloads[state.object];
        let near = self.nearest(pod, callee);
        let said = near.map_or_else(String::new, |near| {
            let nobody = if self.is_missing(near) { ", and there is no such Service" } else { "" };
            format!("; the nearest it declares is {}{nobody}", near.callee)
        });
        let part = near.and_then(|near| {
            let text = self.snapshot.declaration(pod, near)?;
            text.origin.map(|_| Place::Part(text.clone(), near.at.clone()))
        });
        let whole = || self.snapshot.spec(pod).calls.as_ref().and_then(|t| t.origin).or(object.metadata.origin);
        let place = part.or_else(|| whole().map(Place::Whole));
        Step::new(missing, format!("{} does not declare {callee}{said}", state.caller), place)
    }

    /// What the pod declares that is most like the callee.
    pub(super) fn nearest(&self, pod: u32, callee: &CalleePattern) -> Option<&'a Declared> {
        let intents = &self.snapshot.pods[pod as usize].intents;
        let texts: Vec<String> = intents.iter().map(|d| d.callee.to_string()).collect();
        let near = nearest(&callee.to_string(), texts.iter().map(String::as_str))?;
        intents.iter().zip(&texts).find(|(_, text)| *text == near).map(|(declared, _)| declared)
    }

    /// Whether an intent names a Service that is not there.
    pub(super) fn is_missing(&self, declared: &Declared) -> bool {
        match &declared.callee.scope {
            Scope::Service { namespace, name } => self.snapshot.service(namespace, name).is_none(),
            _ => false,
        }
    }

    /// Whether there may be an approval of a callee that could not be read.
    fn is_unread(&self, callee: &CalleePattern) -> bool {
        self.snapshot.unread_approvals(callee).next().is_some()
    }

    fn refusal(&self, callee: &CalleePattern, reason: &Reason, missing: Option<bool>) -> Step {
        let objects = &self.snapshot.objects;
        let approval = |at: u32| &objects.approvals[at as usize];
        match reason {
            Reason::NotApproved if self.is_unread(callee) => {
                Step::new(None, "no approval that could be read covers it", None)
            }
            Reason::NotApproved => Step::new(missing, "no approval covers it", None),
            Reason::TooWide { approved } => {
                const MOST: usize = 5;
                let mut narrower: Vec<String> = approved.iter().take(MOST).map(ToString::to_string).collect();
                if approved.len() > MOST {
                    narrower.push(format!("{} more", approved.len() - MOST));
                }
                Step::new(missing, format!("no approval covers all of it; approved is {}", narrower.join(", ")), None)
            }
            Reason::Expired { approvals } => {
                let expired = approvals.iter().map(|at| approval(*at)).max_by_key(|a| a.expires_at);
                let text = expired.map_or_else(String::new, |a| {
                    let at = a.expires_at.map_or_else(String::new, |at| format!(" on {at}"));
                    format!("{} {} covered it and expired{at}", a.kind(), a.metadata.full_name())
                });
                Step::new(missing, text, expired.and_then(|a| a.metadata.origin).map(Place::Whole))
            }
            Reason::Prohibited { prohibition } => {
                let it = &objects.prohibitions[*prohibition as usize];
                let why = it.reason.as_ref().map_or_else(String::new, |r| format!(": {}", names::printable(r)));
                let text = format!("ClusterProhibition {} forbids it{why}", it.metadata.name);
                Step::new(false, text, it.metadata.origin.map(Place::Whole))
            }
        }
    }

    fn label(&self, pod: u32, callee: &CalleePattern, missing: Option<bool>) -> Step {
        let key = callee.label_key();
        let workload = self.snapshot.workload_of(pod);
        let pods = format!("pods of {} {}", workload.kind, workload.full_name());
        if let Some(step) = pods::lacking(self.snapshot, workload, &key, missing) {
            return step;
        }
        if self.snapshot.pods[pod as usize].labels.get(&key) == Some(names::ALLOWED) {
            return Step::new(true, format!("{pods} carry the label {key}={}", names::ALLOWED), None);
        }
        let mode = self.snapshot.mode(&workload.namespace);
        let place = self.snapshot.namespaces.get(&workload.namespace).and_then(|n| n.origin).map(Place::Whole);
        let text = format!("{pods} do not carry the label {key}: namespace {} is {mode}", workload.namespace);
        Step::new(missing, text, place)
    }

    /// The verdict in one sentence.
    pub(super) fn summary(&self, explanation: &Explanation, pairs: &[Pair<'_>]) -> String {
        if explanation.in_part {
            let denied = explanation.asked.difference(&explanation.ports);
            return if explanation.ports.is_empty() {
                some_of(pairs)
            } else {
                format!("{} is allowed, {denied} is not", explanation.ports)
            };
        }
        if explanation.allowed == Some(false) {
            let side = pairs.iter().find(|p| !p.is_allowed());
            let egress = side.is_some_and(|p| p.verdict.egress.ports.intersection(&p.asked).is_empty());
            let ingress = side.is_some_and(|p| p.verdict.ingress.ports.intersection(&p.asked).is_empty());
            return match (egress, ingress) {
                (true, true) => "neither side's policies allow it".to_owned(),
                (true, false) => "the caller's egress policies do not allow it".to_owned(),
                _ => self.ingress_summary(),
            };
        }
        self.allowed_summary(pairs)
    }

    fn ingress_summary(&self) -> String {
        if let (Some(pod), Some((service, callees)), Some(Mode::Enforce)) = (self.pod, &self.callee, self.callee_mode())
        {
            if self.snapshot.spec(pod).mirror {
                return "the caller is a mirror pod, which gets no grants".to_owned();
            }
            let first = callees.iter().map(|callee| self.link(pod, *service, callee));
            for link in first {
                match link {
                    Link::Undeclared => return "the caller does not declare it".to_owned(),
                    Link::Refused(_, Reason::Prohibited { .. }) => return "it is prohibited".to_owned(),
                    Link::Refused(..) => return "it is declared, and not approved".to_owned(),
                    Link::Granted(..) => {}
                }
            }
            return "the caller's namespace takes no part, so that its pods carry no label".to_owned();
        }
        "the callee's ingress policies do not allow it".to_owned()
    }

    fn allowed_summary(&self, pairs: &[Pair<'_>]) -> String {
        let isolated = pairs.iter().any(|p| p.verdict.ingress.isolated);
        if let (Some(pod), Some((service, callees))) = (self.pod, &self.callee) {
            let links: Vec<Link<'_>> = callees.iter().map(|callee| self.link(pod, *service, callee)).collect();
            let all = |is: fn(&Link<'_>) -> bool| links.iter().all(is);
            let declared = if all(|l| matches!(l, Link::Granted(..))) {
                "declared and approved"
            } else if all(|l| !matches!(l, Link::Undeclared)) {
                "declared, though not approved"
            } else if all(|l| matches!(l, Link::Undeclared)) {
                "though never declared"
            } else {
                "though not all of it is declared"
            };
            let mode = self.snapshot.services[*service].mode;
            return match (isolated, mode) {
                (true, Mode::Enforce) if all(|l| matches!(l, Link::Granted(..))) && self.labelled(pod, &links) => {
                    declared.to_owned()
                }
                (true, Mode::Enforce) => format!("{declared}; {}", self.opened_by(pairs)),
                (true, _) => format!("{declared}; policies of the callee's own let it in (mode {mode})"),
                (false, _) => format!("{declared}; no policy stands before the callee (mode {mode})"),
            };
        }
        if isolated { self.opened_by(pairs) } else { "no policy stands before the callee".to_owned() }
    }

    /// Whether the pod carries the label of each grant.
    fn labelled(&self, pod: u32, links: &[Link<'_>]) -> bool {
        let labels = &self.snapshot.pods[pod as usize].labels;
        links.iter().all(|link| match link {
            Link::Granted(declared, _) => labels.get(&declared.callee.label_key()) == Some(names::ALLOWED),
            _ => false,
        })
    }

    /// What lets the caller in where no intent of it does.
    fn opened_by(&self, pairs: &[Pair<'_>]) -> String {
        let mut by: Vec<&str> = Vec::new();
        for pair in pairs {
            for reason in &pair.verdict.ingress.policies {
                let policy = &self.snapshot.policies[reason.policy];
                for (at, (rule, reason)) in policy.policy.ingress.iter().flatten().zip(&reason.rules).enumerate() {
                    if reason.ports.intersection(&pair.asked).is_empty() {
                        continue;
                    }
                    let matched = rule.peers.iter().zip(&reason.peers).filter(|(_, m)| m.is_ok());
                    let mut matched = matched.map(|(peer, _)| peer);
                    by.push(if !policy.generated {
                        "a policy of the callee's own lets it in"
                    } else if rule.ports.is_empty() {
                        "the pods of a Service may reach each other"
                    } else if matched
                        .any(|p| policies::from_of(self.snapshot, &policy.policy.metadata, at, p).is_some())
                    {
                        "`from` in an approval lets it in"
                    } else {
                        "an approved intent lets it in"
                    });
                }
            }
        }
        by.sort_unstable();
        by.dedup();
        if by.is_empty() { "policies let it in".to_owned() } else { by.join("; ") }
    }
}

/// Who said it, and since when it stands, as far as an API server has written it down.
fn who(approval: &Metadata) -> Option<String> {
    let by = approval.annotation(names::APPROVED_BY).map(|by| format!("approved by {}", names::printable(&by.value)));
    let since = approval.created.map(|at| format!("created {at}"));
    let parts: Vec<String> = by.into_iter().chain(since).collect();
    (!parts.is_empty()).then(|| parts.join(", "))
}

/// Who of several is allowed.
fn some_of(pairs: &[Pair<'_>]) -> String {
    let allowed = |end: fn(&Pair<'_>) -> Option<AddressSet>| {
        let (yes, no): (Vec<_>, Vec<_>) = pairs.iter().partition(|pair| pair.is_allowed());
        let sum = |pairs: Vec<&Pair<'_>>| {
            pairs.into_iter().filter_map(end).fold(AddressSet::none(), |sum, part| sum.union(&part))
        };
        Some(sum(yes).difference(&sum(no))).filter(|sum| !sum.is_empty())
    };
    if let Some(callers) = allowed(|pair| policies::addresses(pair.source)) {
        return format!("only {} may connect", parts::short(&callers));
    }
    match allowed(|pair| policies::addresses(pair.destination)) {
        Some(callees) => format!("only {} may be reached", parts::short(&callees)),
        None => "only some pods may connect".to_owned(),
    }
}
