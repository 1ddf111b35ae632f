//! Verdicts that hang on what could not be read are none; but what one side denies for certain stays denied.

use super::{Explanation, Pair, Question, Step};
use crate::evaluate::{End, Side};
use crate::list::{Caveat, own_caveats, unapproved};
use crate::resolve::Subject;
use crate::snapshot::Snapshot;
use crate::unread::Unread;

/// Whether some pair of pods is denied whatever else there may be: by a side of which all was read.
pub(super) fn is_denied_for_certain(snapshot: &Snapshot, pairs: &[Pair<'_>]) -> bool {
    let is_known = |end: End<'_>, called: bool| match end {
        End::Pod(pod) => !own_caveats(snapshot, snapshot.workload_of(pod)).iter().any(Caveat::is_fatal),
        End::Addresses(_) => holders(snapshot, called).next().is_none(),
    };
    // Without any rule nobody is let through, whoever the other end may be.
    let is_shut = |side: &Side| side.isolated && side.policies.iter().all(|policy| policy.rules.is_empty());
    let denies = |side: &Side, pair: &Pair<'_>| !side.ports.is_superset(&pair.asked);
    // Which peers a policy means hangs on the labels of both ends.
    pairs.iter().any(|pair| {
        let (source, destination) = (is_known(pair.source, false), is_known(pair.destination, true));
        let (ingress, egress) = (&pair.verdict.ingress, &pair.verdict.egress);
        let own = |end: End<'_>, known: bool| match end {
            End::Pod(pod) => hangs_on_own(snapshot, pod),
            End::Addresses(_) => known,
        };
        source && destination && !pair.is_allowed()
            || destination && denies(ingress, pair) && (own(pair.source, source) || is_shut(ingress))
            || source && denies(egress, pair) && (own(pair.destination, destination) || is_shut(egress))
    })
}

/// What could not be read, and may have any address: pods, and where it is called, Services.
pub(super) fn holders(snapshot: &Snapshot, called: bool) -> impl Iterator<Item = &Unread> {
    let unread = snapshot.objects.unread.iter().filter(|unread| unread.group.is_empty());
    unread.filter(move |unread| unread.kind == "Pod" || called && unread.kind == "Service")
}

/// Whether all is known of pods that the other side's policies may ask of it: its labels and its namespace's.
fn hangs_on_own(snapshot: &Snapshot, pod: u32) -> bool {
    let namespace = snapshot.namespace_of(pod);
    let known = snapshot.namespaces.get(namespace).is_some_and(|state| state.known);
    let pods = snapshot.objects.unread.iter().any(|unread| unread.kind == "Pod" && unread.touches(namespace));
    known && !pods && unapproved(snapshot, snapshot.workload_of(pod)).is_empty()
}

/// That addresses may be those of something that could not be read.
pub(super) fn address_step(snapshot: &Snapshot, question: &Question) -> Option<Step> {
    let (asked, called) = match (&question.source, &question.destination) {
        (Subject::Addresses(_, asked), _) => (asked, false),
        (_, Subject::Addresses(_, asked)) => (asked, true),
        _ => return None,
    };
    let kinds: Vec<String> = holders(snapshot, called).map(ToString::to_string).collect();
    let text = format!("{asked} may be of what could not be read: {}", kinds.join("; "));
    (!kinds.is_empty()).then(|| Step::new(None, text, None))
}

/// What is to be said in place of a verdict; `None` where all was read that it hangs on.
pub(super) fn summary(explanation: &Explanation) -> Option<String> {
    let unread: Vec<&str> = explanation
        .caveats
        .iter()
        .filter_map(|(caveat, _)| if let Caveat::Unread(what) = caveat { Some(what.as_str()) } else { None })
        .collect();
    (!unread.is_empty()).then(|| format!("it hangs on what could not be read: {}", unread.join("; ")))
}

#[cfg(test)]
mod tests {
    use crate::explain::{Explanation, Question, explain};
    use crate::resolve::{Home, Role, resolve};
    use crate::snapshot::{Options, Snapshot};
    use crate::testing::{NOW, deployment, objects};
    use crate::unread::{Extent, Unread};

    const DENY_ALL: &str = "---\napiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {namespace: shop, name: none}\n\
        spec: {podSelector: {}, policyTypes: [Ingress, Egress]}\n";

    /// The answer of a cluster of which these could be read in shop alone.
    fn ask(text: &str, unread: &[(&'static str, &'static str)], caller: &str, callee: &str) -> Explanation {
        let mut objects = objects(text);
        let gap = |(group, kind): &(&'static str, &'static str)| Unread {
            group: (*group).into(),
            kind: (*kind).into(),
            extent: Extent::AllBut(["shop".to_owned()].into()),
            why: "forbidden".to_owned(),
        };
        objects.unread = unread.iter().map(gap).collect();
        let snapshot = Snapshot::new(objects, &Options { observed: true, ..Options::at(NOW.parse().unwrap()) });
        let home = Home { namespace: "shop", only: true };
        let source = resolve(&snapshot, caller, Role::Caller, home).unwrap();
        let destination = resolve(&snapshot, callee, Role::Callee, home).unwrap();
        explain(&snapshot, &Question { source, destination, port: None })
    }

    #[test]
    fn an_address_may_be_of_what_could_not_be_read() {
        let namespace = "---\napiVersion: v1\nkind: Namespace\nmetadata: {name: shop}\n";
        let text = namespace.to_owned() + &deployment("shop", "web", "");
        let (pods, services) = (("", "Pod"), ("", "Service"));
        // Of a caller it does not matter which Services there are.
        for (unread, out, into) in [
            (&[][..], Some(true), Some(true)),
            (&[services], None, Some(true)),
            (&[pods], None, None),
            (&[pods, services], None, None),
            (&[("netintent.dev", "Approval")], Some(true), Some(true)),
        ] {
            let [to, from] = [("web", "10.64.9.6"), ("10.64.9.6", "web")].map(|(a, b)| ask(&text, unread, a, b));
            assert_eq!((to.allowed, from.allowed), (out, into), "{unread:?}");
            assert_eq!(to.ports.is_empty(), out.is_none(), "{unread:?}");
        }
        let answer = ask(&text, &[pods, services], "web", "10.64.9.6");
        assert_eq!(
            answer.summary,
            "it hangs on what could not be read: Pods outside of shop; Services outside of shop"
        );
        assert_eq!(
            answer.chain[0].text,
            "10.64.9.6 may be of what could not be read: Pods outside of shop; Services outside of shop"
        );
        assert_eq!(answer.chain[0].holds, None);
        // What lets nobody through denies, whoever it is.
        let shut = text + DENY_ALL;
        for (caller, callee) in [("web", "10.64.9.6"), ("10.64.9.6", "web")] {
            assert_eq!(ask(&shut, &[pods, services], caller, callee).allowed, Some(false), "{caller} {callee}");
        }
        // What lets some through may let this through.
        let some = shut.replace("policyTypes", "egress: [{to: [{namespaceSelector: {}}]}], policyTypes");
        assert_eq!(ask(&some, &[pods, services], "web", "10.64.9.6").allowed, None);
        assert_eq!(ask(&some, &[], "web", "10.64.9.6").allowed, Some(false));
    }

    #[test]
    fn without_policies_no_side_is_open() {
        let text = deployment("shop", "web", "") + &deployment("bank", "cards", "");
        let answer = ask(&text, &[("networking.k8s.io", "NetworkPolicy")], "web", "bank/cards");
        let told: Vec<_> = answer.chain.iter().map(|step| (step.holds, step.text.as_str())).collect();
        assert_eq!(
            told,
            [
                (None, "ingress into Deployment bank/cards: no policy that could be read selects it"),
                (Some(true), "egress out of Deployment shop/web is open: no policy selects it"),
            ]
        );
        // Others may let in what these do not.
        let closed = text + &DENY_ALL.replace("namespace: shop", "namespace: bank");
        let answer = ask(&closed, &[("networking.k8s.io", "NetworkPolicy")], "web", "bank/cards");
        assert_eq!(answer.allowed, None);
        let step = &answer.chain[0];
        assert_eq!(
            (step.holds, step.text.as_str()),
            (None, "ingress into Deployment bank/cards is not allowed by the policies that could be read")
        );
        assert_eq!(step.steps[0].holds, None);
    }
}
