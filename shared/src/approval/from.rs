//! The manifest of an approval for callers that can carry no intent, to be completed where nobody can know who they are.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::IpAddr;

use crate::callee::Port;
use crate::check::exposures::{Exposed, Outsider, Who};
use crate::objects::Service;

/// An Approval of a Service with the `from` that its callers need. What stands in `<…>` is to be written in: until then the
/// peer is none, so that nothing is taken for done. `api_servers` are the addresses of the API server, if they are known.
pub fn from_manifest(service: &Service, exposed: &[&Exposed<'_>], api_servers: &[IpAddr]) -> String {
    let metadata = &service.metadata;
    let mut callers: BTreeMap<Who, Vec<String>> = BTreeMap::new();
    for exposed in exposed {
        let by = match exposed.by {
            Outsider::Type => format!("type: {}", service.r#type.as_str()),
            Outsider::Named(exposure, _) => format!("{} {}", exposure.kind, exposure.metadata.full_name()),
        };
        callers.entry(exposed.who()).or_default().push(by);
    }
    let mut closed: Vec<&Port> = exposed.iter().flat_map(|exposed| &exposed.closed).collect();
    closed.sort_unstable();
    closed.dedup();
    let name = &metadata.name;
    let callees: Vec<String> = if closed.len() == service.ports.len() {
        vec![format!("\"{name}\"")]
    } else {
        closed.iter().map(|port| format!("\"{name}:{port}\"")).collect()
    };
    let mut text = format!(
        "apiVersion: netintent.dev/v1alpha1\nkind: Approval\nmetadata: {{namespace: {}, name: from-outside.{name}}}\n\
         spec:\n  callees: [{}]\n  from:\n",
        metadata.namespace,
        callees.join(", ")
    );
    for (who, by) in callers {
        let _ = writeln!(text, "    # {}: {}", crate::names::printable(&by.join(", ")), comment(who));
        for peer in peers(who, api_servers) {
            let _ = writeln!(text, "    - {peer}");
        }
    }
    text
}

/// What is to be known, or to be done, about such a caller.
fn comment(who: Who) -> &'static str {
    match who {
        Who::Outside => {
            "everybody, with many network plugins every pod too: write narrower blocks, those of the nodes included"
        }
        Who::IngressController => "the pods of the ingress controller; write the name of their namespace",
        Who::Gateway => "the pods of the gateway; write the name of their namespace",
        Who::ApiServer => "the API server; where it calls by way of a tunnel's pods, name those",
    }
}

fn peers(who: Who, api_servers: &[IpAddr]) -> Vec<String> {
    let namespace = |of: &str| {
        vec![format!("namespaceSelector: {{matchLabels: {{kubernetes.io/metadata.name: <namespace of {of}>}}}}")]
    };
    match who {
        Who::Outside => ["0.0.0.0/0", "::/0"].map(|cidr| format!("ipBlock: {{cidr: \"{cidr}\"}}")).to_vec(),
        Who::IngressController => namespace("the ingress controller"),
        Who::Gateway => namespace("the gateway"),
        Who::ApiServer if api_servers.is_empty() => vec!["ipBlock: {cidr: <address of the API server>/32}".to_owned()],
        Who::ApiServer => {
            let bits = |address: &IpAddr| if address.is_ipv4() { 32 } else { 128 };
            api_servers.iter().map(|address| format!("ipBlock: {{cidr: \"{address}/{}\"}}", bits(address))).collect()
        }
    }
}
