//! NetworkPolicies of the input.

use super::{one, told, underlined};
use crate::finding::Code;
use crate::testing::deployment;

fn policy(name: &str, spec: &str) -> String {
    format!(
        "---\napiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {{namespace: bank, name: {name}}}\nspec: {{{spec}}}\n"
    )
}

fn base() -> String {
    deployment("bank", "ledger", "") + &deployment("bank", "cards", "") + &deployment("shop", "web", "")
}

#[test]
fn what_a_selector_does_not_meet_is_underlined() {
    let text = base() + &policy("a", "podSelector: {matchLabels: {app: ledger, tier: db}}");
    let finding = one(Code::PolicySelectsNothing, &text, &[]);
    assert_eq!(underlined(&text, &finding), "db");
    let both = base()
        + &policy(
            "a",
            "podSelector: {matchExpressions: [{key: app, operator: Exists}, {key: app, operator: DoesNotExist}]}",
        );
    assert_eq!(underlined(&both, &one(Code::PolicySelectsNothing, &both, &[])), "podSelector");
    assert_eq!(
        told(Code::PolicySelectsNothing, &(base() + &policy("a", "podSelector: {}")), &[]),
        Vec::<String>::new()
    );
}

#[test]
fn peers_in_either_direction() {
    let peer = |direction: &str, list: &str, peer: &str| {
        base()
            + &policy(
                "a",
                &format!(
                    "podSelector: {{}}, policyTypes: [Ingress, Egress], {direction}: [{{}}, {{{list}: [{{podSelector: {{}}}}, {peer}]}}]"
                ),
            )
    };
    let wrong = "{podSelector: {matchLabels: {app: crads}}}";
    for (direction, list, verb) in [("ingress", "from", "lets nobody in"), ("egress", "to", "lets nobody out")] {
        let text = peer(direction, list, wrong);
        let finding = one(Code::PeerSelectsNothing, &text, &[]);
        assert_eq!(underlined(&text, &finding), "crads");
        assert!(finding.message.contains(verb), "{}", finding.message);
        assert_eq!(finding.help.as_deref(), Some("did you mean `app: cards`?"));
    }
    let count = |p: &str| told(Code::PeerSelectsNothing, &peer("egress", "to", p), &[]).len();
    assert_eq!(count("{ipBlock: {cidr: 203.0.113.0/24}}"), 0);
    assert_eq!(count("{podSelector: {matchLabels: {app: nobody}}}"), 1, "its own namespace is known whole");
    assert_eq!(
        count("{namespaceSelector: {}, podSelector: {matchLabels: {k8s-app: kube-dns}}}"),
        0,
        "it may lie elsewhere"
    );
    assert_eq!(count("{namespaceSelector: {}, podSelector: {matchLabels: {app: wbe}}}"), 1, "a slip");
    assert_eq!(count("{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: kube-system}}}"), 0);
    assert_eq!(count("{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: shpo}}}"), 1);
    let named = "{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: shop}}, podSelector: {matchLabels: {app: nobody}}}";
    assert_eq!(count(named), 1, "a namespace whose pods are known");
    let some_unknown = "{namespaceSelector: {matchExpressions: [{key: kubernetes.io/metadata.name, operator: In, values: [shop, far]}]}, podSelector: {matchLabels: {app: nobody}}}";
    assert_eq!(count(some_unknown), 0);
}

#[test]
fn a_namespace_slip_is_underlined() {
    let text = base()
        + &policy(
            "a",
            "podSelector: {}, ingress: [{from: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: shpo}}}]}]",
        );
    let finding = one(Code::PeerSelectsNothing, &text, &[]);
    assert_eq!(underlined(&text, &finding), "shpo");
    assert_eq!(finding.help.as_deref(), Some("did you mean `kubernetes.io/metadata.name: shop`?"));
}

#[test]
fn a_policy_that_isolates_all_though_it_is_about_some() {
    let about = "podSelector: {}, ingress: [{from: [{podSelector: {matchLabels: {app: cards}}}]}]";
    let finding = one(Code::IsolatesNamespace, &(base() + &policy("a", about)), &[]);
    assert_eq!(
        finding.message,
        "NetworkPolicy bank/a isolates every pod of namespace bank for ingress; no other policy lets anybody call bank/cards and bank/ledger"
    );
    let count = |text: &str| told(Code::IsolatesNamespace, &(base() + text), &[]).len();
    assert_eq!(count(&policy("a", "podSelector: {}")), 0, "it denies by default, and says so");
    assert_eq!(count(&policy("a", "podSelector: {}, ingress: [{}]")), 0, "it allows all");
    assert_eq!(count(&policy("a", "podSelector: {}, ingress: [{ports: [{port: 80}]}]")), 1);
    assert_eq!(count(&(policy("a", about) + &policy("deny", "podSelector: {}"))), 0, "another denies all anyway");
    let by_label = "podSelector: {matchExpressions: [{key: app, operator: Exists}]}, ingress: [{ports: [{port: 80}]}]";
    assert_eq!(count(&policy("a", by_label)), 0, "it names a label, though all have it");
    let egress_only = policy("deny", "podSelector: {}, policyTypes: [Egress]");
    assert_eq!(count(&(policy("a", about) + &egress_only)), 1, "in the other direction");
    assert_eq!(count(&policy("a", "podSelector: {matchLabels: {app: ledger}}, ingress: [{ports: [{port: 80}]}]")), 0);
    let egress = "podSelector: {}, policyTypes: [Egress], egress: [{ports: [{port: 54, protocol: UDP}]}]";
    assert_eq!(count(&policy("a", &egress.replace("54", "53"))), 0, "DNS for all");
    assert_eq!(
        count(&policy("a", "podSelector: {}, ingress: [{from: [{podSelector: {}}]}]")),
        0,
        "the whole namespace"
    );
    let message = &told(Code::IsolatesNamespace, &(base() + &policy("a", egress)), &[])[0];
    assert!(message.ends_with("for egress; no other policy lets bank/cards and bank/ledger call anybody"), "{message}");
    let others = policy("a", about) + &policy("b", "podSelector: {matchLabels: {app: ledger}}, ingress: [{}]");
    let message = &told(Code::IsolatesNamespace, &(base() + &others), &[])[0];
    assert!(message.ends_with("lets anybody call bank/cards"), "{message}");
}

#[test]
fn a_namespace_without_pods_is_told_once() {
    let text = deployment("shop", "web", "")
        + &policy("a", "podSelector: {matchLabels: {x: a}}")
        + &policy("b", "podSelector: {matchLabels: {x: b}}");
    assert_eq!(told(Code::NoPods, &text, &[]).len(), 1);
    assert_eq!(told(Code::PolicySelectsNothing, &text, &[]), Vec::<String>::new());
}

#[test]
fn our_own_policies_are_not_judged() {
    let text = base() + &crate::testing::service("bank", "ledger");
    assert_eq!(told(Code::PeerSelectsNothing, &text, &["bank=enforce"]), Vec::<String>::new());
    assert_eq!(told(Code::IsolatesNamespace, &text, &["bank=enforce"]), Vec::<String>::new());
}

#[test]
fn beside_our_own_the_others_are_judged() {
    let ours = policy("netintent-ledger", "podSelector: {matchLabels: {app: ledger}}");
    let other = policy("a", "podSelector: {matchLabels: {app: legder}}");
    let text = base() + &crate::testing::service("bank", "ledger") + &ours + &other;
    assert_eq!(told(Code::EditedPolicy, &text, &["bank=enforce"]).len(), 1);
    assert_eq!(told(Code::PolicySelectsNothing, &text, &["bank=enforce"]).len(), 1);
}

#[test]
fn labels_of_single_pods_are_known_as_far_as_they_can_be() {
    let job = "---\napiVersion: batch/v1\nkind: Job\nmetadata: {namespace: bank, name: m}\nspec: {template: {spec: {restartPolicy: Never, containers: [{name: a, image: a}]}}}\n";
    let of = |selector: &str| {
        let text = base() + job + &policy("a", &format!("podSelector: {{matchLabels: {{{selector}}}}}"));
        (
            told(Code::PolicySelectsNothing, &text, &[]).len(),
            crate::testing::snapshot(&text, &[]).policies[0].pods.len(),
        )
    };
    assert_eq!(of("batch.kubernetes.io/job-name: m"), (0, 1), "the server gives a Job's pods its name");
    assert_eq!(of("job-name: m"), (0, 1));
    assert_eq!(of("job-name: other"), (0, 0), "a Job of that name may come");
    assert_eq!(of("statefulset.kubernetes.io/pod-name: db-0"), (0, 0), "not known before it runs");
    assert_eq!(of("app: other"), (1, 0));
}

#[test]
fn what_old_versions_filled_in() {
    let old = "apiVersion: extensions/v1beta1\nkind: Deployment\nmetadata: {namespace: bank, name: old}\nspec: {template: {metadata: {labels: {app: old}}, spec: {containers: [{name: a, image: a}]}}}\n";
    assert_eq!(told(Code::OutdatedApiVersion, old, &[]).len(), 1);
}
