//! The objects of all documents together.

use std::collections::BTreeMap;

use rustc_hash::FxHashMap;

use super::Object;
use crate::finding::{Code, Finding, Place};
use crate::objects::{Metadata, Objects, Origin};

/// Puts objects together in the order of the input. Of two with the same group, kind, namespace and name the later holds, as
/// with `kubectl apply`; `place` words where the earlier one stands.
pub fn collect(
    decoded: impl IntoIterator<Item = Object>,
    place: &dyn Fn(Origin) -> String,
    findings: &mut Vec<Finding>,
) -> Objects {
    let mut objects: Vec<Option<Object>> = decoded.into_iter().map(Some).collect();
    let mut last: FxHashMap<(&str, &str, &str, &str), usize> = FxHashMap::default();
    last.reserve(objects.len());
    let mut earlier: Vec<(usize, usize)> = Vec::new();
    for (at, object) in objects.iter().enumerate() {
        if let Some((group, kind, metadata)) = object.as_ref().and_then(Object::identity)
            && let Some(before) = last.insert((group, kind, &metadata.namespace, &metadata.name), at)
        {
            earlier.push((before, at));
        }
    }
    let mut twice: Vec<Twice> = Vec::new();
    for (before, at) in earlier {
        let replaced = objects[before].take();
        if let (Some((_, kind, metadata)), Some((_, _, holds))) =
            (replaced.as_ref().and_then(Object::identity), objects[at].as_ref().and_then(Object::identity))
        {
            twice.push(Twice { kind: kind.to_owned(), replaced: metadata.origin, holds: holds.clone() });
        }
    }
    findings.extend(told(twice, place));
    let mut all = with_room_for(&objects);
    for object in objects.into_iter().flatten() {
        match object {
            Object::Namespace(o) => all.namespaces.push(*o),
            Object::Workload(o) => all.workloads.push(*o),
            Object::Service(o) => all.services.push(*o),
            Object::ServiceAccount(o) => all.service_accounts.push(*o),
            Object::Policy(o) => all.policies.push(*o),
            Object::Approval(o) => all.approvals.push(*o),
            Object::Prohibition(o) => all.prohibitions.push(*o),
            Object::Foreign(o) => all.foreign.push(*o),
            Object::Exposure(o) => all.exposures.push(*o),
            Object::Endpoints(o) => all.endpoints.push(*o),
            Object::Revision(o) => all.revisions.push(*o),
            Object::Skipped(kind) => *all.skipped.entry(kind).or_default() += 1,
        }
    }
    all
}

/// An object that stands twice.
struct Twice {
    kind: String,
    /// Where the earlier one stands.
    replaced: Option<Origin>,
    /// The later one.
    holds: Metadata,
}

/// What to say of objects that stand twice. Where one file replaces many of another, such as a second variant of an
/// application, that is said once.
fn told(twice: Vec<Twice>, place: &dyn Fn(Origin) -> String) -> Vec<Finding> {
    const MANY: usize = 4;
    let files = |twice: &Twice| (twice.holds.origin.map(|o| o.file), twice.replaced.map(|o| o.file));
    let mut found = Vec::new();
    let mut groups: BTreeMap<_, Vec<Twice>> = BTreeMap::new();
    for twice in twice {
        groups.entry(files(&twice)).or_default().push(twice);
    }
    for mut group in groups.into_values() {
        let elsewhere = |twice: &Twice| twice.replaced.map_or_else(String::new, place);
        if group.len() >= MANY {
            group.sort_by_key(|twice| twice.holds.origin);
            let first = &group[0];
            let message = format!(
                "{} objects of this file stand twice, {} {} the first of them: these hold and replace those at {} and after",
                group.len(),
                first.kind,
                first.holds.full_name(),
                elsewhere(first)
            );
            found.push(Finding::new(Code::DuplicateObject, message).about(first.kind.clone(), &first.holds));
            continue;
        }
        found.extend(group.iter().map(|twice| {
            let (name, elsewhere) = (twice.holds.full_name(), elsewhere(twice));
            let message =
                format!("{} {name} stands twice: this one holds and replaces the one at {elsewhere}", twice.kind);
            Finding::new(Code::DuplicateObject, message).about(twice.kind.clone(), &twice.holds)
        }));
    }
    found.sort_by_key(|finding| finding.place.as_ref().and_then(Place::origin));
    found
}

/// Lists as long as they will be: to grow them step by step would copy most objects, which are large, several times.
fn with_room_for(objects: &[Option<Object>]) -> Objects {
    let (mut workloads, mut services, mut accounts, mut policies, mut approvals) = (0, 0, 0, 0, 0);
    for object in objects.iter().flatten() {
        match object {
            Object::Workload(_) => workloads += 1,
            Object::Service(_) => services += 1,
            Object::ServiceAccount(_) => accounts += 1,
            Object::Policy(_) => policies += 1,
            Object::Approval(_) => approvals += 1,
            // Of the others there are few.
            _ => {}
        }
    }
    Objects {
        workloads: Vec::with_capacity(workloads),
        services: Vec::with_capacity(services),
        service_accounts: Vec::with_capacity(accounts),
        policies: Vec::with_capacity(policies),
        approvals: Vec::with_capacity(approvals),
        ..Objects::default()
    }
}
