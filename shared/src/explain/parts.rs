//! Addresses cut where policies part them: of a block some may be allowed, and what a rule does not hold alone, several
//! may hold together.

use super::addresses_text;
use crate::cidr::AddressSet;
use crate::evaluate::{End, Verdict, evaluate, rule_addresses};
use crate::policy::Direction;
use crate::snapshot::Snapshot;

/// The parts of `addresses`, each of which is all alike to the policies of the pods at the other end. `direction` is the
/// pods' side: ingress where the addresses call.
pub(super) fn parts(
    snapshot: &Snapshot,
    addresses: &AddressSet,
    pods: &[End<'_>],
    direction: Direction,
) -> Vec<AddressSet> {
    let decide = |part: &AddressSet| -> Vec<Verdict> {
        let verdict = |pod: &End<'_>| match direction {
            Direction::Ingress => evaluate(snapshot, End::Addresses(part), *pod),
            Direction::Egress => evaluate(snapshot, *pod, End::Addresses(part)),
        };
        pods.iter().map(verdict).collect()
    };
    let ports = |part: &AddressSet| decide(part).into_iter().map(|v| v.ports).collect::<Vec<_>>();
    let mut alike: Vec<(Vec<_>, Vec<AddressSet>)> = Vec::new();
    for part in cut(snapshot, addresses, pods, direction) {
        let allowed = ports(&part);
        match alike.iter_mut().find(|(known, _)| *known == allowed) {
            Some((_, parts)) => parts.push(part),
            None => alike.push((allowed, vec![part])),
        }
    }
    let together = |(allowed, parts): (Vec<_>, Vec<AddressSet>)| {
        let whole = parts.iter().fold(AddressSet::none(), |sum, part| sum.union(part));
        // Where different rules allow the parts, only the parts can be told with their reasons.
        if ports(&whole) == allowed { vec![whole] } else { parts }
    };
    alike.into_iter().flat_map(together).collect()
}

/// Cuts where one rule of these pods' policies ends and another begins.
fn cut(snapshot: &Snapshot, addresses: &AddressSet, pods: &[End<'_>], direction: Direction) -> Vec<AddressSet> {
    let selects = |policy: &&crate::snapshot::Policy| {
        pods.iter().any(|end| matches!(end, End::Pod(pod) if policy.pods.binary_search(pod).is_ok()))
    };
    let policies = snapshot.policies.iter().filter(selects);
    let rules = policies.filter_map(|policy| policy.policy.rules(direction)).flatten();
    let mut sets: Vec<AddressSet> = rules.map(rule_addresses).filter(|set| !set.is_empty() && !set.is_all()).collect();
    sets.sort();
    sets.dedup();
    let parts = AddressSet::partition(&sets.iter().collect::<Vec<_>>());
    parts.into_iter().map(|(part, _)| part.intersection(addresses)).filter(|part| !part.is_empty()).collect()
}

/// Addresses in a sentence: of many blocks the first ones.
pub(super) fn short(addresses: &AddressSet) -> String {
    const MOST: usize = 4;
    let cidrs = addresses.cidrs();
    if cidrs.len() <= MOST {
        return addresses_text(addresses);
    }
    let first: Vec<String> = cidrs.iter().take(MOST - 1).map(ToString::to_string).collect();
    format!("{} and {} more blocks", first.join(", "), cidrs.len() + 1 - MOST)
}
