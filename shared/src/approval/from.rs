//! The manifest of an approval for callers that can carry no intent, to be completed where nobody can know who they are.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::IpAddr;

use ipnet::IpNet;

use crate::callee::Port;
use crate::check::exposures::{Outsider, Who};
use crate::names::printable;
use crate::objects::{Service, ServiceType};

/// An Approval with the `from` that the callers of a Service need.
#[derive(Clone, Debug)]
pub struct FromManifest<'a> {
    /// The Service that they call.
    pub service: &'a Service,
    /// Who they are.
    pub by: Vec<Outsider<'a>>,
    /// Its name.
    pub name: String,
    /// What it lets them call, as it is written.
    pub callees: Vec<String>,
}

impl<'a> FromManifest<'a> {
    /// For the Service's own policy, on these ports of its.
    pub fn own(service: &'a Service, by: Vec<Outsider<'a>>, closed: &[Port]) -> Self {
        let name = &service.metadata.name;
        let callees = if closed.len() == service.ports.len() {
            vec![name.clone()]
        } else {
            closed.iter().map(|port| format!("{name}:{port}")).collect()
        };
        Self { service, by, name: format!("from-outside.{name}"), callees }
    }

    /// Its YAML. What stands in `<…>` is to be written in: until then the peer is none, so that nothing is taken for done, and
    /// whoever applies it as it is opens nothing that nobody has decided. `api_servers` are the addresses of the API server,
    /// if they are known.
    pub fn text(&self, api_servers: &[IpAddr]) -> String {
        let mut callers: BTreeMap<Who, Vec<String>> = BTreeMap::new();
        for outsider in &self.by {
            let by = match outsider {
                Outsider::Type => format!("type: {}", self.service.r#type.as_str()),
                Outsider::Named(exposure, _) => format!("{} {}", exposure.kind, exposure.metadata.full_name()),
            };
            callers.entry(outsider.who()).or_default().push(by);
        }
        let callees: Vec<String> = self.callees.iter().map(|callee| format!("\"{callee}\"")).collect();
        let mut text = format!(
            "apiVersion: netintent.dev/v1alpha1\nkind: Approval\nmetadata: {{namespace: {}, name: {}}}\n\
             spec:\n  callees: [{}]\n  from:\n",
            self.service.metadata.namespace,
            self.name,
            callees.join(", ")
        );
        for (who, by) in callers {
            let by = printable(&by.join(", "));
            for line in self.lines(who, &by, api_servers) {
                let _ = writeln!(text, "    {line}");
            }
        }
        text
    }

    /// What is to be known, or to be done, about such callers, and the peers that they are.
    fn lines(&self, who: Who, by: &str, api_servers: &[IpAddr]) -> Vec<String> {
        let of_namespace = |of: &str| {
            vec![
                format!("# {by}: the pods of {of}; write the name of their namespace"),
                format!("- namespaceSelector: {{matchLabels: {{kubernetes.io/metadata.name: <namespace of {of}>}}}}"),
            ]
        };
        match who {
            Who::Outside => outside(self.service, by),
            Who::IngressController => of_namespace("the ingress controller"),
            Who::Gateway => of_namespace("the gateway"),
            Who::ApiServer => {
                let mut lines =
                    vec![format!("# {by}: the API server; where it calls by way of a tunnel's pods, name those")];
                let hosts = api_servers.iter().map(|address| block(&IpNet::from(*address)));
                lines.extend(hosts);
                if api_servers.is_empty() {
                    lines.push("- ipBlock: {cidr: <address of the API server>/32}".to_owned());
                }
                lines
            }
        }
    }
}

/// Who calls by a node's port or a load balancer: nobody but its owner knows, unless the Service says it, and what it says is
/// what its pods see.
fn outside(service: &Service, by: &str) -> Vec<String> {
    let ranges = narrow(service);
    let caller = "- ipBlock: {cidr: <address that calls it>/32}".to_owned();
    let wide = [
        "# each block lets in whatever has an address in it, with many network plugins pods too;",
        "# 0.0.0.0/0 and ::/0 are everybody, and with such plugins every pod of the cluster",
    ]
    .map(str::to_owned);
    let mut lines = Vec::new();
    if service.keeps_sources {
        lines.push(format!("# {by}: mostly the callers' own addresses (externalTrafficPolicy: Local);"));
    } else {
        lines.push(format!("# {by}: the addresses that its pods see: mostly those of the nodes, and with"));
        lines.push("# externalTrafficPolicy: Local, or some load balancers, those of the callers;".to_owned());
    }
    lines.extend(wide);
    lines.push(caller);
    // Some load balancers show their own address all the same, and who calls a node's port need not be in them.
    if !ranges.is_empty() {
        lines.push("# or its loadBalancerSourceRanges, where its pods see the callers' addresses:".to_owned());
        lines.extend(ranges.iter().map(|range| format!("# {}", block(range))));
    }
    lines
}

/// Whom a load balancer lets in, where that is not everybody.
fn narrow(service: &Service) -> &[IpNet] {
    let ranges = service.source_ranges.as_slice();
    let is_narrow = service.r#type == ServiceType::LoadBalancer && ranges.iter().all(|range| range.prefix_len() > 0);
    if is_narrow { ranges } else { &[] }
}

fn block(net: &IpNet) -> String {
    format!("- ipBlock: {{cidr: \"{}\"}}", net.trunc())
}
