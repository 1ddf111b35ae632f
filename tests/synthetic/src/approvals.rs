//! Approvals, cluster approvals and the prohibition, as YAML.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use super::Document;
use super::cluster::{Cluster, Edge, open_inside};
use super::random::Random;

/// What is cluster-scoped: the platform team's approvals and its prohibition.
pub(super) fn of_cluster(cluster: &Cluster) -> Vec<Document> {
    let monitoring = cluster.namespace(0);
    let mut documents = vec![
        cluster_approval("scrape-metrics", &[format!("{monitoring}/*")], &["*/*:metrics".to_owned()]),
        cluster_approval("probe-http", &[format!("{monitoring}/synthetic-prober")], &["*/*:http".to_owned()]),
    ];
    for &service in &cluster.open_to_all {
        let callee = callee(cluster, service);
        documents.push(cluster_approval(&format!("everyone-{}", callee.replace('/', ".")), &["*/*".into()], &[callee]));
    }
    let mut by_type: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for (caller, wildcard) in wildcards(cluster).filter(|(_, wildcard)| wildcard.starts_with('@')) {
        by_type.entry(wildcard).or_default().push(full_name(cluster, caller));
    }
    for (wildcard, callers) in by_type {
        let name = format!("chores-{}", wildcard.trim_start_matches('@').replace(':', "-"));
        documents.push(cluster_approval(&name, &callers, &[wildcard.to_owned()]));
    }
    if let Some((from, to)) = cluster.prohibition() {
        let head = head("ClusterProhibition", None, "sandboxes");
        let from = cluster.namespace(from);
        let to: Vec<String> = to.map(|to| format!("\"{}/*\"", cluster.namespace(to))).collect();
        let to = to.join(", ");
        let spec = format!("  callers: [\"{from}/*\"]\n  callees: [{to}]\n  reason: experiments stay away, SEC-77\n");
        documents.push(Document { namespace: None, text: head + &spec });
    }
    documents
}

/// The Approvals of every namespace: one for each callee and namespace of callers, as teams that agree pair by pair
/// write them, and a few wider ones.
pub(super) fn of_namespaces(cluster: &Cluster) -> Vec<Document> {
    let mut documents: Vec<Document> = (0..cluster.namespaces.len())
        .filter(|&namespace| open_inside(namespace))
        .map(|namespace| {
            approval(cluster, namespace, "inside", "  callers: [\"./*\"]\n  callees: [\"*\"]\n  reason: one team\n")
        })
        .collect();
    let numbers: BTreeMap<&str, usize> =
        cluster.namespaces.iter().enumerate().map(|(number, name)| (name.as_str(), number)).collect();
    let mut wide: BTreeMap<(usize, &str), Vec<String>> = BTreeMap::new();
    for (caller, wildcard) in wildcards(cluster) {
        if let Some((namespace, callees)) = wildcard.split_once('/')
            && let Some(&namespace) = numbers.get(namespace)
        {
            wide.entry((namespace, callees)).or_default().push(full_name(cluster, caller));
        }
    }
    for ((namespace, callees), callers) in wide {
        let spec = format!("  callers: [{}]\n  callees: [\"{callees}\"]\n", callers.join(", "));
        documents.push(approval(cluster, namespace, "everything-http", &spec));
    }
    let mut groups: BTreeMap<(usize, usize), Vec<(usize, &Edge)>> = BTreeMap::new();
    for (number, caller) in cluster.callers.iter().enumerate() {
        for edge in caller.edges.iter().filter(|edge| !cluster.covered_widely(number, edge)) {
            groups.entry((edge.callee, caller.namespace)).or_default().push((number, edge));
        }
    }
    documents.extend(groups.iter().filter_map(|(&group, edges)| of_group(cluster, group, edges)));
    documents.extend((0..cluster.services.len()).filter_map(|service| outside(cluster, service)));
    documents
}

/// The Approval for the callers of one namespace; none where none is approved.
fn of_group(cluster: &Cluster, (service, from): (usize, usize), edges: &[(usize, &Edge)]) -> Option<Document> {
    let callee = &cluster.services[service];
    let mut random = Random::new(cluster.seed, "approval", service * cluster.namespaces.len() + from);
    let approved = || edges.iter().filter(|(_, edge)| edge.approved);
    let (from_name, count) = (cluster.namespace(from), approved().count());
    if count == 0 {
        return None;
    }
    let local = callee.namespace == from;
    let prefix = if local { "." } else { from_name };
    let trusted = random.once_in(3) && edges.len() >= 3;
    let callers = if trusted && count == edges.len() {
        format!("\"{prefix}/*\"")
    } else {
        // A set: a canary or a Job may share its caller's name.
        let names: BTreeSet<&str> = approved().map(|&(caller, _)| cluster.callers[caller].name.as_str()).collect();
        names.iter().map(|name| format!("{prefix}/{name}")).collect::<Vec<_>>().join(", ")
    };
    let callees = if approved().any(|(_, edge)| edge.port.is_none()) {
        callee.name.clone()
    } else {
        let ports: BTreeSet<usize> = approved().filter_map(|(_, edge)| edge.port).collect();
        let name = |port: &usize| format!("\"{}:{}\"", callee.name, callee.ports[*port].text());
        ports.iter().map(name).collect::<Vec<_>>().join(", ")
    };
    let mut spec = format!("  callers: [{callers}]\n  callees: [{callees}]\n");
    if !random.once_in(3) {
        let _ = writeln!(spec, "  reason: agreed with team {from_name}, REQ-{}", 1000 + random.below(9000));
    }
    if random.once_in(15) {
        let _ = writeln!(spec, "  expiresAt: 2099-{:02}-01T00:00:00Z", 1 + random.below(12));
    }
    Some(approval(cluster, callee.namespace, &format!("{}.{from_name}", callee.name), &spec))
}

/// For one in forty Services, and one in four of the namespace `edge`: what comes from outside and can carry no intent.
fn outside(cluster: &Cluster, service: usize) -> Option<Document> {
    let callee = &cluster.services[service];
    let mut random = Random::new(cluster.seed, "outside", service);
    if !random.once_in(if callee.namespace == 1 { 4 } else { 40 }) {
        return None;
    }
    let peer = match random.below(4) {
        0 => "    - ipBlock:\n        cidr: 192.168.0.0/16\n        except: [192.168.66.0/24, 192.168.67.0/24]\n",
        1 => "    - ipBlock:\n        cidr: 203.0.113.0/24\n    - ipBlock:\n        cidr: 2001:db8:40::/48\n",
        _ => {
            "    - namespaceSelector:\n        matchLabels:\n          kubernetes.io/metadata.name: ingress-nginx\n      \
             podSelector:\n        matchLabels:\n          app.kubernetes.io/name: ingress-nginx\n"
        }
    };
    let port = callee.ports.first()?.text();
    let spec =
        format!("  callers: []\n  callees: [\"{}:{port}\"]\n  reason: from outside\n  from:\n{peer}", callee.name);
    Some(approval(cluster, callee.namespace, &format!("{}.from.outside", callee.name), &spec))
}

fn wildcards(cluster: &Cluster) -> impl Iterator<Item = (usize, &str)> {
    let callers = cluster.callers.iter().enumerate();
    callers.flat_map(|(number, caller)| caller.wildcards.iter().map(move |wildcard| (number, wildcard.as_str())))
}

fn full_name(cluster: &Cluster, caller: usize) -> String {
    let caller = &cluster.callers[caller];
    format!("{}/{}", cluster.namespace(caller.namespace), caller.name)
}

fn callee(cluster: &Cluster, service: usize) -> String {
    let service = &cluster.services[service];
    format!("{}/{}", cluster.namespace(service.namespace), service.name)
}

fn head(kind: &str, namespace: Option<&str>, name: &str) -> String {
    let namespace = namespace.map_or_else(String::new, |namespace| format!("\n  namespace: {namespace}"));
    format!("apiVersion: netintent.dev/v1alpha1\nkind: {kind}\nmetadata:\n  name: {name}{namespace}\nspec:\n")
}

fn approval(cluster: &Cluster, namespace: usize, name: &str, spec: &str) -> Document {
    let text = head("Approval", Some(cluster.namespace(namespace)), name) + spec;
    Document { namespace: Some(namespace), text }
}

fn cluster_approval(name: &str, callers: &[String], callees: &[String]) -> Document {
    let quoted = |names: &[String]| names.iter().map(|name| format!("\"{name}\"")).collect::<Vec<_>>().join(", ");
    let spec = format!("  callers: [{}]\n  callees: [{}]\n", quoted(callers), quoted(callees));
    Document { namespace: None, text: head("ClusterApproval", None, name) + &spec }
}
