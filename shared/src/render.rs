//! The policies that the controller would write, also where one of the name stands in the input.

use std::sync::Arc;

use crate::finding::{Code, Finding};
use crate::mode::Mode;
use crate::names;
use crate::policy::{NetworkPolicy, Peer, Rule};
use crate::selector::Selector;
use crate::snapshot::{Policy, Snapshot};

/// A policy that the controller would write.
#[derive(Clone, Copy, Debug)]
pub struct Rendered<'a> {
    /// The policy.
    pub policy: &'a NetworkPolicy,
    /// The name of its Service, which is in its namespace; `None` for the policy of a namespace.
    pub service: Option<&'a str>,
    /// The policy of the same name in the input, where it selects or allows something else.
    pub edited: Option<&'a NetworkPolicy>,
}

impl Rendered<'_> {
    /// That the input has another policy of the name.
    pub fn finding(&self) -> Option<Finding> {
        let edited = self.edited?;
        let what = if self.service.is_some() { "Service" } else { "namespace" };
        let name = edited.metadata.full_name();
        let message = format!("NetworkPolicy {name} is not what enforce gives its {what}, and holds as it stands here");
        let help = "remove it, or put what is rendered in its place";
        Some(Finding::new(Code::EditedPolicy, message).help(help.to_owned()).about("NetworkPolicy", &edited.metadata))
    }
}

/// All of them, in order of namespace and name.
pub fn rendered(snapshot: &Snapshot) -> Vec<Rendered<'_>> {
    let generated = snapshot.policies.iter().filter(|policy| policy.generated).map(|policy| (&policy.policy, None));
    let replaced = snapshot.replaced.iter().map(|policy| (policy, in_input(snapshot, policy)));
    let missing = snapshot.missing.iter().map(|policy| (policy, None));
    let mut all: Vec<Rendered<'_>> = generated
        .chain(replaced)
        .chain(missing)
        .map(|(policy, other)| {
            let service = policy.metadata.annotation(names::SERVICE).map(|name| name.value.as_str());
            Rendered { policy, service, edited: other.filter(|other| !same(policy, other)) }
        })
        .collect();
    all.sort_by(|a, b| a.policy.metadata.key().cmp(&b.policy.metadata.key()));
    all
}

/// The policy of the input with the name of another.
fn in_input<'a>(snapshot: &'a Snapshot, policy: &NetworkPolicy) -> Option<&'a NetworkPolicy> {
    let key = |policy: &'a Policy| policy.policy.metadata.key();
    let at = snapshot.policies.binary_search_by(|other| key(other).cmp(&policy.metadata.key())).ok()?;
    Some(&snapshot.policies[at].policy)
}

/// Why a Service has no policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Absence {
    /// No policy could select its pods, whatever its mode: it has no selector, or is an ExternalName.
    NotEnforceable,
    /// It is not in `enforce`.
    Mode {
        /// The mode that it is in.
        mode: Mode,
        /// Whether its own label says so, and not its namespace's.
        own: bool,
    },
}

/// Why a Service has no policy; `None` where it has one.
pub fn absence(snapshot: &Snapshot, service: usize) -> Option<Absence> {
    let object = &snapshot.objects.services[service];
    if object.enforceable().is_none() {
        return Some(Absence::NotEnforceable);
    }
    let mode = snapshot.services[service].mode;
    let own = object.metadata.labels.get(names::MODE).and_then(Mode::parse).is_some();
    (mode != Mode::Enforce).then_some(Absence::Mode { mode, own })
}

/// Whether two policies select the same pods and have the same rules, whatever their order and notation.
pub fn same(a: &NetworkPolicy, b: &NetworkPolicy) -> bool {
    let rules = |rules: &Option<Vec<Rule>>| rules.as_ref().map(|rules| sorted(rules.iter().map(normal)));
    selector(&a.pods) == selector(&b.pods)
        && rules(&a.ingress) == rules(&b.ingress)
        && rules(&a.egress) == rules(&b.egress)
}

fn normal(rule: &Rule) -> Rule {
    let peers = sorted(rule.peers.iter().map(|peer| match peer {
        Peer::Pods { pods, namespaces } => Peer::Pods {
            pods: pods.as_ref().map(selector),
            namespaces: namespaces.as_deref().map(|namespaces| Arc::new(selector(namespaces))),
        },
        Peer::Block { cidr, except } => {
            Peer::Block { cidr: cidr.trunc(), except: sorted(except.iter().map(ipnet::IpNet::trunc)) }
        }
    }));
    Rule { peers, ports: sorted(rule.ports.iter().cloned()), origin: None }
}

fn selector(selector: &Selector) -> Selector {
    let mut requirements = selector.requirements.clone();
    requirements.iter_mut().for_each(|requirement| requirement.values = sorted(requirement.values.drain(..)));
    Selector { requirements: sorted(requirements.into_iter()) }
}

/// Each once, in order.
fn sorted<T: Ord>(items: impl Iterator<Item = T>) -> Vec<T> {
    let mut all: Vec<T> = items.collect();
    all.sort_unstable();
    all.dedup();
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{objects, service, snapshot};

    const POLICY: &str =
        "---\napiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {namespace: bank, name: ";

    /// The names of what is rendered, each with a `!` where the input has another of the name.
    fn names(snapshot: &Snapshot) -> Vec<String> {
        let mark = |r: &Rendered<'_>| if r.edited.is_some() { "!" } else { "" };
        rendered(snapshot).iter().map(|r| r.policy.metadata.full_name() + mark(r)).collect()
    }

    #[test]
    fn a_policy_in_the_input_is_rendered_as_the_controller_would_write_it() {
        let text = service("bank", "ledger") + &service("bank", "cards") + &service("bank", "a-last");
        let edited = format!("{POLICY}netintent-ledger}}\nspec: {{podSelector: {{}}}}\n");
        let written = snapshot(&(text.clone() + &edited), &["bank=enforce"]);
        let all = ["bank/netintent", "bank/netintent-a-last", "bank/netintent-cards", "bank/netintent-ledger!"];
        assert_eq!(names(&written), all);
        let (alone, rendered_too) = (snapshot(&text, &["bank=enforce"]), rendered(&written));
        let policies = |all: &[Rendered<'_>]| all.iter().map(|r| r.policy.pods.clone()).collect::<Vec<_>>();
        assert_eq!(policies(&rendered_too), policies(&rendered(&alone)));
        let services: Vec<Option<&str>> = rendered_too.iter().map(|r| r.service).collect();
        assert_eq!(services, [None, Some("a-last"), Some("cards"), Some("ledger")]);
        let finding = rendered_too[3].finding().unwrap();
        assert_eq!((finding.code, finding.place.is_some()), (Code::EditedPolicy, true));
        assert_eq!(rendered_too[2].finding(), None);
    }

    #[test]
    fn order_and_notation_are_no_edit() {
        let policy =
            |spec: &str| objects(&format!("{POLICY}p}}\nspec: {{podSelector: {{matchLabels: {{a: b}}}}, {spec}}}\n"));
        let is_same = |a: &str, b: &str| same(&policy(a).policies[0], &policy(b).policies[0]);
        let peers = |peers: &str| format!("ingress: [{{from: [{peers}]}}]");
        let (one, two) = ("{ipBlock: {cidr: 10.0.0.0/8}}", "{podSelector: {matchLabels: {c: d}}}");
        for (a, b, expected) in [
            (peers(&format!("{one}, {two}")), peers(&format!("{two}, {one}, {two}")), true),
            (peers(one), peers("{ipBlock: {cidr: 10.1.2.3/8}}"), true),
            (peers(two), peers("{podSelector: {matchExpressions: [{key: c, operator: In, values: [d, d]}]}}"), true),
            ("ingress: []".to_owned(), "policyTypes: [Ingress]".to_owned(), true),
            (
                "ingress: [{ports: [{port: 1}]}]".to_owned(),
                "ingress: [{ports: [{port: 1, protocol: TCP}]}]".to_owned(),
                true,
            ),
            (peers(one), peers(two), false),
            (peers(one), format!("{}, egress: []", peers(one)), true),
            (peers(one), format!("{}, policyTypes: [Ingress, Egress]", peers(one)), false),
            (
                "ingress: [{ports: [{port: 1}]}]".to_owned(),
                "ingress: [{ports: [{port: 1, endPort: 2}]}]".to_owned(),
                false,
            ),
        ] {
            assert_eq!(is_same(&a, &b), expected, "{a} and {b}");
        }
    }

    #[test]
    fn a_service_without_policy_has_a_reason() {
        let label = "name: cards, labels: {netintent.dev/mode: \"off\"}}";
        let own = service("bank", "cards").replace("name: cards}", label);
        let bare = "---\napiVersion: v1\nkind: Service\nmetadata: {namespace: shop, name: bare}\nspec: {ports: [{port: 80}]}\n";
        let text = service("bank", "ledger") + &own + bare + &service("shop", "web");
        let bare_in_shadow = bare.replace("shop", "bank");
        let snapshot = snapshot(&(text + &bare_in_shadow), &["bank=shadow", "shop=enforce"]);
        let of = |namespace: &str, name: &str| absence(&snapshot, snapshot.service(namespace, name).unwrap());
        assert_eq!(of("bank", "ledger"), Some(Absence::Mode { mode: Mode::Shadow, own: false }));
        assert_eq!(of("bank", "cards"), Some(Absence::Mode { mode: Mode::Off, own: true }));
        assert_eq!(of("shop", "bare"), Some(Absence::NotEnforceable));
        assert_eq!(of("bank", "bare"), Some(Absence::NotEnforceable), "no mode would help");
        assert_eq!(of("shop", "web"), None);
    }
}
