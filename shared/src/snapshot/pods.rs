//! From workloads and Pods to pods as they would run: who they are, what they declare, which labels they carry.

use std::collections::BTreeMap;

use rustc_hash::{FxHashMap, FxHashSet};

use super::{NamespaceState, Options, Pod, Snapshot, Workload, observed, warnings};
use crate::caller;
use crate::finding::Finding;
use crate::intent::{self, Calls};
use crate::names;
use crate::number::number;
use crate::objects::{Metadata, Objects};
use crate::pod::{self, Derived, Subject};
use crate::statements::Statements;

impl Snapshot {
    /// The keys of the labels that a pod has a right to.
    pub fn granted(&self, pod: &Pod) -> Vec<String> {
        let namespace = &self.objects.workloads[pod.object].metadata.namespace;
        if self.mode(namespace).is_managed() { pod.derivation.label_keys().collect() } else { Vec::new() }
    }
}

/// The pods with their controllers; the workload of each is not yet set.
pub(super) fn derived(
    objects: &Objects,
    namespaces: &BTreeMap<String, NamespaceState>,
    options: &Options,
    found: &mut Vec<Finding>,
) -> Vec<(caller::Controller, Pod)> {
    let statements = Statements::new(&objects.approvals, &objects.prohibitions);
    let known: FxHashMap<(&str, &str, &str), &Metadata> = (objects.workloads.iter())
        .filter(|w| matches!(&*w.kind, "ReplicaSet" | "Job"))
        .map(|w| ((w.metadata.namespace.as_str(), &*w.kind, w.metadata.name.as_str()), &w.metadata))
        .collect();
    let accounts: FxHashMap<(&str, &str), (usize, Calls)> = objects
        .service_accounts
        .iter()
        .enumerate()
        .filter_map(|(at, account)| {
            let text = account.metadata.annotation(names::CALLS)?;
            let calls = intent::parse(&text.value, &account.metadata.namespace);
            found.extend(warnings::of_intents(&calls, text).map(|f| f.about("ServiceAccount", &account.metadata)));
            Some(((account.metadata.namespace.as_str(), account.metadata.name.as_str()), (at, calls)))
        })
        .collect();
    let cron_jobs: FxHashSet<(&str, &str)> = objects
        .workloads
        .iter()
        .filter(|w| w.kind == "CronJob")
        .map(|w| (w.metadata.namespace.as_str(), w.metadata.name.as_str()))
        .collect();
    let mut all = Vec::with_capacity(objects.workloads.len());
    for (at, object) in objects.workloads.iter().enumerate() {
        // What another controller owns contributes its pods, never its template: its owner's template stands.
        let owned = match (&*object.kind, &object.metadata.controller) {
            ("ReplicaSet", Some(_)) => true,
            ("Job", Some(owner)) => {
                let namespace = object.metadata.namespace.as_str();
                owner.kind == "CronJob"
                    && owner.group == "batch"
                    && cron_jobs.contains(&(namespace, owner.name.as_str()))
            }
            _ => false,
        };
        if owned {
            continue;
        }
        let namespace = object.metadata.namespace.as_str();
        let controller = caller::controller(&object.kind, &object.metadata, &object.pod.labels, &|kind, name| {
            known.get(&(namespace, kind, name)).copied()
        });
        let own = object.pod.calls.as_ref().map(|text| {
            let calls = intent::parse(&text.value, namespace);
            let about = |finding: Finding| finding.about(object.kind.clone(), &object.metadata);
            found.extend(warnings::of_intents(&calls, text).map(about));
            calls
        });
        let account = accounts.get(&(namespace, object.pod.service_account.as_str()));
        let subject = Subject {
            namespace,
            controller: &controller,
            caller: object.pod.caller.as_ref().map(|text| text.value.as_str()),
            own: own.as_ref(),
            account: account.map(|(at, calls)| (*at, calls)),
            mirror: object.pod.mirror,
        };
        let Derived { caller, intents, mut derivation, errors } = pod::derived(&subject, &statements, options.now);
        if options.observed {
            observed::believe_labels(objects, object, &intents, &mut derivation);
        }
        found.extend(errors.iter().map(|error| warnings::of_pod(error, object)));
        let managed = namespaces.get(namespace).is_some_and(|n| n.mode.is_managed());
        let as_it_is = options.observed && observed::runs_as_it_is(object, namespaces.get(namespace));
        let labels =
            if as_it_is { object.pod.labels.clone() } else { pod::labels(&object.pod.labels, &derivation, managed) };
        all.push((controller, Pod { object: at, workload: 0, labels, caller, intents, derivation }));
    }
    all
}

/// Leaves out pods that have ended, where others stand for their workload.
pub(super) fn without_ended(objects: &Objects, pods: &mut Vec<(caller::Controller, Pod)>) {
    let has_ended = |pod: &Pod| objects.workloads[pod.object].pod.ended;
    let key = |controller: &caller::Controller, pod: &Pod| (pod.caller.namespace.clone(), controller.clone());
    let alive: FxHashSet<(String, caller::Controller)> =
        pods.iter().filter(|(_, pod)| !has_ended(pod)).map(|(controller, pod)| key(controller, pod)).collect();
    pods.retain(|(controller, pod)| !has_ended(pod) || !alive.contains(&key(controller, pod)));
}

/// Groups pods by controller, puts both in order and notes each namespace's pods.
pub(super) fn workloads(
    objects: &Objects,
    pods: &mut [(caller::Controller, Pod)],
    namespaces: &mut BTreeMap<String, NamespaceState>,
) -> Vec<Workload> {
    pods.sort_by(|(a, p), (b, q)| {
        (&p.caller.namespace, &a.name, &a.kind, p.object).cmp(&(&q.caller.namespace, &b.name, &b.kind, q.object))
    });
    let mut workloads: Vec<Workload> = Vec::new();
    for (at, (controller, pod)) in (0..).zip(pods.iter_mut()) {
        let namespace = &objects.workloads[pod.object].metadata.namespace;
        let same = workloads.last().is_some_and(|w| w.key() == (namespace, &controller.name, &controller.kind));
        match workloads.last_mut().filter(|_| same) {
            Some(workload) => workload.pods.end = at + 1,
            None => workloads.push(Workload {
                kind: controller.kind.clone(),
                namespace: namespace.clone(),
                name: controller.name.clone(),
                pods: at..at + 1,
            }),
        }
        pod.workload = number(workloads.len() - 1);
        if let Some(state) = namespaces.get_mut(namespace) {
            if state.pods.is_empty() {
                state.pods = at..at;
            }
            state.pods.end = at + 1;
        }
    }
    workloads
}
