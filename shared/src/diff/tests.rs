use crate::testing::{approval, deployment, service, snapshot};

use super::*;
use crate::derive::Strictness;

fn lines(before: &Snapshot, after: &Snapshot) -> Vec<String> {
    let mut lines = Vec::new();
    let name = |party: &Party<'_>| match party {
        Party::Workload(w) => w.full_name(),
        Party::Addresses(a) => a.cidrs().iter().map(ToString::to_string).collect::<Vec<_>>().join(","),
    };
    diff::<()>(before, after, &mut |d| {
        lines.push(format!(
            "{} {} -> {}: {} => {}",
            d.change().as_str(),
            name(&d.source),
            name(&d.destination),
            d.before.ports,
            d.after.ports
        ));
        Ok(())
    })
    .unwrap();
    lines
}

fn shop(calls: &str, approvals: &str) -> String {
    deployment("shop", "web", calls) + &deployment("bank", "ledger", "") + &service("bank", "ledger") + approvals
}

#[test]
fn an_approval_adds_a_connection_and_its_removal_takes_it() {
    let with = snapshot(&shop("bank/ledger:http", &approval("bank", "shop/web", "ledger:http")), &["*=enforce"]);
    let without = snapshot(&shop("bank/ledger:http", ""), &["*=enforce"]);
    assert_eq!(lines(&without, &with), ["added shop/web -> bank/ledger: no port => TCP 8080"]);
    assert_eq!(lines(&with, &without), ["removed shop/web -> bank/ledger: TCP 8080 => no port"]);
    assert!(lines(&with, &with).is_empty());
}

#[test]
fn a_workload_that_goes_takes_its_connections() {
    let both = snapshot(&(deployment("shop", "a", "") + &deployment("shop", "b", "")), &[]);
    let one = snapshot(&deployment("shop", "a", ""), &[]);
    assert_eq!(
        lines(&both, &one),
        [
            "removed 0.0.0.0/0,::/0 -> shop/b: all ports => no port",
            "removed shop/a -> shop/b: all ports => no port",
            "removed shop/b -> shop/a: all ports => no port",
            "removed shop/b -> 0.0.0.0/0,::/0: all ports => no port",
        ]
    );
}

#[test]
fn addresses_differ_where_they_differ() {
    let block = |cidr: &str| {
        format!(
            "{}---\napiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {{namespace: shop, name: p}}\nspec: {{podSelector: {{}}, ingress: [{{from: [{{ipBlock: {{cidr: {cidr}}}}}]}}]}}\n",
            deployment("shop", "a", "")
        )
    };
    let (wide, narrow) = (snapshot(&block("10.0.0.0/8"), &[]), snapshot(&block("10.0.0.0/9"), &[]));
    assert_eq!(lines(&wide, &narrow), ["removed 10.128.0.0/9 -> shop/a: all ports => no port"]);
}

#[test]
fn approvals_that_are_still_needed() {
    let before = snapshot(&shop("", ""), &["*=enforce"]);
    let after = |modes: &[&str]| snapshot(&shop("bank/ledger:http", ""), modes);
    let all = needed(&before, &after(&["*=enforce"]));
    let [one] = &all[..] else { panic!("{all:?}") };
    assert_eq!((one.caller.to_string().as_str(), one.callee.to_string().as_str()), ("shop/web", "bank/ledger:http"));
    assert_eq!(one.strictness, Strictness::Reject);
    assert_eq!(needed(&before, &after(&["bank=shadow", "shop=enforce"]))[0].strictness, Strictness::Warn);
    assert!(needed(&before, &after(&["shop=enforce"])).is_empty(), "the callee takes no part");
    let old = after(&["*=enforce"]);
    assert!(needed(&old, &after(&["*=enforce"])).is_empty(), "what lacked it before is no news");
    let warned = after(&["bank=shadow", "shop=enforce"]);
    assert_eq!(needed(&warned, &old).len(), 1, "what was a warning and is a rejection is");
}

#[test]
fn services_that_become_protected() {
    let (open, closed) = (snapshot(&shop("", ""), &[]), snapshot(&shop("", ""), &["bank=enforce"]));
    let service = ("bank".to_owned(), "ledger".to_owned());
    let change = ProtectionChange { service, before: Some(Protection::Open), after: Some(Protection::Protected) };
    assert_eq!(protection_changes(&open, &closed), [change]);
    assert!(protection_changes(&closed, &closed).is_empty());
}
