//! `explain` agrees with the reference, and what it says to do about a denial helps.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use netintent::callee::Port;
use netintent::cidr::AddressSet;
use netintent::explain::{AskedPort, Explanation, Question, explain};
use netintent::objects::{ServicePort, TargetPort};
use netintent::port::Protocol;
use netintent::resolve::Subject;
use netintent::snapshot::Snapshot;
use proptest::prelude::*;
use proptest::sample::{Index, select};

use crate::agreement::expected;
use crate::fixes;
use crate::generate::{objects, pools, snapshot};
use crate::reference::{End, World, named, selects};
use crate::samples::{self, Sample};

/// A question before it is known what there is to ask about.
#[derive(Clone, Debug)]
struct Draft {
    source: (Index, Option<&'static str>),
    destination: (Index, Option<&'static str>),
    /// Whether a Service is called where there is one.
    service: bool,
    port: (u8, Index, Protocol, u16, String),
}

fn draft() -> impl Strategy<Value = Draft> {
    let end = || {
        let block = prop_oneof![4 => Just(None), 1 => select(&pools::BLOCKS[..]).prop_map(Some)];
        (any::<Index>(), block)
    };
    let port = (0..4_u8, any::<Index>(), pools::protocol(), pools::pod_port(), pools::port_name());
    (end(), end(), any::<bool>(), port).prop_map(|(source, destination, service, port)| Draft {
        source,
        destination,
        service,
        port,
    })
}

/// The question about a snapshot with at least one workload.
fn question(snapshot: &Snapshot, draft: &Draft) -> Question {
    let end = |(index, block): &(Index, Option<&str>)| {
        if let Some(text) = block {
            return Subject::Addresses(AddressSet::of(text.parse().unwrap()), (*text).to_owned());
        }
        let at = index.index(snapshot.workloads.len());
        Subject::Workload(at, snapshot.workloads[at].pods.clone().collect())
    };
    let (which, index, protocol, number, name) = &draft.port;
    let services = &snapshot.objects.services;
    let (destination, port) = if draft.service && !services.is_empty() {
        let at = draft.destination.0.index(services.len());
        let ports: Vec<Port> = services[at].ports.iter().map(ServicePort::identifier).collect();
        let port =
            (*which > 1 && !ports.is_empty()).then(|| AskedPort::Service(ports[index.index(ports.len())].clone()));
        (Subject::Service(at), port)
    } else {
        let destination = end(&draft.destination);
        let port = match which {
            0 | 1 => None,
            2 if matches!(destination, Subject::Workload(..)) => Some(AskedPort::Named(name.clone())),
            _ => Some(AskedPort::Number(*protocol, *number)),
        };
        (destination, port)
    };
    Question { source: end(&draft.source), destination, port }
}

/// The ports that a Service's port, or all of them, lead to on each of its pods.
fn behind(
    snapshot: &Snapshot,
    world: &World,
    service: usize,
    asked: Option<&Port>,
) -> BTreeMap<usize, BTreeSet<Sample>> {
    let service = &snapshot.objects.services[service];
    let mut found: BTreeMap<usize, BTreeSet<Sample>> = BTreeMap::new();
    let Some(selector) =
        service.selector.as_ref().filter(|_| service.r#type != netintent::objects::ServiceType::ExternalName)
    else {
        return found;
    };
    for (at, pod) in world.pods.iter().enumerate() {
        if pod.namespace != service.metadata.namespace || !selects(selector, &pod.labels) {
            continue;
        }
        for port in service.ports.iter().filter(|p| asked.is_none_or(|asked| *asked == p.identifier())) {
            let numbers = match &port.target {
                TargetPort::Number(number) => vec![*number],
                TargetPort::Name(name) => named(&pod.ports, name, port.protocol),
            };
            found.entry(at).or_default().extend(numbers.into_iter().map(|number| (port.protocol, number)));
        }
    }
    found.retain(|_, asked| !asked.is_empty());
    found
}

/// The addresses or pods of an end: a set of addresses is one end, and all of its addresses.
fn ends(subject: &Subject, addresses: &[IpAddr]) -> Vec<Vec<End>> {
    match subject {
        Subject::Workload(_, pods) => pods.iter().map(|pod| vec![End::Pod(*pod as usize)]).collect(),
        Subject::Addresses(set, _) => {
            let held = addresses.iter().filter(|a| samples::holds(set, **a));
            vec![held.map(|a| End::Address(*a)).collect()]
        }
        Subject::Service(_) => unreachable!("a Service is looked into"),
    }
}

fn check(snapshot: &Snapshot, question: &Question, explanation: &Explanation) -> Result<(), TestCaseError> {
    let world = World::of(snapshot);
    let mut ports = samples::ports(&snapshot.objects);
    let mut addresses = samples::addresses(&snapshot.objects);
    for subject in [&question.source, &question.destination] {
        if let Subject::Addresses(set, _) = subject {
            addresses.extend(set.cidrs().iter().map(ipnet::IpNet::network));
        }
    }
    if let Some(AskedPort::Number(protocol, number)) = question.port {
        ports.push((protocol, number));
    }
    let destinations: Vec<(Vec<End>, BTreeSet<Sample>)> = match (&question.destination, &question.port) {
        (Subject::Service(at), port) => {
            let asked = if let Some(AskedPort::Service(port)) = port { Some(port) } else { None };
            behind(snapshot, &world, *at, asked).into_iter().map(|(pod, asked)| (vec![End::Pod(pod)], asked)).collect()
        }
        (subject, port) => {
            let asked = |end: &End| match (port, end) {
                (Some(AskedPort::Number(protocol, number)), _) => [(*protocol, *number)].into(),
                (Some(AskedPort::Named(name)), End::Pod(pod)) => {
                    let same = |p: &&netintent::objects::ContainerPort| p.name.as_ref() == Some(name);
                    world.pods[*pod].ports.iter().filter(same).map(|p| (p.protocol, p.port)).collect()
                }
                _ => ports.iter().copied().collect(),
            };
            ends(subject, &addresses).into_iter().map(|end| (end.clone(), asked(&end[0]))).collect()
        }
    };
    let asked: BTreeSet<Sample> = destinations.iter().flat_map(|(_, asked)| asked).copied().collect();
    if asked.is_empty() {
        prop_assert_eq!(explanation.allowed, None, "nothing is asked, so nothing is allowed");
        return Ok(());
    }
    let (mut every, mut some, mut denied) = (true, false, BTreeSet::new());
    for source in ends(&question.source, &addresses) {
        for (destination, asked) in &destinations {
            let mut allowed = asked.clone();
            for (from, to) in source.iter().flat_map(|from| destination.iter().map(move |to| (from, to))) {
                let here = expected(&world, *from, *to, &ports);
                // Of addresses, too, some may be allowed and others not.
                some |= asked.iter().any(|sample| here.contains(sample));
                allowed.retain(|sample| here.contains(sample));
            }
            every &= allowed == *asked;
            denied.extend(asked - &allowed);
        }
    }
    prop_assert_eq!(explanation.allowed, Some(every));
    prop_assert_eq!(explanation.in_part, some && !every);
    prop_assert_eq!(samples::within(&explanation.asked, &ports), asked.clone());
    prop_assert_eq!(samples::within(&explanation.ports, &ports), &asked - &denied);
    prop_assert_eq!(explanation.fixes.is_empty(), every, "{:?}", explanation.fixes);
    Ok(())
}

proptest! {
    #![proptest_config(crate::config())]

    #[test]
    fn explain_agrees_with_the_reference(objects in objects(), drafts in proptest::collection::vec(draft(), 1..6)) {
        let snapshot = snapshot(&objects);
        for draft in drafts.iter().filter(|_| !snapshot.workloads.is_empty()) {
            let question = question(&snapshot, draft);
            if matches!((&question.source, &question.destination), (Subject::Addresses(..), Subject::Addresses(..))) {
                // Nothing of the cluster takes part: it need only not panic.
                explain(&snapshot, &question);
                continue;
            }
            check(&snapshot, &question, &explain(&snapshot, &question))?;
        }
    }

    /// Whoever does what is said, as often as something is said, is let in.
    #[test]
    fn what_is_said_to_be_done_leads_to_allowed(objects in objects(), draft in draft()) {
        let mut objects = objects;
        let start = snapshot(&objects);
        if start.workloads.is_empty() {
            return Ok(());
        }
        let question = question(&start, &draft);
        let mut said: Vec<String> = Vec::new();
        for _ in 0..40 {
            let snapshot = snapshot(&objects);
            let explanation = explain(&snapshot, &question);
            if explanation.allowed != Some(false) || fixes::hopeless(&explanation) {
                return Ok(());
            }
            for (at, fix) in explanation.fixes.iter().enumerate() {
                prop_assert!(!explanation.fixes[..at].contains(fix), "said twice: {:?}", fix);
                said.push(format!("{fix:?}"));
                fixes::apply(&mut objects, &snapshot, &question, fix);
            }
        }
        prop_assert!(false, "still denied after\n{}", said.join("\n"));
    }
}
