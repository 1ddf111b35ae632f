//! From workloads and Pods to pods as they would run: who they are, what they declare, which labels they carry.

use std::collections::BTreeMap;

use jiff::Timestamp;
use rustc_hash::{FxHashMap, FxHashSet};

use super::{Declared, NamespaceState, Pod, Workload, warnings};
use crate::caller::{self, Caller};
use crate::derive::{Derivation, Statements, derive};
use crate::finding::{Code, Finding};
use crate::intent::{self, Calls};
use crate::names;
use crate::number::number;
use crate::objects::Objects;

/// The pods with their controllers; the workload of each is not yet set.
pub(super) fn derived(
    objects: &Objects,
    namespaces: &BTreeMap<String, NamespaceState>,
    now: Timestamp,
    found: &mut Vec<Finding>,
) -> Vec<(caller::Controller, Pod)> {
    let statements = Statements::new(&objects.approvals, &objects.prohibitions, now);
    let controllers: FxHashMap<(&str, &str, &str), &crate::objects::Owner> = objects
        .workloads
        .iter()
        .filter(|w| matches!(&*w.kind, "ReplicaSet" | "Job"))
        .filter_map(|w| {
            Some(((w.metadata.namespace.as_str(), &*w.kind, w.metadata.name.as_str()), w.metadata.controller.as_ref()?))
        })
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
            controllers.get(&(namespace, kind, name)).map(|owner| (*owner).clone())
        });
        let overriding = object.pod.caller.as_ref().filter(|text| match caller::check_override(&text.value) {
            Ok(()) => true,
            Err(message) => {
                let finding = Finding::new(Code::MalformedCaller, message).about(object.kind.clone(), &object.metadata);
                found.push(finding.at_text(text, 0..text.value.len()));
                false
            }
        });
        let caller = Caller {
            namespace: namespace.to_owned(),
            name: overriding.map_or_else(|| controller.name.clone(), |text| text.value.clone()),
        };
        let account = accounts.get(&(namespace, object.pod.service_account.as_str()));
        let intents = declared(object, account, found);
        let derivation = if intents.is_empty() || object.pod.mirror {
            Derivation::default()
        } else {
            derive(&caller, intents.iter().map(|d| &d.callee), &statements)
        };
        let mut labels = object.pod.labels.clone();
        labels.retain(|key| !names::is_reserved(key));
        if namespaces.get(namespace).is_some_and(|n| n.mode.is_managed()) {
            for key in derivation.label_keys() {
                labels.insert(&key, names::ALLOWED);
            }
        }
        all.push((controller, Pod { object: at, workload: 0, labels, caller, intents, derivation }));
    }
    all
}

/// A pod's intents: the union of its own and its ServiceAccount's.
fn declared(
    object: &crate::objects::Workload,
    account: Option<&(usize, Calls)>,
    found: &mut Vec<Finding>,
) -> Vec<Declared> {
    let mut all = Vec::new();
    if let Some(text) = &object.pod.calls {
        let calls = intent::parse(&text.value, &object.metadata.namespace);
        found.extend(warnings::of_intents(&calls, text).map(|f| f.about(object.kind.clone(), &object.metadata)));
        all.extend(calls.intents.into_iter().map(|i| Declared { callee: i.callee, service_account: None, at: i.at }));
    }
    if let Some((at, calls)) = account {
        for intent in &calls.intents {
            if !all.iter().any(|d| d.callee == intent.callee) {
                let (callee, range) = (intent.callee.clone(), intent.at.clone());
                all.push(Declared { callee, service_account: Some(*at), at: range });
            }
        }
    }
    if all.len() > intent::MAX_INTENTS {
        found.push(warnings::too_many(all.len()).about(object.kind.clone(), &object.metadata));
        all.clear();
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
