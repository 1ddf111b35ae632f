//! Services.

use rustc_hash::FxHashSet;

use super::ManifestError;
use super::metadata::{label_map, namespaced_label};
use super::policy::{port_or_name, protocol};
use super::read::{Context, head};
use super::text::Node;
use crate::names;
use crate::objects::{Service, ServicePort, ServiceType, TargetPort};
use crate::selector::Selector;

type Result<T> = std::result::Result<T, ManifestError>;

const TYPES: [ServiceType; 4] =
    [ServiceType::ClusterIp, ServiceType::NodePort, ServiceType::LoadBalancer, ServiceType::ExternalName];

pub(super) fn service(context: &Context<'_>, node: &Node) -> Result<Service> {
    let metadata = namespaced_label(context, node)?;
    let Some(spec) = context.present(node, "spec") else {
        return context.error(head(node), "`spec` is missing", None);
    };
    context.mapping(spec, "`spec`")?;
    let written = context.optional_string(spec, "type")?.unwrap_or(ServiceType::ClusterIp.as_str());
    let Some(r#type) = TYPES.into_iter().find(|r#type| r#type.as_str() == written) else {
        let span = spec.get("type").map_or(spec.span, |n| n.span);
        let help = crate::suggest::did_you_mean(written, TYPES.map(ServiceType::as_str));
        return context.error(span, format!("`{}` is no type of Service", names::printable(written)), help);
    };
    let external_name = r#type == ServiceType::ExternalName;
    if external_name && context.optional_string(spec, "externalName")?.is_none_or(str::is_empty) {
        return context.error(head(spec), "an ExternalName Service needs `externalName`", None);
    }
    let selector = match context.present(spec, "selector") {
        Some(selector) => Some(label_map(context, selector, "selector")?).filter(|labels| !labels.is_empty()),
        None => None,
    };
    let ports = ports(context, spec)?;
    if r#type == ServiceType::ClusterIp {
        for port in context.items(spec, "ports")? {
            if let Some(node_port) = port.get("nodePort").filter(|n| n.as_number().is_some_and(|n| n != "0")) {
                let help = Some("leave it out, or write `type: NodePort`".to_owned());
                return context.error(node_port.span, "a Service of type ClusterIP has no `nodePort`", help);
            }
        }
    }
    let cluster_ip = context.optional_string(spec, "clusterIP")?.filter(|ip| !ip.is_empty());
    let headless = cluster_ip == Some("None");
    if let Some(ip) = cluster_ip.filter(|ip| !headless && ip.parse::<std::net::IpAddr>().is_err()) {
        let span = spec.get("clusterIP").map_or(spec.span, |n| n.span);
        let message =
            format!("`{}` is no IP address: one, or None for a headless Service, was expected", names::printable(ip));
        return context.error(span, message, None);
    }
    if ports.is_empty() && !external_name && !headless {
        return context.error(
            head(spec),
            "a Service needs at least one port",
            Some("only a headless one (clusterIP: None) or an ExternalName may have none".into()),
        );
    }
    let selector = selector.map(|labels| Selector::of_labels(labels.iter()));
    let addresses = cluster_ip
        .into_iter()
        .chain(spec.get("clusterIPs").map_or(&[][..], Node::items).iter().filter_map(Node::as_str));
    let mut addresses: Vec<std::net::IpAddr> = addresses.filter_map(|text| text.parse().ok()).collect();
    addresses.sort_unstable();
    addresses.dedup();
    // What only the printing of a `from` hangs on is no reason to refuse an object.
    let ranges = spec.get("loadBalancerSourceRanges").map_or(&[][..], Node::items).iter().filter_map(Node::as_str);
    let source_ranges = ranges.filter_map(|range| range.trim().parse().ok()).collect();
    let keeps_sources = spec.get("externalTrafficPolicy").and_then(Node::as_str) == Some("Local");
    Ok(Service { metadata, selector, ports, r#type, addresses, headless, source_ranges, keeps_sources })
}

fn ports(context: &Context<'_>, spec: &Node) -> Result<Vec<ServicePort>> {
    let items = context.items(spec, "ports")?;
    let mut ports = Vec::with_capacity(items.len());
    let (mut names_seen, mut numbers_seen) = (FxHashSet::default(), FxHashSet::default());
    for item in items {
        let port = port(context, item)?;
        match &port.name {
            None if items.len() > 1 => {
                return context.error(head(item), "with several ports, each needs a name", None);
            }
            Some(name) if !names_seen.insert(name.clone()) => {
                let span = item.get("name").map_or(item.span, |n| n.span);
                return context.error(span, format!("two ports of the name `{name}`"), None);
            }
            _ => {}
        }
        if !numbers_seen.insert((port.protocol, port.port)) {
            let span = item.get("port").map_or(item.span, |n| n.span);
            return context.error(span, format!("two ports of the number {}/{}", port.port, port.protocol), None);
        }
        ports.push(port);
    }
    Ok(ports)
}

fn port(context: &Context<'_>, node: &Node) -> Result<ServicePort> {
    context.mapping(node, "a port")?;
    let Some(number) = context.present(node, "port") else {
        return context.error(head(node), "`port` is missing", None);
    };
    let port = context.port_number(number, "port")?;
    let name = match context.optional_string(node, "name")? {
        None | Some("") => None,
        // A Service port's name is a DNS label; that is wider than a container port's.
        Some(name) if names::is_dns_label(name) => Some(name.to_owned()),
        Some(name) => {
            let span = node.get("name").map_or(node.span, |n| n.span);
            let message = format!(
                "`{}` is no name of a port: lower-case letters, digits and `-` were expected",
                names::printable(name)
            );
            return context.error(span, message, None);
        }
    };
    let target = match context.present(node, "targetPort") {
        None => TargetPort::Number(port),
        Some(target) => match port_or_name(context, target, "targetPort")? {
            // Zero and the empty name mean the Service's own port number.
            None => TargetPort::Number(port),
            Some(target) => target,
        },
    };
    Ok(ServicePort { name, port, protocol: protocol(context, node)?, target })
}
