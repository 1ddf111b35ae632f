//! What generated clusters have in them: a property that never meets a named port says nothing about named ports.

use std::collections::BTreeMap;

use netintent::callee::{CalleePattern, Port, Scope};
use netintent::objects::{Objects, TargetPort};
use netintent::policy::{Peer, Rule};
use netintent::snapshot::Snapshot;

use crate::generate::now;

/// How often each thing was met.
#[derive(Debug, Default)]
pub(crate) struct Statistics(BTreeMap<String, u64>);

impl Statistics {
    pub(crate) fn count(&mut self, what: impl Into<String>, times: usize) {
        *self.0.entry(what.into()).or_default() += times as u64;
    }

    /// Fails where one of these was never met.
    pub(crate) fn assert_met(&self, all: &[&str]) {
        for what in all {
            assert!(self.0.get(*what).is_some_and(|times| *times > 0), "never met: {what}\n{self:#?}");
        }
    }

    /// What a cluster has in it.
    pub(crate) fn of_cluster(&mut self, snapshot: &Snapshot) {
        let objects = &snapshot.objects;
        self.policies(objects);
        self.pods(snapshot);
        for pod in &snapshot.pods {
            for declared in &pod.intents {
                self.count(format!("intent: {}", form(&declared.callee)), 1);
                self.count("intent of a ServiceAccount", usize::from(declared.service_account.is_some()));
            }
            for grant in &pod.derivation.grants {
                self.count(format!("grant: {}", form(&grant.callee)), 1);
            }
            for refusal in &pod.derivation.refusals {
                let reason = format!("{:?}", refusal.reason);
                self.count(format!("refusal: {}", reason.split([' ', '{']).next().unwrap_or_default()), 1);
            }
        }
        for approval in &objects.approvals {
            let kind = if approval.expires_at.is_some_and(|at| at <= now()) { "expired" } else { "unexpired" };
            self.count(format!("{kind} approval"), 1);
            self.count(format!("{kind} from"), approval.from.len());
        }
        for finding in &snapshot.omissions {
            let finding = format!("{finding:?}");
            self.count(format!("finding: {}", finding.split(' ').next().unwrap_or_default()), 1);
        }
        for (service, state) in objects.services.iter().zip(&snapshot.services) {
            self.count(format!("Service in {}", state.mode), 1);
            self.count(format!("Service with {} ports", service.ports.len()), 1);
            let named = service.ports.iter().filter(|p| matches!(p.target, TargetPort::Name(_)));
            self.count("targetPort by name", named.count());
        }
        objects.prohibitions.iter().for_each(|_| self.count("prohibition", 1));
    }

    fn policies(&mut self, objects: &Objects) {
        for policy in &objects.policies {
            let directions = match (&policy.ingress, &policy.egress) {
                (Some(_), None) => "ingress",
                (None, Some(_)) => "egress",
                _ => "ingress and egress",
            };
            self.count(format!("policy: {directions}"), 1);
            let rules: Vec<&Rule> = policy.ingress.iter().chain(&policy.egress).flatten().collect();
            self.count("policy without rules", usize::from(rules.is_empty()));
            for rule in rules {
                self.count("rule for everybody", usize::from(rule.peers.is_empty()));
                self.count("rule for all ports", usize::from(rule.ports.is_empty()));
                self.count("endPort", rule.ports.iter().filter(|p| p.end.is_some()).count());
                let named = rule.ports.iter().filter(|p| matches!(p.port, Some(TargetPort::Name(_))));
                self.count("named port", named.count());
                for peer in &rule.peers {
                    match peer {
                        Peer::Block { cidr, except } => {
                            let family = if cidr.addr().is_ipv4() { "IPv4" } else { "IPv6" };
                            let except = if except.is_empty() { "" } else { " with except" };
                            self.count(format!("ipBlock {family}{except}"), 1);
                        }
                        Peer::Pods { pods, namespaces } => {
                            for requirement in pods.iter().flat_map(|s| &s.requirements) {
                                self.count(format!("operator {}", requirement.operator.as_str()), 1);
                            }
                            self.count("both selectors", usize::from(pods.is_some() && namespaces.is_some()));
                        }
                    }
                }
            }
        }
    }

    fn pods(&mut self, snapshot: &Snapshot) {
        for pod in 0..u32::try_from(snapshot.pods.len()).unwrap() {
            let before = snapshot.services.iter().filter(|s| s.pods.contains(&pod)).count();
            self.count("several Services on one pod", usize::from(before > 1));
        }
        for workload in &snapshot.workloads {
            self.count("workload of several pods", usize::from(workload.pods.len() > 1));
        }
    }
}

/// The form of a callee: its scope and how it names a port.
fn form(callee: &CalleePattern) -> String {
    let scope = match callee.scope {
        Scope::Service { .. } => "service",
        Scope::Namespace(_) => "namespace",
        Scope::Cluster => "cluster",
        Scope::Type(_) => "type",
    };
    let port = match callee.port {
        Port::All => "all ports",
        Port::Named(_) => "name",
        Port::Number(_) => "number",
    };
    format!("{scope}, {port}")
}

/// What every long run must have met.
pub(crate) const EXPECTED: [&str; 61] = [
    "allowed",
    "denied",
    "allowed outside",
    "denied outside",
    "allowed in part",
    "partly allowed ports",
    "workload of several pods",
    "several Services on one pod",
    "policy: ingress",
    "policy: egress",
    "policy: ingress and egress",
    "policy without rules",
    "rule for everybody",
    "rule for all ports",
    "endPort",
    "named port",
    "both selectors",
    "ipBlock IPv4",
    "ipBlock IPv4 with except",
    "ipBlock IPv6",
    "ipBlock IPv6 with except",
    "operator In",
    "operator NotIn",
    "operator Exists",
    "operator DoesNotExist",
    "targetPort by name",
    "Service in off",
    "Service in shadow",
    "Service in enforce",
    "Service with 0 ports",
    "Service with 1 ports",
    "Service with 2 ports",
    "intent: service, all ports",
    "intent: service, name",
    "intent: service, number",
    "intent: namespace, all ports",
    "intent: namespace, name",
    "intent: namespace, number",
    "intent: cluster, all ports",
    "intent: cluster, name",
    "intent: type, all ports",
    "intent: type, name",
    "intent: type, number",
    "intent of a ServiceAccount",
    "grant: service, all ports",
    "grant: service, name",
    "grant: service, number",
    "grant: namespace, all ports",
    "grant: namespace, name",
    "grant: cluster, name",
    "grant: type, name",
    "refusal: NotApproved",
    "refusal: TooWide",
    "refusal: Expired",
    "refusal: Prohibited",
    "expired approval",
    "expired from",
    "unexpired from",
    "finding: NotEnforceable",
    "finding: KeptOpen",
    "finding: ProhibitedPeer",
];
