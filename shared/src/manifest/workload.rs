//! Workloads and Pods.

use std::net::IpAddr;

use super::metadata::{MIRROR, annotations, labels, namespaced};
use super::read::{Context, head};
use super::text::{Node, Value};
use super::{ManifestError, kind_of};
use crate::names;
use crate::objects::{ContainerPort, PodSpec, Workload};
use crate::port::Protocol;
use crate::snapshot::Warning;

type Result<T> = std::result::Result<T, ManifestError>;

pub(super) fn workload(
    context: &Context<'_>,
    node: &Node,
    kind: &str,
    warnings: &mut Vec<Warning>,
) -> Result<Workload> {
    let metadata = namespaced(context, node)?;
    let template = if kind == "Pod" { node } else { template(context, node, kind)? };
    let mut pod = PodSpec::default();
    if let Some(written) = context.present(template, "metadata") {
        context.mapping(written, "`metadata`")?;
        pod.labels = labels(context, written)?;
        for (key, text) in annotations(context, written)? {
            match key.as_str() {
                names::CALLS => pod.calls = Some(text),
                names::CALLER => pod.caller = Some(text),
                MIRROR => pod.mirror = kind == "Pod",
                _ => {}
            }
        }
    }
    pod.service_account = "default".to_owned();
    if let Some(spec) = context.present(template, "spec") {
        read_spec(context, spec, &mut pod, warnings)?;
    }
    if let Some(status) = context.present(template, "status").filter(|_| kind == "Pod") {
        read_status(context, status, &mut pod)?;
    }
    Ok(Workload { kind: kind_of(kind), metadata, pod })
}

/// The pod template of a workload.
fn template<'n>(context: &Context<'_>, node: &'n Node, kind: &str) -> Result<&'n Node> {
    let path: &[&str] =
        if kind == "CronJob" { &["spec", "jobTemplate", "spec", "template"] } else { &["spec", "template"] };
    let mut at = node;
    for key in path {
        let Some(next) = context.present(at, key) else {
            return context.error(head(at), format!("a {kind} needs `{}`", path.join(".")), None);
        };
        context.mapping(next, &format!("`{key}`"))?;
        at = next;
    }
    Ok(at)
}

fn read_spec(context: &Context<'_>, spec: &Node, pod: &mut PodSpec, warnings: &mut Vec<Warning>) -> Result<()> {
    context.mapping(spec, "`spec`")?;
    let deprecated = context.optional_string(spec, "serviceAccount")?;
    if let Some(name) = context.optional_string(spec, "serviceAccountName")?.or(deprecated).filter(|n| !n.is_empty()) {
        name.clone_into(&mut pod.service_account);
    }
    pod.host_network = context.bool(spec, "hostNetwork")?;
    for container in context.items(spec, "containers")? {
        container_ports(context, container, pod, warnings)?;
    }
    for container in context.items(spec, "initContainers")? {
        // A restartable init container runs beside the others; any other has ended before they start.
        if context.optional_string(container, "restartPolicy")? == Some("Always") {
            container_ports(context, container, pod, warnings)?;
        }
    }
    Ok(())
}

fn container_ports(context: &Context<'_>, node: &Node, pod: &mut PodSpec, warnings: &mut Vec<Warning>) -> Result<()> {
    context.mapping(node, "a container")?;
    for item in context.items(node, "ports")? {
        let entries = context.mapping(item, "a container's port")?;
        let known = ["containerPort", "hostIP", "hostPort", "name", "protocol"];
        // The API server refuses these; since they are mistakes of a pod that connect nothing, the rest is read.
        if let Some(unknown) = entries.iter().find(|e| !known.contains(&e.key.as_str())) {
            let message = format!(
                "a container's port has no field `{}`, and the API server refuses it",
                names::printable(&unknown.key)
            );
            let help = crate::suggest::did_you_mean(&unknown.key, known);
            warnings.push(Warning::at(message, help, Some(context.origin(unknown.key_span))));
        }
        let number = match context.present(item, "containerPort") {
            None => None,
            Some(node) if matches!(&node.value, Value::Number(n) if n == "0") => None,
            Some(node) => Some(context.port_number(node, "containerPort")?),
        };
        let Some(port) = number else {
            let message = "a container's port without `containerPort` is left out".to_owned();
            warnings.push(Warning::at(message, None, Some(context.origin(head(item)))));
            continue;
        };
        let protocol = match context.optional_string(item, "protocol")? {
            None | Some("") => Some(Protocol::Tcp),
            Some(written) => Protocol::parse(written),
        };
        let Some(protocol) = protocol else {
            return super::policy::protocol(context, item).map(|_| ());
        };
        let name = match context.optional_string(item, "name")? {
            None | Some("") => None,
            Some(name) if names::is_port_name(name) => Some(name.to_owned()),
            Some(name) => {
                let span = item.get("name").map_or(item.span, |n| n.span);
                let message = format!(
                    "`{}` is no name of a port: at most 15 of a-z, 0-9 and `-`, with a letter",
                    names::printable(name)
                );
                return context.error(span, message, None);
            }
        };
        pod.ports.push(ContainerPort { name, port, protocol });
    }
    Ok(())
}

fn read_status(context: &Context<'_>, status: &Node, pod: &mut PodSpec) -> Result<()> {
    context.mapping(status, "`status`")?;
    pod.ended = matches!(context.optional_string(status, "phase")?, Some("Succeeded" | "Failed"));
    let mut add = |text: &str| {
        if let Ok(address) = text.parse::<IpAddr>() {
            if !pod.addresses.contains(&address) {
                pod.addresses.push(address);
            }
        }
    };
    if let Some(address) = context.optional_string(status, "podIP")? {
        add(address);
    }
    for item in context.items(status, "podIPs")? {
        if let Some(address) = context.optional_string(item, "ip")? {
            add(address);
        }
    }
    Ok(())
}
