//! What callers declare and carry no label for: whom Services in `shadow` would cut in `enforce`, and how much is still to be
//! approved.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use rustc_hash::{FxHashMap, FxHashSet};

use crate::callee::{CalleePattern, Port, Scope};
use crate::caller::Caller;
use crate::catalogue::{Catalogue, callee_mode, services_meant};
use crate::compile::{means, service_mode};
use crate::mode::Mode;
use crate::objects::{Service, ServicePort};
use crate::pod::Declared;

/// How much is looked at for the callers of one namespace: whoever declares hundreds of wildcards in thousands of pods holds
/// nobody up, and hides nobody but its own.
const OF_ONE: usize = 100_000;

/// What a pod declares, with a label and without.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Declaration {
    /// Whose pod it is.
    pub caller: Caller,
    /// Whether anybody is asked for an approval: not where its namespace takes no part, or a node runs it from a file.
    pub asked: bool,
    /// The intents without a label.
    pub lacks: BTreeSet<Arc<CalleePattern>>,
    /// Those with one.
    pub has: BTreeSet<Arc<CalleePattern>>,
}

/// How much there is, by namespace.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// By the caller's namespace: how many callees the callers of it declare that have not approved them.
    pub refused: BTreeMap<String, usize>,
    /// By the callee's namespace: how many callers its Services in `shadow` would cut in `enforce`, of each Service those
    /// that declare it.
    pub would_be_cut: BTreeMap<String, usize>,
    /// The namespaces whose callers declare so much that not all of it was counted.
    pub uncounted: BTreeSet<String>,
}

impl Declaration {
    /// What a pod of this caller declares that has a right to the labels of these keys.
    pub fn new(caller: &Caller, asked: bool, intents: &[Declared], keys: &[String]) -> Self {
        let keys: FxHashSet<&str> = keys.iter().map(String::as_str).collect();
        let callees = intents.iter().map(|declared| Arc::clone(&declared.callee));
        let (has, lacks) = callees.partition(|callee| keys.contains(callee.label_key().as_str()));
        Self { caller: caller.clone(), asked, lacks, has }
    }

    /// Whether an intent without a label means what no label opens, of a Service in a namespace in `mode` that can be closed.
    pub fn is_cut<'p>(
        &'p self,
        callee: &CalleePattern,
        service: &Service,
        mode: Mode,
        budget: &mut Budget<'p>,
    ) -> bool {
        if !means(callee, service, mode) || service.enforceable().is_none() {
            return false;
        }
        let here: Vec<&Port> = self.has.iter().filter(|has| means(has, service, mode)).map(|has| &has.port).collect();
        let opens = |port: &Port| here.iter().any(|has| has.covers(port));
        if !budget.take(&self.caller, self.has.len() + service.ports.len() * (1 + here.len())) {
            return false;
        }
        let mut ports = service.ports.iter().map(ServicePort::identifier);
        let by_name = matches!(callee.scope, Scope::Service { .. });
        // Its policy lets in its own pods alone.
        service.ports.is_empty()
            || match &callee.port {
                Port::All => ports.any(|port| !opens(&port)),
                // One that the Service does not have is opened by nothing; of a wildcard it is not meant.
                port => !opens(port) && (by_name || ports.any(|of| of == *port)),
            }
    }
}

/// How much there is at this moment.
pub fn figures<'p>(pods: impl IntoIterator<Item = &'p Declaration>, catalogue: &dyn Catalogue) -> Figures {
    let mut figures = Figures::default();
    let mut refused: FxHashSet<(&Caller, &CalleePattern)> = FxHashSet::default();
    let mut cut: FxHashSet<(&Caller, &str, &str)> = FxHashSet::default();
    // The pods of one caller declare the same.
    let mut seen: FxHashSet<(&Caller, &BTreeSet<_>, &BTreeSet<_>)> = FxHashSet::default();
    // What a pattern means hangs on its scope alone.
    let mut scopes: FxHashMap<&Scope, (Mode, Vec<&Service>)> = FxHashMap::default();
    let mut budget = Budget::default();
    for pod in pods.into_iter().filter(|pod| seen.insert((&pod.caller, &pod.lacks, &pod.has))) {
        for callee in &pod.lacks {
            if !scopes.contains_key(&callee.scope) {
                if !budget.take(&pod.caller, catalogue.services(&callee.scope).len() * 2) {
                    break;
                }
                scopes.insert(&callee.scope, meant(catalogue, callee));
            }
            let Some((mode, shadow)) = scopes.get(&callee.scope) else { break };
            if !budget.take(&pod.caller, 1 + shadow.len()) {
                break;
            }
            if pod.asked && *mode != Mode::Off && refused.insert((&pod.caller, callee)) {
                *figures.refused.entry(pod.caller.namespace.clone()).or_default() += 1;
            }
            for service in shadow {
                let metadata = &service.metadata;
                if pod.is_cut(callee, service, catalogue.mode(&metadata.namespace), &mut budget)
                    && cut.insert((&pod.caller, &metadata.namespace, &metadata.name))
                {
                    *figures.would_be_cut.entry(metadata.namespace.clone()).or_default() += 1;
                }
            }
        }
    }
    figures.uncounted = budget.over.into_iter().map(str::to_owned).collect();
    figures
}

/// The mode of what a callee pattern means, and which of it is in `shadow`.
fn meant<'c>(catalogue: &'c dyn Catalogue, callee: &CalleePattern) -> (Mode, Vec<&'c Service>) {
    let mode = |service: &Service| service_mode(service, catalogue.mode(&service.metadata.namespace));
    let all = services_meant(catalogue, callee).into_iter().map(|(_, service)| service);
    (callee_mode(catalogue, callee), all.filter(|service| mode(service) == Mode::Shadow).collect())
}

/// How much is still looked at, of each namespace's callers.
#[derive(Debug, Default)]
pub struct Budget<'p> {
    spent: FxHashMap<&'p str, usize>,
    over: FxHashSet<&'p str>,
}

impl<'p> Budget<'p> {
    /// Whether there is so much left.
    pub fn take(&mut self, caller: &'p Caller, steps: usize) -> bool {
        let spent = self.spent.entry(&caller.namespace).or_default();
        *spent += steps;
        if *spent > OF_ONE {
            self.over.insert(&caller.namespace);
        }
        *spent <= OF_ONE
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snapshot::{Pod, Snapshot};
    use crate::testing::{approval, deployment, service, snapshot};

    fn of(snapshot: &Snapshot) -> Figures {
        let declaration = |pod: &Pod| {
            let asked = snapshot.mode(&pod.caller.namespace).is_managed();
            Declaration::new(&pod.caller, asked, &pod.intents, &snapshot.granted(pod))
        };
        let all: Vec<Declaration> = snapshot.pods.iter().map(declaration).collect();
        figures(&all, snapshot)
    }

    fn counts(refused: &[(&str, usize)], would_be_cut: &[(&str, usize)]) -> Figures {
        let of = |all: &[(&str, usize)]| all.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect();
        Figures { refused: of(refused), would_be_cut: of(would_be_cut), uncounted: BTreeSet::new() }
    }

    #[test]
    fn whoever_declares_and_has_no_label_is_cut() {
        let text = [
            service("bank", "ledger"),
            service("bank", "cards"),
            approval("bank", "*/*", "ledger"),
            deployment("shop", "covered", "bank/ledger"),
            deployment("shop", "refused", "bank/ledger, bank/cards:http"),
            deployment("shop", "wide", "bank/*:http, bank/ledger:http"),
            // The Service has no such port: nothing opens it. Of a wildcard, a Service without the port is not meant.
            deployment("shop", "port", "bank/cards:none"),
            deployment("shop", "other", "bank/*:none"),
            deployment("away", "unmanaged", "bank/ledger:metrics"),
        ]
        .concat();
        assert_eq!(of(&snapshot(&text, &["*=shadow", "away=off"])), counts(&[("shop", 4)], &[("bank", 4)]));
        assert_eq!(of(&snapshot(&text, &["*=enforce", "away=off"])), counts(&[("shop", 4)], &[]));
        assert_eq!(of(&snapshot(&text, &["bank=off", "shop=shadow"])), counts(&[], &[]));
    }

    #[test]
    fn what_can_not_be_closed_cuts_nobody_and_what_has_no_port_cuts_all() {
        let external = "---\napiVersion: v1\nkind: Service\nmetadata: {namespace: bank, name: external}\n\
            spec: {type: ExternalName, externalName: a.example, selector: {app: a}}\n";
        let loose = service("bank", "loose").replace("  selector: {app: loose}\n", "");
        let portless = "---\napiVersion: v1\nkind: Service\nmetadata: {namespace: bank, name: portless}\n\
            spec: {clusterIP: None, selector: {app: a}}\n";
        for (services, expected) in [(external, 0), (loose.as_str(), 0), (portless, 1)] {
            let name = ["external", "loose", "portless"].into_iter().find(|name| services.contains(name)).unwrap();
            let text = services.to_owned() + &deployment("shop", "web", &format!("bank/{name}"));
            let found = of(&snapshot(&text, &["*=shadow"]));
            assert_eq!(found.would_be_cut.values().sum::<usize>(), expected, "{name}");
        }
    }

    #[test]
    fn who_declares_very_much_hides_nobody_else() {
        let calls: Vec<String> = (0..200).map(|number| format!("*/*:p{number}")).collect();
        let services: String = (0..300).map(|number| service("bank", &format!("s{number}"))).collect();
        let flood: String =
            (0..50).map(|number| deployment("flood", &format!("w{number}"), &calls.join(","))).collect();
        let text = services + &flood + &deployment("shop", "web", "bank/s7:http");
        let found = of(&snapshot(&text, &["*=shadow"]));
        assert_eq!((found.uncounted, found.refused["shop"]), (["flood".to_owned()].into(), 1));
        assert_eq!(found.would_be_cut["bank"], 1);
    }
}
