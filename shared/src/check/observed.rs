//! What only a cluster shows: labels and policies that are not what they should be.

use rustc_hash::FxHashMap;

use crate::compile;
use crate::finding::{Code, Finding};
use crate::names;
use crate::objects::Workload;
use crate::pod::Difference;
use crate::snapshot::{Pod, Snapshot};
use crate::unread::Gaps;

pub(super) fn check(snapshot: &Snapshot) -> Vec<Finding> {
    let mut found = Vec::new();
    if !snapshot.options.observed {
        return found;
    }
    for pod in &snapshot.pods {
        let object = &snapshot.objects.workloads[pod.object];
        if object.kind == "Pod" && !object.pod.ended {
            labels(snapshot, pod, object, &mut found);
        }
    }
    missing(snapshot, &mut found);
    leftover(snapshot, &mut found);
    found
}

/// Names the workload in place of each of its pods: what is wrong with all of them is said once.
pub(super) fn name_workloads(snapshot: &Snapshot, found: &mut [Finding]) {
    if !snapshot.options.observed {
        return;
    }
    let pods: FxHashMap<(&str, &str), u32> = (0..)
        .zip(&snapshot.pods)
        .map(|(at, pod)| (snapshot.objects.workloads[pod.object].metadata.key(), at))
        .collect();
    for object in found.iter_mut().filter_map(|finding| finding.object.as_mut()).filter(|o| o.kind == "Pod") {
        if let Some(pod) = pods.get(&(object.namespace.as_str(), object.name.as_str())) {
            let workload = snapshot.workload_of(*pod);
            object.kind.clone_from(&workload.kind);
            object.name.clone_from(&workload.name);
        }
    }
}

/// How the labels that a running pod carries differ from those that it is given.
#[derive(Debug, Default)]
struct Labels {
    /// Those that it carries and nobody gave it.
    ungranted: Vec<String>,
    /// Those that it was given and lacks.
    lacking: Vec<String>,
}

/// The running pods that carry reserved labels which `derive` does not give them, each with these. Where Namespaces or
/// approvals could not be read, those that may have been given are not among them.
pub fn ungranted(snapshot: &Snapshot) -> Vec<(&Workload, Vec<String>)> {
    let pods = snapshot.pods.iter().filter(|_| snapshot.options.observed);
    let objects = pods.map(|pod| (pod, &snapshot.objects.workloads[pod.object]));
    objects
        .filter(|(_, object)| object.kind == "Pod" && !object.pod.ended)
        .map(|(pod, object)| (object, compared(snapshot, pod, object).ungranted))
        .filter(|(_, keys)| !keys.is_empty())
        .collect()
}

fn compared(snapshot: &Snapshot, pod: &Pod, object: &Workload) -> Labels {
    let namespace = object.metadata.namespace.as_str();
    if snapshot.is_unread("Namespace", namespace) && !snapshot.namespaces.get(namespace).is_some_and(|n| n.known) {
        return Labels::default();
    }
    let difference = Difference::new(object.pod.labels.iter(), &snapshot.granted(pod));
    // Without the approvals nobody can say what is granted.
    let approvals_known = !snapshot.objects.unread.iter().any(|unread| unread.kind.ends_with("Approval"));
    let managed = snapshot.mode(namespace).is_managed();
    Labels {
        ungranted: if approvals_known || !managed { difference.removes } else { Vec::new() },
        // Nor, without the prohibitions, what is forbidden.
        lacking: if Gaps::of(snapshot).any(&["ClusterProhibition"]) { Vec::new() } else { difference.adds },
    }
}

/// Compares the labels that a pod carries with those that it is given.
fn labels(snapshot: &Snapshot, pod: &Pod, object: &Workload, found: &mut Vec<Finding>) {
    let about = |code, message: String| Finding::new(code, message).about("Pod", &object.metadata);
    let name = object.metadata.full_name();
    let Labels { ungranted, lacking } = compared(snapshot, pod, object);
    let forged = |key| format!("Pod {name} carries the label {key}, which no approval gives it");
    let lacks = |key| format!("Pod {name} lacks the label {key}, which it was granted");
    found.extend(ungranted.into_iter().map(|key| about(Code::UngrantedLabel, forged(key))));
    found.extend(lacking.into_iter().map(|key| about(Code::UnlabelledPod, lacks(key))));
}

fn missing(snapshot: &Snapshot, found: &mut Vec<Finding>) {
    for policy in &snapshot.missing {
        let metadata = &policy.metadata;
        if snapshot.is_unread("NetworkPolicy", &metadata.namespace) {
            continue;
        }
        let of = match metadata.annotation(names::SERVICE) {
            Some(service) => format!("Service {}/{}", metadata.namespace, service.value),
            None => format!("namespace {}", metadata.namespace),
        };
        let message = format!("NetworkPolicy {} is missing: {of}, in enforce, is not protected", metadata.full_name());
        found.push(Finding::new(Code::MissingPolicy, message).about("NetworkPolicy", metadata));
    }
}

/// Policies of ours that there should be no more.
fn leftover(snapshot: &Snapshot, found: &mut Vec<Finding>) {
    for policy in snapshot.policies.iter().filter(|policy| !policy.generated) {
        let metadata = &policy.policy.metadata;
        if !compile::is_ours(metadata) {
            continue;
        }
        let namespace = metadata.namespace.as_str();
        let is_known = snapshot.namespaces.get(namespace).is_some_and(|state| state.known);
        let edited = snapshot.replaced.iter().any(|other| other.metadata.key() == metadata.key());
        if is_known && !edited && !snapshot.is_unread("Service", namespace) {
            let message = format!("NetworkPolicy {} is ours, and no mode asks for it any more", metadata.full_name());
            found.push(Finding::new(Code::LeftoverPolicy, message).about("NetworkPolicy", metadata));
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::check::check;
    use crate::finding::Code;
    use crate::snapshot::{Options, Snapshot};
    use crate::testing::{NOW, objects};
    use crate::unread::{Extent, Unread};

    const CLUSTER: &str = "
apiVersion: v1
kind: Namespace
metadata: {name: bank, labels: {netintent.dev/mode: enforce}}
---
apiVersion: v1
kind: Namespace
metadata: {name: wild}
---
apiVersion: v1
kind: Service
metadata: {namespace: bank, name: ledger}
spec: {selector: {app: ledger}, ports: [{port: 80, name: rpc}]}
---
apiVersion: netintent.dev/v1alpha1
kind: Approval
metadata: {namespace: bank, name: own}
spec: {callers: [./teller], callees: [ledger]}
---
apiVersion: v1
kind: Pod
metadata:
  namespace: bank
  name: teller
  labels: {app: teller, ledger.bank.to.netintent.dev/rpc: allowed}
  annotations: {netintent.dev/calls: ledger}
spec: {containers: [{name: a, image: a}]}
---
apiVersion: v1
kind: Pod
metadata: {namespace: wild, name: forger, labels: {to.netintent.dev/rpc: allowed}}
spec: {containers: [{name: a, image: a}]}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {namespace: bank, name: netintent-gone, labels: {app.kubernetes.io/managed-by: netintent}}
spec: {podSelector: {matchLabels: {app: gone}}}
";

    fn told(unread: &[(&'static str, &'static str)]) -> Vec<(Code, String)> {
        let mut objects = objects(CLUSTER);
        objects.unread = unread
            .iter()
            .map(|(group, kind)| Unread {
                group: (*group).to_owned(),
                kind: (*kind).into(),
                extent: Extent::AllBut(std::collections::BTreeSet::new()),
                why: "forbidden".to_owned(),
            })
            .collect();
        let options = Options { observed: true, ..Options::at(NOW.parse().unwrap()) };
        let codes = [Code::MissingPolicy, Code::LeftoverPolicy, Code::UngrantedLabel, Code::UnlabelledPod];
        let found = check(&Snapshot::new(objects, &options), Vec::new());
        let wanted = found.into_iter().filter(|finding| codes.contains(&finding.code));
        let mut all: Vec<(Code, String)> =
            wanted.map(|f| (f.code, f.object.map_or_else(String::new, |o| o.name))).collect();
        all.sort();
        all
    }

    #[test]
    fn labels_and_policies_that_are_not_what_they_should_be_are_found() {
        let all = [
            (Code::MissingPolicy, "netintent"),
            (Code::MissingPolicy, "netintent-ledger"),
            (Code::LeftoverPolicy, "netintent-gone"),
            (Code::UngrantedLabel, "forger"),
            (Code::UngrantedLabel, "teller"),
            (Code::UnlabelledPod, "teller"),
        ];
        assert_eq!(told(&[]), all.map(|(code, name)| (code, name.to_owned())));
    }

    #[test]
    fn what_hangs_on_what_was_not_read_is_not_found() {
        let without =
            told(&[("netintent.dev", "ClusterApproval"), ("networking.k8s.io", "NetworkPolicy"), ("", "Service")]);
        // A label where nobody gives any is forged, whatever is approved.
        let left = [(Code::UngrantedLabel, "forger"), (Code::UnlabelledPod, "teller")];
        assert_eq!(without, left.map(|(code, name)| (code, name.to_owned())));
    }
}
