//! Services in `enforce` that are called by what can carry no intent, and that nothing lets in.

use crate::approval::Approval;
use crate::compile::{admitted, opens};
use crate::finding::{Code, Finding, Place};
use crate::mode::Mode;
use crate::objects::{Service, ServicePort, ServiceType};
use crate::snapshot::Snapshot;

pub(super) fn check(snapshot: &Snapshot) -> Vec<Finding> {
    let mut found = Vec::new();
    for (at, service) in snapshot.objects.services.iter().enumerate() {
        if snapshot.services[at].mode != Mode::Enforce || service.enforceable().is_none() || has_from(snapshot, service)
        {
            continue;
        }
        let name = service.metadata.full_name();
        let help = |who: &str| {
            format!(
                "name {who} under `from` of an Approval in namespace {} with callees: [{}]",
                service.metadata.namespace, service.metadata.name
            )
        };
        if matches!(service.r#type, ServiceType::NodePort | ServiceType::LoadBalancer) {
            let kind = service.r#type.as_str();
            let message = format!("Service {name} is a {kind} in enforce, and no `from` lets its callers in");
            let finding = Finding::new(Code::ExposedWithoutFrom, message).help(help("the addresses that call it"));
            found.push(finding.about("Service", &service.metadata).field(["spec".into(), "type".into()]));
        }
        for exposure in &snapshot.objects.exposures {
            let named = exposure
                .services
                .iter()
                .find(|s| s.namespace == service.metadata.namespace && s.name == service.metadata.name);
            let Some(named) = named else { continue };
            let by = format!("{} {}", exposure.kind, exposure.metadata.full_name());
            let message = format!("{by} calls Service {name}, which is in enforce, and no `from` lets it in");
            let who = match &*exposure.kind {
                "Ingress" => "the ingress controller",
                "APIService" | "CustomResourceDefinition" => "the API server",
                kind if kind.ends_with("WebhookConfiguration") => "the API server",
                _ => "the gateway",
            };
            let finding = Finding::new(Code::ExposedWithoutFrom, message).help(help(who));
            let finding = finding.about(exposure.kind.clone(), &exposure.metadata);
            found.push(finding.at(named.origin.map(Place::Whole)));
        }
    }
    found
}

/// Whether a valid peer of an unexpired approval is let in on some port.
fn has_from(snapshot: &Snapshot, service: &Service) -> bool {
    let (objects, namespace) = (&snapshot.objects, &service.metadata.namespace);
    let mode = snapshot.mode(namespace);
    let lets_in = |approval: &Approval| {
        service.ports.iter().map(ServicePort::identifier).any(|port| {
            let callee = crate::callee::CalleePattern { scope: crate::compile::scope_of(service), port };
            opens(approval, service, mode, &callee.port)
                && approval.from.iter().any(|from| admitted(from, &callee, namespace, &objects.prohibitions).is_ok())
        })
    };
    objects.approvals.iter().any(|approval| !approval.is_expired(snapshot.options.now) && lets_in(approval))
}
