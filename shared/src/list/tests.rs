use crate::testing::{approval, deployment, edges, service, snapshot};

use super::*;

const POLICY: &str =
    "---\napiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {namespace: shop, name: p}\nspec:\n";

fn only(from: &str, to: &str, edges: &[String]) -> Option<String> {
    let head = format!("{from} -> {to}: ");
    edges.iter().find_map(|e| e.strip_prefix(&head)).map(str::to_owned)
}

fn pod(name: &str, labels: &str, port: u16) -> String {
    format!(
        "---\napiVersion: v1\nkind: Pod\nmetadata:\n  namespace: shop\n  name: {name}\n  labels: {{{labels}}}\n  ownerReferences: [{{apiVersion: apps/v1, kind: StatefulSet, name: db, controller: true}}]\nspec: {{containers: [{{name: a, image: x, ports: [{{name: sql, containerPort: {port}}}]}}]}}\n"
    )
}

#[test]
fn a_workload_whose_pods_differ_is_allowed_by_what_all_of_them_are() {
    let text = pod("db-0", "role: main", 5432) + &pod("db-1", "role: copy", 5433) + &deployment("shop", "web", "");
    let ingress = "  podSelector: {matchLabels: {role: main}}\n  ingress: [{ports: [{port: sql}, {port: 80}]}]\n";
    let cluster = snapshot(&format!("{text}{POLICY}{ingress}"), &[]);
    let found = edges(&cluster, &Filter::default());
    assert_eq!(
        only("shop/web", "shop/db", &found).unwrap(),
        "TCP 80,5432 (some TCP 1-79,81-5431,5433-65535 · UDP all · SCTP all)"
    );
    assert_eq!(only("shop/db", "shop/web", &found).unwrap(), "all ports");
    let egress = "  podSelector: {matchLabels: {role: main}}\n  policyTypes: [Egress]\n";
    let cluster = snapshot(&format!("{text}{POLICY}{egress}"), &[]);
    assert_eq!(only("shop/db", "shop/web", &edges(&cluster, &Filter::default())).unwrap(), "no port (some all ports)");
}

#[test]
fn named_ports_are_those_of_each_destination() {
    let text = pod("db-0", "app: db", 5432) + &pod("db-1", "app: db", 5433) + &deployment("shop", "web", "");
    let ingress = "  podSelector: {matchLabels: {app: db}}\n  ingress: [{ports: [{port: sql}]}]\n";
    let cluster = snapshot(&format!("{text}{POLICY}{ingress}"), &[]);
    assert_eq!(
        only("shop/web", "shop/db", &edges(&cluster, &Filter::default())).unwrap(),
        "no port (some TCP 5432-5433)"
    );
}

#[test]
fn filters_select_either_end() {
    let cluster = snapshot(&["a", "b", "c"].map(|n| deployment("shop", n, "")).concat(), &[]);
    let count = |filter: &Filter| edges(&cluster, filter).len();
    let one = Some(vec![true, false, false]);
    assert_eq!(count(&Filter::default()), 6);
    assert_eq!(count(&Filter { own: true, ..Filter::default() }), 9);
    assert_eq!(count(&Filter { from: one.clone(), ..Filter::default() }), 2);
    assert_eq!(count(&Filter { to: one.clone(), ..Filter::default() }), 2);
    assert_eq!(count(&Filter { either: one.clone(), ..Filter::default() }), 4);
    assert_eq!(count(&Filter { from: one.clone(), to: one, ..Filter::default() }), 0);
}

#[test]
fn the_only_pod_of_a_controller_stands_for_those_that_take_its_place() {
    let own = |text: &str| {
        let cluster =
            snapshot(&format!("{text}{POLICY}  podSelector: {{}}\n  ingress: [{{ports: [{{port: 80}}]}}]\n"), &[]);
        edges(&cluster, &Filter { own: true, ..Filter::default() })
    };
    let (one, two) = (pod("db-0", "app: db", 5432), pod("db-1", "app: db", 5432));
    assert_eq!(own(&deployment("shop", "db", "")), ["shop/db -> shop/db: TCP 80"], "as the template says");
    assert_eq!(own(&one), ["shop/db -> shop/db: TCP 80"]);
    assert_eq!(own(&(one.clone() + &two)), ["shop/db -> shop/db: TCP 80"]);
    let bare =
        one.lines().filter(|line| !line.contains("ownerReferences")).fold(String::new(), |all, line| all + line + "\n");
    assert_eq!(own(&bare), [""; 0], "nobody makes another of it");
}

#[test]
fn what_is_declared_and_cut_is_shown_on_demand() {
    let text = deployment("shop", "web", "bank/ledger:http, bank/ledger:metrics")
        + &deployment("bank", "ledger", "")
        + &service("bank", "ledger")
        + &approval("bank", "shop/web", "ledger:http");
    let cluster = snapshot(&text, &["*=enforce"]);
    let mut seen = Vec::new();
    list::<()>(&cluster, &Filter { declared: true, ..Filter::default() }, &mut |c| {
        seen.push((c.ports.to_string(), c.cut().to_string(), c.approved.to_string()));
        Ok(())
    })
    .unwrap();
    assert_eq!(seen, [("TCP 8080".to_owned(), "TCP 9090".to_owned(), "TCP 8080".to_owned())]);
}

#[test]
fn ranges_are_cut_where_declarations_begin_and_end() {
    let text =
        deployment("shop", "web", "bank/ledger:http") + &deployment("bank", "ledger", "") + &service("bank", "ledger");
    let cluster = snapshot(&text, &[]);
    let mut ranges = Vec::new();
    list::<()>(&cluster, &Filter { declared: false, ..Filter::default() }, &mut |c| {
        if c.source == Party::Workload(&cluster.workloads[1]) && c.destination == Party::Workload(&cluster.workloads[0])
        {
            ranges = c
                .ranges()
                .iter()
                .map(|r| (r.protocol, r.interval.from, r.interval.to, r.declared, r.approved))
                .collect();
        }
        Ok(())
    })
    .unwrap();
    let tcp = |from, to, declared| (Protocol::Tcp, from, to, declared, false);
    let other = |protocol| (protocol, 1, u16::MAX, false, false);
    assert_eq!(
        ranges,
        [
            tcp(1, 8079, false),
            tcp(8080, 8080, true),
            tcp(8081, u16::MAX, false),
            other(Protocol::Udp),
            other(Protocol::Sctp)
        ]
    );
}

#[test]
fn groups_are_the_pairs() {
    let policy = format!(
        "{POLICY}  podSelector: {{matchLabels: {{app: c}}}}\n  ingress: [{{from: [{{podSelector: {{matchLabels: {{app: a}}}}}}]}}]\n"
    );
    let cluster = snapshot(&(["a", "b", "c"].map(|n| deployment("shop", n, "")).concat() + &policy), &[]);
    let mut pairs: Vec<String> = Vec::new();
    for group in grouped(&cluster, &Filter::default()) {
        for (source, destination) in group.sources.iter().flat_map(|s| group.destinations.iter().map(move |d| (s, d))) {
            if let (Party::Workload(from), Party::Workload(to), true) = (source, destination, source != destination) {
                pairs.push(format!("{} -> {}: {}", from.full_name(), to.full_name(), group.ports));
            }
        }
    }
    pairs.sort();
    assert_eq!(pairs, edges(&cluster, &Filter::default()));
}

#[test]
fn caveats_say_what_a_verdict_does_not_cover() {
    let host = deployment("shop", "node", "")
        .replace("    spec:\n      containers", "    spec:\n      hostNetwork: true\n      containers");
    let foreign = "---\napiVersion: cilium.io/v2\nkind: CiliumNetworkPolicy\nmetadata: {namespace: shop, name: c}\nspec: {endpointSelector: {matchLabels: {app: web}}}\n";
    let cluster = snapshot(&(host + &deployment("shop", "web", "") + &deployment("bank", "db", "") + foreign), &[]);
    let mut seen = Vec::new();
    list::<()>(&cluster, &Filter::default(), &mut |c| {
        if let (Party::Workload(from), Party::Workload(to)) = (&c.source, &c.destination) {
            let caveats: Vec<String> = c.caveats.iter().map(ToString::to_string).collect();
            seen.push(format!("{} {}: {}", from.name, to.name, caveats.join(", ")));
        }
        Ok(())
    })
    .unwrap();
    let both = "hostNetwork, CiliumNetworkPolicy shop/c";
    assert_eq!(
        seen,
        [
            "db node: hostNetwork".to_owned(),
            "db web: CiliumNetworkPolicy shop/c".to_owned(),
            "node db: hostNetwork".to_owned(),
            format!("node web: {both}"),
            "web db: CiliumNetworkPolicy shop/c".to_owned(),
            format!("web node: {both}"),
        ]
    );
}

#[test]
fn shadow_says_what_enforce_would_cut() {
    let text = deployment("shop", "web", "bank/ledger:http")
        + &deployment("bank", "ledger", "")
        + &service("bank", "ledger")
        + &approval("bank", "shop/web", "ledger:http");
    let would_cut = |modes: &[&str]| {
        let cluster = snapshot(&text, modes);
        let mut seen = Vec::new();
        list::<()>(&cluster, &Filter { to: Some(vec![true, false]), ..Filter::default() }, &mut |c| {
            seen.push((c.ports.to_string(), c.ports.difference(&c.would_cut).to_string()));
            Ok(())
        })
        .unwrap();
        seen
    };
    let all = || "all ports".to_owned();
    // The outside is cut, shop/web keeps what is approved.
    assert_eq!(would_cut(&["*=shadow"]), [(all(), "no port".to_owned()), (all(), "TCP 8080".to_owned())]);
    assert_eq!(would_cut(&["shop=shadow"]), [(all(), all()), (all(), all())], "the callee takes no part");
}
