//! What running pods declare and carry no label for: whom a policy cuts, and how much is still to be approved.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use netintent::callee::{CalleePattern, Port, Scope};
use netintent::caller::Caller;
use netintent::catalogue::{Catalogue as _, callee_mode, services_meant};
use netintent::compile::{means, service_mode};
use netintent::mode::Mode;
use netintent::objects::{Service, ServicePort};
use rustc_hash::{FxHashMap, FxHashSet};

use crate::admission::Judged;
use crate::world::{Key, World};

/// How much is looked at for the figures: whoever declares hundreds of wildcards in thousands of pods shall hold nobody up.
const MOST: usize = 2_000_000;

/// The running pods of which not every intent has its label.
#[derive(Debug, Default)]
pub(crate) struct Uncovered {
    pods: FxHashMap<Key, Pod>,
    /// How many pods of a caller lack a label for a callee.
    callers: FxHashMap<Caller, FxHashMap<Arc<CalleePattern>, u32>>,
}

/// What a pod that was looked at changes for its caller.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct News {
    /// The callees that the caller lacks a label for now, and had one for or did not declare before, or the other way round.
    pub(crate) callees: Vec<Arc<CalleePattern>>,
    /// Whether it lacks one that it did not lack before.
    pub(crate) lacks_more: bool,
}

/// One of them.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Pod {
    caller: Caller,
    /// Whether its namespace takes part.
    managed: bool,
    /// The intents without a label.
    lacks: BTreeSet<Arc<CalleePattern>>,
    /// Those with one.
    has: BTreeSet<Arc<CalleePattern>>,
}

/// How much there is, by namespace.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Figures {
    /// By the caller's namespace: how many callees the callers of it declare that have not approved them.
    pub(crate) refused: BTreeMap<String, usize>,
    /// By the callee's namespace: how many callers its Services in `shadow` would cut in `enforce`, of each Service those
    /// that declare it.
    pub(crate) would_be_cut: BTreeMap<String, usize>,
    /// Whether there is more than was counted.
    pub(crate) more: bool,
}

impl Uncovered {
    /// Takes in what a pod comes to; `None`: it is gone. Returns what that changes for its caller; `None`: it was known.
    pub(crate) fn put(&mut self, key: &Key, judged: Option<&Judged>) -> Option<News> {
        let now = judged.map(Pod::of).filter(|pod| !pod.lacks.is_empty());
        if self.pods.get(key) == now.as_ref() {
            return None;
        }
        let before = match now.clone() {
            Some(pod) => self.pods.insert(key.clone(), pod),
            None => self.pods.remove(key),
        };
        let mut news = News::default();
        let both = [(before, false), (now, true)];
        let touched: Vec<(&Caller, &Arc<CalleePattern>)> =
            both.iter().flat_map(|(pod, _)| pairs(pod.as_ref())).collect();
        let lacked: Vec<bool> = touched.iter().map(|pair| self.lacks(*pair)).collect();
        for (pod, more) in &both {
            pairs(pod.as_ref()).for_each(|(caller, callee)| self.count(caller, callee, *more));
        }
        for (pair, lacked) in touched.into_iter().zip(lacked) {
            let lacks = self.lacks(pair);
            if lacks != lacked && !news.callees.contains(pair.1) {
                news.callees.push(Arc::clone(pair.1));
                news.lacks_more |= lacks;
            }
        }
        Some(news)
    }

    fn lacks(&self, (caller, callee): (&Caller, &Arc<CalleePattern>)) -> bool {
        self.callers.get(caller).is_some_and(|callees| callees.contains_key(callee))
    }

    fn count(&mut self, caller: &Caller, callee: &Arc<CalleePattern>, more: bool) {
        if more {
            *self.callers.entry(caller.clone()).or_default().entry(Arc::clone(callee)).or_default() += 1;
            return;
        }
        let Some(callees) = self.callers.get_mut(caller) else { return };
        let left = callees.get(callee).map_or(0, |count| count.saturating_sub(1));
        match left {
            0 => drop(callees.remove(callee)),
            _ => drop(callees.insert(Arc::clone(callee), left)),
        }
        if callees.is_empty() {
            self.callers.remove(caller);
        }
    }

    /// A pod of each caller that declares something in a scope and carries no label for it.
    pub(crate) fn about(&self, scope: &Scope) -> Vec<Key> {
        self.one_of_each(|pod| pod.lacks.iter().any(|callee| callee.scope.overlaps(scope)))
    }

    /// A pod of each caller.
    pub(crate) fn all(&self) -> Vec<Key> {
        self.one_of_each(|_| true)
    }

    fn one_of_each(&self, meant: impl Fn(&Pod) -> bool) -> Vec<Key> {
        let mut seen: FxHashSet<&Caller> = FxHashSet::default();
        let of = self.pods.iter().filter(|(_, pod)| meant(pod) && seen.insert(&pod.caller));
        of.map(|(key, _)| key.clone()).collect()
    }

    /// Who declares a Service and is cut where it is closed, each with a pod.
    pub(crate) fn cut_by<'u>(&'u self, world: &World, service: &Service) -> Vec<(&'u Caller, &'u Key)> {
        let mode = world.mode(&service.metadata.namespace);
        let is = |pod: &Pod| pod.lacks.iter().any(|callee| pod.is_cut(callee, service, mode));
        self.pods.iter().filter(|(_, pod)| is(pod)).map(|(key, pod)| (&pod.caller, key)).collect()
    }

    /// How much there is at this moment.
    pub(crate) fn figures(&self, world: &World) -> Figures {
        let mut figures = Figures::default();
        let mut refused: FxHashSet<(&Caller, &CalleePattern)> = FxHashSet::default();
        let mut cut: FxHashSet<(&Caller, &str, &str)> = FxHashSet::default();
        // The pods of one caller declare the same.
        let mut seen: FxHashSet<(&Caller, &BTreeSet<_>, &BTreeSet<_>)> = FxHashSet::default();
        let mut callees: FxHashMap<&CalleePattern, (Mode, Vec<&Service>)> = FxHashMap::default();
        let mut steps = 0;
        for pod in self.pods.values().filter(|pod| seen.insert((&pod.caller, &pod.lacks, &pod.has))) {
            for callee in &pod.lacks {
                if steps > MOST {
                    figures.more = true;
                    return figures;
                }
                let (mode, shadow) = callees.entry(callee).or_insert_with(|| {
                    let all = services_meant(world, callee).into_iter().map(|(_, service)| service);
                    let mode = |service: &Service| service_mode(service, world.mode(&service.metadata.namespace));
                    (callee_mode(world, callee), all.filter(|service| mode(service) == Mode::Shadow).collect())
                });
                if pod.managed && *mode != Mode::Off && refused.insert((&pod.caller, callee)) {
                    *figures.refused.entry(pod.caller.namespace.clone()).or_default() += 1;
                }
                steps += 1 + shadow.len();
                for service in shadow {
                    let metadata = &service.metadata;
                    if pod.is_cut(callee, service, world.mode(&metadata.namespace))
                        && cut.insert((&pod.caller, &metadata.namespace, &metadata.name))
                    {
                        *figures.would_be_cut.entry(metadata.namespace.clone()).or_default() += 1;
                    }
                }
            }
        }
        figures
    }
}

/// Of whom and what a pod lacks labels.
fn pairs(pod: Option<&Pod>) -> impl Iterator<Item = (&Caller, &Arc<CalleePattern>)> {
    pod.into_iter().flat_map(|pod| pod.lacks.iter().map(|callee| (&pod.caller, callee)))
}

impl Pod {
    fn of(judged: &Judged) -> Self {
        let keys: FxHashSet<&str> = judged.keys.iter().map(String::as_str).collect();
        let callees = judged.derived.intents.iter().map(|declared| Arc::clone(&declared.callee));
        let (has, lacks) = callees.partition(|callee| keys.contains(callee.label_key().as_str()));
        Self { caller: judged.derived.caller.clone(), managed: judged.mode.is_managed(), lacks, has }
    }

    /// Whether an intent without a label means a port of a Service, in a namespace in `mode`, that no label opens.
    fn is_cut(&self, callee: &CalleePattern, service: &Service, mode: Mode) -> bool {
        let opens = |port: &Port| self.has.iter().any(|has| means(has, service, mode) && has.port.covers(port));
        let mut ports = service.ports.iter().map(ServicePort::identifier);
        means(callee, service, mode) && ports.any(|port| callee.port.covers(&port) && !opens(&port))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::controller::plan::Plan;
    use crate::controller::pods::Pod as Running;
    use crate::watched::Watched;
    use serde_json::{Value, json};

    fn world(modes: &[(&str, &str)]) -> World {
        let mut world = World::default();
        for (name, mode) in modes {
            let object = json!({"metadata": {"name": name, "labels": {"netintent.dev/mode": mode}}});
            world.apply(Watched::Namespace, &object).unwrap();
        }
        for name in ["ledger", "cards"] {
            let object = json!({"metadata": {"namespace": "bank", "name": name},
                "spec": {"selector": {"app": name}, "ports": [{"name": "rpc", "port": 80}, {"name": "admin", "port": 70}]}});
            world.apply(Watched::Service, &object).unwrap();
        }
        let approval = json!({"metadata": {"namespace": "bank", "name": "a"},
            "spec": {"callers": ["*/*"], "callees": ["ledger"]}});
        world.apply(Watched::Approval, &approval).unwrap();
        world
    }

    fn put(uncovered: &mut Uncovered, world: &World, (namespace, name): (&str, &str), calls: &str) -> Option<News> {
        let key = (namespace.to_owned(), name.to_owned());
        let object = json!({"metadata": {"namespace": namespace, "name": name,
            "annotations": {"netintent.dev/calls": calls}}, "spec": Value::Null});
        let pod = Running::read(&key, &object).unwrap();
        let plan = Plan { world, own: "netintent-system", now: jiff::Timestamp::UNIX_EPOCH };
        uncovered.put(&key, Some(&plan.judged(&pod)))
    }

    fn cut(uncovered: &Uncovered, world: &World, name: &str) -> Vec<String> {
        let service = world.service("bank", name).unwrap();
        let mut all: Vec<String> =
            uncovered.cut_by(world, service).iter().map(|(caller, _)| caller.to_string()).collect();
        all.sort_unstable();
        all
    }

    #[test]
    fn whoever_declares_and_has_no_label_is_cut() {
        let world = world(&[("shop", "shadow"), ("bank", "shadow"), ("away", "off")]);
        let mut uncovered = Uncovered::default();
        let mut put = |who, calls| put(&mut uncovered, &world, who, calls);
        assert_eq!(put(("shop", "covered"), "bank/ledger"), None);
        let news = put(("shop", "refused"), "bank/ledger\nbank/cards:rpc").unwrap();
        assert_eq!((news.callees.len(), news.lacks_more), (1, true));
        assert_eq!(put(("shop", "refused"), "bank/ledger\nbank/cards:rpc"), None, "it is known");
        put(("shop", "wide"), "bank/*:rpc\nbank/ledger:rpc").unwrap();
        // The Service has no such port.
        put(("shop", "port"), "bank/cards:none").unwrap();
        put(("away", "unmanaged"), "bank/ledger:admin").unwrap();
        assert_eq!(cut(&uncovered, &world, "ledger"), ["away/unmanaged"]);
        assert_eq!(cut(&uncovered, &world, "cards"), ["shop/refused", "shop/wide"]);
        let figures = uncovered.figures(&world);
        assert_eq!(figures.refused, [("shop".to_owned(), 3)].into());
        assert_eq!(figures.would_be_cut, [("bank".to_owned(), 3)].into());
        let bank = uncovered.about(&Scope::Namespace("bank".to_owned()));
        assert_eq!((bank.len(), uncovered.about(&Scope::Namespace("shop".to_owned())).len()), (4, 0));
        let news = uncovered.put(&("shop".to_owned(), "refused".to_owned()), None).unwrap();
        assert_eq!((news.callees.len(), news.lacks_more), (1, false));
        assert_eq!(cut(&uncovered, &world, "cards"), ["shop/wide"]);
    }

    #[test]
    fn of_a_caller_s_pods_the_first_and_the_last_are_news() {
        let world = world(&[("shop", "shadow"), ("bank", "shadow")]);
        let mut uncovered = Uncovered::default();
        let key = |name: &str| ("shop".to_owned(), name.to_owned());
        let judged = |calls: &str| {
            let object = json!({"metadata": {"namespace": "shop", "name": "x",
                "annotations": {"netintent.dev/calls": calls, "netintent.dev/caller": "web"}}, "spec": Value::Null});
            let pod = Running::read(&key("x"), &object).unwrap();
            Plan { world: &world, own: "netintent-system", now: jiff::Timestamp::UNIX_EPOCH }.judged(&pod)
        };
        let count = |news: Option<News>| news.map(|news| (news.callees.len(), news.lacks_more));
        let (one, two) = (judged("bank/cards:rpc"), judged("bank/cards:rpc\nbank/cards:admin"));
        assert_eq!(count(uncovered.put(&key("a"), Some(&one))), Some((1, true)));
        assert_eq!(count(uncovered.put(&key("b"), Some(&one))), Some((0, false)));
        assert_eq!(uncovered.all().len(), 1, "one caller");
        assert_eq!(count(uncovered.put(&key("b"), Some(&two))), Some((1, true)));
        assert_eq!(count(uncovered.put(&key("b"), None)), Some((1, false)));
        assert_eq!(count(uncovered.put(&key("a"), None)), Some((1, false)));
        assert!(uncovered.callers.is_empty());
    }

    #[test]
    fn what_takes_no_part_is_not_counted() {
        for (bank, refused, cut) in [("off", 0, 0), ("shadow", 1, 1), ("enforce", 1, 0)] {
            let world = world(&[("shop", "shadow"), ("bank", bank)]);
            let mut uncovered = Uncovered::default();
            for name in ["one", "two"] {
                put(&mut uncovered, &world, ("shop", name), "bank/cards:rpc").unwrap();
                let pod = uncovered.pods.get_mut(&("shop".to_owned(), name.to_owned())).unwrap();
                pod.caller.name = "web".to_owned();
            }
            let figures = uncovered.figures(&world);
            let count = |figures: &BTreeMap<String, usize>| figures.values().sum::<usize>();
            assert_eq!((count(&figures.refused), count(&figures.would_be_cut)), (refused, cut), "{bank}");
        }
    }
}
