//! Pods that no policy and no sentence tells apart: one stands for all of them, so that a question about hundreds of
//! replicas is no dearer than one about two.

use std::net::IpAddr;

use rustc_hash::FxHashSet;

use crate::callee::CalleePattern;
use crate::evaluate::End;
use crate::objects::ContainerPort;
use crate::policy::Peer;
use crate::port::PortSet;
use crate::selector::Labels;
use crate::snapshot::Snapshot;

/// All of a pod that an explanation depends on.
#[derive(PartialEq, Eq, Hash)]
struct Likeness<'a> {
    workload: u32,
    labels: &'a Labels,
    caller: &'a str,
    intents: Vec<&'a CalleePattern>,
    ports: &'a [ContainerPort],
    host_network: bool,
    addresses: &'a [IpAddr],
}

/// The first of each that are alike, in order.
pub(super) fn distinct<'e>(snapshot: &Snapshot, ends: Vec<(End<'e>, PortSet)>) -> Vec<(End<'e>, PortSet)> {
    let blocks = snapshot
        .policies
        .iter()
        .flat_map(|p| p.policy.ingress.iter().chain(&p.policy.egress).flatten())
        .flat_map(|rule| &rule.peers)
        .any(|peer| matches!(peer, Peer::Block { .. }));
    let mut seen = FxHashSet::default();
    let likeness = |pod: u32| {
        let (state, spec) = (&snapshot.pods[pod as usize], snapshot.spec(pod));
        Likeness {
            workload: state.workload,
            labels: &state.labels,
            caller: &state.caller.name,
            intents: state.intents.iter().map(|declared| &*declared.callee).collect(),
            ports: &spec.ports,
            host_network: spec.host_network,
            // Only a block of addresses looks at a pod's own.
            addresses: if blocks { &spec.addresses } else { &[] },
        }
    };
    let mut kept = ends;
    kept.retain(|(end, asked)| match end {
        End::Pod(pod) => seen.insert((likeness(*pod), asked.clone())),
        End::Addresses(_) => true,
    });
    kept
}
