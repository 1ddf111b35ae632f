//! What must hold at every version, whatever happens, and whoever is killed meanwhile.
//!
//! Whoever writes a label or a policy has read what it hangs on a moment before: it is late by as much as a watch takes, and
//! the request itself. So a write may rest on the *states within reach*: the state that it meets, and every earlier one that
//! was in force at some time within a limit before it. The library says what a state gives; of the pod or policy itself the
//! version that is written counts. The rules:
//!
//! 1. A pod gains a label of netintent's only if a state within reach gives it to that pod, and a running one loses one only
//!    if a state within reach does not.
//! 2. A policy of netintent's is deleted only if a state within reach gives none.
//! 3. A policy of netintent's is made or made to say something else only if a state within reach gives just that one.
//! 4. While somebody leads without a break, nothing stays otherwise than it should be for long: neither a label that is too
//!    much nor a policy that is too much, missing, or says something else.
//!
//! Rules 2 and 3 are not for what the test itself did to a policy; rule 4 is, since it is put right.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use netintent::manifest::Object;
use netintent::policy::NetworkPolicy;
use netintent::render::same;
use serde_json::Value;

use super::recorder::within;
use super::replay::{Statements, World, material, object};
use super::{Event, History};
use crate::Error;
use crate::expected::{Expected, Key, is_ours, reserved};

mod report;
#[cfg(test)]
mod tests;

pub use report::{Report, Violation};

/// How long it may take until a change is heard of. An approval that ends meanwhile was said, and ends then.
const HEARD: Duration = Duration::from_millis(250);

/// How late may be what is done.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// How long ago a state may have ended that a label or a policy is written by.
    pub written: Duration,
    /// The same for a policy that is deleted: the API server itself is asked right before.
    pub deleted: Duration,
    /// How long something may be otherwise than it should be while somebody leads.
    pub amiss: Duration,
}

impl Default for Limits {
    /// A watch is late by milliseconds, and on a machine that does everything at once by more. Whoever begins to lead may have
    /// much to make good, policies last.
    fn default() -> Self {
        let [written, deleted, amiss] = [2, 1, 30].map(Duration::from_secs);
        Self { written, deleted, amiss }
    }
}

/// What the test itself has done to policies.
#[derive(Debug, Clone, Default)]
pub struct Own {
    /// The versions that it wrote.
    pub versions: BTreeSet<u64>,
    /// The uids of those that it deleted.
    pub deleted: BTreeSet<String>,
}

/// Replays what happened to what is in `scope`, which is the beginning of a namespace's name, or of an object's that is in
/// none.
///
/// # Errors
///
/// If the library can't read an object that the API server had.
pub fn check(history: &History, scope: &str, own: &Own, limits: &Limits) -> Result<Report, Error> {
    let mut checker = Checker {
        history,
        scope,
        own,
        limits,
        led: history.led(),
        statements: Statements::new(),
        material: BTreeMap::new(),
        worlds: Vec::new(),
        pods: BTreeMap::new(),
        policies: BTreeMap::new(),
        expected: Expected::default(),
        amiss: BTreeMap::new(),
        report: Report { leaders: history.leaders(), ..Report::default() },
    };
    checker.begin_world(0, Duration::ZERO, history.began());
    for event in history.events().iter().filter(|event| within(&event.key, scope)) {
        checker.expire(event.at);
        checker.step(event)?;
    }
    // What is still amiss has been so until the end.
    if let Some(last) = history.events().last() {
        checker.expire(last.at);
        checker.look(last.version, last.at, BTreeSet::new());
    }
    Ok(checker.report)
}

struct Pod {
    object: Arc<Object>,
    uid: String,
    labels: BTreeSet<String>,
}

struct Checker<'h> {
    history: &'h History,
    scope: &'h str,
    own: &'h Own,
    limits: &'h Limits,
    led: Vec<(Duration, Duration)>,
    statements: Statements,
    /// What was known of each object that something hangs on, to tell what changes nothing.
    material: BTreeMap<(&'static str, Key), Value>,
    worlds: Vec<World>,
    pods: BTreeMap<Key, Pod>,
    /// Those of netintent, each with its uid.
    policies: BTreeMap<Key, (NetworkPolicy, String)>,
    /// What should be now.
    expected: Expected,
    /// What is amiss, and since when.
    amiss: BTreeMap<String, (u64, Duration)>,
    report: Report,
}

impl Checker<'_> {
    /// Begins the worlds that begin because an approval ends.
    fn expire(&mut self, until: Duration) {
        while let Some(world) = self.worlds.last() {
            let (Some(ends), version) = (world.ends(), world.version) else { return };
            let at = Duration::try_from(ends.duration_since(self.history.began())).unwrap_or_default().max(world.at);
            if at > until {
                return;
            }
            self.begin_world(version, at, ends);
            let amiss = self.is_amiss();
            self.look(version, at, amiss);
        }
    }

    fn begin_world(&mut self, version: u64, at: Duration, clock: jiff::Timestamp) {
        let mut world = World { version, at, clock, statements: self.statements.clone(), policies: BTreeMap::new() };
        self.expected = world.expected(self.pods.values().map(|pod| Arc::clone(&pod.object)));
        world.policies.clone_from(&self.expected.policies);
        self.worlds.push(world);
    }

    fn step(&mut self, event: &Event) -> Result<(), Error> {
        self.report.versions += 1;
        match event.kind {
            "Lease" => return Ok(()),
            "Pod" => self.pod(event)?,
            "NetworkPolicy" => self.policy(event)?,
            kind => {
                let id = (kind, event.key.clone());
                let material = material(event);
                if self.material.get(&id) == material.as_ref() {
                    return Ok(());
                }
                let read = object(event)?;
                if let (Some(material), Some(object)) = (material, read) {
                    self.material.insert(id.clone(), material);
                    self.statements.insert(id, object);
                } else {
                    self.material.remove(&id);
                    self.statements.remove(&id);
                }
                self.report.changes += 1;
                let clock = self.history.clock(event.at.saturating_sub(HEARD));
                self.begin_world(event.version, event.at, clock);
            }
        }
        let amiss = self.is_amiss();
        self.look(event.version, event.at, amiss);
        Ok(())
    }

    /// Worlds that what was written at `at` may rest on, the latest first.
    fn within_reach(&self, at: Duration, limit: Duration) -> impl Iterator<Item = &World> {
        let from = at.saturating_sub(limit);
        let ends = self.worlds.iter().skip(1).map(|next| next.at).chain([Duration::MAX]);
        let reached: Vec<&World> =
            self.worlds.iter().zip(ends).filter(|(_, end)| *end >= from).map(|(w, _)| w).collect();
        reached.into_iter().rev()
    }

    fn pod(&mut self, event: &Event) -> Result<(), Error> {
        let before = self.pods.remove(&event.key);
        if let (Some(object), Some(raw)) = (object(event)?, &event.object) {
            let labels = reserved(raw);
            let uid = raw["metadata"]["uid"].as_str().unwrap_or_default().to_owned();
            let old = before.filter(|pod| pod.uid == uid).map(|pod| pod.labels).unwrap_or_default();
            let gives = |world: &World, label: &String| {
                let expected = world.expected([Arc::clone(&object)]);
                expected.labels.get(&event.key).is_some_and(|labels| labels.contains(label))
            };
            let mut wrong = Vec::new();
            for label in labels.difference(&old) {
                self.report.gains += 1;
                if !self.within_reach(event.at, self.limits.written).any(|world| gives(world, label)) {
                    wrong.push(format!("gained {label}, to which it had no right"));
                }
            }
            for label in old.difference(&labels) {
                self.report.losses += 1;
                if self.within_reach(event.at, self.limits.written).all(|world| gives(world, label)) {
                    wrong.push(format!("lost {label}, to which it had a right"));
                }
            }
            let (namespace, name) = &event.key;
            for what in wrong {
                self.violated(event.version, event.at, format!("pod {namespace}/{name} {what}"));
            }
            self.pods.insert(event.key.clone(), Pod { object, uid, labels });
        }
        if let Some(world) = self.worlds.last() {
            self.expected = world.expected(self.pods.values().map(|pod| Arc::clone(&pod.object)));
        }
        Ok(())
    }

    fn policy(&mut self, event: &Event) -> Result<(), Error> {
        let before = self.policies.remove(&event.key);
        let (namespace, name) = &event.key;
        let now = match object(event)?.as_deref() {
            Some(Object::Policy(policy)) if is_ours(policy) => Some(policy.clone()),
            _ => None,
        };
        match (before, now) {
            (Some((_, uid)), None) => {
                self.report.deleted += 1;
                let gone = |world: &World| !world.policies.contains_key(&event.key);
                let is_right = self.own.deleted.contains(&uid)
                    || self.own.versions.contains(&event.version)
                    || self.within_reach(event.at, self.limits.deleted).any(gone);
                if !is_right {
                    let what = format!("policy {namespace}/{name} was deleted, though it was wanted");
                    self.violated(event.version, event.at, what);
                }
            }
            (before, Some(now)) => {
                let is_new = !before.is_some_and(|(before, _)| same(&before, &now));
                self.report.written += usize::from(is_new);
                let says = |world: &World| world.policies.get(&event.key).is_some_and(|wanted| same(wanted, &now));
                let is_right = !is_new
                    || self.own.versions.contains(&event.version)
                    || self.within_reach(event.at, self.limits.written).any(says);
                if !is_right {
                    let what = format!("policy {namespace}/{name} was written as it was never wanted");
                    self.violated(event.version, event.at, what);
                }
                let uid = event.object.as_ref().and_then(|object| object["metadata"]["uid"].as_str());
                self.policies.insert(event.key.clone(), (*now, uid.unwrap_or_default().to_owned()));
            }
            (None, None) => {}
        }
        Ok(())
    }

    /// What is not as it should be at this moment.
    fn is_amiss(&self) -> BTreeSet<String> {
        let mut all = BTreeSet::new();
        for ((namespace, name), pod) in &self.pods {
            let expected = self.expected.labels.get(&(namespace.clone(), name.clone()));
            for label in pod.labels.iter().filter(|label| !expected.is_some_and(|all| all.contains(*label))) {
                all.insert(format!("pod {namespace}/{name} ({}) had {label} without a right to it", pod.uid));
            }
        }
        for ((namespace, name), wanted) in &self.expected.policies {
            match self.policies.get(&(namespace.clone(), name.clone())) {
                None => drop(all.insert(format!("policy {namespace}/{name} was missing"))),
                Some((held, _)) if same(held, wanted) => {}
                Some(_) => drop(all.insert(format!("policy {namespace}/{name} said something else"))),
            }
        }
        for key in self.policies.keys().filter(|key| !self.expected.policies.contains_key(*key)) {
            all.insert(format!("policy {}/{} was too much", key.0, key.1));
        }
        all
    }

    /// Notes what is amiss from now on, and tells what was for too long.
    fn look(&mut self, version: u64, at: Duration, amiss: BTreeSet<String>) {
        let over: Vec<String> = self.amiss.keys().filter(|what| !amiss.contains(*what)).cloned().collect();
        for what in over {
            let Some((since, from)) = self.amiss.remove(&what) else { continue };
            let led = self.led.iter().map(|(began, ended)| at.min(*ended).saturating_sub(from.max(*began)));
            let longest = led.max().unwrap_or_default();
            if longest > self.report.longest.0 {
                self.report.longest = (longest, format!("{what}, from version {since} to {version}"));
            }
            if longest > self.limits.amiss {
                let what = format!("{what} for {longest:.1?} while somebody led, from version {since} on");
                self.violated(version, at, what);
            }
        }
        for what in amiss {
            self.amiss.entry(what).or_insert((version, at));
        }
    }

    fn violated(&mut self, version: u64, at: Duration, what: String) {
        let objects = self.told(version);
        self.report.violations.push(Violation { version, at, what, objects });
    }

    /// What something hangs on as it was at a version, and what of it has changed of late.
    fn told(&self, version: u64) -> Vec<String> {
        let mut latest: BTreeMap<(&str, &Key), &Event> = BTreeMap::new();
        let events = self.history.events().iter().filter(|event| within(&event.key, self.scope));
        for event in events.take_while(|event| event.version <= version) {
            latest.insert((event.kind, &event.key), event);
        }
        let reach = self.worlds.last().map_or(Duration::ZERO, |world| world.at.saturating_sub(self.limits.written));
        let told = latest.values().filter(|event| event.object.is_some() || event.at >= reach);
        told.map(|event| report::line(event)).collect()
    }
}
