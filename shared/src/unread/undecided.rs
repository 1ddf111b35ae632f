//! What is declared of callees that could not be read.

use std::collections::BTreeSet;

use super::Gaps;
use crate::callee::CalleePattern;
use crate::caller::Caller;
use crate::snapshot::Snapshot;

/// What callers declare of callees of which not all could be read, so that nobody can tell what it leads to, or all that it
/// does: each once, in order. Only workloads that are wanted, by index.
pub fn undecided<'s>(snapshot: &'s Snapshot, wanted: &dyn Fn(usize) -> bool) -> Vec<(&'s Caller, &'s CalleePattern)> {
    let gaps = Gaps::of(snapshot);
    let pods = snapshot.pods.iter().filter(|pod| wanted(pod.workload as usize));
    let declared = pods.flat_map(|pod| pod.intents.iter().map(|declared| (&pod.caller, &*declared.callee)));
    let found: BTreeSet<_> = declared.filter(|(_, callee)| gaps.hides_targets(&callee.scope)).collect();
    found.into_iter().collect()
}

/// Whether nobody can tell if an approval covers what is needed: there may be one that could not be read.
pub fn may_be_approved(snapshot: &Snapshot, callee: &CalleePattern) -> bool {
    Gaps::of(snapshot).hides_statements(&callee.scope)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::check;
    use crate::diff::protection_changes;
    use crate::finding::Code;
    use crate::snapshot::Options;
    use crate::testing::{NOW, approval, deployment, objects, service};
    use crate::unread::{Extent, Unread};

    const MODES: &str =
        "---\napiVersion: v1\nkind: Namespace\nmetadata: {name: shop, labels: {netintent.dev/mode: enforce}}\n";

    /// A cluster of which these kinds could be read in shop alone.
    fn observed(text: &str, kinds: &[&'static str]) -> Snapshot {
        let mut objects = objects(text);
        let extent = Extent::AllBut(["shop".to_owned()].into());
        let gap = |kind: &&'static str| Unread {
            group: if *kind == "NetworkPolicy" { "networking.k8s.io".to_owned() } else { String::new() },
            kind: (*kind).into(),
            extent: extent.clone(),
            why: "forbidden".to_owned(),
        };
        objects.unread = kinds.iter().map(gap).collect();
        Snapshot::new(objects, &Options { observed: true, ..Options::at(NOW.parse().unwrap()) })
    }

    fn told(snapshot: &Snapshot) -> Vec<String> {
        undecided(snapshot, &|_| true).iter().map(|(caller, callee)| format!("{caller} {callee}")).collect()
    }

    #[test]
    fn what_leads_out_of_what_could_be_read_is_undecided() {
        let text = MODES.to_owned()
            + &deployment("shop", "web", "bank/cards, cart, shop/*, @db")
            + &deployment("shop", "cart", "")
            + &service("shop", "cart");
        assert_eq!(told(&observed(&text, &[])), [""; 0]);
        assert_eq!(told(&observed(&text, &["NetworkPolicy", "Approval"])), [""; 0]);
        for kinds in [&["Service"][..], &["Pod"], &["Service", "Pod", "Namespace"]] {
            assert_eq!(told(&observed(&text, kinds)), ["shop/web bank/cards", "shop/web @db"], "{kinds:?}");
        }
        assert_eq!(told(&observed(&text, &["Namespace"])), ["shop/web @db"]);
        let cart = observed(&text, &["Service"]);
        let web = cart.workloads.iter().position(|workload| workload.name == "web");
        assert!(undecided(&cart, &|at| Some(at) != web).is_empty());
    }

    #[test]
    fn a_check_finds_nothing_of_what_could_not_be_read() {
        let text = MODES.to_owned()
            + &deployment("shop", "web", "bank/cards, cart, carts")
            + &deployment("shop", "cart", "")
            + &service("shop", "cart")
            + &approval("shop", "bank/teller", "cart");
        let codes = |kinds: &[&'static str]| -> Vec<(Code, String)> {
            let found = check(&observed(&text, kinds), Vec::new());
            let wanted = [Code::UnknownCallee, Code::RefusedIntent, Code::UnapprovedIntent, Code::UnusedApproval];
            found.into_iter().filter(|f| wanted.contains(&f.code)).map(|f| (f.code, f.message)).collect()
        };
        let here = (Code::UnknownCallee, "there is no Service shop/carts in the cluster".to_owned());
        let there = (Code::UnknownCallee, "there is no Service bank/cards in the cluster".to_owned());
        let refused = (Code::RefusedIntent, "shop/web may not call shop/cart: nobody has approved it".to_owned());
        let unused = (Code::UnusedApproval, "nothing uses this: bank/teller does not declare shop/cart".to_owned());
        let found = |of: &[&(Code, String)]| -> Vec<(Code, String)> {
            let mut all: Vec<_> = of.iter().map(|found| (*found).clone()).collect();
            all.sort();
            all
        };
        let sorted = |kinds: &[&'static str]| {
            let mut all = codes(kinds);
            all.sort();
            all
        };
        assert_eq!(sorted(&[]), found(&[&here, &there, &refused, &unused]));
        assert_eq!(sorted(&["Service"]), found(&[&here, &refused, &unused]));
        assert_eq!(sorted(&["Approval"]), found(&[&here, &there, &refused, &unused]), "those of shop are read");
        assert_eq!(sorted(&["ClusterApproval"]), found(&[&here, &there, &unused]));
        assert_eq!(sorted(&["Deployment"]), found(&[&here, &there, &refused]));
    }

    #[test]
    fn nor_of_what_it_may_change() {
        let policy = |namespace: &str, spec: &str| {
            format!(
                "---\napiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {{namespace: {namespace}, name: p}}\nspec: {spec}\n"
            )
        };
        let text = MODES.to_owned()
            + &deployment("shop", "web", "bank/cards")
            + &deployment("bank", "cards", "")
            + &service("bank", "cards");
        let peer = "{podSelector: {}, ingress: [{from: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: bnak}}}]}]}";
        let closed = policy("bank", "{podSelector: {}}");
        let all = text.clone() + &closed + &policy("shop", peer);
        let found = |kinds: &[&'static str]| -> Vec<Code> {
            let wanted = [Code::UnprotectedCallee, Code::CutConnection, Code::PeerSelectsNothing];
            let found = check(&observed(&all, kinds), Vec::new());
            let mut codes: Vec<Code> = found.into_iter().map(|f| f.code).filter(|code| wanted.contains(code)).collect();
            codes.sort();
            codes
        };
        let [unprotected, cut, peer] = [Code::UnprotectedCallee, Code::CutConnection, Code::PeerSelectsNothing];
        let sorted = |mut codes: Vec<Code>| {
            codes.sort();
            codes
        };
        assert_eq!(found(&[]), sorted(vec![unprotected, cut, peer]));
        assert_eq!(found(&["NetworkPolicy"]), sorted(vec![unprotected, peer]));
        assert_eq!(found(&["Namespace"]), []);
        assert_eq!(found(&["Pod"]), [unprotected]);
        let changes = |kinds: &[&'static str]| {
            protection_changes(&observed(&text, kinds), &observed(&(text.clone() + &closed), kinds)).len()
        };
        assert_eq!((changes(&[]), changes(&["NetworkPolicy"]), changes(&["Pod"])), (1, 0, 0));
    }
}
