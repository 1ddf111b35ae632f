//! Services in `enforce` that are called by what can carry no intent, and that nothing lets in.

use rustc_hash::FxHashMap;

use crate::approval::Approval;
use crate::callee::{CalleePattern, Port};
use crate::compile::{admitted, opens, scope_of};
use crate::finding::{Code, Finding};
use crate::mode::Mode;
use crate::objects::{Exposure, Service, ServiceName, ServicePort, ServiceType};
use crate::snapshot::Snapshot;

pub(super) fn check(snapshot: &Snapshot) -> Vec<Finding> {
    let mut found = Vec::new();
    let mut names: FxHashMap<usize, Vec<(&Exposure, &ServiceName)>> = FxHashMap::default();
    for exposure in &snapshot.objects.exposures {
        for name in &exposure.services {
            if let Some(at) = snapshot.service(&name.namespace, &name.name) {
                names.entry(at).or_default().push((exposure, name));
            }
        }
    }
    for (at, service) in snapshot.objects.services.iter().enumerate() {
        let exposed = matches!(service.r#type, ServiceType::NodePort | ServiceType::LoadBalancer);
        let named = names.get(&at).map_or(&[][..], Vec::as_slice);
        let cut = snapshot.services[at].mode == Mode::Enforce && service.enforceable().is_some();
        if !cut || !exposed && named.is_empty() {
            continue;
        }
        let closed = ports_without_from(snapshot, service);
        if exposed && !closed.is_empty() {
            found.push(by_type(service, &closed));
        }
        // By name one port is called, and which can't always be told.
        if closed.len() == service.ports.len() {
            found.extend(named.iter().map(|(exposure, name)| by_name(service, exposure, name)));
        }
    }
    found
}

fn help(service: &Service, who: &str) -> String {
    let metadata = &service.metadata;
    format!(
        "name {who} under `from` of an Approval in namespace {} with callees: [{}]",
        metadata.namespace, metadata.name
    )
}

fn by_type(service: &Service, closed: &[Port]) -> Finding {
    let (name, kind) = (service.metadata.full_name(), service.r#type.as_str());
    let mut message = format!("Service {name} is a {kind} in enforce, and no `from` lets its callers in");
    if closed.len() < service.ports.len() {
        message = format!("{message} on port {}", crate::finding::some(closed));
    }
    let finding = Finding::new(Code::ExposedWithoutFrom, message).help(help(service, "the addresses that call it"));
    finding.about("Service", &service.metadata).field(["spec".into(), "type".into()])
}

fn by_name(service: &Service, exposure: &Exposure, name: &ServiceName) -> Finding {
    let (by, called) = (exposure.metadata.full_name(), service.metadata.full_name());
    let message =
        format!("{} {by} calls Service {called}, which is in enforce, and no `from` lets it in", exposure.kind);
    let who = match &*exposure.kind {
        "Ingress" => "the ingress controller",
        kind if kind.ends_with("Route") => "the gateway",
        _ => "the API server",
    };
    let finding = Finding::new(Code::ExposedWithoutFrom, message).help(help(service, who));
    finding.about(exposure.kind.clone(), &exposure.metadata).at_origin(name.origin)
}

/// The ports of a Service on which no valid peer of an unexpired approval is let in.
fn ports_without_from(snapshot: &Snapshot, service: &Service) -> Vec<Port> {
    let (objects, namespace) = (&snapshot.objects, &service.metadata.namespace);
    let mode = snapshot.mode(namespace);
    let lets_in = |approval: &Approval, port: &Port| {
        let callee = CalleePattern { scope: scope_of(service), port: port.clone() };
        !approval.is_expired(snapshot.options.now)
            && opens(approval, service, mode, port)
            && approval.from.iter().any(|from| admitted(from, &callee, namespace, &objects.prohibitions).is_ok())
    };
    let ports = service.ports.iter().map(ServicePort::identifier);
    ports.filter(|port| !objects.approvals.iter().any(|approval| lets_in(approval, port))).collect()
}
