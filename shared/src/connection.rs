//! All connections of a snapshot at once, by classes of pods that the policies cannot tell apart.
//!
//! Every peer is resolved once to the set of pods that it matches; pods that the same policies select share an ingress
//! or egress class. A row (one source, every destination) is then the union of the open destinations and of the classes
//! behind the sets that the source is in, so that the cost follows the number of connections, not of pairs.

use std::sync::Arc;

use rustc_hash::FxHashMap;

use crate::number::number;
use crate::policy::{Direction, Peer, Rule};
use crate::selector::{Labels, Selector};
use crate::snapshot::Snapshot;

mod external;
mod ports;

pub use external::ExternalPorts;
pub use ports::{PortSetId, PortSets};

/// A set of pods that some peer matches.
type SetId = u32;
/// A class of pods that the same policies select in one direction.
type ClassId = u32;

/// The set of every pod.
const EVERYBODY: SetId = 0;
/// The empty set: of the labels that a policy of ours names, most are on no pod.
const NOBODY: SetId = 1;

/// One side of all connections: for each pod, which rules hold.
#[derive(Debug)]
struct Sides {
    /// The class of each pod; `None`: no policy isolates it, so the side is open.
    class_of: Vec<Option<ClassId>>,
    /// For each class: its rules.
    rules: Vec<Vec<ClassRule>>,
    /// For each class: its pods, in ascending order.
    members: Vec<Vec<u32>>,
    /// For each class: the policies that select its pods.
    policies: Vec<Vec<u32>>,
}

/// A rule as a class sees it.
#[derive(Debug)]
struct ClassRule {
    sets: Vec<SetId>,
    ports: RulePorts,
}

#[derive(Debug)]
enum RulePorts {
    /// The same for every destination.
    Fixed(PortSetId),
    /// By name: depends on the destination pod. Policy and rule, to ask again.
    ByDestination { policy: u32, rule: u32, direction: Direction },
}

/// See the module.
#[derive(Debug)]
pub struct Connections<'a> {
    snapshot: &'a Snapshot,
    ingress: Sides,
    egress: Sides,
    /// For each pod: the sets it is in, but for [`EVERYBODY`], in ascending order.
    sets_of: Vec<Vec<SetId>>,
    /// For each set: the ingress classes with a rule that names it.
    behind: Vec<Vec<ClassId>>,
    /// The pods that no policy isolates for ingress.
    open: Vec<u32>,
}

/// The destinations of one source: pod and allowed ports, in ascending order of pods, none of them empty.
pub type Row = Vec<(u32, PortSetId)>;

impl<'a> Connections<'a> {
    /// Resolves every policy. `ports` keeps the sets of ports that rows refer to.
    pub fn new(snapshot: &'a Snapshot, ports: &mut PortSets) -> Self {
        let mut resolver = Resolver::new(snapshot);
        let ingress = sides(snapshot, Direction::Ingress, &mut resolver, ports);
        let egress = sides(snapshot, Direction::Egress, &mut resolver, ports);
        let sets = resolver.sets;
        let mut sets_of: Vec<Vec<SetId>> = vec![Vec::new(); snapshot.pods.len()];
        for (id, set) in (0..).zip(&sets) {
            if id != EVERYBODY {
                set.iter().for_each(|pod| sets_of[*pod as usize].push(id));
            }
        }
        let mut behind: Vec<Vec<ClassId>> = vec![Vec::new(); sets.len()];
        for (class, rules) in (0..).zip(&ingress.rules) {
            for set in rules.iter().flat_map(|r| &r.sets) {
                if behind[*set as usize].last() != Some(&class) {
                    behind[*set as usize].push(class);
                }
            }
        }
        let open = (0..).zip(&ingress.class_of).filter(|(_, c)| c.is_none()).map(|(pod, _)| pod).collect();
        Self { snapshot, ingress, egress, sets_of, behind, open }
    }

    /// Whether some policy isolates a pod in a direction.
    pub fn is_isolated(&self, direction: Direction, pod: u32) -> bool {
        self.sides(direction).class_of[pod as usize].is_some()
    }

    /// Whether the policies cannot tell two pods apart as sources.
    pub fn same_source(&self, a: u32, b: u32) -> bool {
        self.sets_of[a as usize] == self.sets_of[b as usize]
            && self.egress.class_of[a as usize] == self.egress.class_of[b as usize]
    }

    /// Every destination that `source` may reach, itself included.
    pub fn row(&self, source: u32, ports: &mut PortSets) -> Row {
        match self.egress.class_of[source as usize] {
            None => self.reachable(source, ports),
            Some(class) => self.restricted(source, class, ports),
        }
    }

    /// The row of a source whose egress is open.
    fn reachable(&self, source: u32, ports: &mut PortSets) -> Row {
        let mut classes: Vec<ClassId> = self.behind[EVERYBODY as usize].clone();
        for set in &self.sets_of[source as usize] {
            classes.extend_from_slice(&self.behind[*set as usize]);
        }
        classes.sort_unstable();
        classes.dedup();
        let mut row: Row = self.open.iter().map(|pod| (*pod, PortSetId::ALL)).collect();
        for class in classes {
            let fixed = self.fixed_ports(source, class, ports);
            for pod in &self.ingress.members[class as usize] {
                let allowed = fixed.unwrap_or_else(|| self.class_ports(&self.ingress, class, source, *pod, ports));
                if allowed != PortSetId::NONE {
                    row.push((*pod, allowed));
                }
            }
        }
        row.sort_unstable_by_key(|(pod, _)| *pod);
        row
    }

    /// The row of a source whose egress is restricted: what lets it in, as far as it is let out.
    fn restricted(&self, source: u32, class: ClassId, ports: &mut PortSets) -> Row {
        let mut row = self.reachable(source, ports);
        row.retain_mut(|(pod, allowed)| {
            let egress = self.class_ports(&self.egress, class, *pod, *pod, ports);
            *allowed = ports.intersection(*allowed, egress);
            *allowed != PortSetId::NONE
        });
        row
    }

    /// What the ingress rules of a class allow from `source`, if that is the same for all its pods.
    fn fixed_ports(&self, source: u32, class: ClassId, ports: &mut PortSets) -> Option<PortSetId> {
        let mut sum = PortSetId::NONE;
        for rule in self.ingress.rules[class as usize].iter().filter(|r| self.is_in(source, &r.sets)) {
            match rule.ports {
                RulePorts::Fixed(set) => sum = ports.union(sum, set),
                RulePorts::ByDestination { .. } => return None,
            }
        }
        Some(sum)
    }

    /// What the rules of a class allow with `other` at the far end, towards the pod `destination`.
    fn class_ports(
        &self,
        sides: &Sides,
        class: ClassId,
        other: u32,
        destination: u32,
        ports: &mut PortSets,
    ) -> PortSetId {
        let mut sum = PortSetId::NONE;
        for rule in sides.rules[class as usize].iter().filter(|r| self.is_in(other, &r.sets)) {
            let allowed = match rule.ports {
                RulePorts::Fixed(set) => set,
                RulePorts::ByDestination { policy, rule, direction } => {
                    let rules = self.snapshot.policies[policy as usize].policy.rules(direction).unwrap_or_default();
                    ports.intern(&rules[rule as usize].ports_on(Some(&self.snapshot.spec(destination).ports)))
                }
            };
            sum = ports.union(sum, allowed);
        }
        sum
    }

    fn is_in(&self, pod: u32, sets: &[SetId]) -> bool {
        let own = &self.sets_of[pod as usize];
        sets.iter().any(|set| *set == EVERYBODY || own.binary_search(set).is_ok())
    }

    /// Each rule that holds for a pod in a direction.
    fn rules_of(&self, direction: Direction, pod: u32) -> impl Iterator<Item = &Rule> {
        let sides = self.sides(direction);
        let class = sides.class_of[pod as usize];
        class
            .into_iter()
            .flat_map(|class| &sides.policies[class as usize])
            .filter_map(move |at| self.snapshot.policies[*at as usize].policy.rules(direction))
            .flatten()
    }

    fn sides(&self, direction: Direction) -> &Sides {
        match direction {
            Direction::Ingress => &self.ingress,
            Direction::Egress => &self.egress,
        }
    }
}

/// Groups pods by the policies that select them, and resolves those policies' rules.
fn sides(snapshot: &Snapshot, direction: Direction, resolver: &mut Resolver<'_>, ports: &mut PortSets) -> Sides {
    let mut selecting: Vec<Vec<u32>> = vec![Vec::new(); snapshot.pods.len()];
    for (at, policy) in (0..).zip(&snapshot.policies) {
        if policy.policy.rules(direction).is_some() {
            policy.pods.iter().for_each(|pod| selecting[*pod as usize].push(at));
        }
    }
    let mut classes: FxHashMap<Vec<u32>, ClassId> = FxHashMap::default();
    let mut result =
        Sides { class_of: Vec::with_capacity(selecting.len()), rules: vec![], members: vec![], policies: vec![] };
    for (pod, policies) in (0..).zip(selecting) {
        if policies.is_empty() {
            result.class_of.push(None);
            continue;
        }
        let class = if let Some(class) = classes.get(&policies) {
            *class
        } else {
            let class = number(result.rules.len());
            result.rules.push(resolver.rules(&policies, direction, ports));
            result.members.push(Vec::new());
            result.policies.push(policies.clone());
            classes.insert(policies, class);
            class
        };
        result.members[class as usize].push(pod);
        result.class_of.push(Some(class));
    }
    result
}

/// Turns peers into sets of pods, each distinct peer once.
struct Resolver<'a> {
    snapshot: &'a Snapshot,
    sets: Vec<Arc<[u32]>>,
    by_peer: FxHashMap<(Option<&'a str>, &'a Peer), SetId>,
    namespaces: FxHashMap<&'a Selector, Arc<[bool]>>,
    namespace_ids: FxHashMap<&'a str, usize>,
}

impl<'a> Resolver<'a> {
    fn new(snapshot: &'a Snapshot) -> Self {
        let everybody: Arc<[u32]> = (0..number(snapshot.pods.len())).collect();
        let namespace_ids = snapshot.namespaces.keys().enumerate().map(|(at, name)| (name.as_str(), at)).collect();
        let (by_peer, namespaces) = (FxHashMap::default(), FxHashMap::default());
        Self { snapshot, sets: vec![everybody, Arc::new([])], by_peer, namespaces, namespace_ids }
    }

    fn rules(&mut self, policies: &[u32], direction: Direction, ports: &mut PortSets) -> Vec<ClassRule> {
        let snapshot = self.snapshot;
        let mut resolved = Vec::new();
        for at in policies {
            let policy = &snapshot.policies[*at as usize].policy;
            for (index, rule) in (0..).zip(policy.rules(direction).unwrap_or_default()) {
                let sets = self.rule_sets(&policy.metadata.namespace, rule);
                if sets.is_empty() {
                    continue;
                }
                let ports = if rule.has_named_ports() {
                    RulePorts::ByDestination { policy: *at, rule: index, direction }
                } else {
                    RulePorts::Fixed(ports.intern(&rule.ports_on(None)))
                };
                resolved.push(ClassRule { sets, ports });
            }
        }
        resolved
    }

    /// The sets of a rule's peers, without those that no pod is in.
    fn rule_sets(&mut self, own: &'a str, rule: &'a Rule) -> Vec<SetId> {
        if rule.peers.is_empty() {
            return vec![EVERYBODY];
        }
        let mut sets: Vec<SetId> = rule.peers.iter().map(|peer| self.set(own, peer)).collect();
        sets.retain(|set| *set != NOBODY);
        sets.sort_unstable();
        sets.dedup();
        sets
    }

    fn set(&mut self, own: &'a str, peer: &'a Peer) -> SetId {
        let Peer::Pods { pods, namespaces } = peer else { return NOBODY };
        // The policy's namespace matters only where the peer does not name namespaces.
        let key = (namespaces.is_none().then_some(own), peer);
        if let Some(set) = self.by_peer.get(&key) {
            return *set;
        }
        let all = Selector::default();
        let candidates = match namespaces {
            None => self.snapshot.select(Some(own), pods.as_ref().unwrap_or(&all)),
            Some(selector) => {
                let matching = self.matching(selector);
                let mut candidates = self.snapshot.select(None, pods.as_ref().unwrap_or(&all));
                candidates.retain(|pod| {
                    let namespace = self.snapshot.namespace_of(*pod);
                    self.namespace_ids.get(namespace).is_some_and(|id| matching[*id])
                });
                candidates
            }
        };
        debug_assert!(candidates.iter().all(|pod| self.agrees(own, peer, *pod)));
        let set = match candidates.len() {
            0 => NOBODY,
            count if count == self.snapshot.pods.len() => EVERYBODY,
            _ => self.add(candidates.into()),
        };
        self.by_peer.insert(key, set);
        set
    }

    /// That the index found what the peer itself would.
    fn agrees(&self, own: &str, peer: &Peer, pod: u32) -> bool {
        let namespace = self.snapshot.namespace_of(pod);
        let none = Labels::default();
        let labels = self.snapshot.namespace_labels(namespace).unwrap_or(&none);
        peer.matches_pod(own, namespace, labels, &self.snapshot.pods[pod as usize].labels).is_ok()
    }

    fn add(&mut self, pods: Arc<[u32]>) -> SetId {
        self.sets.push(pods);
        number(self.sets.len() - 1)
    }

    /// Which namespaces a selector selects.
    fn matching(&mut self, selector: &'a Selector) -> Arc<[bool]> {
        let snapshot = self.snapshot;
        Arc::clone(
            self.namespaces
                .entry(selector)
                .or_insert_with(|| snapshot.namespaces.values().map(|state| selector.matches(&state.labels)).collect()),
        )
    }
}
