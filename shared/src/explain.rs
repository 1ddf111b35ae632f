//! Why a connection is allowed or not: the whole chain from intent to policy, and the first link that is missing.

use crate::callee::{CalleePattern, Port};
use crate::cidr::AddressSet;
use crate::evaluate::{End, Verdict, evaluate};
use crate::finding::Place;
use crate::list::Caveat;
use crate::policy::Direction;
use crate::port::{PortSet, Protocol};
use crate::resolve::Subject;
use crate::snapshot::Snapshot;

mod alike;
mod caveats;
mod chain;
mod fix;
mod parts;
mod pods;
mod policies;
mod unread;

pub use pods::{PodState, pods};

/// What is asked.
#[derive(Clone, Debug)]
pub struct Question {
    /// Who calls.
    pub source: Subject,
    /// Who is called.
    pub destination: Subject,
    /// On which port of it; `None`: on every port of a Service, on every port there is of anything else.
    pub port: Option<AskedPort>,
}

/// A port that is asked about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AskedPort {
    /// A port of a Service.
    Service(Port),
    /// A port of a pod or address, by number.
    Number(Protocol, u16),
    /// A port of a pod, by the name of a container's port.
    Named(String),
}

/// The answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation {
    /// Whether every pod may connect on every port that was asked; `None`: can't be told.
    pub allowed: Option<bool>,
    /// Whether some may, or on some ports.
    pub in_part: bool,
    /// The verdict in one sentence, without a full stop.
    pub summary: String,
    /// The ports of the destination's pods that were asked about, all pods taken together.
    pub asked: PortSet,
    /// Those of them that every pair of pods may use; none where that can't be told.
    pub ports: PortSet,
    /// From the Service and the intent to the policies, in order.
    pub chain: Vec<Step>,
    /// What the verdict does not cover.
    pub caveats: Vec<(Caveat, String)>,
    /// What to do, in order; empty where nothing is to be done.
    pub fixes: Vec<Fix>,
}

/// One link of the chain.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Step {
    /// Whether it holds; `None`: a fact that is neither good nor bad.
    pub holds: Option<bool>,
    /// What it is, as a sentence without a full stop.
    pub text: String,
    /// Where it stands.
    pub place: Option<Place>,
    /// What it is made of.
    pub steps: Vec<Step>,
}

impl Step {
    fn new(holds: impl Into<Option<bool>>, text: impl Into<String>, place: Option<Place>) -> Self {
        Self { holds: holds.into(), text: text.into(), place, steps: Vec::new() }
    }
}

/// Something to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fix {
    /// What, and by whom, without a full stop.
    pub what: String,
    /// What to paste: a manifest, a part of one, or a command.
    pub paste: Option<String>,
}

/// Answers a question.
pub fn explain(snapshot: &Snapshot, question: &Question) -> Explanation {
    let (steps, pods) = match destination(snapshot, question) {
        Ok(found) => found,
        Err(unknown) => return *unknown,
    };
    let alone = |end| (end, PortSet::none());
    let sources = alike::distinct(snapshot, ends(&question.source).into_iter().map(alone).collect());
    let sources: Vec<End<'_>> = sources.into_iter().map(|(end, _)| end).collect();
    let pods = alike::distinct(snapshot, pods);
    let cut = cut(snapshot, question, &sources, &pods);
    let (sources, pods) = match (&cut, &question.source) {
        (None, _) => (sources, pods),
        (Some(parts), Subject::Addresses(..)) => (parts.iter().map(End::Addresses).collect(), pods),
        (Some(parts), _) => {
            let asked = pods.first().map_or_else(PortSet::all, |(_, asked)| asked.clone());
            (sources, parts.iter().map(|part| (End::Addresses(part), asked.clone())).collect())
        }
    };
    let mut pairs: Vec<Pair<'_>> = Vec::new();
    for source in &sources {
        for (destination, asked) in &pods {
            let verdict = evaluate(snapshot, *source, *destination);
            pairs.push(Pair { source: *source, destination: *destination, asked: asked.clone(), verdict });
        }
    }
    let mut asked = PortSet::none();
    pairs.iter().for_each(|pair| asked.union_with(&pair.asked));
    let ports = pairs.iter().fold(asked.clone(), |sum, pair| {
        // A port that is not asked of this pod is not denied by it.
        sum.difference(&pair.asked.difference(&pair.verdict.ports))
    });
    // Without a pair there is nothing that could be allowed.
    let every = !pairs.is_empty() && pairs.iter().all(Pair::is_allowed);
    let some = pairs.iter().any(|pair| !pair.allowed().is_empty());
    let mut explanation = Explanation {
        allowed: Some(every),
        in_part: some && !every,
        summary: String::new(),
        asked,
        ports,
        chain: steps,
        caveats: caveats::of(snapshot, &pairs),
        fixes: Vec::new(),
    };
    let told = chain::Told::new(snapshot, question, &pairs);
    explanation.chain.extend(unread::address_step(snapshot, question));
    explanation.chain.extend(told.steps(&pairs));
    explanation.summary = told.summary(&explanation, &pairs);
    if !unread::is_denied_for_certain(snapshot, &pairs)
        && let Some(summary) = unread::summary(&explanation)
    {
        explanation.allowed = None;
        explanation.in_part = false;
        explanation.ports = PortSet::none();
        explanation.summary = summary;
        return explanation;
    }
    if !every {
        explanation.fixes = fix::fixes(&told, &pairs);
    }
    explanation
}

/// The parts that policies cut addresses into, if an end is one of addresses.
fn cut(
    snapshot: &Snapshot,
    question: &Question,
    sources: &[End<'_>],
    destinations: &[(End<'_>, PortSet)],
) -> Option<Vec<AddressSet>> {
    match (&question.source, &question.destination) {
        (Subject::Addresses(addresses, _), _) => {
            let pods: Vec<End<'_>> = destinations.iter().map(|(end, _)| *end).collect();
            Some(parts::parts(snapshot, addresses, &pods, Direction::Ingress))
        }
        (_, Subject::Addresses(addresses, _)) => Some(parts::parts(snapshot, addresses, sources, Direction::Egress)),
        _ => None,
    }
}

/// One pod or set of addresses towards another.
#[derive(Clone, Debug)]
struct Pair<'a> {
    source: End<'a>,
    destination: End<'a>,
    asked: PortSet,
    verdict: Verdict,
}

impl Pair<'_> {
    fn allowed(&self) -> PortSet {
        self.verdict.ports.intersection(&self.asked)
    }

    fn is_allowed(&self) -> bool {
        self.verdict.ports.is_superset(&self.asked)
    }
}

fn ends(subject: &Subject) -> Vec<End<'_>> {
    match subject {
        Subject::Workload(_, pods) => pods.iter().map(|pod| End::Pod(*pod)).collect(),
        Subject::Addresses(addresses, _) => vec![End::Addresses(addresses)],
        Subject::Service(_) => Vec::new(),
    }
}

type Destinations<'a> = (Vec<Step>, Vec<(End<'a>, PortSet)>);

/// The destination's pods or addresses with the ports asked of each, and how a Service leads there.
fn destination<'q>(snapshot: &Snapshot, question: &'q Question) -> Result<Destinations<'q>, Box<Explanation>> {
    let asked_number = |asked: &Option<AskedPort>| match asked {
        Some(AskedPort::Number(protocol, number)) => PortSet::range(*protocol, *number, *number),
        _ => PortSet::all(),
    };
    match &question.destination {
        Subject::Addresses(addresses, _) => {
            Ok((Vec::new(), vec![(End::Addresses(addresses), asked_number(&question.port))]))
        }
        Subject::Workload(at, pods) => {
            let asked = |pod: &u32| match &question.port {
                Some(AskedPort::Named(name)) => {
                    let mut set = PortSet::none();
                    for port in snapshot.spec(*pod).ports.iter().filter(|p| p.name.as_deref() == Some(name)) {
                        set.insert(port.protocol, port.port, port.port);
                    }
                    set
                }
                other => asked_number(other),
            };
            let pods: Vec<(End<'q>, PortSet)> = pods.iter().map(|pod| (End::Pod(*pod), asked(pod))).collect();
            if pods.iter().all(|(_, asked)| asked.is_empty()) {
                let workload = &snapshot.workloads[*at];
                let name = format!("{} {}", workload.kind, workload.full_name());
                return Err(unknown(&name, "none of its pods has the port", None));
            }
            Ok((Vec::new(), pods))
        }
        Subject::Service(at) => service(snapshot, *at, question.port.as_ref()),
    }
}

fn service<'q>(snapshot: &Snapshot, at: usize, port: Option<&AskedPort>) -> Result<Destinations<'q>, Box<Explanation>> {
    let service = &snapshot.objects.services[at];
    let name = service.metadata.full_name();
    let origin = service.metadata.origin.map(Place::Whole);
    let place = snapshot.options.place();
    let unknown = |why: String| Err(unknown(&format!("Service {name}"), &why, origin.clone()));
    if service.r#type == crate::objects::ServiceType::ExternalName {
        return unknown("it is an ExternalName, an alias that no NetworkPolicy can stand before".into());
    }
    let Some(selector) = service.enforceable() else {
        return unknown("it has no selector, so that nothing says which pods are behind it".into());
    };
    if snapshot.services[at].pods.is_empty() {
        return unknown(format!("its selector {selector} selects no pod of {place}"));
    }
    let wanted = match port {
        Some(AskedPort::Service(port)) => port.clone(),
        _ => Port::All,
    };
    let pattern = CalleePattern { scope: crate::compile::scope_of(service), port: wanted };
    let mut by_pod: std::collections::BTreeMap<u32, PortSet> = std::collections::BTreeMap::new();
    for (pod, protocol, number) in snapshot.ports_meant(&pattern, at) {
        by_pod.entry(pod).or_default().insert(protocol, number, number);
    }
    if by_pod.is_empty() {
        return unknown("none of its pods has the port that it leads to".into());
    }
    let mut workloads: Vec<String> = by_pod
        .keys()
        .map(|pod| snapshot.workload_of(*pod))
        .map(|workload| format!("{} {}", workload.kind, workload.full_name()))
        .collect();
    workloads.dedup();
    let mut steps = Vec::new();
    for port in service.ports.iter().filter(|p| pattern.port.covers(&p.identifier())) {
        let only = CalleePattern { scope: pattern.scope.clone(), port: port.identifier() };
        let mut leads = PortSet::none();
        for (_, protocol, number) in snapshot.ports_meant(&only, at) {
            leads.insert(protocol, number, number);
        }
        let (of, holds) = (workloads.join(", "), if leads.is_empty() { Some(false) } else { None });
        let leads =
            if leads.is_empty() { format!("no port: {} is not among those", port.target) } else { leads.to_string() };
        let text = format!("Service {name}, port {}, leads to {leads} of {of}", port.identifier());
        steps.push(Step::new(holds, text, origin.clone()));
    }
    Ok((steps, by_pod.into_iter().map(|(pod, ports)| (End::Pod(pod), ports)).collect()))
}

/// What there is to say where nobody can tell.
fn unknown(what: &str, why: &str, place: Option<Place>) -> Box<Explanation> {
    Box::new(Explanation {
        allowed: None,
        in_part: false,
        summary: why.to_owned(),
        asked: PortSet::none(),
        ports: PortSet::none(),
        chain: vec![Step::new(None, format!("{what}: {why}"), place)],
        caveats: Vec::new(),
        fixes: Vec::new(),
    })
}

/// Addresses as a person writes them.
fn addresses_text(addresses: &AddressSet) -> String {
    addresses.cidrs().iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests;
