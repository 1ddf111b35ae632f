//! NetworkPolicies: what they come to for pods and addresses, the two ways there are to ask.

use std::convert::Infallible;
use std::net::{IpAddr, Ipv4Addr};

use jiff::Timestamp;
use netintent::cidr::AddressSet;
use netintent::connection::{Connections, PortSetId, PortSets};
use netintent::evaluate::{End, evaluate, hangs_on_blocks};
use netintent::list::{Filter, list};
use netintent::manifest::collect;
use netintent::policy::Direction;
use netintent::port::PortSet;
use netintent::snapshot::{Options, Snapshot};

use crate::read;

/// Pods that policies can tell apart by namespace, labels and ports.
const WORLD: &str = "\
{apiVersion: v1, kind: Namespace, metadata: {name: shop, labels: {team: shop}}}
---
{apiVersion: v1, kind: Namespace, metadata: {name: bank}}
---
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop, labels: {app: web, tier: front}}
spec: {containers: [{name: a, image: a, ports: [{name: http, containerPort: 80}, {containerPort: 53, protocol: UDP}]}]}
---
apiVersion: v1
kind: Pod
metadata: {name: cart, namespace: shop, labels: {app: cart}}
spec: {containers: [{name: a, image: a, ports: [{name: http, containerPort: 8080}]}]}
---
apiVersion: v1
kind: Pod
metadata: {name: ledger, namespace: bank, labels: {app: ledger, tier: back}}
spec: {containers: [{name: a, image: a, ports: [{name: rpc, containerPort: 9000}, {name: dns, containerPort: 53, protocol: UDP}]}]}
---
apiVersion: v1
kind: Pod
metadata: {name: bare, namespace: bank}
spec: {containers: [{name: a, image: a}]}
";

/// Each part of the text between lines of `---` is the spec of a policy, by turns of one namespace and the other.
pub fn check(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if text.len() > 8192 {
        return;
    }
    let mut manifests = WORLD.to_owned();
    for (at, spec) in text.split("\n---\n").take(4).enumerate() {
        let namespace = if at % 2 == 0 { "shop" } else { "bank" };
        manifests.push_str("---\napiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\n");
        let metadata = format!("metadata: {{name: p{at}, namespace: {namespace}}}\n");
        manifests.extend([&metadata, "spec:\n  ", &spec.replace('\n', "\n  "), "\n"]);
    }
    let Some(decoded) = read(&manifests) else { return };
    let objects = decoded.into_iter().flat_map(|decoded| decoded.objects);
    let objects = collect(objects, &|_| String::new(), &mut Vec::new());
    let pod_cidrs = netintent::cidr::parse("10.1.0.0/16").into_iter().collect();
    let snapshot = Snapshot::new(objects, &Options { pod_cidrs, ..Options::at(Timestamp::UNIX_EPOCH) });
    pods(&snapshot);
    (0..).take(snapshot.pods.len()).for_each(|pod| addresses(&snapshot, pod));
    let Ok(()) = list(&snapshot, &Filter::default(), &mut |_| Ok::<_, Infallible>(()));
}

/// All connections at once are those of each pair by itself.
fn pods(snapshot: &Snapshot) {
    let mut ports = PortSets::default();
    let connections = Connections::new(snapshot, &mut ports);
    for source in (0..).take(snapshot.pods.len()) {
        let row = connections.row(source, &mut ports);
        for destination in (0..).take(snapshot.pods.len()) {
            let verdict = evaluate(snapshot, End::Pod(source), End::Pod(destination));
            let listed = row.iter().find(|(pod, _)| *pod == destination).map_or(PortSetId::NONE, |(_, set)| *set);
            assert_eq!(&verdict.ports, ports.get(listed), "{source} to {destination}");
            assert_eq!(verdict.egress.isolated, connections.is_isolated(Direction::Egress, source));
            hangs_on_blocks(snapshot, source, destination, &verdict, &PortSet::all());
        }
    }
}

/// What is allowed to addresses together is what is allowed to each.
fn addresses(snapshot: &Snapshot, pod: u32) {
    let one = |last: u8| AddressSet::of(IpAddr::from(Ipv4Addr::new(10, 0, 0, last)).into());
    for outbound in [true, false] {
        let ports = |addresses: &AddressSet| {
            let (pod, outside) = (End::Pod(pod), End::Addresses(addresses));
            if outbound { evaluate(snapshot, pod, outside).ports } else { evaluate(snapshot, outside, pod).ports }
        };
        let mut together = AddressSet::none();
        let mut common = PortSet::all();
        for last in [0, 1, 2, 3, 128, 255] {
            together = together.union(&one(last));
            common = common.intersection(&ports(&one(last)));
            assert_eq!(ports(&together), common, "pod {pod}, outbound: {outbound}, {together:?}");
        }
        assert!(common.is_superset(&ports(&AddressSet::all())), "pod {pod}, outbound: {outbound}");
    }
}
