//! What a change of one object can change elsewhere: nothing else is looked at.

use netintent::approval::Approval;
use netintent::caller::CallerPattern;

use super::recovery::Configuration;
use crate::watched::Watched;
use crate::world::{Change, Key, Known};

/// What may no longer be as it should.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Touched {
    /// The labels of a pod.
    Pod(Key),
    /// The labels of the pods of these callers.
    Callers(Vec<CallerPattern>),
    /// The labels of the pods of a ServiceAccount.
    Account(Key),
    /// The labels of the pods that a ReplicaSet or Job controls.
    Owned(Watched, Key),
    /// The policy of a Service.
    Service(Key),
    /// The policy of a namespace.
    Namespace(String),
    /// What is to be told before a namespace or Services of it are closed.
    Closing(String),
    /// All that is in a namespace: pods, Services, and its own policy.
    All(String),
    /// The policies of the Services of a namespace, or of all.
    Services(Option<String>),
    /// A policy of `recover` whose time is over.
    Opened(Key),
    /// All that `recover` has opened, since the API server gets answers: these configurations, and the policies there are.
    Answered(Vec<Configuration>),
}

/// What a change touches.
pub(crate) fn touched(change: &Change) -> Vec<Touched> {
    let key = &change.key;
    let mut all = Vec::new();
    match change.kind {
        Watched::Namespace => all.push(Touched::All(key.1.clone())),
        Watched::ServiceAccount => all.push(Touched::Account(key.clone())),
        // Its own mode also decides whether its namespace is closed as a whole.
        Watched::Service => all.extend([Touched::Service(key.clone()), Touched::Namespace(key.0.clone())]),
        Watched::ReplicaSet | Watched::Job => all.push(Touched::Owned(change.kind, key.clone())),
        Watched::Approval | Watched::ClusterApproval | Watched::ClusterProhibition | Watched::Pod => {
            let mut callers: Vec<CallerPattern> = Vec::new();
            for known in [&change.before, &change.after].into_iter().flatten() {
                match known {
                    Known::Approval(approval) => {
                        callers.extend(approval.callers.iter().cloned());
                        all.extend(opened(approval));
                    }
                    Known::Prohibition(prohibition) => {
                        callers.extend(prohibition.callers.iter().cloned());
                        // A `from` may not let in what it names.
                        all.push(Touched::Services(None));
                    }
                    _ => {}
                }
            }
            callers.sort_unstable();
            callers.dedup();
            all.push(Touched::Callers(callers));
        }
    }
    all
}

/// What touches when an approval ends to hold, by itself.
pub(crate) fn expired(approval: &Approval) -> Vec<Touched> {
    std::iter::once(Touched::Callers(approval.callers.clone())).chain(opened(approval)).collect()
}

/// The policies that an approval's `from` goes into.
fn opened(approval: &Approval) -> Option<Touched> {
    let namespace = approval.metadata.namespace.as_str();
    let of = (!namespace.is_empty()).then(|| namespace.to_owned());
    (!approval.from.is_empty()).then_some(Touched::Services(of))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cache::Cache;
    use crate::world::read;
    use serde_json::{Value, json};

    fn change(kind: Watched, object: &Value) -> Vec<Touched> {
        let cache = Cache::default();
        let mut changes = cache.listen();
        cache.put(kind, read(kind, object).unwrap()).unwrap();
        touched(&changes.try_recv().unwrap())
    }

    #[test]
    fn an_approval_touches_its_callers_and_with_a_from_its_namespace() {
        let mut object = json!({"metadata": {"namespace": "bank", "name": "a"},
            "spec": {"callers": ["shop/web", "shop/api"], "callees": ["ledger"]}});
        let callers = ["shop/api", "shop/web"].map(|text| CallerPattern::parse(text, None).unwrap());
        assert_eq!(change(Watched::Approval, &object), [Touched::Callers(callers.to_vec())]);
        object["spec"]["from"] = json!([{"ipBlock": {"cidr": "10.0.0.0/8"}}]);
        let bank = Touched::Services(Some("bank".to_owned()));
        assert_eq!(change(Watched::Approval, &object), [bank, Touched::Callers(callers.to_vec())]);
    }

    #[test]
    fn a_service_touches_its_namespace_too() {
        let object = json!({"metadata": {"namespace": "bank", "name": "ledger"}, "spec": {"ports": [{"port": 80}]}});
        let expected =
            [Touched::Service(("bank".to_owned(), "ledger".to_owned())), Touched::Namespace("bank".to_owned())];
        assert_eq!(change(Watched::Service, &object), expected);
    }
}
