//! The objects that decide who may call whom, as far as they decide it.
//!
//! They come from manifests or from a cluster, by [`crate::manifest`], and are never changed afterwards.

use std::borrow::Cow;
use std::net::IpAddr;

use ipnet::IpNet;
use jiff::Timestamp;

use crate::approval::{Approval, Prohibition};
use crate::callee::Port;
use crate::manifest::text::{Span, Style};
use crate::names;
use crate::policy::NetworkPolicy;
use crate::port::Protocol;
use crate::selector::{Labels, Selector};
use crate::unread::Unread;

/// A place in an input file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Origin {
    /// Which file, in the order of the input.
    pub file: u32,
    /// Where in it.
    pub span: Span,
}

impl Origin {
    /// In place of a file's number, for what stands in none.
    pub(crate) const CLUSTER: u32 = u32::MAX;
}

/// A string of a manifest, and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text {
    /// The decoded value.
    pub value: String,
    /// How it is written.
    pub style: Style,
    /// Where it is written; `None` for what comes from a cluster.
    pub origin: Option<Origin>,
}

impl Text {
    /// A string that stands in no manifest.
    pub fn unplaced(value: &str) -> Self {
        Self { value: value.to_owned(), style: Style::Plain, origin: None }
    }
}

/// The kind of an object: a constant for built-in ones.
pub type Kind = Cow<'static, str>;

/// What every object has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Metadata {
    /// The namespace; empty for cluster-scoped objects.
    pub namespace: String,
    /// The name, or `generateName` without trailing dashes.
    pub name: String,
    /// `generateName` without trailing dashes, where the name was made from it: what the object is called from run to run.
    pub stem: Option<String>,
    /// Labels.
    pub labels: Labels,
    /// The annotations under `netintent.dev/` and `a8r.io/`, in the order of the input.
    pub annotations: Vec<(String, Text)>,
    /// Whether `kubectl apply` made it, and not server-side: what a prune looks for.
    pub applied: bool,
    /// When the API server made the object.
    pub created: Option<Timestamp>,
    /// The owner that controls the object.
    pub controller: Option<Owner>,
    /// Where the object begins.
    pub origin: Option<Origin>,
}

impl Metadata {
    /// The name of an object, and its stem, from the two fields that give one. Before the API server has made a name it is
    /// the stem.
    pub fn named(name: Option<&str>, generate_name: Option<&str>) -> (String, Option<String>) {
        match (name, generate_name) {
            (Some(name), prefix) => {
                let prefix = prefix.filter(|prefix| names::is_generated(name, prefix));
                (name.to_owned(), prefix.map(|prefix| names::stem(prefix).to_owned()))
            }
            (None, prefix) => (prefix.map_or("", names::stem).to_owned(), None),
        }
    }

    /// The value of an annotation that was kept.
    pub fn annotation(&self, key: &str) -> Option<&Text> {
        self.annotations.iter().find(|(k, _)| k == key).map(|(_, text)| text)
    }

    /// What it is called from run to run: its name, but for what the API server added to make it unique.
    pub fn stem(&self) -> &str {
        self.stem.as_deref().unwrap_or(&self.name)
    }

    /// What sorts objects of one kind: namespace and name.
    pub fn key(&self) -> (&str, &str) {
        (&self.namespace, &self.name)
    }

    /// `namespace/name`, or the name alone where the object is in no namespace.
    pub fn full_name(&self) -> String {
        if self.namespace.is_empty() { self.name.clone() } else { format!("{}/{}", self.namespace, self.name) }
    }
}

/// An owner reference with `controller: true`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner {
    /// The API group, without version; empty for the core group.
    pub group: String,
    /// The owner's kind.
    pub kind: String,
    /// The owner's name, in the same namespace.
    pub name: String,
}

impl Owner {
    /// The owner of an owner reference; `None` where it can be no workload's, and so no caller's, name.
    pub fn new(api_version: &str, kind: &str, name: &str) -> Option<Self> {
        let group = api_version.rsplit_once('/').map_or("", |(group, _)| group);
        let good = names::is_dns_subdomain(name) && names::is_kind(kind);
        good.then(|| Self { group: group.to_owned(), kind: kind.to_owned(), name: name.to_owned() })
    }
}

/// A Namespace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Namespace {
    /// Name and labels.
    pub metadata: Metadata,
}

/// A workload's manifest, or a Pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Workload {
    /// `Deployment`, `StatefulSet`, `DaemonSet`, `CronJob`, `Job`, `ReplicaSet`, `ReplicationController` or `Pod`.
    pub kind: Kind,
    /// The object's own metadata.
    pub metadata: Metadata,
    /// Its pod template; for a Pod, the Pod.
    pub pod: PodSpec,
}

/// What of a pod, or a pod template, decides about connections.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PodSpec {
    /// Labels, as written.
    pub labels: Labels,
    /// `netintent.dev/calls`.
    pub calls: Option<Text>,
    /// `netintent.dev/caller`.
    pub caller: Option<Text>,
    /// The name of its ServiceAccount.
    pub service_account: String,
    /// Whether the pod uses the network of its node.
    pub host_network: bool,
    /// Whether a kubelet runs the pod from a file: such a pod gets no grants.
    pub mirror: bool,
    /// Whether the pod has ended (phase `Succeeded` or `Failed`): it stands for its workload only where nothing else does.
    pub ended: bool,
    /// The ports of its containers, those of restartable init containers included.
    pub ports: Vec<ContainerPort>,
    /// The addresses of a running pod.
    pub addresses: Vec<IpAddr>,
    /// The phase of a running pod.
    pub phase: Option<String>,
    /// The node that it runs on.
    pub node: Option<String>,
}

/// A port of a container.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ContainerPort {
    /// Its name, if it has one.
    pub name: Option<String>,
    /// Its number.
    pub port: u16,
    /// Its protocol.
    pub protocol: Protocol,
}

/// A ServiceAccount: intents for pods that nobody can annotate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceAccount {
    /// Name and annotations.
    pub metadata: Metadata,
}

/// A Service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Service {
    /// Name, labels (mode, type) and annotations (owner).
    pub metadata: Metadata,
    /// The pods behind it; `None` where there is no selector or an empty one, so that nobody knows.
    pub selector: Option<Selector>,
    /// Its ports.
    pub ports: Vec<ServicePort>,
    /// How it is reached.
    pub r#type: ServiceType,
    /// Its own addresses in the cluster.
    pub addresses: Vec<IpAddr>,
    /// Whether it has none on purpose (`clusterIP: None`): its name means the pods' addresses, by whatever port.
    pub headless: bool,
    /// Whom its load balancer lets in (`loadBalancerSourceRanges`); none: everybody.
    pub source_ranges: Vec<IpNet>,
    /// Whether pods see who calls by a node's port or the load balancer (`externalTrafficPolicy: Local`), and not a node.
    pub keeps_sources: bool,
}

/// How a Service is reached.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ServiceType {
    /// By pods alone.
    #[default]
    ClusterIp,
    /// By a port of every node too.
    NodePort,
    /// By a load balancer too.
    LoadBalancer,
    /// It is only a DNS alias.
    ExternalName,
}

impl ServiceType {
    /// As manifests write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ClusterIp => "ClusterIP",
            Self::NodePort => "NodePort",
            Self::LoadBalancer => "LoadBalancer",
            Self::ExternalName => "ExternalName",
        }
    }
}

impl Service {
    /// The selector by which a NetworkPolicy can stand before the pods; `None` where nothing can.
    pub fn enforceable(&self) -> Option<&Selector> {
        if self.r#type == ServiceType::ExternalName { None } else { self.selector.as_ref() }
    }
}

/// A port of a Service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServicePort {
    /// Its name; a Service with one port may leave it out.
    pub name: Option<String>,
    /// The Service's port number.
    pub port: u16,
    /// Its protocol.
    pub protocol: Protocol,
    /// The pod's port.
    pub target: TargetPort,
}

impl ServicePort {
    /// How intents and approvals name this port: by name, or by Service port number where it has none. A name of digits
    /// alone, which Kubernetes permits, reads as a number and means this port all the same.
    pub fn identifier(&self) -> Port {
        match &self.name {
            Some(name) => Port::parse(name).unwrap_or_else(|_| Port::Named(name.clone())),
            None => Port::Number(self.port),
        }
    }
}

/// The pod's port behind a Service port, or in a NetworkPolicy.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TargetPort {
    /// By number.
    Number(u16),
    /// By the name of a container's port, which may differ from pod to pod.
    Name(String),
}

impl std::fmt::Display for TargetPort {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Number(number) => write!(f, "{number}"),
            Self::Name(name) => f.write_str(name),
        }
    }
}

/// What calls Services by name, and can carry no intent: an Ingress, a route of the Gateway API, the configuration of an
/// admission webhook, an `APIService`, or a `CustomResourceDefinition` with a conversion webhook.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exposure {
    /// Its API group.
    pub group: String,
    /// Its kind.
    pub kind: Kind,
    /// Its name, and its namespace if it is in one.
    pub metadata: Metadata,
    /// The Services that it names.
    pub services: Vec<ServiceName>,
}

/// A Service by name, and where it is named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceName {
    /// The Service's namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Where it is named.
    pub origin: Option<Origin>,
}

/// Where a Service leads by addresses that stand by themselves (`EndpointSlice`): for one without selector, the only place
/// that says it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoints {
    /// Its name.
    pub metadata: Metadata,
    /// The name of the Service, in the same namespace; empty where none is named.
    pub service: String,
    /// The addresses.
    pub addresses: Vec<IpAddr>,
    /// The pods that are named: namespace and name.
    pub pods: Vec<(String, String)>,
    /// The ports there; `None`: every port, or some that can't be read.
    pub ports: Option<Vec<(Protocol, u16)>>,
}

/// A former template of a StatefulSet or DaemonSet that is kept for a rollback (`ControllerRevision`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revision {
    /// Its name, and its controller.
    pub metadata: Metadata,
    /// `netintent.dev/calls` of the template.
    pub calls: Option<Text>,
    /// `netintent.dev/caller` of the template.
    pub caller: Option<Text>,
}

/// A policy of another API, which may change what NetworkPolicy alone decides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ForeignPolicy {
    /// Its API group.
    pub group: String,
    /// Its kind.
    pub kind: Kind,
    /// Its name, and its namespace where that bounds what it selects.
    pub metadata: Metadata,
    /// The pods of its namespace that it selects, where that could be read; `None`: any.
    pub selector: Option<Selector>,
}

/// Everything that was read, in the order of the input.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Objects {
    /// Namespaces.
    pub namespaces: Vec<Namespace>,
    /// Workloads and Pods.
    pub workloads: Vec<Workload>,
    /// Services.
    pub services: Vec<Service>,
    /// ServiceAccounts.
    pub service_accounts: Vec<ServiceAccount>,
    /// NetworkPolicies.
    pub policies: Vec<NetworkPolicy>,
    /// Approvals and ClusterApprovals.
    pub approvals: Vec<Approval>,
    /// ClusterProhibitions.
    pub prohibitions: Vec<Prohibition>,
    /// Policies of other APIs.
    pub foreign: Vec<ForeignPolicy>,
    /// What calls Services and can carry no intent.
    pub exposures: Vec<Exposure>,
    /// Where Services lead by addresses.
    pub endpoints: Vec<Endpoints>,
    /// Former templates.
    pub revisions: Vec<Revision>,
    /// Kinds that decide nothing here, with how many objects of each were passed over.
    pub skipped: std::collections::BTreeMap<String, usize>,
    /// What there may be besides, and could not be read.
    pub unread: Vec<Unread>,
}
