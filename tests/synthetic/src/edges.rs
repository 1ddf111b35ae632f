//! Who calls whom: edges drawn from power laws.

use super::cluster::{Cluster, Edge};
use super::random::{Random, Weighted};
use super::roles::Kind;

/// Edges for each caller; with its wildcards it stays within the 256 intents that a pod may have.
const MOST_EDGES: usize = 250;
/// Edges of a Job or `CronJob`.
const MOST_EDGES_OF_JOB: usize = 8;

/// Draws edges: a few callees have very many callers, a few callers very many callees, and nearly half of the calls
/// stay within their namespace.
pub(super) struct EdgeSource {
    random: Random,
    /// Services, the most called first.
    by_fame: Vec<usize>,
    fame: Weighted,
    /// Callers, the busiest first.
    by_zeal: Vec<usize>,
    zeal: Weighted,
    /// The Services of each namespace.
    neighbours: Vec<Vec<usize>>,
    /// Gateways, and how many callees each has.
    gateways: Vec<usize>,
    breadth: usize,
}

impl EdgeSource {
    /// A source for a cluster that has its Services and callers.
    pub(super) fn new(cluster: &Cluster, intents: usize) -> Self {
        let services = cluster.services.len();
        let mut neighbours = vec![vec![]; cluster.namespaces.len()];
        for (number, service) in cluster.services.iter().enumerate() {
            neighbours[service.namespace].push(number);
        }
        let mut random = Random::new(cluster.seed, "edges", 0);
        let gateways: Vec<usize> =
            neighbours.get(1).into_iter().flatten().copied().take(1 + services / 3_000).collect();
        let mut by_fame = random.order(services);
        // Everyone calls APIs; databases and queues are called by few.
        by_fame.sort_by_key(|&service| cluster.services[service].role.type_label != Some("backend"));
        EdgeSource {
            by_fame,
            fame: Weighted::power_law(services, 1),
            by_zeal: random.order(cluster.callers.len()),
            // Flat enough at its head that only gateways reach the most.
            zeal: Weighted::power_law(cluster.callers.len(), 20 + cluster.callers.len() / 100),
            neighbours,
            breadth: 240.min(services / 4).min(intents / (4 * gateways.len().max(1))),
            gateways,
            random,
        }
    }

    /// The Services that are called most, as drawing goes.
    pub(super) fn most_called(&self, count: usize) -> Vec<usize> {
        self.by_fame.iter().copied().take(count).collect()
    }

    /// Goes on with another stream of random numbers.
    pub(super) fn reseed(&mut self, random: Random) {
        self.random = random;
    }

    /// Adds so many edges, or as many as fit; says how many.
    pub(super) fn add(&mut self, cluster: &mut Cluster, count: usize) -> usize {
        if cluster.services.is_empty() {
            return 0;
        }
        let mut missing = count;
        for gateway in self.gateways.clone() {
            for _ in 0..20 * self.breadth {
                if missing > 0 && cluster.callers[gateway].edges.len() < self.breadth {
                    let callee = self.random.below(cluster.services.len());
                    missing -= usize::from(self.connect(cluster, gateway, callee));
                }
            }
        }
        for _ in 0..20 * count {
            if missing == 0 {
                return count;
            }
            let caller = self.by_zeal[self.zeal.draw(&mut self.random)];
            let near = &self.neighbours[cluster.callers[caller].namespace];
            let callee = if self.random.below(100) < 45 && !near.is_empty() {
                *self.random.pick(near)
            } else {
                self.by_fame[self.fame.draw(&mut self.random)]
            };
            missing -= usize::from(self.connect(cluster, caller, callee));
        }
        // So many that drawing hardly finds what is free: fill up in order.
        for caller in 0..cluster.callers.len() {
            for callee in 0..cluster.services.len() {
                if missing == 0 {
                    return count;
                }
                missing -= usize::from(self.connect(cluster, caller, callee));
            }
        }
        count - missing
    }

    /// Adds an edge, unless there is one or the caller has its fill.
    fn connect(&mut self, cluster: &mut Cluster, caller: usize, callee: usize) -> bool {
        let from = &mut cluster.callers[caller];
        let most = match from.kind {
            Kind::CronJob | Kind::Job => MOST_EDGES_OF_JOB,
            _ if caller >= cluster.services.len() => 0,
            _ => MOST_EDGES,
        };
        let taken = from.edges.iter().any(|edge| edge.callee == callee);
        if caller == callee || taken || from.edges.len() >= most {
            return false;
        }
        let ports = cluster.services[callee].ports.len();
        let port = match self.random.below(100) {
            0..8 => None,
            8..20 => Some(self.random.below(ports)),
            _ => Some(0),
        };
        from.edges.push(Edge { callee, port, approved: true });
        true
    }
}
