//! Workloads and Pods.

use std::net::IpAddr;

use super::metadata::{annotations, labels, namespaced};
use super::read::{Context, head};
use super::selector::label_selector;
use super::settings;
use super::text::{Node, Value};
use super::{ManifestError, kind_of};
use crate::finding::Code;
use crate::names;
use crate::objects::{ContainerPort, PodSpec, Revision, Workload};
use crate::port::Protocol;

type Result<T> = std::result::Result<T, ManifestError>;

/// What to do about a workload that lacks what every one has.
const UNFINISHED: &str = "if it is a patch or a base of kustomize, render it first: kubectl kustomize FOLDER | … -f -";

pub(super) fn workload(context: &Context<'_>, node: &Node, kind: &str) -> Result<Workload> {
    let metadata = namespaced(context, node)?;
    if kind == "CronJob" && metadata.name.len() > 52 {
        let span = node.get("metadata").and_then(|m| m.get("name")).map_or(node.span, |n| n.span);
        return context.error(span, "a CronJob's name has at most 52 characters, so that its Jobs' names fit", None);
    }
    let template = if kind == "Pod" { node } else { template(context, node, kind)? };
    let mut pod = PodSpec::default();
    if let Some(written) = context.present(template, "metadata") {
        context.mapping(written, "`metadata`")?;
        pod.labels = labels(context, written)?;
        for (key, text) in annotations(context, written)? {
            match key.as_str() {
                names::CALLS => pod.calls = Some(text),
                names::CALLER => pod.caller = Some(text),
                names::MIRROR => pod.mirror = kind == "Pod",
                _ => {}
            }
        }
    }
    if kind == "Job" && node.get("metadata").is_some_and(|m| context.present(m, "name").is_some()) {
        for key in names::JOB_NAMES.into_iter().filter(|_| metadata.name.len() <= 63) {
            if pod.labels.get(key).is_none() {
                pod.labels.insert(key, &metadata.name);
            }
        }
    }
    selects_its_pods(context, node, kind, &pod)?;
    "default".clone_into(&mut pod.service_account);
    let Some(spec) = context.present(template, "spec") else {
        return context.error(head(template), "`spec` of the pods is missing", None);
    };
    read_spec(context, spec, &mut pod)?;
    settings::check(context, node, kind, spec)?;
    if let Some(status) = context.present(template, "status").filter(|_| kind == "Pod") {
        read_status(context, status, &mut pod)?;
    }
    Ok(Workload { kind: kind_of(kind), metadata, pod })
}

/// What is kept of a former template: a patch of the workload, of which what declares intents is read.
pub(super) fn revision(context: &Context<'_>, node: &Node) -> Result<Revision> {
    let metadata = namespaced(context, node)?;
    let mut revision = Revision { metadata, calls: None, caller: None };
    let path = ["data", "spec", "template", "metadata"];
    if let Some(template) = path.iter().try_fold(node, |at, key| context.present(at, key)) {
        for (key, text) in annotations(context, template)? {
            match key.as_str() {
                names::CALLS => revision.calls = Some(text),
                names::CALLER => revision.caller = Some(text),
                _ => {}
            }
        }
    }
    Ok(revision)
}

/// A controller must select the pods of its own template.
fn selects_its_pods(context: &Context<'_>, node: &Node, kind: &str, pod: &PodSpec) -> Result<()> {
    if !["Deployment", "StatefulSet", "DaemonSet", "ReplicaSet"].contains(&kind) {
        return Ok(());
    }
    let spec = node.get("spec").unwrap_or(node);
    let Some(written) = context.present(spec, "selector") else {
        // The versions before `apps/v1beta2` took it from the template's labels.
        if node.get("apiVersion").and_then(Node::as_str).is_some_and(|v| v.ends_with("/v1beta1")) {
            return Ok(());
        }
        return context.error(head(spec), format!("a {kind} needs `selector`"), Some(UNFINISHED.to_owned()));
    };
    let selector = label_selector(context, written, "selector")?;
    if selector.is_empty() {
        return context.error(written.span, format!("the selector of a {kind} can't be empty"), None);
    }
    match selector.unmet(&pod.labels) {
        None => Ok(()),
        Some(unmet) => {
            let message = format!("the selector does not select the pods of its template: they are not {unmet}");
            context.error(written.span, message, Some("give the template's labels what the selector asks for".into()))
        }
    }
}

/// The pod template of a workload.
fn template<'n>(context: &Context<'_>, node: &'n Node, kind: &str) -> Result<&'n Node> {
    let path: &[&str] =
        if kind == "CronJob" { &["spec", "jobTemplate", "spec", "template"] } else { &["spec", "template"] };
    let mut at = node;
    for key in path {
        let Some(next) = context.present(at, key) else {
            let message = format!("a {kind} needs `{}`", path.join("."));
            return context.error(head(at), message, Some(UNFINISHED.to_owned()));
        };
        context.mapping(next, &format!("`{key}`"))?;
        at = next;
    }
    Ok(at)
}

fn read_spec(context: &Context<'_>, spec: &Node, pod: &mut PodSpec) -> Result<()> {
    context.mapping(spec, "`spec`")?;
    let deprecated = context.optional_string(spec, "serviceAccount")?;
    if let Some(name) = context.optional_string(spec, "serviceAccountName")?.or(deprecated).filter(|n| !n.is_empty()) {
        name.clone_into(&mut pod.service_account);
    }
    pod.host_network = context.bool(spec, "hostNetwork")?;
    pod.node = context.optional_string(spec, "nodeName")?.filter(|name| !name.is_empty()).map(str::to_owned);
    let containers = context.items(spec, "containers")?;
    if containers.is_empty() {
        return context.error(head(spec), "a pod needs at least one container", None);
    }
    for container in containers {
        container_ports(context, container, pod)?;
    }
    for container in context.items(spec, "initContainers")? {
        // A restartable init container runs beside the others; any other has ended before they start.
        if context.optional_string(container, "restartPolicy")? == Some("Always") {
            container_ports(context, container, pod)?;
        }
    }
    Ok(())
}

fn container_ports(context: &Context<'_>, node: &Node, pod: &mut PodSpec) -> Result<()> {
    context.mapping(node, "a container")?;
    let first = pod.ports.len();
    for item in context.items(node, "ports")? {
        context.mapping(item, "a container's port")?;
        let number = match context.present(item, "containerPort") {
            None => None,
            Some(node) if matches!(&node.value, Value::Number(n) if n == "0") => None,
            Some(node) => Some(context.port_number(node, "containerPort")?),
        };
        let Some(port) = number else {
            let message = "a container's port without `containerPort` is left out";
            context.find(Code::IncompleteObject, head(item), message, None);
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
        if name.is_some() && pod.ports[first..].iter().any(|p| p.name == name) {
            let span = item.get("name").map_or(item.span, |n| n.span);
            let message = format!("two ports of one container have the name `{}`", name.unwrap_or_default());
            return context.error(span, message, None);
        }
        let given = |host: &&Node| !matches!(&host.value, Value::Number(n) if n == "0");
        if let Some(host) = context.present(item, "hostPort").filter(|_| pod.host_network).filter(given)
            && context.port_number(host, "hostPort")? != port
        {
            let message = format!("with hostNetwork, `hostPort` must be `containerPort`, which is {port}");
            return context.error(host.span, message, None);
        }
        pod.ports.push(ContainerPort { name, port, protocol });
    }
    Ok(())
}

fn read_status(context: &Context<'_>, status: &Node, pod: &mut PodSpec) -> Result<()> {
    context.mapping(status, "`status`")?;
    pod.phase = context.optional_string(status, "phase")?.map(str::to_owned);
    pod.ended = matches!(pod.phase.as_deref(), Some("Succeeded" | "Failed"));
    let mut add = |text: &str| {
        if let Ok(address) = text.parse::<IpAddr>()
            && !pod.addresses.contains(&address)
        {
            pod.addresses.push(address);
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
