//! How much there is in each namespace that takes part: callers, what they may, and what they are refused. What hangs on
//! objects that could not be read is not counted.

use std::collections::{BTreeMap, BTreeSet};

use rustc_hash::FxHashSet;

use crate::callee::CalleePattern;
use crate::caller::Caller;
use crate::cut::{Declaration, Figures, figures};
use crate::mode::Mode;
use crate::names;
use crate::snapshot::{Pod, Snapshot};
use crate::unread::{CALLERS, Gaps};

/// How much there is in one namespace; `None` where nobody can tell.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Its mode.
    pub mode: Option<Mode>,
    /// What its label says, where that is no mode.
    pub unknown: Option<String>,
    /// How many Services it has, by their mode: off, shadow and enforce.
    pub services: Option<[usize; 3]>,
    /// How many callers declare something.
    pub callers: Option<usize>,
    /// How many callees its callers have a right to the label of, each caller and callee once.
    pub granted: Option<usize>,
    /// How many callees that take part refuse its callers what they declare, each caller and callee once.
    pub refused: Option<usize>,
    /// How many callers its Services in `shadow` would cut in `enforce`, of each Service those that declare it.
    pub would_be_cut: Option<usize>,
}

/// How much there is in all of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tallies<'s> {
    /// Each namespace that takes part, or has a Service that does, or a label that is no mode, or of which that can't be told.
    pub namespaces: BTreeMap<&'s str, Tally>,
    /// The namespaces whose callers declare so much that not all of it was counted as refused, or as cut.
    pub uncounted: BTreeSet<String>,
    /// Whether there may be more namespaces that take part.
    pub more: bool,
}

/// Counts it.
pub fn by_namespace(snapshot: &Snapshot) -> Tallies<'_> {
    let gaps = Gaps::of(snapshot);
    let mut all = modes(snapshot, &gaps);
    let Figures { mut refused, mut would_be_cut, uncounted } = counted(snapshot);
    let mut callers: FxHashSet<&Caller> = FxHashSet::default();
    let mut pairs: FxHashSet<(&Caller, &CalleePattern)> = FxHashSet::default();
    // Of a caller without a label nothing is granted, whatever is approved.
    for pod in snapshot.pods.iter().filter(|pod| snapshot.mode(&pod.caller.namespace).is_managed()) {
        let Some(tally) = all.get_mut(pod.caller.namespace.as_str()) else { continue };
        let is_new = !pod.intents.is_empty() && callers.insert(&pod.caller);
        add(&mut tally.callers, usize::from(is_new));
        let granted = pod.derivation.grants.iter().filter(|grant| pairs.insert((&pod.caller, &grant.callee)));
        add(&mut tally.granted, granted.count());
        if pod.intents.iter().any(|declared| gaps.hides_statements(&declared.callee.scope)) {
            tally.granted = None;
            tally.refused = None;
        } else if pod.intents.iter().any(|declared| gaps.hides_callee(&declared.callee.scope)) {
            tally.refused = None;
        }
    }
    for (namespace, tally) in &mut all {
        add(&mut tally.refused, refused.remove(*namespace).unwrap_or_default());
        add(&mut tally.would_be_cut, would_be_cut.remove(*namespace).unwrap_or_default());
    }
    all.retain(|_, tally| {
        let takes_part = tally.mode.is_none_or(Mode::is_managed) || tally.unknown.is_some();
        takes_part || tally.services.is_none_or(|services| services[1] + services[2] > 0)
    });
    Tallies { namespaces: all, uncounted, more: gaps.any(&["Namespace"]) }
}

/// Each namespace with its mode and Services; of what else there is to count nothing yet.
fn modes<'s>(snapshot: &'s Snapshot, gaps: &Gaps<'_>) -> BTreeMap<&'s str, Tally> {
    let known: BTreeMap<&str, &str> = (snapshot.objects.namespaces.iter())
        .map(|namespace| &namespace.metadata)
        .map(|metadata| (metadata.name.as_str(), metadata.labels.get(names::MODE).unwrap_or_default()))
        .collect();
    let services = snapshot.objects.services.iter().map(|service| service.metadata.namespace.as_str());
    let names: BTreeSet<&str> = known.keys().copied().chain(services).collect();
    // Callers may be anywhere.
    let callers_known = !gaps.any(&CALLERS) && !gaps.any(&["Namespace"]) && !gaps.any(&Gaps::STATEMENTS);
    let mut all = BTreeMap::new();
    for name in names {
        let mode = (known.contains_key(name) || !gaps.in_namespace(&["Namespace"], name)).then(|| snapshot.mode(name));
        let unknown = known.get(name).filter(|label| !label.is_empty() && Mode::parse(label).is_none());
        let services_known = mode.is_some() && !gaps.in_namespace(&["Service"], name);
        let own = (!gaps.in_namespace(&CALLERS, name)).then_some(0);
        let tally = Tally {
            mode,
            unknown: unknown.map(|label| (*label).to_owned()),
            services: services_known.then_some([0; 3]),
            callers: own,
            granted: own,
            refused: own,
            would_be_cut: (services_known && callers_known).then_some(0),
        };
        all.insert(name, tally);
    }
    for (service, state) in snapshot.objects.services.iter().zip(&snapshot.services) {
        let tally = all.get_mut(service.metadata.namespace.as_str());
        if let Some(services) = tally.and_then(|tally| tally.services.as_mut()) {
            services[state.mode as usize] += 1;
        }
    }
    all
}

fn add(count: &mut Option<usize>, more: usize) {
    if let Some(count) = count {
        *count += more;
    }
}

/// What is refused, and would be cut, of all that the snapshot knows.
fn counted(snapshot: &Snapshot) -> Figures {
    let declaration = |pod: &Pod| {
        let asked =
            snapshot.mode(&pod.caller.namespace).is_managed() && !snapshot.objects.workloads[pod.object].pod.mirror;
        Declaration::new(&pod.caller, asked, &pod.intents, &snapshot.granted(pod))
    };
    let declaring = snapshot.pods.iter().filter(|pod| !pod.intents.is_empty());
    let all: Vec<Declaration> = declaring.map(declaration).collect();
    figures(all.iter().filter(|pod| !pod.lacks.is_empty()), snapshot)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snapshot::Options;
    use crate::testing::{NOW, approval, deployment, objects, service, snapshot};
    use crate::unread::{Extent, Unread};

    const BANK: &str =
        "---\napiVersion: v1\nkind: Namespace\nmetadata: {name: bank, labels: {netintent.dev/mode: enforce}}\n";

    #[test]
    fn callers_count_once_and_only_where_they_take_part() {
        let own = service("away", "own").replace("name: own}", "name: own, labels: {netintent.dev/mode: shadow}}");
        let text = [
            BANK.to_owned(),
            "---\napiVersion: v1\nkind: Namespace\nmetadata: {name: odd, labels: {netintent.dev/mode: enforced}}\n"
                .to_owned(),
            "---\napiVersion: v1\nkind: Namespace\nmetadata: {name: idle}\n".to_owned(),
            service("bank", "ledger"),
            service("bank", "cards"),
            own,
            service("quiet", "none"),
            deployment("bank", "ledger", "ledger, cards, none, away/own"),
            deployment("away", "web", "bank/ledger, own"),
            approval("bank", "*/*", "ledger"),
        ]
        .concat();
        let snapshot = snapshot(&text, &[]);
        let Tallies { namespaces: all, uncounted, more } = by_namespace(&snapshot);
        assert_eq!(all.keys().copied().collect::<Vec<_>>(), ["away", "bank", "odd"]);
        let none = Tally {
            mode: Some(Mode::Off),
            unknown: None,
            services: Some([0; 3]),
            callers: Some(0),
            granted: Some(0),
            refused: Some(0),
            would_be_cut: Some(0),
        };
        let bank = Tally {
            mode: Some(Mode::Enforce),
            services: Some([0, 0, 2]),
            callers: Some(1),
            granted: Some(1),
            refused: Some(3),
            ..none.clone()
        };
        assert_eq!(all["bank"], bank);
        // Whoever calls what is in shadow is cut by it, also from where nobody takes part.
        assert_eq!(all["away"], Tally { services: Some([0, 1, 0]), would_be_cut: Some(2), ..none });
        assert_eq!(all["odd"].unknown.as_deref(), Some("enforced"));
        assert!(uncounted.is_empty() && !more);
    }

    /// The counts of bank, in the order of the fields, where this could not be read.
    fn with_gap(kind: &'static str, extent: Extent, why: &str) -> [Option<usize>; 5] {
        let text = [
            BANK.to_owned(),
            service("bank", "ledger"),
            service("bank", "cards"),
            deployment("bank", "ledger", "ledger, cards"),
            approval("bank", "*/*", "ledger"),
        ]
        .concat();
        let mut objects = objects(&text);
        objects.unread.push(Unread { group: String::new(), kind: kind.into(), extent, why: why.to_owned() });
        let snapshot = Snapshot::new(objects, &Options { observed: true, ..Options::at(NOW.parse().unwrap()) });
        let all = by_namespace(&snapshot);
        assert_eq!(all.more, kind == "Namespace");
        let Tally { services, callers, granted, refused, would_be_cut, .. } = all.namespaces["bank"].clone();
        [services.map(|services| services[2]), callers, granted, refused, would_be_cut]
    }

    #[test]
    fn what_hangs_on_what_could_not_be_read_is_no_count() {
        let all_but = |read: &[&str]| Extent::AllBut(read.iter().map(|name| (*name).to_owned()).collect());
        let of = |kind, read: &[&str]| with_gap(kind, all_but(read), "forbidden");
        let (services, callers, granted, refused, cut) = (Some(2), Some(1), Some(1), Some(1), Some(0));
        let known = [services, callers, granted, refused, cut];
        assert_eq!(of("NetworkPolicy", &[]), known);
        assert_eq!(of("Approval", &[]), [services, callers, None, None, None]);
        // What is said of callees of other namespaces is nothing to these callers; to others it may be.
        assert_eq!(of("Approval", &["bank"]), [services, callers, granted, refused, None]);
        assert_eq!(of("ClusterApproval", &[]), [services, callers, None, None, None]);
        assert_eq!(of("ClusterProhibition", &[]), [services, callers, None, None, None]);
        assert_eq!(of("Pod", &["bank"]), [services, callers, granted, refused, None]);
        assert_eq!(of("Pod", &[]), [services, None, None, None, None]);
        assert_eq!(of("Service", &[]), [None, callers, granted, None, None]);
        assert_eq!(of("Namespace", &["bank"]), [services, callers, granted, refused, None]);
        let one = Extent::One("bank".to_owned(), "a".to_owned());
        assert_eq!(with_gap("Approval", one, "newer"), [services, callers, None, None, None]);
        // Where there are no such kinds, it is known that nothing is approved.
        assert_eq!(with_gap("Approval", all_but(&[]), Unread::NOT_INSTALLED), known);
    }

    #[test]
    fn a_namespace_that_could_not_be_read_has_no_mode() {
        let mut objects = objects(&service("away", "own"));
        let extent = Extent::AllBut(BTreeSet::new());
        objects.unread.push(Unread { group: String::new(), kind: "Namespace".into(), extent, why: "no".to_owned() });
        let snapshot = Snapshot::new(objects, &Options { observed: true, ..Options::at(NOW.parse().unwrap()) });
        let all = by_namespace(&snapshot);
        assert_eq!((all.namespaces["away"].mode, all.namespaces["away"].services), (None, None));
    }
}
