//! A policy stands in the way: the rule to add to it, or to write beside it.

use crate::evaluate::{End, Side};
use crate::explain::{Fix, Pair, policies};
use crate::names;
use crate::policy::Direction;
use crate::port::PortSet;
use crate::snapshot::{Policy, Snapshot};

/// Lets the other end through one side of a pair.
///
/// The rule goes into the policy that selects the fewest pods. What netintent writes is nobody's to change, and what selects
/// every pod would open every pod: where nothing else stands in the way, the fix is a policy of the callee's own. Policies add up, and this one selects no pod that none selects already.
pub(super) fn by_policy(snapshot: &Snapshot, direction: Direction, pair: &Pair<'_>, side: &Side) -> Fix {
    let (selected, other) = match direction {
        Direction::Ingress => (pair.destination, pair.source),
        Direction::Egress => (pair.source, pair.destination),
    };
    let proposed = name(snapshot, direction, selected);
    // A policy of all pods, such as one that denies by default, is no place for an exception of one's own; but what was
    // pasted before is.
    let own = side
        .policies
        .iter()
        .map(|p| &snapshot.policies[p.policy])
        .filter(|p| !is_ours(p))
        .filter(|p| !p.policy.pods.is_empty() || Some(&p.policy.metadata.name) == proposed.as_ref())
        .min_by_key(|p| p.pods.len());
    let missing = pair.asked.difference(&side.ports);
    let what = format!(
        "let {} {} {}: ",
        policies::end_text(snapshot, other),
        if direction == Direction::Ingress { "in" } else { "be reached" },
        if missing.is_all() { "on all ports".to_owned() } else { format!("on {missing}") },
    );
    let rule = rule(snapshot, direction, other, &missing);
    match (own, selected) {
        (None, End::Pod(pod)) => {
            let namespace = snapshot.namespace_of(pod);
            let name = proposed.unwrap_or_default();
            let kind = if direction == Direction::Ingress { "Ingress" } else { "Egress" };
            let pods = pod_selector(snapshot, pod, "  ");
            let manifest = format!(
                "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {{namespace: {}, name: {name}}}\nspec:\n{pods}  policyTypes: [{kind}]\n{rule}",
                names::yaml(namespace)
            );
            Fix { what: format!("{what}whoever owns namespace {namespace} applies this"), paste: Some(manifest) }
        }
        (own, _) => {
            let name = own.map_or_else(String::new, |p| p.policy.metadata.full_name());
            Fix { what: format!("{what}add this to NetworkPolicy {name}"), paste: Some(rule) }
        }
    }
}

/// The name of a policy for a pod: by its own object, so that what is pasted for another replaces nothing; by its controller
/// where it runs, which outlives it.
fn name(snapshot: &Snapshot, direction: Direction, selected: End<'_>) -> Option<String> {
    let End::Pod(pod) = selected else { return None };
    let object = &snapshot.objects.workloads[snapshot.pods[pod as usize].object];
    let workload = snapshot.workload_of(pod);
    let (kind, name) = if snapshot.options.observed {
        (&workload.kind, &workload.name)
    } else {
        (&object.kind, &object.metadata.name)
    };
    Some(format!("{}-{name}-{}", kind.to_lowercase(), direction.as_str()))
}

/// Whether the controller wrote a policy, or would.
fn is_ours(policy: &Policy) -> bool {
    policy.generated || policy.policy.metadata.labels.get(names::MANAGED_BY) == Some(names::NETINTENT)
}

/// One rule under its direction, as it stands in a policy's spec.
fn rule(snapshot: &Snapshot, direction: Direction, other: End<'_>, ports: &PortSet) -> String {
    let key = match direction {
        Direction::Ingress => "from",
        Direction::Egress => "to",
    };
    let peer = match other {
        End::Addresses(addresses) => {
            let blocks = addresses.cidrs();
            let blocks: Vec<String> =
                blocks.iter().map(|net| format!("        - ipBlock: {{cidr: \"{net}\"}}\n")).collect();
            blocks.concat()
        }
        End::Pod(pod) => {
            let namespace = names::yaml(snapshot.namespace_of(pod));
            let selector = pod_selector(snapshot, pod, "          ");
            format!(
                "        - namespaceSelector:\n            matchLabels: {{{}: {namespace}}}\n{selector}",
                names::NAMESPACE_NAME
            )
        }
    };
    let listed: Vec<String> = ports
        .iter()
        .map(|(protocol, i)| match (i.from, i.to) {
            (1, u16::MAX) => format!("        - {{protocol: {protocol}}}\n"),
            (from, to) if from == to => format!("        - {{protocol: {protocol}, port: {from}}}\n"),
            (from, to) => format!("        - {{protocol: {protocol}, port: {from}, endPort: {to}}}\n"),
        })
        .collect();
    let listed =
        if ports.is_all() || ports.is_empty() { String::new() } else { format!("      ports:\n{}", listed.concat()) };
    format!("  {}:\n    - {key}:\n{peer}{listed}", direction.as_str())
}

/// A `podSelector` on the labels that somebody wrote.
fn pod_selector(snapshot: &Snapshot, pod: u32, indent: &str) -> String {
    let labels: Vec<String> = snapshot.pods[pod as usize]
        .labels
        .iter()
        .filter(|(key, _)| !names::is_reserved(key) && !names::is_of_one_pod(key))
        .map(|(key, value)| format!("{indent}    {key}: \"{value}\"\n"))
        .collect();
    if labels.is_empty() {
        format!("{indent}podSelector: {{}}\n")
    } else {
        format!("{indent}podSelector:\n{indent}  matchLabels:\n{}", labels.concat())
    }
}
