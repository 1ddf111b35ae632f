//! A cluster as it is: running pods with the labels that they carry, and the policies that there are. What admission and the
//! controller would make of it is only compared.

use std::collections::BTreeMap;
use std::sync::Arc;

use rustc_hash::{FxHashMap, FxHashSet};

use super::{Expected, NamespaceState, Options, Pod};
use crate::caller::Controller;
use crate::compile::compile;
use crate::derive::{Derivation, Grant, Reason, Refusal};
use crate::mode::Mode;
use crate::names;
use crate::objects::{Objects, Workload};
use crate::pod::Declared;
use crate::policy::NetworkPolicy;
use crate::render::same;

/// Whether a pod runs, in a namespace that takes part in labels as its own label says. Where an override says otherwise, the
/// pod has the labels that it would have then.
pub(super) fn runs_as_it_is(object: &Workload, namespace: Option<&NamespaceState>) -> bool {
    let is_changed = namespace.is_some_and(|state| state.labelled.is_managed() != state.mode.is_managed());
    object.kind == "Pod" && !is_changed
}

/// Leaves out the templates of workloads that have pods: what runs is what counts. A workload without any is seen by its
/// template, as its pods would be.
pub(super) fn without_templates(objects: &Objects, pods: &mut Vec<(Controller, Pod)>) {
    let runs = |pod: &Pod| objects.workloads[pod.object].kind == "Pod";
    let key = |controller: &Controller, pod: &Pod| (pod.caller.namespace.clone(), controller.clone());
    let running: FxHashSet<(String, Controller)> =
        pods.iter().filter(|(_, pod)| runs(pod)).map(|(controller, pod)| key(controller, pod)).collect();
    pods.retain(|(controller, pod)| runs(pod) || !running.contains(&key(controller, pod)));
}

/// Takes an intent for granted where the pod carries its label, and the approval may be one that could not be read: nobody
/// but the webhook gives labels.
pub(super) fn believe_labels(objects: &Objects, object: &Workload, intents: &[Declared], derivation: &mut Derivation) {
    let is_unread = objects.unread.iter().any(|unread| unread.kind.ends_with("Approval"));
    if !is_unread || object.kind != "Pod" {
        return;
    }
    let carried = |refusal: &Refusal| {
        matches!(refusal.reason, Reason::NotApproved | Reason::TooWide { .. } | Reason::Expired { .. })
            && object.pod.labels.get(&refusal.callee.label_key()) == Some(names::ALLOWED)
    };
    let (granted, refused) = std::mem::take(&mut derivation.refusals).into_iter().partition(carried);
    derivation.refusals = refused;
    let granted: Vec<Refusal> = granted;
    let granted = granted.into_iter().map(|refusal| Grant { callee: refusal.callee, approvals: Vec::new() });
    derivation.grants.extend(granted);
    // In the order of the intents, as ever.
    let order = |grant: &Grant| intents.iter().position(|intent| intent.callee == grant.callee);
    derivation.grants.sort_by_key(order);
}

/// The policies that the controller should have written by now, by namespace and name: overrides change nothing about it.
pub(super) fn expected(objects: &Objects, options: &Options) -> Expected {
    let label = |labels: &crate::selector::Labels| labels.get(names::MODE).and_then(Mode::parse).unwrap_or_default();
    let modes: BTreeMap<String, Mode> =
        objects.namespaces.iter().map(|n| (n.metadata.name.clone(), label(&n.metadata.labels))).collect();
    let compiled = compile(&objects.services, &modes, &objects.approvals, &objects.prohibitions, options.now);
    Arc::new(compiled.policies.into_iter().map(|policy| name(&policy)).collect())
}

fn name(policy: &NetworkPolicy) -> (String, String) {
    (policy.metadata.namespace.clone(), policy.metadata.name.clone())
}

/// The policies that hold, each with whether it is what the controller would write, and how they differ from that.
pub(super) struct Held {
    pub(super) policies: Vec<(NetworkPolicy, bool)>,
    pub(super) replaced: Vec<NetworkPolicy>,
    pub(super) missing: Vec<NetworkPolicy>,
}

/// Compares the policies that there are with those that the controller would write, of which some are not `expected` yet:
/// they hold too, since that is what is asked.
pub(super) fn held(objects: &Objects, compiled: Vec<NetworkPolicy>, expected: &Expected) -> Held {
    let mut there: FxHashMap<_, &NetworkPolicy> =
        objects.policies.iter().map(|policy| (policy.metadata.key(), policy)).collect();
    let mut held = Held { policies: Vec::new(), replaced: Vec::new(), missing: Vec::new() };
    for policy in compiled {
        match there.get(&policy.metadata.key()) {
            Some(written) if same(written, &policy) => {
                there.remove(&written.metadata.key());
                held.policies.push((policy, true));
            }
            Some(_) => held.replaced.push(policy),
            None if expected.contains(&name(&policy)) => held.missing.push(policy),
            None => held.policies.push((policy, true)),
        }
    }
    held.policies.extend(there.into_values().cloned().map(|policy| (policy, false)));
    held
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mode::ModeOverride;
    use crate::snapshot::Snapshot;
    use crate::testing::{NOW, objects};

    const CLUSTER: &str = "
apiVersion: v1
kind: Namespace
metadata: {name: bank, labels: {netintent.dev/mode: enforce}}
---
apiVersion: v1
kind: Service
metadata: {namespace: bank, name: ledger}
spec: {selector: {app: ledger}, ports: [{port: 80, name: rpc}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {namespace: bank, name: ledger}
spec:
  selector: {matchLabels: {app: ledger}}
  template:
    metadata: {labels: {app: ledger, only: template}, annotations: {netintent.dev/calls: ledger}}
    spec: {containers: [{name: a, image: a}]}
---
apiVersion: v1
kind: Pod
metadata:
  namespace: bank
  name: ledger-5c6d7-abcde
  labels: {app: ledger, pod-template-hash: 5c6d7, forged.bank.to.netintent.dev/rpc: allowed}
  ownerReferences: [{apiVersion: apps/v1, kind: ReplicaSet, name: ledger-5c6d7, controller: true, uid: u}]
spec: {containers: [{name: a, image: a}]}
";

    fn observed(text: &str, modes: &[&str]) -> Snapshot {
        let modes: Vec<ModeOverride> = modes.iter().map(|mode| mode.parse().unwrap()).collect();
        Snapshot::new(objects(text), &Options { modes, observed: true, ..Options::at(NOW.parse().unwrap()) })
    }

    fn policies(snapshot: &Snapshot) -> Vec<(String, bool)> {
        snapshot.policies.iter().map(|p| (p.policy.metadata.name.clone(), p.generated)).collect()
    }

    fn missing(snapshot: &Snapshot) -> Vec<&str> {
        snapshot.missing.iter().map(|policy| policy.metadata.name.as_str()).collect()
    }

    #[test]
    fn running_pods_carry_what_they_carry_and_stand_for_their_template() {
        let snapshot = observed(CLUSTER, &[]);
        assert_eq!((snapshot.workloads.len(), snapshot.pods.len()), (1, 1));
        let labels = &snapshot.pods[0].labels;
        assert_eq!(labels.get("forged.bank.to.netintent.dev/rpc"), Some("allowed"));
        assert_eq!(labels.get("only"), None);
        // Without a pod the template tells.
        let template = CLUSTER.split("---\napiVersion: v1\nkind: Pod").next().unwrap();
        assert_eq!(observed(template, &[]).pods[0].labels.get("only"), Some("template"));
    }

    #[test]
    fn a_policy_that_is_not_there_does_not_hold() {
        let snapshot = observed(CLUSTER, &[]);
        assert_eq!(policies(&snapshot), []);
        assert_eq!(missing(&snapshot), ["netintent", "netintent-ledger"]);
        assert_eq!(missing(&snapshot.enforced()), ["netintent", "netintent-ledger"]);
    }

    #[test]
    fn a_policy_that_is_what_it_should_be_is_the_controllers() {
        let closed = "---\napiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\n\
            metadata: {namespace: bank, name: netintent}\nspec: {podSelector: {}, policyTypes: [Ingress]}\n";
        let edited = closed.replace("name: netintent", "name: netintent-ledger");
        let snapshot = observed(&format!("{CLUSTER}{closed}{edited}"), &[]);
        assert_eq!(policies(&snapshot), [("netintent".to_owned(), true), ("netintent-ledger".to_owned(), false)]);
        assert_eq!((missing(&snapshot).len(), snapshot.replaced.len()), (0, 1));
    }

    #[test]
    fn what_a_mode_would_bring_is_laid_over_what_there_is() {
        let off = CLUSTER.replace("mode: enforce", "mode: off");
        let text = off.replace("mode: off", "mode: \"off\"");
        assert_eq!(policies(&observed(&text, &[])), []);
        let snapshot = observed(&text, &["bank=enforce"]);
        assert_eq!(policies(&snapshot), [("netintent".to_owned(), true), ("netintent-ledger".to_owned(), true)]);
        assert_eq!(snapshot.pods[0].labels.get("forged.bank.to.netintent.dev/rpc"), None);
        let shadow = CLUSTER.replace("mode: enforce", "mode: shadow");
        let enforced = observed(&shadow, &[]).enforced();
        assert_eq!(policies(&enforced).len(), 2);
        assert_eq!(enforced.pods[0].labels.get("forged.bank.to.netintent.dev/rpc"), Some("allowed"));
    }
}
