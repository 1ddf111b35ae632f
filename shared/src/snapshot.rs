//! Everything at one moment: the objects, the labels that admission would derive, the policies that the controller would
//! write. Every answer is a function of a snapshot.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use ipnet::IpNet;
use jiff::Timestamp;
use rustc_hash::{FxHashMap, FxHashSet};

use crate::callee::{CalleePattern, Scope};
use crate::caller::Caller;
use crate::catalogue::{self, Catalogue};
use crate::compile;
use crate::derive::Derivation;
use crate::finding::Finding;
use crate::mode::{Mode, ModeOverride, overridden};
use crate::names;
use crate::number::number;
use crate::objects::{Kind, Objects, Origin, PodSpec, Service, TargetPort, Text};
use crate::pod::Declared;
use crate::policy::NetworkPolicy;
use crate::port::Protocol;
use crate::selector::{Labels, Selector};
use crate::statements::Statements;

mod index;
mod missing;
mod observed;
mod pods;
mod policies;
mod warnings;

use index::LabelIndex;
pub use policies::Policy;
pub(crate) use warnings::wrong_port;

/// What a snapshot depends on besides the objects.
#[derive(Clone, Debug)]
pub struct Options {
    /// Modes that stand in for, and beat, the labels of Namespaces.
    pub modes: Vec<ModeOverride>,
    /// The moment: approvals expire.
    pub now: Timestamp,
    /// Addresses that pods have; verdicts that hang on them get a caveat.
    pub pod_cidrs: Vec<IpNet>,
    /// Whether the objects are all that runs, as it is: then running pods carry the labels that they have, not those that
    /// they should have, and a policy that the cluster lacks does not hold. Without it, they are what is to be applied.
    pub observed: bool,
}

impl Options {
    /// What was read, in a word.
    pub fn place(&self) -> &'static str {
        if self.observed { "the cluster" } else { "the input" }
    }

    /// No overrides, at `now`.
    pub fn at(now: Timestamp) -> Self {
        Self { modes: Vec::new(), now, pod_cidrs: Vec::new(), observed: false }
    }
}

/// A namespace that exists, or that an object is in.
#[derive(Clone, Debug, Default)]
pub struct NamespaceState {
    /// Its labels, with the name that every namespace has as label, and the mode that overrides give.
    pub labels: Labels,
    /// How it takes part.
    pub mode: Mode,
    /// How it takes part by its own label, whatever an override says.
    pub labelled: Mode,
    /// Whether its mode is known: a Namespace object or an override gives it.
    pub known: bool,
    /// Where the Namespace stands.
    pub origin: Option<Origin>,
    /// Its pods.
    pub pods: Range<u32>,
}

/// Pods of one controller, or a bare Pod: one row of every list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Workload {
    /// The controller's kind.
    pub kind: Kind,
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Its pods: of its template and those that run.
    pub pods: Range<u32>,
}

impl Workload {
    /// `namespace/name`.
    pub fn full_name(&self) -> String {
        format!("{}/{}", self.namespace, self.name)
    }

    /// What sorts and identifies it.
    pub fn key(&self) -> (&str, &str, &str) {
        (&self.namespace, &self.name, &self.kind)
    }
}

/// A pod as it would run: of a template, or running.
#[derive(Clone, Debug)]
pub struct Pod {
    /// The object it comes from, as index into the objects' workloads.
    pub object: usize,
    /// Its workload, as index.
    pub workload: u32,
    /// The labels it would carry: written ones but reserved, and derived ones in a managed namespace. Of a running pod that
    /// is observed, those that it carries.
    pub labels: Labels,
    /// Who it is as caller.
    pub caller: Caller,
    /// What it declares, its ServiceAccount's intents included.
    pub intents: Vec<Declared>,
    /// What that comes to; the same in an unmanaged namespace, though it gives no labels there.
    pub derivation: Derivation,
}

/// A Service as it takes part.
#[derive(Clone, Debug)]
pub struct ServiceState {
    /// Its effective mode.
    pub mode: Mode,
    /// The pods behind it, in ascending order.
    pub pods: Vec<u32>,
}

/// See the module.
#[derive(Debug)]
pub struct Snapshot {
    /// The objects.
    pub objects: Objects,
    /// What it depends on besides.
    pub options: Options,
    /// By name.
    pub namespaces: BTreeMap<String, NamespaceState>,
    /// In order of namespace, name and kind.
    pub workloads: Vec<Workload>,
    /// In order of their workloads.
    pub pods: Vec<Pod>,
    /// Parallel to the objects' Services.
    pub services: Vec<ServiceState>,
    /// In order of namespace and name.
    pub policies: Vec<Policy>,
    /// What the controller would write where the input has a policy of the name, which holds instead. In the same order.
    pub replaced: Vec<NetworkPolicy>,
    /// What an observed cluster lacks, though the controller would have written it. In the same order.
    pub missing: Vec<NetworkPolicy>,
    /// What the compiler left out.
    pub omissions: Vec<compile::Omission>,
    /// What was read with reservations.
    pub findings: Vec<Finding>,
    /// Where a cluster is observed, the policies that it should have, by namespace and name.
    expected: Option<Expected>,
    index: LabelIndex,
    services_by_name: FxHashMap<String, FxHashMap<String, usize>>,
}

/// Policies by namespace and name.
type Expected = Arc<FxHashSet<(String, String)>>;

impl Snapshot {
    /// Derives labels, compiles policies and resolves selectors.
    pub fn new(objects: Objects, options: &Options) -> Self {
        let expected = options.observed.then(|| observed::expected(&objects, options));
        Self::of(objects, options, expected)
    }

    fn of(objects: Objects, options: &Options, expected: Option<Expected>) -> Self {
        let mut namespaces = namespaces(&objects, options);
        let mut findings = warnings::of_namespaces(&objects, &namespaces, options);
        findings.extend(warnings::of_unknown(&objects, &namespaces, options));
        let mut pods = pods::derived(&objects, &namespaces, options, &mut findings);
        if objects.workloads.iter().any(|w| w.pod.ended) {
            pods::without_ended(&objects, &mut pods);
        }
        if options.observed {
            observed::without_templates(&objects, &mut pods);
        }
        let workloads = pods::workloads(&objects, &mut pods, &mut namespaces);
        let pods: Vec<Pod> = pods.into_iter().map(|(_, pod)| pod).collect();
        let index = LabelIndex::new(&pods);
        let mut snapshot = Self {
            options: options.clone(),
            namespaces,
            workloads,
            pods,
            services: Vec::new(),
            policies: Vec::new(),
            replaced: Vec::new(),
            missing: Vec::new(),
            expected,
            omissions: Vec::new(),
            findings,
            index,
            services_by_name: services_by_name(&objects),
            objects,
        };
        snapshot.services = snapshot.objects.services.iter().map(|s| snapshot.service_state(s)).collect();
        snapshot.add_policies();
        let of_ports = warnings::of_ports(&snapshot);
        snapshot.findings.extend(of_ports);
        snapshot
    }

    /// Whether some Service or namespace is in `shadow`.
    pub fn has_shadow(&self) -> bool {
        let services = self.services.iter().any(|service| service.mode == Mode::Shadow);
        services || self.namespaces.values().any(|namespace| namespace.mode == Mode::Shadow)
    }

    /// The same objects, were all that is in `shadow` in `enforce`. Workloads, pods and Services keep their numbers.
    #[must_use]
    pub fn enforced(&self) -> Self {
        let mut objects = self.objects.clone();
        for service in &mut objects.services {
            let labels = &mut service.metadata.labels;
            if labels.get(names::MODE).and_then(Mode::parse) == Some(Mode::Shadow) {
                labels.insert(names::MODE, Mode::Enforce.as_str());
            }
        }
        let shadows = self.namespaces.iter().filter(|(_, state)| state.mode == Mode::Shadow);
        let enforce = |name: &String| ModeOverride { namespace: Some(name.clone()), mode: Mode::Enforce };
        let mut options = self.options.clone();
        options.modes.extend(shadows.map(|(name, _)| enforce(name)));
        // What a cluster lacks of what it should have now, it will lack then.
        Self::of(objects, &options, self.expected.clone())
    }

    fn service_state(&self, service: &Service) -> ServiceState {
        let namespace = &service.metadata.namespace;
        let pods = service.enforceable().map_or_else(Vec::new, |selector| self.select(Some(namespace), selector));
        ServiceState { mode: compile::service_mode(service, self.mode(namespace)), pods }
    }

    /// The pods that a selector selects, in one namespace or in all, in ascending order.
    pub fn select(&self, namespace: Option<&str>, selector: &Selector) -> Vec<u32> {
        let range = match namespace {
            Some(name) => self.namespaces.get(name).map_or(0..0, |n| n.pods.clone()),
            None => 0..number(self.pods.len()),
        };
        let matches = |pod: &u32| selector.matches(&self.pods[*pod as usize].labels);
        match self.index.candidates(selector, &range) {
            None => range.filter(matches).collect(),
            Some(lists) => {
                let mut found: Vec<u32> = lists.into_iter().flatten().copied().filter(matches).collect();
                found.sort_unstable();
                found.dedup();
                found
            }
        }
    }

    /// The mode of a namespace.
    pub fn mode(&self, namespace: &str) -> Mode {
        Catalogue::mode(self, namespace)
    }

    /// The workload of a pod.
    pub fn workload_of(&self, pod: u32) -> &Workload {
        &self.workloads[self.pods[pod as usize].workload as usize]
    }

    /// The namespace of a pod.
    pub fn namespace_of(&self, pod: u32) -> &str {
        &self.workload_of(pod).namespace
    }

    /// The labels of a namespace.
    pub fn namespace_labels(&self, namespace: &str) -> Option<&Labels> {
        self.namespaces.get(namespace).map(|n| &n.labels)
    }

    /// What the object says of a pod.
    pub fn spec(&self, pod: u32) -> &PodSpec {
        &self.objects.workloads[self.pods[pod as usize].object].pod
    }

    /// The annotation that declares an intent of a pod.
    pub fn declaration(&self, pod: u32, declared: &Declared) -> Option<&Text> {
        match declared.service_account {
            Some(at) => self.objects.service_accounts[at].metadata.annotation(names::CALLS),
            None => self.spec(pod).calls.as_ref(),
        }
    }

    /// A finding about an intent of a pod, with its object and place.
    pub fn of_intent(&self, finding: Finding, pod: u32, declared: &Declared) -> Finding {
        let finding = if let Some(at) = declared.service_account {
            finding.about("ServiceAccount", &self.objects.service_accounts[at].metadata)
        } else {
            let object = &self.objects.workloads[self.pods[pod as usize].object];
            finding.about(object.kind.clone(), &object.metadata)
        };
        match self.declaration(pod, declared) {
            Some(text) => finding.at_text(text, declared.at.clone()),
            None => finding,
        }
    }

    /// The Service of a name.
    pub fn service(&self, namespace: &str, name: &str) -> Option<usize> {
        self.services_by_name.get(namespace)?.get(name).copied()
    }

    /// The Services that a callee pattern means at this moment.
    pub fn services_meant(&self, callee: &CalleePattern) -> Vec<usize> {
        catalogue::services_meant(self, callee).into_iter().map(|(at, _)| at).collect()
    }

    /// The pods' ports behind the ports of a Service that a callee pattern names: pod, protocol, number.
    pub fn ports_meant(&self, callee: &CalleePattern, service: usize) -> Vec<(u32, Protocol, u16)> {
        let mut found = Vec::new();
        for port in self.objects.services[service].ports.iter().filter(|p| callee.port.covers(&p.identifier())) {
            for pod in &self.services[service].pods {
                match &port.target {
                    TargetPort::Number(number) => found.push((*pod, port.protocol, *number)),
                    TargetPort::Name(name) => {
                        let numbers = crate::policy::numbers(&self.spec(*pod).ports, name, port.protocol);
                        found.extend(numbers.map(|number| (*pod, port.protocol, number)));
                    }
                }
            }
        }
        found
    }

    /// The approvals and prohibitions, indexed.
    pub fn statements(&self) -> Statements<'_> {
        Statements::new(&self.objects.approvals, &self.objects.prohibitions)
    }
}

impl Catalogue for Snapshot {
    fn mode(&self, namespace: &str) -> Mode {
        self.namespaces.get(namespace).map(|n| n.mode).unwrap_or_default()
    }

    fn services(&self, scope: &Scope) -> Vec<(usize, &Service)> {
        let numbered = |at: usize| (at, &self.objects.services[at]);
        match scope {
            Scope::Service { namespace, name } => self.service(namespace, name).map(numbered).into_iter().collect(),
            Scope::Namespace(namespace) => {
                let named = self.services_by_name.get(namespace).into_iter().flat_map(FxHashMap::values);
                let mut all: Vec<usize> = named.copied().collect();
                all.sort_unstable();
                all.into_iter().map(numbered).collect()
            }
            Scope::Cluster | Scope::Type(_) => self.objects.services.iter().enumerate().collect(),
        }
    }

    fn namespaces(&self) -> Vec<&str> {
        self.namespaces.keys().map(String::as_str).collect()
    }
}

fn services_by_name(objects: &Objects) -> FxHashMap<String, FxHashMap<String, usize>> {
    let mut all: FxHashMap<String, FxHashMap<String, usize>> = FxHashMap::default();
    for (at, service) in objects.services.iter().enumerate() {
        let metadata = &service.metadata;
        all.entry(metadata.namespace.clone()).or_default().insert(metadata.name.clone(), at);
    }
    all
}

fn namespaces(objects: &Objects, options: &Options) -> BTreeMap<String, NamespaceState> {
    let mut all: BTreeMap<String, NamespaceState> = BTreeMap::new();
    for namespace in &objects.namespaces {
        let state = NamespaceState {
            labels: namespace.metadata.labels.clone(),
            known: true,
            origin: namespace.metadata.origin,
            ..NamespaceState::default()
        };
        all.insert(namespace.metadata.name.clone(), state);
    }
    let mentioned = (objects.workloads.iter().map(|w| &w.metadata))
        .chain(objects.services.iter().map(|s| &s.metadata))
        .chain(objects.policies.iter().map(|p| &p.metadata))
        .chain(objects.approvals.iter().map(|a| &a.metadata))
        .map(|metadata| &metadata.namespace);
    for name in mentioned {
        if !name.is_empty() && !all.contains_key(name) {
            all.insert(name.clone(), NamespaceState::default());
        }
    }
    for (name, state) in &mut all {
        state.labels.insert(names::NAMESPACE_NAME, name);
        state.labelled = state.labels.get(names::MODE).and_then(Mode::parse).unwrap_or_default();
        if let Some(mode) = overridden(&options.modes, name) {
            state.labels.insert(names::MODE, mode.as_str());
            state.known = true;
        }
        state.mode = state.labels.get(names::MODE).and_then(Mode::parse).unwrap_or_default();
    }
    all
}

#[cfg(test)]
mod tests;
