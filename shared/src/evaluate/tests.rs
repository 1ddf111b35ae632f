use super::*;
use crate::snapshot::Options;
use crate::testing::{NOW, deployment, objects};

/// Two workloads, `bank/ledger` (pod 0) and `shop/web` (pod 1), and the ingress of the first.
fn snapshot(rules: &str, web_address: &str, pod_cidrs: &[&str]) -> Snapshot {
    let policy = format!(
        "---\napiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {{namespace: bank, name: a}}\nspec: {{podSelector: {{}}, ingress: [{rules}]}}\n"
    );
    let web = format!(
        "---\napiVersion: v1\nkind: Pod\nmetadata: {{namespace: shop, name: web}}\nspec: {{containers: [{{name: a, image: a}}]}}\nstatus: {{podIP: {web_address}}}\n"
    );
    let objects = objects(&(deployment("bank", "ledger", "") + &web + &policy));
    let pod_cidrs = pod_cidrs.iter().map(|net| net.parse().unwrap()).collect();
    Snapshot::new(objects, &Options { pod_cidrs, ..Options::at(NOW.parse().unwrap()) })
}

fn asked(port: u16) -> PortSet {
    PortSet::range(crate::port::Protocol::Tcp, port, port)
}

/// Whether a verdict about one port hangs on blocks.
fn hangs(snapshot: &Snapshot, port: u16) -> bool {
    let verdict = evaluate(snapshot, End::Pod(1), End::Pod(0));
    hangs_on_blocks(snapshot, 1, 0, &verdict, &asked(port))
}

#[test]
fn a_verdict_hangs_on_a_block_that_holds_the_other_pod() {
    let block = "{from: [{ipBlock: {cidr: 10.0.0.0/8}}], ports: [{port: 8080}]}";
    assert!(hangs(&snapshot(block, "10.1.2.3", &[]), 8080));
    assert!(!hangs(&snapshot(block, "10.1.2.3", &[]), 9090), "the block opens another port");
    assert!(!hangs(&snapshot(block, "192.168.1.1", &[]), 8080), "its address is elsewhere");
    assert!(!hangs(&snapshot(block, "192.168.1.1", &["10.0.0.0/16"]), 8080), "which is known");
    assert!(!hangs(&snapshot(block, "null", &[]), 8080), "nothing is known of addresses");
    assert!(hangs(&snapshot(block, "null", &["10.0.0.0/16"]), 8080), "pods are said to be there");
    assert!(!hangs(&snapshot(block, "null", &["172.16.0.0/16"]), 8080));
    let named = "{from: [{ipBlock: {cidr: 10.0.0.0/8}}], ports: [{port: http}]}";
    assert!(hangs(&snapshot(named, "10.1.2.3", &[]), 8080), "by the name of the destination's port");
    let allowed = "{}, {from: [{ipBlock: {cidr: 10.0.0.0/8}}]}";
    assert!(!hangs(&snapshot(allowed, "10.1.2.3", &[]), 8080), "allowed in any case");
    let pods = "{from: [{podSelector: {}}]}";
    assert!(!hangs(&snapshot(pods, "10.1.2.3", &[]), 8080), "there is no block");
}

#[test]
fn blocks_hold_addresses_together() {
    let halves = "{from: [{ipBlock: {cidr: 203.0.113.0/25}}, {ipBlock: {cidr: 203.0.113.128/25}}]}";
    let snapshot = snapshot(halves, "null", &[]);
    let ports = |block: &str| {
        let addresses = AddressSet::of(block.parse().unwrap());
        let verdict = evaluate(&snapshot, End::Addresses(&addresses), End::Pod(0));
        let rules: Vec<_> = verdict.ingress.policies.iter().flat_map(|p| &p.rules).map(|r| r.ports.is_all()).collect();
        (verdict.ports.is_all(), rules)
    };
    assert_eq!(ports("203.0.113.0/24"), (true, vec![true]), "neither block holds it alone");
    assert_eq!(ports("203.0.113.0/25"), (true, vec![true]));
    assert_eq!(ports("203.0.112.0/23"), (false, vec![false]));
}
