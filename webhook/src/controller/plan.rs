//! What should be, by what is known: pure. The rules are the library's.

use jiff::Timestamp;
use netintent::approval::{Approval, Prohibition};
use netintent::compile::{self, of_namespace, of_service};
use netintent::mode::Mode;
use netintent::pod::Difference;
use netintent::policy::NetworkPolicy;

use super::pods::Pod;
use super::queue::{Rank, Task};
use crate::admission::{Judged, judge};
use crate::world::{Key, World};

/// What is known, and when.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan<'w> {
    pub(crate) world: &'w World,
    /// netintent's own namespace, which is never managed.
    pub(crate) own: &'w str,
    pub(crate) now: Timestamp,
}

/// What a policy should be.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Wanted {
    /// So, or not there.
    So(Option<Box<NetworkPolicy>>),
    /// It stays as it is: its namespace is being deleted.
    AsItIs,
}

impl<'w> Plan<'w> {
    /// What a pod comes to.
    pub(crate) fn judged(self, pod: &Pod) -> Judged {
        let mut judged = judge(self.world, &pod.subject, self.now);
        if pod.subject.namespace == self.own {
            judged.keys.clear();
        }
        judged
    }

    /// How a pod's labels differ from what it comes to.
    pub(crate) fn difference(pod: &Pod, judged: &Judged) -> Difference {
        let carried = pod.reserved.iter().map(|(key, value)| (key.as_str(), value.as_str()));
        Difference::new(carried, &judged.keys)
    }

    /// What the policy of a Service should be.
    pub(crate) fn service(self, (namespace, name): &Key) -> Wanted {
        let Some(mode) = self.mode(namespace) else { return Wanted::AsItIs };
        let policy = self.world.service(namespace, name).and_then(|service| {
            let approvals = self.openings(namespace);
            let prohibitions: Vec<Prohibition> = self.world.statements().prohibitions().cloned().collect();
            of_service(service, mode, &approvals, &prohibitions, self.now)
        });
        Wanted::So(policy.map(Box::new))
    }

    /// What the policy of a namespace should be.
    pub(crate) fn namespace(self, namespace: &str) -> Wanted {
        let Some(mode) = self.mode(namespace) else { return Wanted::AsItIs };
        Wanted::So(of_namespace(namespace, mode, self.world.services_of(namespace)).map(Box::new))
    }

    /// What the policy of a task should be, and its name.
    pub(crate) fn policy(self, task: &Task) -> Option<(Key, Wanted)> {
        let wanted = match task {
            Task::Service(key) => self.service(key),
            Task::Namespace(namespace) => self.namespace(namespace),
            Task::Announce(_) | Task::Pod(_) | Task::Opened(_) | Task::Admission(_) => return None,
        };
        Some((Self::policy_key(task)?, wanted))
    }

    /// Where the policy of a task is, or would be.
    fn policy_key(task: &Task) -> Option<Key> {
        match task {
            Task::Service((namespace, name)) => Some((namespace.clone(), compile::policy_name(name))),
            Task::Namespace(namespace) => Some((namespace.clone(), compile::NAMESPACE_POLICY.to_owned())),
            Task::Announce(_) | Task::Pod(_) | Task::Opened(_) | Task::Admission(_) => None,
        }
    }

    /// The Services and the namespace whose policies are still to come: `held` says which there are.
    pub(crate) fn to_come(self, namespace: &str, held: impl Fn(&Key) -> bool) -> Vec<Task> {
        let services = self.world.services_of(namespace).map(|service| service.metadata.name.clone());
        let tasks = services.map(|name| Task::Service((namespace.to_owned(), name)));
        let tasks = tasks.chain([Task::Namespace(namespace.to_owned())]);
        let comes = |task: &Task| {
            Self::policy_key(task).is_some_and(|key| !held(&key))
                && matches!(self.policy(task), Some((_, Wanted::So(Some(_)))))
        };
        tasks.filter(comes).collect()
    }

    /// The mode of a namespace; `None` while it is being deleted.
    fn mode(self, namespace: &str) -> Option<Mode> {
        let facts = self.world.namespace(namespace).unwrap_or_default();
        let mode = if namespace == self.own { Mode::Off } else { facts.mode };
        (!facts.terminating).then_some(mode)
    }

    /// Whether peers without an intent may be let into a namespace.
    pub(crate) fn opens(self, namespace: &str) -> bool {
        self.about(namespace).next().is_some()
    }

    /// The approvals with a `from` that may be about a namespace.
    fn openings(self, namespace: &str) -> Vec<Approval> {
        self.about(namespace).cloned().collect()
    }

    fn about(self, namespace: &str) -> impl Iterator<Item = &'w Approval> {
        let all = self.world.statements().approvals().map(|(_, approval)| approval);
        all.filter(move |approval| {
            let of = approval.metadata.namespace.as_str();
            !approval.from.is_empty() && (of.is_empty() || of == namespace)
        })
    }
}

/// When to do what has to be done about a policy.
pub(crate) fn rank(task: &Task, removes: bool) -> Rank {
    match (task, removes) {
        (Task::Namespace(_), true) => Rank::OpenNamespace,
        (Task::Service(_), true) => Rank::OpenService,
        (Task::Pod(_), _) => Rank::Labels,
        (Task::Announce(_), _) => Rank::Announce,
        (Task::Service(_), false) => Rank::CloseService,
        (Task::Namespace(_), false) => Rank::CloseNamespace,
        (Task::Opened(_), _) => Rank::CloseOpened,
        (Task::Admission(_), _) => Rank::Readmit,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::watched::Watched;
    use serde_json::{Value, json};

    const KEY: &str = "ledger.bank.to.netintent.dev/rpc";

    fn world(mode: &str) -> World {
        let mut world = World::default();
        let namespace = |name: &str| json!({"metadata": {"name": name, "labels": {"netintent.dev/mode": mode}}});
        for name in ["shop", "bank", "netintent-system"] {
            world.apply(Watched::Namespace, &namespace(name)).unwrap();
        }
        let service = json!({"metadata": {"namespace": "bank", "name": "ledger"},
            "spec": {"selector": {"app": "ledger"}, "ports": [{"name": "rpc", "port": 80}]}});
        world.apply(Watched::Service, &service).unwrap();
        let approval = json!({"metadata": {"namespace": "bank", "name": "a"},
            "spec": {"callers": ["*/*"], "callees": ["ledger:rpc"], "expiresAt": "2030-01-01T00:00:00Z",
                "from": [{"ipBlock": {"cidr": "10.0.0.0/8"}}]}});
        world.apply(Watched::Approval, &approval).unwrap();
        world
    }

    fn pod(namespace: &str, labels: &Value, annotations: &Value) -> Pod {
        let key = (namespace.to_owned(), "web".to_owned());
        let object = json!({"metadata": {"namespace": namespace, "name": "web", "uid": "u", "resourceVersion": "7",
            "labels": labels, "annotations": annotations}, "spec": {"serviceAccountName": "web"}});
        Pod::read(&key, &object).unwrap()
    }

    fn plan<'w>(world: &'w World, now: &str) -> Plan<'w> {
        Plan { world, own: "netintent-system", now: now.parse().unwrap() }
    }

    #[test]
    fn a_pod_gets_what_it_has_a_right_to_and_keeps_nothing_else() {
        let calls = json!({"netintent.dev/calls": "bank/ledger:rpc"});
        let (before, after) = ("2029-01-01T00:00:00Z", "2030-01-01T00:00:00Z");
        for (mode, namespace, labels, annotations, now, adds, removes) in [
            ("shadow", "shop", json!({}), calls.clone(), before, 1, 0),
            ("shadow", "shop", json!({KEY: "allowed"}), calls.clone(), before, 0, 0),
            ("shadow", "shop", json!({KEY: "other", "app": "x"}), calls.clone(), before, 1, 0),
            ("shadow", "shop", json!({KEY: "allowed"}), calls.clone(), after, 0, 1),
            ("shadow", "shop", json!({KEY: "allowed"}), json!({}), before, 0, 1),
            ("off", "shop", json!({KEY: "allowed"}), calls.clone(), before, 0, 1),
            ("enforce", "netintent-system", json!({KEY: "allowed"}), calls.clone(), before, 0, 1),
            (
                "enforce",
                "shop",
                json!({KEY: "allowed"}),
                json!({"netintent.dev/calls": "bank/ledger:rpc", "kubernetes.io/config.mirror": "m"}),
                before,
                0,
                1,
            ),
        ] {
            let (world, pod) = (world(mode), pod(namespace, &labels, &annotations));
            let found = Plan::difference(&pod, &plan(&world, now).judged(&pod));
            assert_eq!((found.adds.len(), found.removes.len()), (adds, removes), "{mode} {namespace} {labels} {now}");
        }
    }

    #[test]
    fn policies_are_those_that_the_library_gives() {
        let service = ("bank".to_owned(), "ledger".to_owned());
        let peers = |world: &World, now: &str| match plan(world, now).service(&service) {
            Wanted::So(Some(policy)) => policy.ingress.unwrap()[0].peers.len(),
            _ => 0,
        };
        let enforced = world("enforce");
        let open = peers(&enforced, "2029-01-01T00:00:00Z");
        assert_eq!(peers(&enforced, "2031-01-01T00:00:00Z"), open - 1, "a `from` expires");
        assert_eq!(plan(&world("shadow"), "2029-01-01T00:00:00Z").service(&service), Wanted::So(None));
        let of = |world: &World, name: &str| plan(world, "2029-01-01T00:00:00Z").namespace(name);
        assert!(matches!(of(&enforced, "bank"), Wanted::So(Some(_))));
        assert_eq!(of(&enforced, "netintent-system"), Wanted::So(None));
        assert_eq!(of(&enforced, "unknown"), Wanted::So(None));
        let mut terminating = world("enforce");
        let object = json!({"metadata": {"name": "bank", "deletionTimestamp": "2026-01-01T00:00:00Z"}});
        terminating.apply(Watched::Namespace, &object).unwrap();
        assert_eq!(of(&terminating, "bank"), Wanted::AsItIs);
    }
}
