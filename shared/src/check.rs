//! What is wrong, or not as it seems, in a snapshot: everything that reading it has not found already.
//!
//! Each file finds some of the [codes](crate::finding::Code). All are functions of the snapshot alone.

use crate::finding::{Finding, Place, Step};
use crate::objects::Workload;
use crate::policy::Peer;
use crate::selector::{Labels, Requirement, Selector};
use crate::snapshot::Snapshot;

pub mod accept;
mod approvals;
pub mod cilium;
mod connections;
pub mod exposures;
mod intents;
pub mod observed;
mod pods;
mod policies;
mod prohibitions;
mod recover;
mod services;

/// Everything there is to say, those of reading (`read`) included, in order of place and code.
pub fn check(snapshot: &Snapshot, read: Vec<Finding>) -> Vec<Finding> {
    let mut found = read;
    found.extend(intents::check(snapshot));
    found.extend(approvals::check(snapshot));
    found.extend(prohibitions::check(snapshot));
    found.extend(services::check(snapshot));
    found.extend(exposures::check(snapshot));
    found.extend(pods::check(snapshot));
    found.extend(policies::check(snapshot));
    found.extend(recover::check(snapshot));
    found.extend(connections::check(snapshot));
    observed::name_workloads(snapshot, &mut found);
    found.extend(observed::check(snapshot));
    found.sort_by(|a, b| {
        let key = |finding: &Finding| {
            let part = match &finding.place {
                Some(Place::Part(_, part)) => part.start,
                _ => 0,
            };
            (finding.place.as_ref().and_then(Place::origin), part)
        };
        (key(a), a.code, &a.message).cmp(&(key(b), b.code, &b.message))
    });
    found.dedup();
    found
}

/// What is wrong with Services: what they lead to, and what they share.
pub(crate) fn of_services(snapshot: &Snapshot) -> Vec<Finding> {
    services::check(snapshot)
}

/// The way to a field of a workload's pod template; of a Pod's own.
fn in_template(workload: &Workload, path: &[&str]) -> Vec<Step> {
    let template: &[&str] = match &*workload.kind {
        "Pod" => &[],
        "CronJob" => &["spec", "jobTemplate", "spec", "template"],
        _ => &["spec", "template"],
    };
    template.iter().chain(path).map(|key| Step::from(*key)).collect()
}

/// The way to what a selector at the end of `path` requires: the label, where it stands under `labels`.
fn to_requirement(path: &[Step], labels: &[&str], requirement: &Requirement) -> Vec<Step> {
    let labels = labels.iter().map(|key| Step::from(*key));
    path.iter().cloned().chain(labels).chain([Step::Key(requirement.key.clone())]).collect()
}

/// The requirement of a selector that matches none of the pods, by itself or at last together with those before it.
fn unmet<'s>(snapshot: &Snapshot, pods: &[u32], selector: &'s Selector) -> Option<&'s Requirement> {
    let labels = |pod: &u32| &snapshot.pods[*pod as usize].labels;
    let nobody = |requirement: &&Requirement| !pods.iter().any(|pod| requirement.matches(labels(pod)));
    // A label that a controller gives single pods is not known before they run.
    if selector.requirements.iter().any(|requirement| crate::names::is_of_one_pod(&requirement.key)) {
        return None;
    }
    selector.requirements.iter().find(nobody).or(selector.requirements.last())
}

/// `did you mean app=web?` for a requirement that nothing meets: by the values that its key has, or by near keys.
fn near<'l>(requirement: &Requirement, all: impl Iterator<Item = &'l Labels> + Clone) -> Option<String> {
    let [wanted] = &requirement.values[..] else { return None };
    let values = all.clone().filter_map(|labels| labels.get(&requirement.key));
    if let Some(value) = crate::suggest::nearest(wanted, values) {
        return Some(format!("did you mean `{}: {value}`?", requirement.key));
    }
    let keys = all.flat_map(|labels| labels.iter().filter(|(_, value)| value == wanted).map(|(key, _)| key));
    crate::suggest::nearest(&requirement.key, keys).map(|key| format!("did you mean `{key}: {wanted}`?"))
}

/// The pods that a peer of a policy in `own` matches, in ascending order.
fn peer_pods(snapshot: &Snapshot, own: &str, peer: &Peer) -> Vec<u32> {
    let Peer::Pods { pods, namespaces } = peer else { return Vec::new() };
    let everybody = Selector::default();
    let pods = pods.as_ref().unwrap_or(&everybody);
    let Some(namespaces) = namespaces else { return snapshot.select(Some(own), pods) };
    let mut found = snapshot.select(None, pods);
    found.retain(|pod| {
        let labels = snapshot.namespace_labels(snapshot.namespace_of(*pod));
        labels.is_some_and(|labels| namespaces.matches(labels))
    });
    found
}

#[cfg(test)]
mod tests;
