//! Services in `enforce` that are called by what can carry no intent, and that nothing lets in.

use rustc_hash::FxHashMap;

use crate::approval::Approval;
use crate::callee::{CalleePattern, Port};
use crate::compile::{admitted, opens, scope_of};
use crate::finding::{Code, Finding};
use crate::mode::Mode;
use crate::objects::{Exposure, Service, ServiceName, ServicePort, ServiceType};
use crate::snapshot::Snapshot;

/// What calls a Service and can carry no intent.
#[derive(Clone, Copy, Debug)]
pub enum Outsider<'a> {
    /// Whoever comes by a node's port or a load balancer: the Service's type says so.
    Type,
    /// What this object stands for, which names the Service.
    Named(&'a Exposure, &'a ServiceName),
}

/// What calls Services by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Who {
    /// Whoever comes by a node's port or a load balancer.
    Outside,
    /// An ingress controller.
    IngressController,
    /// A gateway.
    Gateway,
    /// The API server.
    ApiServer,
}

impl Who {
    /// As `name … under from` has it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Outside => "the addresses that call it",
            Self::IngressController => "the ingress controller",
            Self::Gateway => "the gateway",
            Self::ApiServer => "the API server",
        }
    }
}

/// A Service that something calls which can carry no intent, and which nothing lets in.
#[derive(Clone, Debug)]
pub struct Exposed<'a> {
    /// The Service, as index into the objects' Services.
    pub service: usize,
    /// What calls it.
    pub by: Outsider<'a>,
    /// The ports that are closed to it.
    pub closed: Vec<Port>,
}

/// A Service that something calls which can carry no intent, whatever its mode.
#[derive(Clone, Debug)]
pub(crate) struct Called<'a> {
    /// The Service, as index into the objects' Services.
    pub(crate) service: usize,
    /// What calls it.
    pub(crate) by: Vec<Outsider<'a>>,
}

/// Every such Service before which a policy can stand, in the order of the Services.
pub(crate) fn called(snapshot: &Snapshot) -> Vec<Called<'_>> {
    let mut names: FxHashMap<usize, Vec<Outsider<'_>>> = FxHashMap::default();
    for exposure in &snapshot.objects.exposures {
        for name in &exposure.services {
            if let Some(at) = snapshot.service(&name.namespace, &name.name) {
                names.entry(at).or_default().push(Outsider::Named(exposure, name));
            }
        }
    }
    let mut found = Vec::new();
    for (at, service) in snapshot.objects.services.iter().enumerate() {
        let by_type = matches!(service.r#type, ServiceType::NodePort | ServiceType::LoadBalancer);
        let named = names.remove(&at).unwrap_or_default();
        if service.enforceable().is_some() && (by_type || !named.is_empty()) {
            let by = by_type.then_some(Outsider::Type).into_iter().chain(named).collect();
            found.push(Called { service: at, by });
        }
    }
    found
}

impl<'a> Called<'a> {
    /// Those of its callers that are cut where these ports are closed to them.
    pub(crate) fn cut(self, snapshot: &Snapshot, closed: &[Port]) -> Vec<Outsider<'a>> {
        // By name one port is called, and which can't always be told.
        let all = closed.len() == snapshot.objects.services[self.service].ports.len();
        let is_cut = |by: &Outsider<'_>| match by {
            Outsider::Type => !closed.is_empty(),
            Outsider::Named(..) => all,
        };
        self.by.into_iter().filter(is_cut).collect()
    }
}

/// Every Service in `enforce` that is so, once for each that calls it, in the order of the Services.
pub fn exposed(snapshot: &Snapshot) -> Vec<Exposed<'_>> {
    let called = called(snapshot).into_iter().filter(|called| snapshot.services[called.service].mode == Mode::Enforce);
    called
        .flat_map(|called| {
            let service = called.service;
            let closed = ports_without_from(snapshot, &snapshot.objects.services[service]);
            let cut = called.cut(snapshot, &closed);
            cut.into_iter().map(move |by| Exposed { service, by, closed: closed.clone() })
        })
        .collect()
}

pub(super) fn check(snapshot: &Snapshot) -> Vec<Finding> {
    exposed(snapshot).iter().map(|exposed| exposed.finding(snapshot)).collect()
}

impl Outsider<'_> {
    /// Who it is that calls.
    pub fn who(&self) -> Who {
        match self {
            Self::Type => Who::Outside,
            Self::Named(exposure, _) => match &*exposure.kind {
                "Ingress" => Who::IngressController,
                kind if kind.ends_with("Route") => Who::Gateway,
                _ => Who::ApiServer,
            },
        }
    }
}

impl Exposed<'_> {
    /// The same as `check` says it.
    pub fn finding(&self, snapshot: &Snapshot) -> Finding {
        let service = &snapshot.objects.services[self.service];
        let (name, metadata) = (service.metadata.full_name(), &service.metadata);
        let help = format!(
            "name {} under `from` of an Approval in namespace {} with callees: [{}]",
            self.by.who().as_str(),
            metadata.namespace,
            metadata.name
        );
        match self.by {
            Outsider::Type => {
                let kind = service.r#type.as_str();
                let mut message = format!("Service {name} is a {kind} in enforce, and no `from` lets its callers in");
                if self.closed.len() < service.ports.len() {
                    message = format!("{message} on port {}", crate::finding::some(&self.closed));
                }
                let finding = Finding::new(Code::ExposedWithoutFrom, message).help(help);
                finding.about("Service", metadata).field(["spec".into(), "type".into()])
            }
            Outsider::Named(exposure, named) => {
                let by = exposure.metadata.full_name();
                let message = format!(
                    "{} {by} calls Service {name}, which is in enforce, and no `from` lets it in",
                    exposure.kind
                );
                let finding = Finding::new(Code::ExposedWithoutFrom, message).help(help);
                finding.about(exposure.kind.clone(), &exposure.metadata).at_origin(named.origin)
            }
        }
    }
}

/// The ports of a Service on which no valid peer of an unexpired approval is let in.
pub(crate) fn ports_without_from(snapshot: &Snapshot, service: &Service) -> Vec<Port> {
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
