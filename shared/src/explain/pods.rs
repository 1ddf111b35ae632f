//! The pods that run: what each carries, where it is, and which lack what they were granted.

use super::{Question, Step};
use crate::names;
use crate::resolve::Subject;
use crate::selector::Labels;
use crate::snapshot::{Snapshot, Workload};
use crate::unread::Gaps;

/// A pod that runs.
#[derive(Clone, Copy, Debug)]
pub struct PodState<'a> {
    /// Whether it calls; otherwise it is called.
    pub calls: bool,
    /// Its namespace.
    pub namespace: &'a str,
    /// Its name.
    pub name: &'a str,
    /// Its phase, as the API server has it.
    pub phase: Option<&'a str>,
    /// The node that it runs on.
    pub node: Option<&'a str>,
    /// The labels that it carries.
    pub labels: &'a Labels,
}

/// The running pods of both ends of a question, callers first; none where no cluster is observed.
pub fn pods<'a>(snapshot: &'a Snapshot, question: &Question) -> Vec<PodState<'a>> {
    if !snapshot.options.observed {
        return Vec::new();
    }
    let of = |subject: &Subject| match subject {
        Subject::Workload(_, pods) => pods.clone(),
        Subject::Service(at) => snapshot.services[*at].pods.clone(),
        Subject::Addresses(..) => Vec::new(),
    };
    let (callers, called) = (of(&question.source), of(&question.destination));
    let all = callers.into_iter().map(|pod| (true, pod)).chain(called.into_iter().map(|pod| (false, pod)));
    all.filter_map(|(calls, pod)| state(snapshot, calls, pod)).collect()
}

fn state(snapshot: &Snapshot, calls: bool, pod: u32) -> Option<PodState<'_>> {
    let state = &snapshot.pods[pod as usize];
    let object = &snapshot.objects.workloads[state.object];
    (object.kind == "Pod").then(|| PodState {
        calls,
        namespace: &object.metadata.namespace,
        name: &object.metadata.name,
        phase: object.pod.phase.as_deref(),
        node: object.pod.node.as_deref(),
        labels: &state.labels,
    })
}

/// That some pods of a workload lack a label that was granted, where they run in a namespace that takes part; `None` where
/// all have it, or where it can't be expected.
pub(super) fn lacking(snapshot: &Snapshot, workload: &Workload, key: &str, missing: Option<bool>) -> Option<Step> {
    const MOST: usize = 5;
    // Without the prohibitions it can't be told that it should have it.
    let is_expected = snapshot.options.observed && snapshot.mode(&workload.namespace).is_managed();
    if !is_expected || Gaps::of(snapshot).any(&["ClusterProhibition"]) {
        return None;
    }
    let has = |pod: &u32| snapshot.pods[*pod as usize].labels.get(key) == Some(names::ALLOWED);
    let lacking: Vec<u32> = workload.pods.clone().filter(|pod| !has(pod)).collect();
    if lacking.is_empty() {
        return None;
    }
    let (count, all) = (lacking.len(), workload.pods.len());
    let text = format!(
        "{count} of {all} pods of {} {} lack the label {key}, which is granted: netintent's controller has yet to give it",
        workload.kind,
        workload.full_name()
    );
    let mut step = Step::new(missing, text, None);
    let states = lacking.iter().filter_map(|pod| state(snapshot, true, *pod));
    step.steps = states.take(MOST).map(|pod| Step::new(missing, format!("Pod {}", pod.name), None)).collect();
    Some(step)
}
