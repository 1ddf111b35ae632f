use crate::resolve::{Home, Role, resolve, service_port, split_port};
use crate::testing::{approval, deployment, service, snapshot};

use super::*;

fn ask(snapshot: &Snapshot, caller: &str, callee: &str) -> Explanation {
    let home = Home { namespace: "default", only: false };
    let (name, port) = split_port(callee);
    let source = resolve(snapshot, caller, Role::Caller, home).unwrap();
    let destination = resolve(snapshot, name, Role::Callee, home).unwrap();
    let port = port.map(|port| match destination {
        Subject::Service(at) => AskedPort::Service(service_port(snapshot, at, port).unwrap()),
        _ => AskedPort::Number(Protocol::Tcp, port.parse().unwrap()),
    });
    explain(snapshot, &Question { source, destination, port })
}

fn marks(explanation: &Explanation) -> Vec<(Option<bool>, &str)> {
    explanation.chain.iter().map(|s| (s.holds, s.text.as_str())).collect()
}

fn shop(calls: &str, more: &str) -> String {
    deployment("shop", "web", calls) + &deployment("bank", "ledger", "") + &service("bank", "ledger") + more
}

#[test]
fn declared_and_approved_is_allowed_with_the_whole_chain() {
    let text = shop("bank/ledger:http", &approval("bank", "shop/web", "ledger:http"));
    let answer = ask(&snapshot(&text, &["*=enforce"]), "shop/web", "bank/ledger:http");
    assert_eq!((answer.allowed, answer.summary.as_str()), (Some(true), "declared and approved"));
    assert_eq!(
        marks(&answer),
        [
            (None, "Service bank/ledger, port http, leads to TCP 8080 of Deployment bank/ledger"),
            (Some(true), "shop/web declares bank/ledger:http"),
            (Some(true), "Approval bank/a approves it"),
            (Some(true), "pods of Deployment shop/web carry the label ledger.bank.to.netintent.dev/http=allowed"),
            (Some(true), "ingress into Deployment bank/ledger is allowed"),
            (Some(true), "egress out of Deployment shop/web is open: no policy selects it"),
        ]
    );
    assert!(answer.fixes.is_empty());
}

#[test]
fn each_missing_link_has_its_fix() {
    for (calls, more, modes, summary, fixes) in [
        (
            "",
            String::new(),
            &["*=enforce"][..],
            "the caller does not declare it",
            &["declare it", "have it approved"][..],
        ),
        ("bank/ledger:http", String::new(), &["*=enforce"], "it is declared, and not approved", &["have it approved"]),
        ("", approval("bank", "shop/*", "ledger"), &["*=enforce"], "the caller does not declare it", &["declare it"]),
        (
            "bank/ledger:http",
            approval("bank", "shop/web", "ledger:http"),
            &["bank=enforce"],
            "the caller's namespace takes no part, so that its pods carry no label",
            &["let namespace shop take part"],
        ),
        (
            "bank/ledger",
            approval("bank", "shop/web", "ledger:http"),
            &["*=enforce"],
            "it is declared, and not approved",
            &["declare what is approved"],
        ),
    ] {
        let answer = ask(&snapshot(&shop(calls, &more), modes), "shop/web", "bank/ledger:http");
        assert_eq!((answer.allowed, answer.summary.as_str()), (Some(false), summary), "{calls} {more}");
        let what: Vec<&str> = answer.fixes.iter().map(|f| f.what.as_str()).collect();
        assert_eq!(what.len(), fixes.len(), "{what:?}");
        assert!(what.iter().zip(fixes).all(|(got, wanted)| got.starts_with(wanted)), "{what:?}");
    }
}

#[test]
fn a_fix_names_the_owner_and_what_to_paste() {
    let owned = service("bank", "ledger")
        .replace("name: ledger}", "name: ledger, annotations: {a8r.io/owner: bank team, a8r.io/chat: \"#bank\"}}");
    let text = deployment("shop", "web", "bank/ledger:http") + &deployment("bank", "ledger", "") + &owned;
    let answer = ask(&snapshot(&text, &["*=enforce"]), "shop/web", "bank/ledger:http");
    assert_eq!(answer.fixes[0].what, "have it approved: bank team (#bank), who owns it, applies this");
    let pasted = answer.fixes[0].paste.as_ref().unwrap();
    let after = snapshot(&format!("{text}---\n{pasted}"), &["*=enforce"]);
    assert_eq!(ask(&after, "shop/web", "bank/ledger:http").allowed, Some(true), "what is pasted does it");
}

#[test]
fn allowed_without_intent_is_said_plainly() {
    let open = snapshot(&shop("", ""), &[]);
    assert_eq!(
        ask(&open, "shop/web", "bank/ledger:http").summary,
        "though never declared; no policy stands before the callee (mode off)"
    );
    let own = "---\napiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {namespace: bank, name: p}\nspec: {podSelector: {}, ingress: [{}]}\n";
    let answer = ask(&snapshot(&shop("", own), &["bank=shadow"]), "shop/web", "bank/ledger:http");
    assert_eq!(answer.summary, "though never declared; policies of the callee's own let it in (mode shadow)");
}

#[test]
fn one_port_of_two_is_in_part() {
    let text = shop("bank/ledger:http", &approval("bank", "shop/web", "ledger:http"));
    let answer = ask(&snapshot(&text, &["*=enforce"]), "shop/web", "bank/ledger");
    assert_eq!((answer.allowed, answer.in_part), (Some(false), true));
    assert_eq!(answer.summary, "TCP 8080 is allowed, TCP 9090 is not");
    assert!(answer.fixes[0].paste.as_ref().unwrap().contains("bank/ledger:metrics"), "{:?}", answer.fixes);
}

#[test]
fn an_egress_policy_of_the_caller_is_named() {
    let egress = "---\napiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {namespace: shop, name: closed}\nspec: {podSelector: {}, policyTypes: [Egress]}\n";
    let answer = ask(&snapshot(&shop("", egress), &[]), "shop/web", "bank/ledger:http");
    assert_eq!(
        (answer.allowed, answer.summary.as_str()),
        (Some(false), "the caller's egress policies do not allow it")
    );
    assert_eq!(
        answer.fixes[0].what,
        "let Deployment bank/ledger be reached on TCP 8080: whoever owns namespace shop applies this",
        "a policy of every pod is no place for it"
    );
}

#[test]
fn nobody_can_tell_of_what_nothing_enforces() {
    let alias = "---\napiVersion: v1\nkind: Service\nmetadata: {namespace: bank, name: alias}\nspec: {type: ExternalName, externalName: example.com}\n";
    let bare =
        "---\napiVersion: v1\nkind: Service\nmetadata: {namespace: bank, name: bare}\nspec: {ports: [{port: 80}]}\n";
    let empty = service("bank", "nobody");
    let cluster = snapshot(&(shop("", "") + alias + bare + &empty), &[]);
    for (callee, why) in [
        ("bank/alias", "it is an ExternalName, an alias that no NetworkPolicy can stand before"),
        ("bank/bare", "it has no selector, so that nothing says which pods are behind it"),
        ("bank/nobody", "its selector app=nobody selects no pod of the input"),
    ] {
        let answer = ask(&cluster, "shop/web", callee);
        assert_eq!((answer.allowed, answer.summary.as_str()), (None, why), "{callee}");
    }
}

#[test]
fn addresses_are_let_in_by_blocks_that_hold_all_of_them() {
    let block = "---\napiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {namespace: bank, name: p}\nspec: {podSelector: {}, ingress: [{from: [{ipBlock: {cidr: 10.0.0.0/9}}, {ipBlock: {cidr: 10.128.0.0/9}}]}]}\n";
    let cluster = snapshot(&shop("", block), &[]);
    for (source, allowed) in [("10.1.2.3", true), ("10.0.0.0/8", true), ("10.0.0.0/7", false), ("192.0.2.1", false)] {
        assert_eq!(ask(&cluster, source, "bank/ledger:http").allowed, Some(allowed), "{source}");
    }
    assert_eq!(ask(&cluster, "shop/web", "bank/ledger:http").allowed, Some(false), "a block matches no pod");
}

#[test]
fn a_from_is_credited_to_the_approval_that_holds() {
    let from = |name: &str, callee: &str, expires: &str| {
        format!(
            "---\napiVersion: netintent.dev/v1alpha1\nkind: Approval\nmetadata: {{namespace: bank, name: {name}}}\nspec:\n  callees: [\"{callee}\"]\n  from: [{{podSelector: {{matchLabels: {{app: web}}}}, namespaceSelector: {{}}}}]\n{expires}"
        )
    };
    let more = from("expired", "ledger:http", "  expiresAt: 2020-01-01T00:00:00Z\n")
        + &from("other-port", "ledger:metrics", "")
        + &from("holds", "ledger:http", "");
    let answer = ask(&snapshot(&shop("", &more), &["bank=enforce"]), "shop/web", "bank/ledger:http");
    assert_eq!(answer.allowed, Some(true));
    let told = format!("{:?}", answer.chain);
    assert!(told.contains("bank/holds") && !told.contains("bank/expired"), "{told}");
}

#[test]
fn replicas_that_are_alike_are_asked_once() {
    let pod = |name: &str, at: usize| {
        format!(
            "---\napiVersion: v1\nkind: Pod\nmetadata:\n  namespace: shop\n  name: {name}-{at}\n  labels: {{app: {name}}}\n  ownerReferences: [{{apiVersion: apps/v1, kind: StatefulSet, name: {name}, controller: true}}]\nspec: {{containers: [{{name: a, image: x}}]}}\n"
        )
    };
    let text: String = (0..400).map(|at| pod("a", at) + &pod("b", at)).collect();
    let cluster = snapshot(&text, &[]);
    let pods = |at: usize| cluster.workloads[at].pods.clone().map(|pod| (End::Pod(pod), PortSet::all())).collect();
    assert_eq!(alike::distinct(&cluster, pods(0)).len(), 1);
    assert_eq!(ask(&cluster, "shop/a", "shop/b").allowed, Some(true));
}

#[test]
fn no_pair_is_nothing_allowed() {
    let cluster = snapshot(&shop("", ""), &[]);
    let nobody = Question { source: Subject::Service(0), destination: Subject::Service(0), port: None };
    assert_eq!(explain(&cluster, &nobody).allowed, Some(false));
}

#[test]
fn a_port_that_leads_nowhere_is_told() {
    let lost = service("bank", "ledger").replace("port: 9090}", "port: 9090, targetPort: lost}");
    let text = deployment("shop", "web", "") + &deployment("bank", "ledger", "") + &lost;
    let answer = ask(&snapshot(&text, &[]), "shop/web", "bank/ledger");
    let lost = "Service bank/ledger, port metrics, leads to no port: lost is not among those of Deployment bank/ledger";
    assert!(marks(&answer).contains(&(Some(false), lost)), "{:?}", marks(&answer));
    assert_eq!(ask(&snapshot(&text, &[]), "shop/web", "bank/ledger:metrics").allowed, None);
}
