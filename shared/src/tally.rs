//! How much there is in each namespace that takes part: callers, what they may, and what they are refused.

use std::collections::BTreeMap;

use rustc_hash::FxHashSet;

use crate::callee::CalleePattern;
use crate::caller::Caller;
use crate::catalogue::callee_mode;
use crate::mode::Mode;
use crate::names;
use crate::snapshot::Snapshot;

/// How much there is in one namespace.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Its mode.
    pub mode: Mode,
    /// What its label says, where that is no mode.
    pub unknown: Option<String>,
    /// How many Services it has, by their mode: off, shadow and enforce.
    pub services: [usize; 3],
    /// How many callers declare something.
    pub callers: usize,
    /// How many callees its callers have the label of, each caller and callee once.
    pub granted: usize,
    /// How many callees that take part refuse its callers what they declare, each caller and callee once.
    pub refused: usize,
}

/// Each namespace that takes part, or has a Service that does, or a label that is no mode.
pub fn by_namespace(snapshot: &Snapshot) -> BTreeMap<&str, Tally> {
    let mut all: BTreeMap<&str, Tally> = BTreeMap::new();
    for namespace in &snapshot.objects.namespaces {
        let label = namespace.metadata.labels.get(names::MODE).filter(|label| Mode::parse(label).is_none());
        let mode = snapshot.mode(&namespace.metadata.name);
        let unknown = label.map(str::to_owned);
        all.insert(&namespace.metadata.name, Tally { mode, unknown, ..Tally::default() });
    }
    for (service, state) in snapshot.objects.services.iter().zip(&snapshot.services) {
        let namespace = service.metadata.namespace.as_str();
        let tally =
            all.entry(namespace).or_insert_with(|| Tally { mode: snapshot.mode(namespace), ..Tally::default() });
        tally.services[state.mode as usize] += 1;
    }
    let mut callers: FxHashSet<&Caller> = FxHashSet::default();
    let mut pairs: FxHashSet<(&Caller, &CalleePattern)> = FxHashSet::default();
    // Of a caller without a label nothing is granted, whatever is approved.
    for pod in snapshot.pods.iter().filter(|pod| snapshot.mode(&pod.caller.namespace).is_managed()) {
        let Some(tally) = all.get_mut(pod.caller.namespace.as_str()) else { continue };
        tally.callers += usize::from(!pod.intents.is_empty() && callers.insert(&pod.caller));
        let granted = pod.derivation.grants.iter().filter(|grant| pairs.insert((&pod.caller, &grant.callee)));
        tally.granted += granted.count();
        let refused =
            pod.derivation.refusals.iter().filter(|refusal| callee_mode(snapshot, &refusal.callee) != Mode::Off);
        tally.refused += refused.filter(|refusal| pairs.insert((&pod.caller, &refusal.callee))).count();
    }
    all.retain(|_, tally| {
        tally.mode.is_managed() || tally.unknown.is_some() || tally.services[1] + tally.services[2] > 0
    });
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{approval, deployment, service, snapshot};

    #[test]
    fn callers_count_once_and_only_where_they_take_part() {
        let own = service("away", "own").replace("name: own}", "name: own, labels: {netintent.dev/mode: shadow}}");
        let text = [
            "---\napiVersion: v1\nkind: Namespace\nmetadata: {name: bank, labels: {netintent.dev/mode: enforce}}\n"
                .to_owned(),
            "---\napiVersion: v1\nkind: Namespace\nmetadata: {name: odd, labels: {netintent.dev/mode: enforced}}\n"
                .to_owned(),
            "---\napiVersion: v1\nkind: Namespace\nmetadata: {name: idle}\n".to_owned(),
            service("bank", "ledger"),
            service("bank", "cards"),
            own,
            service("quiet", "none"),
            deployment("bank", "ledger", "ledger, cards, none"),
            deployment("away", "web", "bank/ledger"),
            approval("bank", "*/*", "ledger"),
        ]
        .concat();
        let snapshot = snapshot(&text, &[]);
        let all = by_namespace(&snapshot);
        assert_eq!(all.keys().copied().collect::<Vec<_>>(), ["away", "bank", "odd"]);
        let bank =
            Tally { mode: Mode::Enforce, services: [0, 0, 2], callers: 1, granted: 1, refused: 2, ..Tally::default() };
        assert_eq!(all["bank"], bank);
        assert_eq!(all["away"], Tally { services: [0, 1, 0], ..Tally::default() });
        assert_eq!(all["odd"].unknown.as_deref(), Some("enforced"));
    }
}
