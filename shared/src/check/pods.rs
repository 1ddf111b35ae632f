//! Pods: without Service, on their node's network, and with labels that are not theirs to write; policies of other APIs.

use std::collections::BTreeMap;

use rustc_hash::FxHashSet;

use crate::finding::{Code, Finding, Step};
use crate::mode::Mode;
use crate::names;
use crate::objects::Workload;
use crate::snapshot::{self, Pod, Snapshot};

pub(super) fn check(snapshot: &Snapshot) -> Vec<Finding> {
    let mut found = Vec::new();
    uncovered(snapshot, &mut found);
    let mut told = FxHashSet::default();
    for pod in &snapshot.pods {
        let object = &snapshot.objects.workloads[pod.object];
        if object.pod.host_network && told.insert(pod.workload) {
            found.push(host_network(object, &snapshot.workloads[pod.workload as usize]));
        }
    }
    let mut pods: Vec<Option<&Pod>> = vec![None; snapshot.objects.workloads.len()];
    snapshot.pods.iter().for_each(|pod| pods[pod.object] = Some(pod));
    for (workload, pod) in snapshot.objects.workloads.iter().zip(pods) {
        reserved(workload, pod, &mut found);
    }
    foreign(snapshot, &mut found);
    found
}

fn host_network(object: &Workload, workload: &snapshot::Workload) -> Finding {
    let (kind, name) = (&workload.kind, workload.full_name());
    let message = format!("{kind} {name} is on its node's network: most CNIs enforce no NetworkPolicy there");
    let finding = Finding::new(Code::HostNetwork, message).about(object.kind.clone(), &object.metadata);
    finding.field(super::in_template(object, &["spec", "hostNetwork"]))
}

/// Workloads of a namespace in `enforce` with a pod that no Service covers.
fn uncovered(snapshot: &Snapshot, found: &mut Vec<Finding>) {
    let mut has_service = vec![false; snapshot.pods.len()];
    for state in &snapshot.services {
        state.pods.iter().for_each(|pod| has_service[*pod as usize] = true);
    }
    for workload in &snapshot.workloads {
        let Some(pod) = workload.pods.clone().find(|pod| !has_service[*pod as usize]) else { continue };
        if snapshot.mode(&workload.namespace) != Mode::Enforce {
            continue;
        }
        let object = &snapshot.objects.workloads[snapshot.pods[pod as usize].object];
        let name = workload.full_name();
        let isolated =
            snapshot.policies.iter().any(|p| p.policy.ingress.is_some() && p.pods.binary_search(&pod).is_ok());
        // What runs to its end and listens to nothing is called by nobody.
        let runs_to_its_end = matches!(&*workload.kind, "Job" | "CronJob") && object.pod.ports.is_empty();
        if isolated && runs_to_its_end {
            continue;
        }
        let fate = if isolated { "nobody can be approved to call them" } else { "no policy stands before them" };
        let message =
            format!("no Service covers the pods of {} {name}, in a namespace in enforce: {fate}", workload.kind);
        let finding = Finding::new(Code::UncoveredPods, message).about(object.kind.clone(), &object.metadata);
        found.push(finding.field(["metadata".into(), "name".into()]));
    }
}

/// Keys that belong to the webhook. A running pod has those that it was given: only others are forged. `pod` is what the
/// object comes to, where it stands for itself.
fn reserved(workload: &Workload, pod: Option<&Pod>, found: &mut Vec<Finding>) {
    let given = |key: &str| workload.kind == "Pod" && pod.is_some_and(|pod| pod.labels.get(key).is_some());
    for (key, _) in workload.pod.labels.iter().filter(|(key, _)| names::is_reserved(key) && !given(key)) {
        let message = format!("the label {key} belongs to the webhook: it is given by approvals, not written");
        let help = "take it out, and declare the call in netintent.dev/calls".to_owned();
        let finding = Finding::new(Code::ReservedLabel, message).help(help);
        let mut path = super::in_template(workload, &["metadata", "labels"]);
        path.push(Step::from(key));
        found.push(finding.about(workload.kind.clone(), &workload.metadata).field(path));
    }
}

/// One finding for each kind of policy of another API.
fn foreign(snapshot: &Snapshot, found: &mut Vec<Finding>) {
    let mut kinds: BTreeMap<(&str, &str), (usize, &crate::objects::ForeignPolicy)> = BTreeMap::new();
    for policy in &snapshot.objects.foreign {
        kinds.entry((&policy.group, &policy.kind)).or_insert((0, policy)).0 += 1;
    }
    for ((group, kind), (count, first)) in kinds {
        let message = match count {
            1 => format!("a policy of another API may change the verdicts: {kind}.{group}"),
            count => format!(
                "{count} policies of another API may change the verdicts: {kind}.{group}, the first of them here"
            ),
        };
        found.push(Finding::new(Code::ForeignPolicy, message).about(first.kind.clone(), &first.metadata));
    }
}
