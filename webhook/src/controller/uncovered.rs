//! What running pods declare and carry no label for: whom a policy cuts, and how much is still to be approved.

use std::collections::BTreeSet;
use std::sync::Arc;

use netintent::callee::{CalleePattern, Scope};
use netintent::caller::Caller;
use netintent::catalogue::Catalogue as _;
use netintent::cut::{Budget, Declaration, Figures, figures};
use netintent::objects::Service;
use rustc_hash::FxHashMap;

use crate::admission::Judged;
use crate::world::{Key, World};

/// The running pods of which not every intent has its label.
#[derive(Debug, Default)]
pub(crate) struct Uncovered {
    pods: FxHashMap<Key, Declaration>,
    callers: FxHashMap<Caller, OfCaller>,
}

/// The pods of one caller, and how many of them lack a label for a callee.
#[derive(Debug, Default)]
struct OfCaller {
    pods: BTreeSet<Key>,
    lacks: FxHashMap<Arc<CalleePattern>, u32>,
}

/// What a pod that was looked at changes for its caller.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct News {
    /// The callees that the caller lacks a label for now, and had one for or did not declare before, or the other way round.
    pub(crate) callees: Vec<Arc<CalleePattern>>,
    /// The caller, where it lacks one that it did not lack before.
    pub(crate) lacks_more: Option<Caller>,
}

impl Uncovered {
    /// Takes in what a pod comes to, and whether anybody is asked for it; `None`: it is gone. Returns what that changes for
    /// its caller; `None`: it was known.
    pub(crate) fn put(&mut self, key: &Key, judged: Option<(&Judged, bool)>) -> Option<News> {
        let now = judged.map(|(judged, asked)| declaration(judged, asked)).filter(|pod| !pod.lacks.is_empty());
        if self.pods.get(key) == now.as_ref() {
            return None;
        }
        let before = match now.clone() {
            Some(pod) => self.pods.insert(key.clone(), pod),
            None => self.pods.remove(key),
        };
        let mut news = News::default();
        let touched: Vec<(&Caller, &Arc<CalleePattern>)> = pairs(before.as_ref()).chain(pairs(now.as_ref())).collect();
        let lacked: Vec<bool> = touched.iter().map(|pair| self.lacks(*pair)).collect();
        if let Some(before) = &before {
            self.forget(key, before);
        }
        if let Some(now) = &now {
            let of = self.callers.entry(now.caller.clone()).or_default();
            of.pods.insert(key.clone());
            now.lacks.iter().for_each(|callee| *of.lacks.entry(Arc::clone(callee)).or_default() += 1);
        }
        for (pair, lacked) in touched.into_iter().zip(lacked) {
            let lacks = self.lacks(pair);
            if lacks != lacked && !news.callees.contains(pair.1) {
                news.callees.push(Arc::clone(pair.1));
                if lacks {
                    news.lacks_more = Some(pair.0.clone());
                }
            }
        }
        Some(news)
    }

    fn lacks(&self, (caller, callee): (&Caller, &Arc<CalleePattern>)) -> bool {
        self.callers.get(caller).is_some_and(|of| of.lacks.contains_key(callee))
    }

    fn forget(&mut self, key: &Key, pod: &Declaration) {
        let Some(of) = self.callers.get_mut(&pod.caller) else { return };
        of.pods.remove(key);
        for callee in &pod.lacks {
            if let Some(count) = of.lacks.get_mut(callee) {
                *count = count.saturating_sub(1);
                if *count == 0 {
                    of.lacks.remove(callee);
                }
            }
        }
        if of.pods.is_empty() {
            self.callers.remove(&pod.caller);
        }
    }

    /// A pod of a caller.
    pub(crate) fn pod_of(&self, caller: &Caller) -> Option<&Key> {
        self.callers.get(caller)?.pods.first()
    }

    /// The callers that declare something in a scope and carry no label for it.
    pub(crate) fn about(&self, scope: &Scope) -> Vec<Caller> {
        let is = |of: &OfCaller| of.lacks.keys().any(|callee| callee.scope.overlaps(scope));
        self.callers.iter().filter(|(_, of)| is(of)).map(|(caller, _)| caller.clone()).collect()
    }

    /// Every caller.
    pub(crate) fn all(&self) -> Vec<Caller> {
        self.callers.keys().cloned().collect()
    }

    /// Who declares one of these Services and is cut where it is closed, each with a pod.
    pub(crate) fn cut_by<'u>(&'u self, world: &World, services: &[&Service]) -> Vec<(&'u Caller, &'u Key)> {
        let mut budget = Budget::default();
        let mut all = Vec::new();
        for (key, pod) in &self.pods {
            let is = |service: &&Service| {
                let mode = world.mode(&service.metadata.namespace);
                budget.take(&pod.caller, pod.lacks.len())
                    && pod.lacks.iter().any(|callee| pod.is_cut(callee, service, mode, &mut budget))
            };
            if services.iter().any(is) {
                all.push((&pod.caller, key));
            }
        }
        all
    }

    /// How much there is at this moment.
    pub(crate) fn figures(&self, world: &World) -> Figures {
        figures(self.pods.values(), world)
    }
}

/// What a pod declares, by what it comes to.
fn declaration(judged: &Judged, asked: bool) -> Declaration {
    Declaration::new(&judged.derived.caller, asked, &judged.derived.intents, &judged.keys)
}

/// Of whom and what a pod lacks labels.
fn pairs(pod: Option<&Declaration>) -> impl Iterator<Item = (&Caller, &Arc<CalleePattern>)> {
    pod.into_iter().flat_map(|pod| pod.lacks.iter().map(|callee| (&pod.caller, callee)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::controller::plan::Plan;
    use crate::controller::pods::Pod as Running;
    use crate::watched::Watched;
    use serde_json::{Value, json};
    use std::collections::BTreeMap;

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
        let judged = plan.judged(&pod);
        uncovered.put(&key, Some((&judged, judged.mode.is_managed())))
    }

    fn cut(uncovered: &Uncovered, world: &World, name: &str) -> Vec<String> {
        let service = world.service("bank", name).unwrap();
        let mut all: Vec<String> =
            uncovered.cut_by(world, &[service]).iter().map(|(caller, _)| caller.to_string()).collect();
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
        assert_eq!((news.callees.len(), news.lacks_more.is_some()), (1, true));
        assert_eq!(put(("shop", "refused"), "bank/ledger\nbank/cards:rpc"), None, "it is known");
        put(("shop", "wide"), "bank/*:rpc\nbank/ledger:rpc").unwrap();
        // The Service has no such port: nothing opens it. Of a wildcard, a Service without the port is not meant.
        put(("shop", "port"), "bank/cards:none").unwrap();
        put(("shop", "metrics"), "bank/*:metrics").unwrap();
        put(("away", "unmanaged"), "bank/ledger:admin").unwrap();
        assert_eq!(cut(&uncovered, &world, "ledger"), ["away/unmanaged"]);
        assert_eq!(cut(&uncovered, &world, "cards"), ["shop/port", "shop/refused", "shop/wide"]);
        let figures = uncovered.figures(&world);
        assert_eq!(figures.refused, [("shop".to_owned(), 4)].into());
        assert_eq!((figures.would_be_cut, figures.uncounted.len()), ([("bank".to_owned(), 4)].into(), 0));
        let bank = uncovered.about(&Scope::Namespace("bank".to_owned()));
        assert_eq!((bank.len(), uncovered.about(&Scope::Namespace("shop".to_owned())).len()), (5, 0));
        let news = uncovered.put(&("shop".to_owned(), "refused".to_owned()), None).unwrap();
        assert_eq!((news.callees.len(), news.lacks_more), (1, None));
        assert_eq!(cut(&uncovered, &world, "cards"), ["shop/port", "shop/wide"]);
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
        let count = |news: Option<News>| news.map(|news| (news.callees.len(), news.lacks_more.is_some()));
        let (one, two) = (judged("bank/cards:rpc"), judged("bank/cards:rpc\nbank/cards:admin"));
        assert_eq!(count(uncovered.put(&key("a"), Some((&one, true)))), Some((1, true)));
        assert_eq!(count(uncovered.put(&key("b"), Some((&one, true)))), Some((0, false)));
        assert_eq!(uncovered.all().len(), 1, "one caller");
        assert_eq!(uncovered.pod_of(&uncovered.all()[0]), Some(&key("a")));
        assert_eq!(count(uncovered.put(&key("b"), Some((&two, true)))), Some((1, true)));
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

    #[test]
    fn what_can_not_be_closed_cuts_nobody_and_what_has_no_port_cuts_all() {
        let mut world = world(&[("shop", "shadow"), ("bank", "shadow")]);
        for (name, spec) in [
            ("loose", json!({"ports": [{"name": "rpc", "port": 80}]})),
            ("external", json!({"type": "ExternalName", "externalName": "a.example", "selector": {"app": "a"}})),
            ("portless", json!({"clusterIP": "None", "selector": {"app": "a"}})),
        ] {
            let object = json!({"metadata": {"namespace": "bank", "name": name}, "spec": spec});
            world.apply(Watched::Service, &object).unwrap();
        }
        let mut uncovered = Uncovered::default();
        put(&mut uncovered, &world, ("shop", "web"), "bank/loose:rpc\nbank/external\nbank/portless").unwrap();
        for (name, expected) in [("loose", &[][..]), ("external", &[]), ("portless", &["shop/web"])] {
            assert_eq!(cut(&uncovered, &world, name), expected, "{name}");
        }
    }

    #[test]
    fn who_declares_very_much_hides_nobody_else() {
        let mut world = world(&[("shop", "shadow"), ("bank", "shadow"), ("flood", "shadow")]);
        for number in 0..300 {
            let object = json!({"metadata": {"namespace": "bank", "name": format!("s{number}")},
                "spec": {"selector": {"app": "a"}, "ports": [{"name": "rpc", "port": 80}]}});
            world.apply(Watched::Service, &object).unwrap();
        }
        let mut uncovered = Uncovered::default();
        let calls: Vec<String> = (0..200).map(|number| format!("*/*:p{number}")).collect();
        for number in 0..50 {
            put(&mut uncovered, &world, ("flood", &format!("w{number}")), &calls.join("\n")).unwrap();
        }
        put(&mut uncovered, &world, ("shop", "web"), "bank/cards:rpc").unwrap();
        let figures = uncovered.figures(&world);
        assert_eq!((figures.uncounted.len(), figures.refused["shop"]), (1, 1));
        assert_eq!(cut(&uncovered, &world, "cards"), ["shop/web"]);
    }
}
