//! NetworkPolicies of the input: what they select, and what their peers match.

use std::collections::BTreeMap;

use crate::callee::Scope;
use crate::finding::{Code, Finding, Step};
use crate::names;
use crate::objects::TargetPort;
use crate::policy::{Direction, NetworkPolicy, Peer, Rule};
use crate::render::{Rendered, rendered};
use crate::selector::Selector;
use crate::snapshot::{Policy, Snapshot};
use crate::unread::Gaps;

pub(super) fn check(snapshot: &Snapshot) -> Vec<Finding> {
    let gaps = Gaps::of(snapshot);
    // Whom approvals let in by `from` may not be read: then what is rendered is not what should be.
    let is_known = |finding: &Finding| {
        let namespace = finding.object.as_ref().map(|object| object.namespace.clone()).unwrap_or_default();
        finding.code != Code::EditedPolicy || !gaps.hides_statements(&Scope::Namespace(namespace))
    };
    let mut found: Vec<Finding> = rendered(snapshot).iter().filter_map(Rendered::finding).filter(is_known).collect();
    let mut empty: BTreeMap<&str, &NetworkPolicy> = BTreeMap::new();
    let ours = |policy: &NetworkPolicy| snapshot.replaced.iter().any(|o| o.metadata.key() == policy.metadata.key());
    for policy in snapshot.policies.iter().filter(|policy| !policy.generated && !ours(&policy.policy)) {
        let namespace = policy.policy.metadata.namespace.as_str();
        if snapshot.namespaces.get(namespace).is_none_or(|state| state.pods.is_empty()) {
            empty.entry(namespace).or_insert(&policy.policy);
            continue;
        }
        found.extend(selects_nothing(snapshot, policy));
        found.extend(peers(snapshot, &policy.policy));
        found.extend(isolates_all(snapshot, policy));
    }
    let place = snapshot.options.place();
    found.extend(empty.into_iter().map(|(namespace, policy)| {
        let message = format!("no pod of namespace {namespace} is in {place}: what its policies select can't be told");
        let help = "add the manifests of its workloads with -f".to_owned();
        Finding::new(Code::NoPods, message).help(help).about("NetworkPolicy", &policy.metadata)
    }));
    found
}

fn about(policy: &NetworkPolicy, code: Code, message: String) -> Finding {
    Finding::new(code, message).about("NetworkPolicy", &policy.metadata)
}

fn selects_nothing(snapshot: &Snapshot, policy: &Policy) -> Option<Finding> {
    let (policy, pods) = (&policy.policy, &policy.pods);
    let all: Vec<u32> = snapshot.namespaces.get(&policy.metadata.namespace)?.pods.clone().collect();
    let requirement = super::unmet(snapshot, &all, &policy.pods).filter(|_| pods.is_empty())?;
    let message =
        format!("the selector of NetworkPolicy {} matches no pod: {}", policy.metadata.full_name(), policy.pods);
    let labels = all.iter().map(|pod| &snapshot.pods[*pod as usize].labels);
    let path = super::to_requirement(&["spec".into(), "podSelector".into()], &["matchLabels"], requirement);
    Some(about(policy, Code::PolicySelectsNothing, message).help(super::near(requirement, labels)).field(path))
}

fn peers(snapshot: &Snapshot, policy: &NetworkPolicy) -> Vec<Finding> {
    let mut found = Vec::new();
    for (direction, list) in [(Direction::Ingress, "from"), (Direction::Egress, "to")] {
        for (at, rule) in policy.rules(direction).unwrap_or_default().iter().enumerate() {
            for (index, peer) in rule.peers.iter().enumerate() {
                let path: [Step; 5] = ["spec".into(), direction.as_str().into(), at.into(), list.into(), index.into()];
                found.extend(matches_nothing(snapshot, policy, direction, peer, &path));
            }
        }
    }
    found
}

fn matches_nothing(
    snapshot: &Snapshot,
    policy: &NetworkPolicy,
    direction: Direction,
    peer: &Peer,
    path: &[Step],
) -> Option<Finding> {
    let Peer::Pods { pods, namespaces } = peer else { return None };
    let own = policy.metadata.namespace.as_str();
    if !super::peer_pods(snapshot, own, peer).is_empty() || may_be_unread(snapshot, own, namespaces.as_deref()) {
        return None;
    }
    let verb = if direction == Direction::Ingress { "lets nobody in" } else { "lets nobody out" };
    let message = format!("a peer of NetworkPolicy {} matches no pod, and {verb}: {peer}", policy.metadata.full_name());
    let finding = about(policy, Code::PeerSelectsNothing, message);
    // Where the pods could be that it means.
    let homes: Vec<u32> = match namespaces {
        None => snapshot.namespaces.get(own)?.pods.clone().collect(),
        Some(selector) => {
            let Some(pods) = within(snapshot, selector) else {
                return unknown_namespace(snapshot, selector, finding, path);
            };
            pods
        }
    };
    let labels = homes.iter().map(|pod| &snapshot.pods[*pod as usize].labels);
    let requirement = pods.as_ref().and_then(|selector| super::unmet(snapshot, &homes, selector))?;
    let near = super::near(requirement, labels);
    // Namespaces that lie elsewhere may have what is meant, unless these are named one by one.
    let certain = namespaces.as_ref().is_none_or(|selector| names_each(snapshot, selector));
    if near.is_none() && !certain {
        return None;
    }
    let mut path = path.to_vec();
    path.push("podSelector".into());
    Some(finding.help(near).field(super::to_requirement(&path, &["matchLabels"], requirement)))
}

/// Whether a peer may match pods that could not be read; without a selector of namespaces it means those of its own.
fn may_be_unread(snapshot: &Snapshot, own: &str, namespaces: Option<&Selector>) -> bool {
    let gaps = Gaps::of(snapshot);
    match namespaces {
        None => gaps.in_namespace(&["Pod"], own),
        Some(_) => gaps.any(&["Pod", "Namespace"]),
    }
}

/// The pods of the namespaces that a selector selects; `None` where it selects none that has pods in the input.
fn within(snapshot: &Snapshot, selector: &Selector) -> Option<Vec<u32>> {
    let selected = snapshot.namespaces.values().filter(|state| selector.matches(&state.labels));
    let pods: Vec<u32> = selected.flat_map(|state| state.pods.clone()).collect();
    (!pods.is_empty()).then_some(pods)
}

/// Whether a selector names its namespaces by their names, and the input has pods of all of them.
fn names_each(snapshot: &Snapshot, selector: &Selector) -> bool {
    let has_pods = |name: &String| snapshot.namespaces.get(name).is_some_and(|state| !state.pods.is_empty());
    let named = selector.required_values().find(|(key, _)| *key == names::NAMESPACE_NAME);
    named.is_some_and(|(_, values)| values.iter().all(has_pods))
}

/// A namespace that is not in the input may well exist; one whose name or label is nearly another's hardly.
fn unknown_namespace(snapshot: &Snapshot, selector: &Selector, finding: Finding, path: &[Step]) -> Option<Finding> {
    let labels = snapshot.namespaces.values().filter(|state| !state.pods.is_empty()).map(|state| &state.labels);
    let unmet = |requirement: &&crate::selector::Requirement| !labels.clone().any(|labels| requirement.matches(labels));
    let requirement = selector.requirements.iter().find(unmet)?;
    let near = super::near(requirement, labels.clone())?;
    let mut path = path.to_vec();
    path.push("namespaceSelector".into());
    Some(finding.help(near).field(super::to_requirement(&path, &["matchLabels"], requirement)))
}

/// A policy that isolates every pod of its namespace in a direction, though it has rules, which look like being about
/// some: unless another policy denies all in this direction, so that it changes nothing, or its rules allow all.
fn isolates_all(snapshot: &Snapshot, policy: &Policy) -> Option<Finding> {
    let all = snapshot.namespaces.get(&policy.policy.metadata.namespace)?.pods.clone();
    if policy.pods.len() != all.len() || !policy.policy.pods.is_empty() {
        return None;
    }
    let direction = [Direction::Ingress, Direction::Egress].into_iter().find(|direction| {
        let rules = policy.policy.rules(*direction).unwrap_or_default();
        let everything = rules.iter().any(|rule| rule.peers.is_empty() && rule.ports.is_empty());
        !rules.is_empty() && !everything && !is_baseline(policy, *direction) && !denied(snapshot, policy, *direction)
    })?;
    let others = |pod: &u32| {
        let mut others = snapshot.policies.iter().filter(|other| !std::ptr::eq(*other, policy));
        others.any(|other| other.policy.rules(direction).is_some() && other.pods.binary_search(pod).is_ok())
    };
    let polices = |pod: &u32| !snapshot.spec(*pod).host_network;
    let alone = all.clone().filter(|pod| polices(pod) && !others(pod)).map(|pod| snapshot.workload_of(pod).full_name());
    let alone: std::collections::BTreeSet<String> = alone.collect();
    let name = policy.policy.metadata.full_name();
    let cut = match (alone.is_empty(), direction) {
        (true, _) => String::new(),
        (false, Direction::Ingress) => format!("; no other policy lets anybody call {}", crate::finding::some(&alone)),
        (false, Direction::Egress) => format!("; no other policy lets {} call anybody", crate::finding::some(&alone)),
    };
    let namespace = &policy.policy.metadata.namespace;
    let message =
        format!("NetworkPolicy {name} isolates every pod of namespace {namespace} for {}{cut}", direction.as_str());
    let help = "select the pods that it is about; to deny by default, write a policy without rules".to_owned();
    Some(
        about(&policy.policy, Code::IsolatesNamespace, message).help(help).field(["spec".into(), "podSelector".into()]),
    )
}

/// Whether a policy is plainly about every pod: it allows the whole namespace, or for egress nothing but DNS.
fn is_baseline(policy: &Policy, direction: Direction) -> bool {
    let rules = policy.policy.rules(direction).unwrap_or_default();
    let own = |peer: &Peer| matches!(peer, Peer::Pods { pods, namespaces: None } if pods.as_ref().is_none_or(Selector::is_empty));
    let is_dns = |rule: &Rule| {
        !rule.ports.is_empty()
            && rule.ports.iter().all(|port| port.port == Some(TargetPort::Number(53)) && port.end.is_none())
    };
    rules.iter().any(|rule| rule.ports.is_empty() && rule.peers.iter().any(own))
        || direction == Direction::Egress && rules.iter().all(is_dns)
}

/// Whether a policy without rules, ours included, denies everything in a direction in the same namespace.
fn denied(snapshot: &Snapshot, policy: &Policy, direction: Direction) -> bool {
    snapshot.policies.iter().any(|other| {
        other.policy.metadata.namespace == policy.policy.metadata.namespace
            && other.policy.pods.is_empty()
            && other.policy.rules(direction).is_some_and(<[_]>::is_empty)
    })
}
