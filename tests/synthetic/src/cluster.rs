//! What is in the cluster: namespaces, Services, callers, and who calls whom. No YAML.

use std::ops::Range;

use super::Shape;
use super::edges::EdgeSource;
use super::names::{CHORES, NOUNS, namespace_name};
use super::random::{Random, Weighted, share_of};
use super::roles::{Kind, Port, ROLES, Role, ports};

/// How many of the most called callees are open to everyone by a `ClusterApproval`.
const OPEN_TO_ALL: usize = 2;

/// A Service. The workload behind it is the caller of the same number.
#[derive(Debug)]
pub(super) struct Service {
    pub(super) namespace: usize,
    pub(super) name: String,
    pub(super) role: &'static Role,
    pub(super) ports: Vec<Port>,
    pub(super) headless: bool,
}

/// A declared call.
#[derive(Clone, Debug)]
pub(super) struct Edge {
    /// The Service's number.
    pub(super) callee: usize,
    /// The place of the port among the Service's; `None`: every port.
    pub(super) port: Option<usize>,
    /// Whether an Approval names it. Wider approvals may cover it all the same: [`Cluster::covered_widely`].
    pub(super) approved: bool,
}

/// A workload that may call.
#[derive(Debug)]
pub(super) struct Caller {
    pub(super) namespace: usize,
    pub(super) name: String,
    pub(super) kind: Kind,
    pub(super) edges: Vec<Edge>,
    pub(super) wildcards: Vec<String>,
}

/// The whole cluster. Callers are first the Services' workloads, then Jobs, then the monitoring.
#[derive(Debug)]
pub(super) struct Cluster {
    pub(super) seed: u64,
    pub(super) namespaces: Vec<String>,
    pub(super) services: Vec<Service>,
    pub(super) callers: Vec<Caller>,
    /// Services that everyone may call, by a `ClusterApproval`.
    pub(super) open_to_all: Vec<usize>,
}

impl Cluster {
    /// Plans a cluster of this shape.
    pub(super) fn plan(shape: &Shape) -> Self {
        let count = shape.namespaces.max(1);
        let namespaces = (0..count).map(|number| namespace_name(number, count)).collect();
        let mut cluster =
            Cluster { seed: shape.seed, namespaces, services: vec![], callers: vec![], open_to_all: vec![] };
        cluster.add_services(shape.services);
        cluster.add_callers(shape.services);
        let mut edges = EdgeSource::new(&cluster, shape.intents);
        cluster.open_to_all = edges.most_called(OPEN_TO_ALL.min(shape.services / 20));
        edges.add(&mut cluster, shape.intents);
        cluster.withhold(share_of(shape.intents, shape.unapproved));
        cluster.change(&mut edges, share_of(shape.intents, shape.change));
        for caller in &mut cluster.callers {
            caller.edges.sort_by_key(|edge| edge.callee);
        }
        cluster
    }

    fn add_services(&mut self, count: usize) {
        let sizes = Weighted::power_law(self.namespaces.len(), 20);
        let mut random = Random::new(self.seed, "services", 0);
        let mut taken = vec![0; self.namespaces.len()];
        for number in 0..count {
            // One for each namespace first, so that none is empty.
            let namespace = if number < taken.len() { number } else { sizes.draw(&mut random) };
            let nth = taken[namespace];
            taken[namespace] += 1;
            let (noun, turn) = (NOUNS[(nth + 5 * namespace) % NOUNS.len()], nth / NOUNS.len());
            let role = &ROLES[(nth + turn) % ROLES.len()];
            let (word, round) = (role.word, turn / ROLES.len());
            let name = if round == 0 { format!("{noun}-{word}") } else { format!("{noun}-{word}-{}", round + 1) };
            let mut own = Random::new(self.seed, "service", number);
            let ports = ports(role, &mut own);
            let headless = role.kind == Kind::StatefulSet && own.once_in(2);
            self.services.push(Service { namespace, name, role, ports, headless });
        }
    }

    fn add_callers(&mut self, services: usize) {
        for (number, service) in self.services.iter().enumerate() {
            let name = if number % 12 == 7 { format!("{}-server", service.name) } else { service.name.clone() };
            self.callers.push(caller(service.namespace, name, service.role.kind, vec![]));
        }
        let last = self.namespaces.len() - 1;
        for number in 0..services / 12 {
            let mut random = Random::new(self.seed, "job", number);
            let namespace = random.below(self.namespaces.len());
            let chore = CHORES[number % CHORES.len()];
            let name = format!("{}-{chore}-{number}", random.pick(&NOUNS));
            let target = random.pick(&self.namespaces).clone();
            let wildcards = match number % 12 {
                // The last namespace is prohibited to call another, and so would be what overlaps it.
                _ if namespace == last => vec![],
                // Callers of a whole type stay few, however large the cluster: connections grow with it, not its square.
                0 if number < 120 => vec!["@database:postgres".to_owned()],
                5 if number < 120 => vec!["@cache:redis".to_owned()],
                2 | 8 => vec![format!("{target}/*:http")],
                _ => vec![],
            };
            let kind = if number % 3 == 1 { Kind::Job } else { Kind::CronJob };
            self.callers.push(caller(namespace, name, kind, wildcards));
        }
        for (name, kind, wildcard) in [
            ("prometheus", Kind::StatefulSet, "*/*:metrics"),
            ("otel-collector", Kind::DaemonSet, "*/*:metrics"),
            ("synthetic-prober", Kind::Deployment, "*/*:http"),
        ] {
            self.callers.push(caller(0, name.to_owned(), kind, vec![wildcard.to_owned()]));
        }
    }

    /// Withholds the approval of so many edges that hang on one of their own.
    fn withhold(&mut self, count: usize) {
        let edges = self.edges();
        for place in Random::new(self.seed, "unapproved", 0)
            .order(edges.len())
            .into_iter()
            .map(|place| edges[place])
            .filter(|&(caller, edge)| !self.covered_widely(caller, &self.callers[caller].edges[edge]))
            .take(count)
            .collect::<Vec<_>>()
        {
            self.callers[place.0].edges[place.1].approved = false;
        }
    }

    /// Changes so many edges: two fifths go, as many come, the rest lose their approval.
    fn change(&mut self, source: &mut EdgeSource, count: usize) {
        let edges = self.edges();
        let moved = (count * 2 / 5).min(edges.len());
        // Added first, so that what goes is not drawn again.
        source.reseed(Random::new(self.seed, "added", 0));
        let moved = source.add(self, moved);
        let mut order = Random::new(self.seed, "changed", 0).order(edges.len()).into_iter().map(|place| edges[place]);
        let mut gone: Vec<(usize, usize)> = order.by_ref().take(moved).collect();
        let revoked: Vec<(usize, usize)> = order
            .filter(|&(caller, edge)| self.hangs_on_its_own(caller, edge))
            .take(count.saturating_sub(2 * moved))
            .collect();
        for (caller, edge) in revoked {
            self.callers[caller].edges[edge].approved = false;
        }
        // From the back, so that the places before stay valid.
        gone.sort_unstable();
        for (caller, edge) in gone.into_iter().rev() {
            self.callers[caller].edges.remove(edge);
        }
    }

    /// Whether this edge is approved, and by nothing but an approval of its own: a wildcard's may cover it too.
    fn hangs_on_its_own(&self, caller: usize, edge: usize) -> bool {
        let from = &self.callers[caller];
        let edge = &from.edges[edge];
        edge.approved && from.wildcards.is_empty() && !self.covered_widely(caller, edge)
    }

    /// Every edge, as the numbers of its caller and of its place there.
    fn edges(&self) -> Vec<(usize, usize)> {
        let places = |(number, caller): (usize, &Caller)| (0..caller.edges.len()).map(move |edge| (number, edge));
        self.callers.iter().enumerate().flat_map(places).collect()
    }

    /// The name of a namespace.
    pub(super) fn namespace(&self, number: usize) -> &str {
        &self.namespaces[number]
    }

    /// Whether an approval wider than a caller's own covers this edge.
    pub(super) fn covered_widely(&self, caller: usize, edge: &Edge) -> bool {
        let namespace = self.services[edge.callee].namespace;
        self.open_to_all.contains(&edge.callee)
            || (self.callers[caller].namespace == namespace && open_inside(namespace))
    }

    /// The namespaces of the prohibition, the callers' and, one in twenty, the callees'; `None` where there are too few.
    pub(super) fn prohibition(&self) -> Option<(usize, Range<usize>)> {
        (self.namespaces.len() >= 5).then(|| {
            let count = self.namespaces.len();
            (count - 1, 2..4 + count / 20)
        })
    }

    fn prohibited(&self, caller: usize, edge: &Edge) -> bool {
        self.prohibition().is_some_and(|(from, to)| {
            self.callers[caller].namespace == from && to.contains(&self.services[edge.callee].namespace)
        })
    }

    /// Counts what was planned, as a YAML comment.
    pub(super) fn summary(&self) -> String {
        let edges: Vec<(usize, &Edge)> =
            self.edges().into_iter().map(|(caller, edge)| (caller, &self.callers[caller].edges[edge])).collect();
        let unapproved = edges.iter().filter(|(caller, edge)| !edge.approved && !self.covered_widely(*caller, edge));
        let prohibited = edges.iter().filter(|(caller, edge)| self.prohibited(*caller, edge));
        let (intents, unapproved, prohibited) = (edges.len(), unapproved.count(), prohibited.count());
        let (services, callers) = (self.services.len(), self.callers.len());
        let wildcards: usize = self.callers.iter().map(|caller| caller.wildcards.len()).sum();
        format!(
            "# Synthetic: seed {}, services {services}, workloads {callers}, intents {intents} (unapproved {unapproved}, \
             prohibited {prohibited}), wildcard intents {wildcards}\n",
            self.seed
        )
    }
}

/// Whether an Approval of this namespace lets everything in it call everything in it.
pub(super) fn open_inside(namespace: usize) -> bool {
    namespace % 8 == 3
}

fn caller(namespace: usize, name: String, kind: Kind, wildcards: Vec<String>) -> Caller {
    Caller { namespace, name, kind, edges: vec![], wildcards }
}
