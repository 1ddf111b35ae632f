//! Edges: an intent and what approves it, towards Services that are there. Drawn apart they would seldom meet.

use netintent::approval::{Approval, FromPeer, Prohibition};
use netintent::callee::{CalleePattern, Port, Scope};
use netintent::caller::CallerPattern;
use netintent::names;
use netintent::objects::{Objects, Service, ServicePort, TargetPort, Workload};
use netintent::policy::Peer;
use netintent::selector::Labels;
use proptest::prelude::*;
use proptest::sample::Index;

use super::netintent_objects::written;
use super::policies::peer;
use super::{metadata, text};
use crate::reference::{named, selects};

/// What is to be added to a cluster, before it is known what is in it.
#[derive(Clone, Debug)]
pub(crate) struct Edge {
    workload: Index,
    service: Index,
    /// Which of the Service's ports; beyond them all.
    port: usize,
    /// How wide the intent is, from one Service to all.
    scope: u8,
    what: What,
}

#[derive(Clone, Debug)]
enum What {
    Approved {
        by_type_or_wider: bool,
    },
    From(Peer),
    /// To everybody, or to the Service's own namespace.
    FromForbidden(Peer, bool),
}

pub(crate) fn edge() -> impl Strategy<Value = Edge> {
    let what = prop_oneof![
        8 => any::<bool>().prop_map(|by_type_or_wider| What::Approved { by_type_or_wider }),
        2 => peer().prop_map(What::From),
        1 => (peer(), any::<bool>()).prop_map(|(peer, everybody)| What::FromForbidden(peer, everybody)),
    ];
    (any::<Index>(), any::<Index>(), 0..4_usize, 0..6_u8, what)
        .prop_map(|(workload, service, port, scope, what)| Edge { workload, service, port, scope, what })
}

fn callee(service: &Service, edge: &Edge) -> CalleePattern {
    let (namespace, name) = (service.metadata.namespace.clone(), service.metadata.name.clone());
    let scope = match (edge.scope, service.metadata.labels.get(names::TYPE)) {
        (3, _) => Scope::Namespace(namespace),
        (4, Some("backend")) => Scope::Type("backend".to_owned()),
        (4 | 5, _) => Scope::Cluster,
        _ => Scope::Service { namespace, name },
    };
    let port = service.ports.get(edge.port).map_or(Port::All, ServicePort::identifier);
    CalleePattern { scope, port }
}

fn declare(workload: &mut Workload, callee: &CalleePattern) {
    let before = workload.pod.calls.take().map(|text| text.value).unwrap_or_default();
    workload.pod.calls = Some(text(format!("{before}\n{}", written(callee))));
}

/// Whether some port of the Service leads to some pod.
fn leads_somewhere(service: &Service, objects: &Objects) -> bool {
    let labels = |w: &Workload| w.pod.labels.iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
    let behind = objects.workloads.iter().filter(|w| {
        let here = w.metadata.namespace == service.metadata.namespace;
        here && service.selector.as_ref().is_some_and(|selector| selects(selector, &labels(w)))
    });
    let leads = |workload: &Workload, port: &ServicePort| match &port.target {
        TargetPort::Number(_) => true,
        TargetPort::Name(name) => !named(&workload.pod.ports, name, port.protocol).is_empty(),
    };
    behind.into_iter().any(|workload| service.ports.iter().any(|port| leads(workload, port)))
}

/// Adds edges to a cluster, towards Services that lead somewhere.
pub(crate) fn add(objects: &mut Objects, edges: &[Edge]) {
    let services: Vec<usize> =
        (0..objects.services.len()).filter(|at| leads_somewhere(&objects.services[*at], objects)).collect();
    if services.is_empty() {
        return;
    }
    for (at, edge) in edges.iter().enumerate() {
        let service = &objects.services[services[edge.service.index(services.len())]];
        let callee = callee(service, edge);
        let cluster = metadata("", &format!("edge{at}"), Labels::default());
        let mut approval = Approval {
            metadata: cluster.clone(),
            callers: vec![CallerPattern::Any],
            callees: vec![callee.clone()],
            reason: None,
            expires_at: None,
            from: vec![],
        };
        let from = |peer: &Peer| vec![FromPeer { peer: Ok(peer.clone()), origin: None }];
        match &edge.what {
            What::Approved { by_type_or_wider } => {
                if *by_type_or_wider && !matches!(callee.scope, Scope::Type(_)) {
                    approval.callees = vec![CalleePattern { scope: Scope::Cluster, port: callee.port.clone() }];
                }
                let workload = edge.workload.index(objects.workloads.len());
                declare(&mut objects.workloads[workload], &callee);
            }
            What::From(peer) => approval.from = from(peer),
            What::FromForbidden(peer, everybody) => {
                approval.from = from(peer);
                let own = CallerPattern::Namespace(service.metadata.namespace.clone());
                objects.prohibitions.push(Prohibition {
                    metadata: cluster,
                    callers: vec![if *everybody { CallerPattern::Any } else { own }],
                    callees: vec![callee],
                    reason: None,
                });
            }
        }
        objects.approvals.push(approval);
    }
}
