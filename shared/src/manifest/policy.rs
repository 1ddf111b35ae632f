//! NetworkPolicies and their peers.

use super::ManifestError;
use super::metadata::namespaced;
use super::read::{Context, head};
use super::selector::label_selector;
use super::text::{Node, Value};
use crate::cidr;
use crate::finding::Code;
use crate::names;
use crate::objects::TargetPort;
use crate::policy::{NetworkPolicy, Peer, PolicyPort, Rule};
use crate::port::Protocol;
use crate::selector::Selector;

type Result<T> = std::result::Result<T, ManifestError>;

pub(super) fn network_policy(context: &Context<'_>, node: &Node) -> Result<NetworkPolicy> {
    let metadata = namespaced(context, node)?;
    let Some(spec) = context.present(node, "spec") else {
        // To the API server an absent spec is an empty one: it isolates every pod of the namespace.
        return Ok(NetworkPolicy { metadata, pods: Selector::default(), ingress: Some(vec![]), egress: None });
    };
    context.mapping(spec, "`spec`")?;
    let pods = match context.present(spec, "podSelector") {
        Some(selector) => label_selector(context, selector, "podSelector")?,
        None => Selector::default(),
    };
    let ingress = rules(context, spec, "ingress", "from")?;
    let egress = rules(context, spec, "egress", "to")?;
    let types = context.items(spec, "policyTypes")?;
    let (mut for_ingress, mut for_egress) = (types.is_empty(), types.is_empty() && !egress.is_empty());
    for item in types {
        match context.string(item, "policyTypes")? {
            "Ingress" => for_ingress = true,
            "Egress" => for_egress = true,
            other => {
                let message =
                    format!("`{}` is no policy type: Ingress or Egress was expected", names::printable(other));
                return context.error(item.span, message, crate::suggest::did_you_mean(other, ["Ingress", "Egress"]));
            }
        }
    }
    if types.len() > 2 {
        return context.error(types[2].span, "more than two policy types", None);
    }
    Ok(NetworkPolicy { metadata, pods, ingress: for_ingress.then_some(ingress), egress: for_egress.then_some(egress) })
}

fn rules(context: &Context<'_>, spec: &Node, direction: &str, peers: &str) -> Result<Vec<Rule>> {
    context.items(spec, direction)?.iter().map(|item| rule(context, item, direction, peers)).collect()
}

fn rule(context: &Context<'_>, node: &Node, direction: &str, peers_key: &str) -> Result<Rule> {
    let origin = context.origin(head(node));
    // A null in a list is an empty item to the API server.
    if matches!(node.value, Value::Null) {
        return Ok(Rule { origin, ..Rule::default() });
    }
    context.mapping(node, &format!("an {direction} rule"))?;
    let peers = context.items(node, peers_key)?.iter().map(|item| peer(context, item)).collect::<Result<_>>()?;
    let ports = context.items(node, "ports")?.iter().map(|item| port(context, item)).collect::<Result<_>>()?;
    Ok(Rule { peers, ports, origin })
}

/// A `networking.k8s.io/v1` NetworkPolicyPeer.
pub(super) fn peer(context: &Context<'_>, node: &Node) -> Result<Peer> {
    context.mapping(node, "a peer")?;
    let selector = |key: &str| context.present(node, key).map(|s| label_selector(context, s, key)).transpose();
    let (pods, namespaces) = (selector("podSelector")?, selector("namespaceSelector")?);
    match context.present(node, "ipBlock") {
        Some(_) if pods.is_some() || namespaces.is_some() => context.error(
            head(node),
            "a peer with `ipBlock` can have no other field",
            Some("write two peers: either of them may match".into()),
        ),
        Some(block) => ip_block(context, block),
        None if pods.is_none() && namespaces.is_none() => context.error(
            head(node),
            "a peer needs `podSelector`, `namespaceSelector` or `ipBlock`",
            Some("to mean everybody, leave the list of peers out".into()),
        ),
        None => Ok(Peer::Pods { pods, namespaces: namespaces.map(std::sync::Arc::new) }),
    }
}

fn ip_block(context: &Context<'_>, node: &Node) -> Result<Peer> {
    context.mapping(node, "`ipBlock`")?;
    context.required_string(node, "cidr")?;
    let parse = |node: &Node, what: &str| match cidr::parse(context.string(node, what)?) {
        Ok(net) => {
            if !cidr::is_canonical(net, context.string(node, what)?) {
                let message = format!("API servers from 1.36 refuse this CIDR; it means {}", net.trunc());
                let help = Some(format!("write `{}`", net.trunc()));
                context.find(Code::OutdatedNotation, node.span, message, help);
            }
            Ok(net)
        }
        Err(message) => context.error(node.span, names::printable(&message), None),
    };
    let block =
        node.get("cidr").map_or_else(|| context.error(node.span, "`cidr` is missing", None), |n| parse(n, "cidr"))?;
    let mut except = Vec::new();
    for item in context.items(node, "except")? {
        let net = parse(item, "except")?;
        if !(block.trunc().contains(&net.network()) && net.prefix_len() > block.prefix_len()) {
            let message = format!("`except` {net} is not strictly within `cidr` {block}");
            return context.error(item.span, message, None);
        }
        except.push(net);
    }
    Ok(Peer::Block { cidr: block, except })
}

fn port(context: &Context<'_>, node: &Node) -> Result<PolicyPort> {
    if matches!(node.value, Value::Null) {
        return Ok(PolicyPort::default());
    }
    context.mapping(node, "a port")?;
    if let Some(empty) = context.present(node, "protocol").filter(|n| n.as_str() == Some("")) {
        return context.error(empty.span, "`protocol` is empty: TCP, UDP or SCTP was expected, or no `protocol`", None);
    }
    let protocol = protocol(context, node)?;
    let port = match context.present(node, "port") {
        None => None,
        Some(written) => match port_or_name(context, written, "port")? {
            Some(port) => Some(port),
            None => return context.error(written.span, "0 is no port: 1 to 65535 was expected", None),
        },
    };
    let end = match context.present(node, "endPort") {
        None => None,
        Some(written) => {
            let end = context.port_number(written, "endPort")?;
            match &port {
                Some(TargetPort::Number(first)) if *first <= end => Some(end),
                Some(TargetPort::Number(first)) => {
                    return context.error(written.span, format!("`endPort` {end} is below `port` {first}"), None);
                }
                Some(TargetPort::Name(_)) => {
                    return context.error(written.span, "`endPort` needs a `port` by number, not by name", None);
                }
                None => return context.error(written.span, "`endPort` needs a `port`", None),
            }
        }
    };
    Ok(PolicyPort { protocol, port, end })
}

/// The field `protocol`; TCP where it is absent.
pub(super) fn protocol(context: &Context<'_>, node: &Node) -> Result<Protocol> {
    match context.optional_string(node, "protocol")? {
        None | Some("") => Ok(Protocol::Tcp),
        Some(written) => {
            if let Some(protocol) = Protocol::parse(written) {
                Ok(protocol)
            } else {
                let span = node.get("protocol").map_or(node.span, |n| n.span);
                let message = format!("`{}` is no protocol: TCP, UDP or SCTP was expected", names::printable(written));
                context.error(
                    span,
                    message,
                    crate::suggest::did_you_mean(&written.to_uppercase(), ["TCP", "UDP", "SCTP"])
                        .or_else(|| Protocol::parse(&written.to_uppercase()).map(|p| format!("write `{p}`"))),
                )
            }
        }
    }
}

/// A port by number or name (an `IntOrString`); `None` for zero and the empty string.
pub(super) fn port_or_name(context: &Context<'_>, node: &Node, key: &str) -> Result<Option<TargetPort>> {
    match &node.value {
        Value::Number(written) if written == "0" => Ok(None),
        Value::Number(_) => Ok(Some(TargetPort::Number(context.port_number(node, key)?))),
        Value::String(name) if name.is_empty() => Ok(None),
        Value::String(name) if names::is_port_name(name) => Ok(Some(TargetPort::Name(name.clone()))),
        Value::String(name) => {
            let help = name.parse::<u16>().ok().map(|n| format!("a number is written without quotes: {n}"));
            let message = format!(
                "`{}` is no name of a port: at most 15 of a-z, 0-9 and `-`, with a letter",
                names::printable(name)
            );
            context.error(node.span, message, help)
        }
        _ => context.error(
            node.span,
            format!("`{key}` must be a number or a name, and this is a {}", node.type_name()),
            None,
        ),
    }
}
