//! The JSON of each answer. It is an API: fields are added, never renamed.

use netintent::caller::Caller;
use netintent::explain::{Explanation, Fix, PodState, Step};
use netintent::list::{Connection, Group, Party, PortRange};
use netintent::port::PortSet;
use netintent::resolve::Subject;
use netintent::snapshot::{Snapshot, Workload};
use netintent::unread::Unread;
use serde::{Serialize, Serializer};

use crate::render::items::API_VERSION;
use crate::source::Sources;

/// An end of a connection.
#[derive(Serialize)]
#[serde(untagged)]
pub(crate) enum EndView<'a> {
    /// A workload.
    Workload {
        kind: &'a str,
        namespace: &'a str,
        name: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        caller: Option<Displayed<'a>>,
    },
    /// A Service.
    Service { kind: &'static str, namespace: &'a str, name: &'a str },
    /// Addresses outside the cluster.
    Outside { cidrs: Vec<String> },
}

/// A caller as text, written where it goes.
pub(crate) struct Displayed<'a>(&'a Caller);

impl Serialize for Displayed<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self.0)
    }
}

fn workload_view<'a>(workload: &'a Workload, caller: Option<&'a Caller>) -> EndView<'a> {
    EndView::Workload {
        kind: &workload.kind,
        namespace: &workload.namespace,
        name: &workload.name,
        caller: caller.map(Displayed),
    }
}

/// The caller of a workload's pods.
fn caller<'a>(snapshot: &'a Snapshot, workload: &Workload) -> Option<&'a Caller> {
    snapshot.pods.get(workload.pods.start as usize).map(|pod| &pod.caller)
}

pub(crate) fn source<'a>(snapshot: &'a Snapshot, party: &'a Party<'_>) -> EndView<'a> {
    match party {
        Party::Workload(workload) => workload_view(workload, caller(snapshot, workload)),
        Party::Addresses(_) => destination(party),
    }
}

pub(crate) fn destination<'a>(party: &'a Party<'_>) -> EndView<'a> {
    match party {
        Party::Workload(workload) => workload_view(workload, None),
        Party::Addresses(addresses) => {
            EndView::Outside { cidrs: addresses.cidrs().iter().map(ToString::to_string).collect() }
        }
    }
}

/// A range of ports.
#[derive(Serialize)]
pub(crate) struct PortView {
    protocol: &'static str,
    from: u16,
    to: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    declared: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    approved: Option<bool>,
}

pub(crate) fn ports(set: &PortSet) -> Vec<PortView> {
    let view = |(protocol, i): (netintent::port::Protocol, netintent::port::Interval)| PortView {
        protocol: protocol.as_str(),
        from: i.from,
        to: i.to,
        declared: None,
        approved: None,
    };
    set.iter().map(view).collect()
}

pub(crate) fn flagged(ranges: &[PortRange]) -> Vec<PortView> {
    let view = |range: &PortRange| PortView {
        protocol: range.protocol.as_str(),
        from: range.interval.from,
        to: range.interval.to,
        declared: Some(range.declared),
        approved: Some(range.approved),
    };
    ranges.iter().map(view).collect()
}

/// Whether policies isolate the ends.
#[derive(Serialize)]
struct Isolated {
    egress: bool,
    ingress: bool,
}

/// An item of a `ConnectionList`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ConnectionView<'a> {
    source: EndView<'a>,
    destination: EndView<'a>,
    ports: Vec<PortView>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    in_part: Vec<PortView>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    cut: Vec<PortView>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    would_cut: Vec<PortView>,
    isolated: Isolated,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    caveats: Vec<String>,
}

impl<'a> ConnectionView<'a> {
    pub(crate) fn new(snapshot: &'a Snapshot, connection: &'a Connection<'_>) -> Self {
        Self {
            source: source(snapshot, &connection.source),
            destination: destination(&connection.destination),
            ports: flagged(&connection.ranges()),
            in_part: flagged(&connection.flagged(&connection.in_part)),
            cut: flagged(&connection.flagged(&connection.cut())),
            would_cut: flagged(&connection.flagged(&connection.would_cut)),
            isolated: Isolated { egress: connection.egress_isolated, ingress: connection.ingress_isolated },
            caveats: connection.caveats.iter().map(ToString::to_string).collect(),
        }
    }
}

/// An item of a `ConnectionGroupList`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct GroupView<'a> {
    sources: Vec<EndView<'a>>,
    destinations: Vec<EndView<'a>>,
    ports: Vec<PortView>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    in_part: Vec<PortView>,
    isolated: Isolated,
}

impl<'a> GroupView<'a> {
    pub(crate) fn new(snapshot: &'a Snapshot, group: &'a Group<'_>) -> Self {
        Self {
            sources: group.sources.iter().map(|party| source(snapshot, party)).collect(),
            destinations: group.destinations.iter().map(destination).collect(),
            ports: ports(&group.ports),
            in_part: ports(&group.in_part),
            isolated: Isolated { egress: group.egress_isolated, ingress: group.ingress_isolated },
        }
    }
}

/// A place in a manifest.
#[derive(Serialize)]
struct LocationView {
    file: String,
    line: u32,
    column: u32,
}

/// A link of the chain.
#[derive(Serialize)]
struct StepView {
    holds: Option<bool>,
    text: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    location: Option<LocationView>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    steps: Vec<StepView>,
}

impl StepView {
    fn new(step: &Step, sources: &Sources) -> Self {
        let location = step.place.as_ref().and_then(|place| sources.position(place));
        Self {
            holds: step.holds,
            text: step.text.clone(),
            location: location.map(|(file, at)| LocationView {
                file: file.to_owned(),
                line: at.line,
                column: at.column,
            }),
            steps: step.steps.iter().map(|step| Self::new(step, sources)).collect(),
        }
    }
}

fn fixes<S: Serializer>(fixes: &[Fix], serializer: S) -> Result<S::Ok, S::Error> {
    #[derive(Serialize)]
    struct FixView<'a> {
        what: &'a str,
        paste: Option<&'a str>,
    }
    serializer.collect_seq(fixes.iter().map(|fix| FixView { what: &fix.what, paste: fix.paste.as_deref() }))
}

/// An `Explanation`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ExplanationView<'a> {
    api_version: &'static str,
    kind: &'static str,
    source: EndView<'a>,
    destination: EndView<'a>,
    allowed: Option<bool>,
    in_part: bool,
    summary: &'a str,
    asked: Vec<PortView>,
    ports: Vec<PortView>,
    chain: Vec<StepView>,
    caveats: Vec<&'a str>,
    #[serde(serialize_with = "fixes")]
    fix: &'a [Fix],
    /// The pods that run, where a cluster was read.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pods: Vec<PodView<'a>>,
    /// What could not be read of a cluster.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    unread: Vec<UnreadView<'a>>,
}

/// What could not be read.
#[derive(Serialize)]
pub(crate) struct UnreadView<'a> {
    what: String,
    why: &'a str,
}

impl<'a> UnreadView<'a> {
    /// All of it.
    pub(crate) fn of(snapshot: &'a Snapshot) -> Vec<Self> {
        let view = |unread: &'a Unread| Self { what: unread.to_string(), why: &unread.why };
        snapshot.objects.unread.iter().map(view).collect()
    }
}

/// A pod that runs.
#[derive(Serialize)]
struct PodView<'a> {
    /// `source` or `destination`.
    end: &'static str,
    namespace: &'a str,
    name: &'a str,
    phase: Option<&'a str>,
    node: Option<&'a str>,
    labels: std::collections::BTreeMap<&'a str, &'a str>,
}

impl<'a> PodView<'a> {
    fn new(pod: &PodState<'a>) -> Self {
        Self {
            end: if pod.calls { "source" } else { "destination" },
            namespace: pod.namespace,
            name: pod.name,
            phase: pod.phase,
            node: pod.node,
            labels: pod.labels.iter().collect(),
        }
    }
}

impl<'a> ExplanationView<'a> {
    pub(crate) fn new(
        snapshot: &'a Snapshot,
        sources: &Sources,
        [source, destination]: [EndView<'a>; 2],
        explanation: &'a Explanation,
        pods: &[PodState<'a>],
    ) -> Self {
        Self {
            api_version: API_VERSION,
            kind: "Explanation",
            source,
            destination,
            allowed: explanation.allowed,
            in_part: explanation.in_part,
            summary: &explanation.summary,
            asked: ports(&explanation.asked),
            ports: ports(&explanation.ports),
            chain: explanation.chain.iter().map(|step| StepView::new(step, sources)).collect(),
            caveats: explanation.caveats.iter().map(|(_, sentence)| sentence.as_str()).collect(),
            fix: &explanation.fixes,
            pods: pods.iter().map(PodView::new).collect(),
            unread: UnreadView::of(snapshot),
        }
    }
}

/// What was asked about; `calls` is whether it is who calls.
pub(crate) fn subject<'a>(snapshot: &'a Snapshot, subject: &'a Subject, calls: bool) -> EndView<'a> {
    match subject {
        Subject::Service(at) => {
            let metadata = &snapshot.objects.services[*at].metadata;
            EndView::Service { kind: "Service", namespace: &metadata.namespace, name: &metadata.name }
        }
        Subject::Workload(at, pods) => {
            let caller = pods.first().filter(|_| calls).map(|pod| &snapshot.pods[*pod as usize].caller);
            workload_view(&snapshot.workloads[*at], caller)
        }
        Subject::Addresses(addresses, _) => {
            EndView::Outside { cidrs: addresses.cidrs().iter().map(ToString::to_string).collect() }
        }
    }
}
