//! Intents, and the connections behind them.

use super::{found, one, told, underlined};
use crate::finding::Code;
use crate::testing::{approval, deployment, service};

const BOTH: &[&str] = &["shop=enforce", "bank=enforce"];

fn bank() -> String {
    deployment("bank", "ledger", "") + &service("bank", "ledger")
}

#[test]
fn what_does_not_exist_has_near_names() {
    let help = |calls: &str| one(Code::UnknownCallee, &(bank() + &deployment("shop", "web", calls)), BOTH).help;
    assert_eq!(help("bank/legder:http").as_deref(), Some("did you mean `ledger`?"));
    // The same name elsewhere; then a namespace of nearly that name.
    assert_eq!(help("ledger:http").as_deref(), Some("did you mean `bank/ledger`?"));
    assert_eq!(help("bnak/books").as_deref(), Some("did you mean `bank`?"));
    assert_eq!(help("bank/books"), None);
    assert_eq!(help("bnak/*").as_deref(), Some("did you mean `bank`?"));
    assert_eq!(help("@backend"), None);
    let typed =
        service("bank", "ledger").replace("name: ledger}", "name: ledger, labels: {netintent.dev/type: backend}}");
    let finding = one(Code::UnknownCallee, &(typed + &deployment("shop", "web", "@backedn")), BOTH);
    assert_eq!(finding.help.as_deref(), Some("did you mean `backend`?"));
    assert!(finding.message.contains("netintent.dev/type=backedn"), "{}", finding.message);
    let nothing_managed = bank() + &deployment("shop", "web", "*/*:http");
    assert_eq!(told(Code::UnknownCallee, &nothing_managed, BOTH), Vec::<String>::new());
    assert_eq!(told(Code::UnknownCallee, &nothing_managed, &["shop=enforce"]).len(), 1);
    assert_eq!(told(Code::UnknownCallee, &deployment("shop", "web", "*/*:http"), BOTH).len(), 1);
}

#[test]
fn refusals_say_why_and_are_as_strict_as_admission() {
    let text = |more: &str| bank() + &deployment("shop", "web", "bank/ledger") + more;
    let finding = one(Code::RefusedIntent, &text(""), BOTH);
    assert_eq!(finding.message, "shop/web may not call bank/ledger: nobody has approved it");
    let help = finding.help.as_deref().unwrap();
    assert!(help.ends_with("approves it: kubectl netintent approve shop/web --to bank/ledger"), "{help}");
    assert_eq!(told(Code::UnapprovedIntent, &text(""), &["shop=shadow", "bank=enforce"]).len(), 1);
    assert_eq!(told(Code::UnapprovedIntent, &text(""), &["shop=enforce", "bank=shadow"]).len(), 1);
    for code in [Code::RefusedIntent, Code::UnapprovedIntent] {
        assert_eq!(told(code, &text(""), &["shop=enforce", "bank=off"]), Vec::<String>::new());
    }
    let wide = one(Code::RefusedIntent, &text(&approval("bank", "shop/web", "ledger:http")), BOTH);
    assert!(wide.message.ends_with("only bank/ledger:http is approved"), "{}", wide.message);
    let ended = approval("bank", "shop/web", "ledger") + "  expiresAt: 2026-01-01T00:00:00Z\n";
    let ended = one(Code::RefusedIntent, &text(&ended), BOTH);
    assert!(ended.message.ends_with("its approval has expired: bank/a"), "{}", ended.message);
    let prohibition = "---\napiVersion: netintent.dev/v1alpha1\nkind: ClusterProhibition\nmetadata: {name: p}\nspec: {callers: [shop/*], callees: [bank/*], reason: never}\n";
    let prohibited = one(Code::RefusedIntent, &text(&(approval("bank", "shop/web", "ledger") + prohibition)), BOTH);
    assert!(prohibited.message.ends_with("ClusterProhibition p forbids it: never"), "{}", prohibited.message);
}

#[test]
fn the_same_intent_of_many_pods_is_told_once_and_where_it_stands() {
    let pod = "---\napiVersion: v1\nkind: Pod\nmetadata:\n  namespace: shop\n  name: web-N\n  ownerReferences: [{apiVersion: apps/v1, kind: StatefulSet, name: web, uid: x, controller: true}]\n  annotations: {netintent.dev/calls: bank/ledger}\nspec: {containers: [{name: main, image: x}]}\n";
    let pods = ["0", "1", "2"].map(|n| pod.replace('N', n)).concat();
    assert_eq!(told(Code::RefusedIntent, &(bank() + &pods), BOTH).len(), 1);
    let account = "---\napiVersion: v1\nkind: ServiceAccount\nmetadata:\n  namespace: shop\n  name: default\n  annotations: {netintent.dev/calls: \"bank/ledger:http, bank/books\"}\n";
    let text = bank() + &deployment("shop", "web", "") + account;
    let unknown = one(Code::UnknownCallee, &text, BOTH);
    assert_eq!(unknown.object.as_ref().unwrap().to_string(), "ServiceAccount shop/default");
    assert_eq!(underlined(&text, &unknown), "bank/books");
}

#[test]
fn misplaced_intents_are_told_where_they_belong() {
    let on_metadata = |text: String| {
        text.replacen(
            "metadata: {namespace: shop, name: web}",
            "metadata: {namespace: shop, name: web, annotations: {netintent.dev/calls: a, netintent.dev/caller: b}}",
            1,
        )
    };
    let text = on_metadata(deployment("shop", "web", ""));
    let all: Vec<_> = found(&text, &[]).into_iter().filter(|f| f.code == Code::MisplacedIntents).collect();
    assert_eq!(all.len(), 2);
    assert!(all.iter().all(|f| f.help.as_deref() == Some("move it to spec.template.metadata.annotations")));
    let cron = "apiVersion: batch/v1\nkind: CronJob\nmetadata: {namespace: shop, name: web, annotations: {netintent.dev/calls: a}}\nspec:\n  schedule: '* * * * *'\n  jobTemplate: {spec: {template: {spec: {restartPolicy: Never, containers: [{name: a, image: a}]}}}}\n";
    let finding = one(Code::MisplacedIntents, cron, &[]);
    assert_eq!(finding.help.as_deref(), Some("move it to spec.jobTemplate.spec.template.metadata.annotations"));
    let pod = "apiVersion: v1\nkind: Pod\nmetadata: {namespace: shop, name: web, annotations: {netintent.dev/calls: a}}\nspec: {containers: [{name: a, image: a}]}\n";
    assert_eq!(told(Code::MisplacedIntents, pod, &[]), Vec::<String>::new());
}

#[test]
fn an_unprotected_callee_is_named_with_its_callers() {
    let text =
        bank() + &deployment("shop", "web", "bank/ledger:http") + &deployment("shop", "cart", "bank/ledger:http");
    let finding = one(Code::UnprotectedCallee, &text, &["shop=enforce"]);
    assert!(finding.message.ends_with("declared by shop/cart and shop/web"), "{}", finding.message);
    assert_eq!(told(Code::UnprotectedCallee, &text, &["shop=enforce", "bank=shadow"]), Vec::<String>::new());
    let wild = bank() + &deployment("shop", "web", "bank/*");
    assert_eq!(told(Code::UnprotectedCallee, &wild, &["shop=enforce"]), Vec::<String>::new());
}

const EGRESS: &str = "---\napiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {namespace: shop, name: out}\nspec: {podSelector: {}, policyTypes: [Egress]}\n";

#[test]
fn what_cuts_a_call_is_named() {
    let granted =
        bank() + &deployment("shop", "web", "bank/ledger:http") + &approval("bank", "shop/web", "ledger:http");
    assert_eq!(told(Code::CutConnection, &granted, BOTH), Vec::<String>::new());
    let finding = one(Code::CutConnection, &(granted.clone() + EGRESS), BOTH);
    assert!(finding.message.ends_with("no egress policy of it allows that (shop/out)"), "{}", finding.message);
    assert!(finding.message.contains("does not reach Service bank/ledger:"), "{}", finding.message);
    // Of a callee in shadow another ingress policy may cut it.
    let ingress = "---\napiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {namespace: bank, name: closed}\nspec: {podSelector: {}}\n";
    let finding = one(Code::CutConnection, &(granted.clone() + ingress), &["shop=enforce", "bank=shadow"]);
    assert!(finding.message.ends_with("no ingress policy of it allows that (bank/closed)"), "{}", finding.message);
    // A callee that is off needs no approval.
    let undeclared = bank() + &deployment("shop", "web", "bank/ledger:http") + EGRESS;
    assert_eq!(told(Code::CutConnection, &undeclared, &["shop=enforce"]).len(), 1);
    // What is refused is told as that.
    assert_eq!(told(Code::CutConnection, &undeclared, BOTH), Vec::<String>::new());
    assert_eq!(told(Code::CutConnection, &undeclared, &["shop=shadow", "bank=shadow"]), Vec::<String>::new());
}

#[test]
fn a_wildcard_names_the_services_that_it_does_not_reach() {
    let text = bank()
        + &deployment("bank", "cards", "")
        + &service("bank", "cards")
        + &deployment("shop", "web", "bank/*:http")
        + &approval("bank", "shop/web", "*")
        + EGRESS;
    let finding = one(Code::CutConnection, &text, BOTH);
    assert!(finding.message.contains("does not reach Service bank/cards and bank/ledger:"), "{}", finding.message);
}

#[test]
fn a_caller_in_a_namespace_that_is_off_is_told() {
    let text = bank() + &deployment("shop", "web", "bank/ledger:http") + &approval("bank", "shop/web", "ledger:http");
    let finding = one(Code::UnmanagedCaller, &text, &["bank=enforce"]);
    assert_eq!(underlined(&text, &finding), "bank/ledger:http");
    assert_eq!(told(Code::CutConnection, &text, &["bank=enforce"]), Vec::<String>::new());
    // A `from` lets it in all the same.
    let from = "---\napiVersion: netintent.dev/v1alpha1\nkind: Approval\nmetadata: {namespace: bank, name: from}\nspec: {callees: [ledger], from: [{namespaceSelector: {}}]}\n";
    assert_eq!(told(Code::UnmanagedCaller, &(text + from), &["bank=enforce"]), Vec::<String>::new());
}

fn legacy(rule: &str) -> String {
    format!(
        "---\napiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {{namespace: bank, name: legacy}}\nspec:\n  podSelector: {{}}\n  ingress: [{rule}]\n"
    )
}

#[test]
fn whom_other_policies_let_in_undeclared() {
    let base = bank()
        + &deployment("shop", "web", "bank/ledger:http")
        + &approval("bank", "shop/web", "ledger:http")
        + &deployment("shop", "cart", "");
    let told = |rule: &str| told(Code::UndeclaredConnection, &(base.clone() + &legacy(rule)), BOTH);
    let all = told("{}");
    assert_eq!(all.len(), 1);
    assert!(all[0].contains("lets shop/cart and shop/web call Service bank/ledger (TCP 8080,9090)"), "{all:?}");
    assert!(told("{ports: [{port: 8080}]}")[0].contains("lets shop/cart call"), "web is granted that port");
    assert_eq!(told("{ports: [{port: 22}]}"), Vec::<String>::new());
    assert_eq!(told("{from: [{podSelector: {}}]}"), Vec::<String>::new(), "its own pods");
    let block = told("{from: [{ipBlock: {cidr: 203.0.113.0/24}}]}");
    assert!(block[0].contains("lets addresses 203.0.113.0/24 call"), "{block:?}");
    let named = told("{ports: [{port: http}]}");
    assert!(named[0].contains("(TCP 8080)"), "{named:?}");
    let text = base.clone() + &legacy("{}");
    assert_eq!(super::told(Code::UndeclaredConnection, &text, &["bank=shadow", "shop=enforce"]), Vec::<String>::new());
    // Of two rules the one that does it is named.
    let text = base + &legacy("{from: [{podSelector: {}}]}, {ports: [{port: 9090}]}");
    let finding = one(Code::UndeclaredConnection, &text, BOTH);
    assert_eq!(underlined(&text, &finding), "ports");
}

#[test]
fn a_port_that_is_misnamed_is_named_first() {
    let text = bank() + &deployment("shop", "web", "bank/ledger:80");
    let finding = one(Code::RefusedIntent, &text, BOTH);
    assert_eq!(finding.help.as_deref(), Some("first name the port as the Service does: write `bank/ledger:http`"));
}

#[test]
fn a_mode_is_a_label() {
    let text = "apiVersion: v1\nkind: Namespace\nmetadata: {name: bank, annotations: {netintent.dev/mode: enforce}}\n";
    let finding = one(Code::UnknownMode, text, &[]);
    assert!(finding.message.contains("as an annotation of a Namespace it has no effect"), "{}", finding.message);
    assert_eq!(told(Code::UnknownMode, &text.replace("annotations", "labels"), &[]), Vec::<String>::new());
}

#[test]
fn findings_of_one_annotation_are_in_its_order() {
    let text = bank() + &deployment("shop", "web", "bank/ledger, bank/nope, bank/ledger:http");
    let codes: Vec<Code> = found(&text, BOTH).into_iter().filter(|f| f.place.is_some()).map(|f| f.code).collect();
    let expected = [Code::RefusedIntent, Code::UnknownCallee, Code::RefusedIntent];
    assert!(codes.windows(3).any(|three| three == expected), "{codes:?}");
}
