//! What another mode of a namespace, or of a Service, would cut and open: both as it is once the controller has followed, so
//! that what it has still to do is no difference.

use super::{Mode, ModeOverride};
use crate::check;
use crate::compile::is_ours;
use crate::diff::{Difference, diff};
use crate::finding::{Code, Finding};
use crate::names;
use crate::port::PortSet;
use crate::snapshot::{Options, Snapshot};

/// A namespace, or a Service, that has a mode or is to have one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subject {
    /// The namespace.
    pub namespace: String,
    /// The name of the Service; `None`: the namespace as a whole.
    pub service: Option<String>,
}

/// From where a mode comes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The label of the Namespace, or of the Service that is asked about.
    Own,
    /// The Service has no label: its namespace decides.
    Namespace,
    /// There is no label.
    Nothing,
    /// Its label says this, which is no mode.
    Unknown(String),
    /// Something else than the label, such as the command line.
    Given,
}

impl Subject {
    /// `namespace` or `namespace/service`.
    pub fn name(&self) -> String {
        let namespace = &self.namespace;
        self.service.as_ref().map_or_else(|| namespace.clone(), |service| format!("{namespace}/{service}"))
    }

    /// `Namespace` or `Service`.
    pub fn kind(&self) -> &'static str {
        if self.service.is_some() { "Service" } else { "Namespace" }
    }

    /// Its mode, and from where it comes; `None` where there is no such thing.
    pub fn mode(&self, snapshot: &Snapshot) -> Option<(Mode, Origin)> {
        let state = snapshot.namespaces.get(&self.namespace)?;
        if let Some(name) = &self.service {
            let at = snapshot.service(&self.namespace, name)?;
            let origin = match snapshot.objects.services[at].metadata.labels.get(names::MODE) {
                None => Origin::Namespace,
                Some(value) => Mode::parse(value).map_or_else(|| Origin::Unknown(value.to_owned()), |_| Origin::Own),
            };
            return Some((snapshot.services[at].mode, origin));
        }
        let object = snapshot.objects.namespaces.iter().find(|n| n.metadata.name == self.namespace);
        if object.is_none() && !state.known {
            return None;
        }
        let label = object.and_then(|namespace| namespace.metadata.labels.get(names::MODE));
        let origin = match label {
            _ if super::overridden(&snapshot.options.modes, &self.namespace).is_some() => Origin::Given,
            None => Origin::Nothing,
            Some(value) => Mode::parse(value).map_or_else(|| Origin::Unknown(value.to_owned()), |_| Origin::Own),
        };
        Some((state.mode, origin))
    }

    /// The Services of the namespace that have a mode of their own, with it, in order.
    pub fn overrides<'s>(&self, snapshot: &'s Snapshot) -> Vec<(&'s str, Mode)> {
        let here = snapshot.objects.services.iter().filter(|service| service.metadata.namespace == self.namespace);
        let mut all: Vec<(&str, Mode)> = here
            .filter_map(|service| {
                let mode = service.metadata.labels.get(names::MODE).and_then(Mode::parse)?;
                Some((service.metadata.name.as_str(), mode))
            })
            .collect();
        all.sort_unstable();
        all
    }
}

/// All as admission and the controller will have it: labels as they are derived, and of the policies that are ours those that
/// there should be. With `change`, that is in this mode. Pods and Services of both have the same numbers.
pub fn settled(snapshot: &Snapshot, change: Option<(&Subject, Mode)>) -> Snapshot {
    let mut objects = snapshot.objects.clone();
    objects.policies.retain(|policy| !is_ours(&policy.metadata));
    let mut options = Options { observed: false, ..snapshot.options.clone() };
    match change {
        None => {}
        Some((Subject { namespace, service: None }, mode)) => {
            options.modes.push(ModeOverride { namespace: Some(namespace.clone()), mode });
        }
        Some((Subject { namespace, service: Some(name) }, mode)) => {
            let is_it = |(of, called): (&str, &str)| of == namespace && called == name;
            let services = objects.services.iter_mut().filter(|service| is_it(service.metadata.key()));
            services.for_each(|service| service.metadata.labels.insert(names::MODE, mode.as_str()));
        }
    }
    Snapshot::new(objects, &options)
}

/// How many connections a change cuts and opens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Those of which something closes.
    pub cut: usize,
    /// Those of them of which something closes that is declared.
    pub declared: usize,
    /// Those of which something opens.
    pub opened: usize,
}

impl Counts {
    /// Counts one more.
    pub fn add(&mut self, difference: &Difference<'_>) {
        self.cut += usize::from(difference.lost().iter().any(|ports| !ports.is_empty()));
        self.declared += usize::from(cuts_declared(difference));
        self.opened += usize::from(difference.gained().iter().any(|ports| !ports.is_empty()));
    }

    /// All of a change.
    pub fn of(before: &Snapshot, after: &Snapshot) -> Self {
        let mut counts = Self::default();
        let Ok(()) = diff::<std::convert::Infallible>(before, after, &mut |difference| {
            counts.add(&difference);
            Ok(())
        });
        counts
    }
}

/// Whether something closes that its caller declares.
pub fn cuts_declared(difference: &Difference<'_>) -> bool {
    has_declared(difference, &difference.lost())
}

/// Whether something opens that its caller declares.
pub fn opens_declared(difference: &Difference<'_>) -> bool {
    has_declared(difference, &difference.gained())
}

/// Whether something of these ports is declared, on either side.
fn has_declared(difference: &Difference<'_>, ports: &[PortSet]) -> bool {
    let declared = [&difference.before.declared, &difference.after.declared];
    ports.iter().any(|ports| declared.iter().any(|declared| !ports.intersection(declared).is_empty()))
}

/// What there is to know of a change besides connections, and is not so before it: what stays without a policy, what keeps a
/// namespace open, and which Services are cut by the policies of others.
pub fn warnings(before: &Snapshot, after: &Snapshot) -> Vec<Finding> {
    let codes = [Code::NotEnforceable, Code::NamespaceKeptOpen, Code::MixedModes];
    let of = |snapshot: &Snapshot| -> Vec<Finding> {
        let services = check::of_services(snapshot);
        let all = snapshot.findings.iter().cloned().chain(services);
        all.filter(|finding| codes.contains(&finding.code)).collect()
    };
    let known = of(before);
    let mut new: Vec<Finding> = of(after).into_iter().filter(|finding| !known.contains(finding)).collect();
    new.sort_by(|a, b| (a.code, &a.message).cmp(&(b.code, &b.message)));
    new.dedup();
    new
}
