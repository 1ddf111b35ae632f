//! Tells people what the leader sees: who loses access and why, what is refused, what would be cut, and what has no effect.

use std::sync::Arc;
use std::time::{Duration, Instant};

use netintent::approval::Approval;
use netintent::callee::{CalleePattern, Scope};
use netintent::caller::{Caller, CallerPattern};
use netintent::catalogue::Catalogue as _;
use netintent::compile::service_mode;
use netintent::mode::Mode;

use super::about::About;
use super::events::Told;
use super::notes;
use super::pending::{Pending, Topic};
use super::work::Work;
use crate::admission::Judged;
use crate::watched::Watched;
use crate::world::{Change, Key, Known, World};

/// How long what is refused lasts before it is told: an approval may come in the same moment.
const SOON: Duration = Duration::from_secs(2);
/// How long an approval may mean nothing before it is told: its Service may still come.
const LATER: Duration = Duration::from_secs(10);
/// How often all that is so still is told anew: Events are forgotten after an hour.
const ANEW: Duration = Duration::from_mins(30);
/// How long topics are looked at before others have a turn.
const TURN: Duration = Duration::from_millis(20);
/// How often figures are worked out at most, and how many times as long as that takes they are left alone.
const FIGURES: (Duration, u32) = (Duration::from_secs(1), 20);

/// What is to be told, and what was counted.
pub(crate) struct Teller {
    work: Arc<Work>,
    pending: Pending,
    anew: Instant,
    /// When to work out the figures, if something has changed.
    figures: Option<Instant>,
    /// Not before that.
    rests: Instant,
}

impl Teller {
    pub(crate) fn new(work: Arc<Work>) -> Self {
        let now = Instant::now();
        Self { work, pending: Pending::default(), anew: now + ANEW, figures: Some(now), rests: now }
    }

    /// Looks at all that may have no effect: what nobody has told, since nobody led.
    pub(crate) fn everything(&mut self) {
        let now = Instant::now();
        let world = self.work.cache.world();
        for (kind, key) in world.malformed() {
            self.pending.push(Topic::Object(kind, key.clone()), now + SOON);
        }
        for kind in [Watched::Approval, Watched::ClusterApproval] {
            world.keys(kind).into_iter().for_each(|key| self.pending.push(Topic::Object(kind, key), now + LATER));
        }
        let going = |key: &Key| world.namespace(&key.1).is_some_and(|facts| facts.terminating);
        for key in world.keys(Watched::Namespace).into_iter().filter(going) {
            self.work.events.tell(&About::watched(Watched::Namespace, &key), &notes::terminating(&world, &key.1));
        }
    }

    /// Something has changed.
    pub(crate) fn heard(&mut self, change: &Change) {
        let now = Instant::now();
        let object = |kind, key: &Key| Topic::Object(kind, key.clone());
        self.changed(now);
        if matches!(change.after, Some(Known::Malformed(_))) {
            self.pending.push(object(change.kind, &change.key), now);
        }
        match change.kind {
            Watched::Approval | Watched::ClusterApproval | Watched::ClusterProhibition => {
                self.pending.push(object(change.kind, &change.key), now + LATER);
                let takes = |caller: &Caller, callee: &CalleePattern| notes::takes(change, caller, callee);
                let callers = [&change.before, &change.after].into_iter().flatten().flat_map(callers);
                let callers: Vec<CallerPattern> = callers.collect();
                self.lost(change.kind, &change.key, &callers, takes, &notes::cause(change));
            }
            Watched::Namespace => self.namespace(&change.key.1, change.before.as_ref(), change.after.as_ref()),
            Watched::Service => {
                let scope = Scope::Service { namespace: change.key.0.clone(), name: change.key.1.clone() };
                self.about(&scope, now);
                self.pending.push(Topic::Service(change.key.clone()), now + SOON);
            }
            _ => {}
        }
    }

    /// An approval has ended.
    pub(crate) fn expired(&mut self, kind: Watched, key: &Key, approval: &Approval) {
        self.changed(Instant::now());
        let takes = |caller: &Caller, callee: &CalleePattern| notes::covered(approval, caller, callee);
        self.lost(kind, key, &approval.callers, takes, &format!("{} {} has expired", kind.kind(), key.1));
    }

    /// A pod was judged, and whether anybody is asked for it; `None`: it is gone.
    pub(crate) fn judged(&mut self, key: &Key, judged: Option<(&Judged, bool)>) {
        let Some(news) = self.work.uncovered().put(key, judged) else { return };
        let now = Instant::now();
        for callee in &news.callees {
            self.pending.push(Topic::Services(callee.scope.clone()), now + SOON);
        }
        if let Some(caller) = news.lacks_more {
            self.pending.push(Topic::Caller(caller), now + SOON);
        }
        self.changed(now);
    }

    /// Tells what is to be told by now; returns when to look again.
    pub(crate) fn tell(&mut self) -> Instant {
        let now = Instant::now();
        if self.anew <= now {
            self.anew = now + ANEW;
            let all = self.work.uncovered().all();
            all.into_iter().for_each(|caller| self.pending.push(Topic::Caller(caller), now));
            self.pending.push(Topic::Services(Scope::Cluster), now);
            self.everything();
        }
        let mut wake = self.anew;
        loop {
            if now.elapsed() > TURN {
                return now;
            }
            let room = self.work.events.room(now);
            match self.pending.wake() {
                Some(due) if room > now => wake = wake.min(due.max(room)),
                Some(due) if due > now => wake = wake.min(due),
                _ => {}
            }
            let Some(topic) = (room <= now).then(|| self.pending.next(now)).flatten() else { break };
            match &topic {
                Topic::Services(scope) => self.services(scope, now),
                topic => {
                    if let Some((about, told)) = self.says(topic)
                        && let Some(later) = self.work.events.tell_patiently(&about, &told)
                    {
                        self.pending.push(topic.clone(), later);
                    }
                }
            }
        }
        if let Some(due) = self.figures {
            if due <= now {
                self.count();
            } else {
                wake = wake.min(due);
            }
        }
        wake
    }

    /// What there is to say of a topic at this moment.
    fn says(&self, topic: &Topic) -> Option<(About, Told)> {
        let world = self.work.cache.world();
        match topic {
            Topic::Caller(caller) => {
                let key = &self.work.uncovered().pod_of(caller)?.clone();
                let pod = self.work.pods.get(key)?;
                let judged = self.work.plan(&world).judged(&pod);
                let subject = &pod.subject;
                let controller = world.controller(&subject.kind, &subject.metadata, &subject.labels);
                Some((About::workload(key, &subject.metadata, &controller), notes::intents(&world, &judged)?))
            }
            Topic::Service(key) => {
                let told = notes::would_cut(&world, &self.work.uncovered(), key)?;
                Some((About::watched(Watched::Service, key), told))
            }
            Topic::Services(_) => None,
            Topic::Object(kind, key) => Some((About::watched(*kind, key), notes::without_effect(&world, *kind, key)?)),
        }
    }

    /// Looks at every Service of a scope that is in `shadow`.
    fn services(&mut self, scope: &Scope, now: Instant) {
        let world = self.work.cache.world();
        for (_, service) in world.services(scope) {
            let metadata = &service.metadata;
            if service_mode(service, world.mode(&metadata.namespace)) == Mode::Shadow {
                self.pending.push(Topic::Service((metadata.namespace.clone(), metadata.name.clone())), now);
            }
        }
    }

    /// Running pods that lose labels, by what happens to an object.
    fn lost(
        &self,
        kind: Watched,
        key: &Key,
        callers: &[CallerPattern],
        takes: impl Fn(&Caller, &CalleePattern) -> bool,
        cause: &str,
    ) {
        let world = self.work.cache.world();
        let mut pods = Vec::new();
        for of in self.work.pods_of(&world, callers) {
            let Some(pod) = self.work.pods.get(&of).filter(|pod| !pod.finished) else { continue };
            let subject = &pod.subject;
            let caller = world.caller(&subject.metadata, &subject.labels, subject.caller.as_deref());
            let taken = |key: &str| CalleePattern::of_label_key(key).is_some_and(|callee| takes(&caller, &callee));
            let mut taken = pod.reserved.iter().map(|(key, _)| key).filter(|key| taken(key)).peekable();
            // Most have nothing of it: they need not be judged.
            if taken.peek().is_some() {
                let judged = self.work.plan(&world).judged(&pod);
                if taken.any(|key| !judged.keys.contains(key)) {
                    pods.push((caller.clone(), of));
                }
            }
        }
        if let Some(told) = notes::lost(&pods, cause) {
            self.work.events.tell(&About::watched(kind, key), &told);
        }
    }

    /// A namespace has changed.
    fn namespace(&mut self, name: &str, before: Option<&Known>, after: Option<&Known>) {
        let facts = |known: Option<&Known>| match known {
            Some(Known::Namespace(facts)) => Some(*facts),
            _ => None,
        };
        let (before, after) = (facts(before), facts(after));
        let going = |facts: Option<crate::world::NamespaceFacts>| facts.is_some_and(|facts| facts.terminating);
        if going(after) && !going(before) {
            let world = self.work.cache.world();
            let about = About::watched(Watched::Namespace, &(String::new(), name.to_owned()));
            self.work.events.tell(&about, &notes::terminating(&world, name));
        }
        if before.map(|facts| facts.mode) != after.map(|facts| facts.mode) {
            let now = Instant::now();
            self.about(&Scope::Namespace(name.to_owned()), now);
            self.pending.push(Topic::Services(Scope::Namespace(name.to_owned())), now + SOON);
        }
    }

    /// Looks at whoever declares something in a scope and has no label for it.
    fn about(&mut self, scope: &Scope, now: Instant) {
        let callers = self.work.uncovered().about(scope);
        callers.into_iter().for_each(|caller| self.pending.push(Topic::Caller(caller), now + SOON));
    }

    fn changed(&mut self, now: Instant) {
        self.figures.get_or_insert(now.max(self.rests));
    }

    fn count(&mut self) {
        let began = Instant::now();
        let (managed, figures) = {
            // In this order everywhere: the world, and then what is uncovered in it.
            let world = self.work.cache.world();
            (managed(&world, &self.work.own), self.work.uncovered().figures(&world))
        };
        self.work.metrics.uncovered(&managed, &figures);
        self.figures = None;
        let now = Instant::now();
        self.rests = now + FIGURES.0.max((now - began) * FIGURES.1);
    }
}

/// The namespaces that take part.
fn managed(world: &World, own: &str) -> Vec<String> {
    let is = |name: &String| name != own && world.namespace(name).is_some_and(|facts| facts.mode.is_managed());
    world.keys(Watched::Namespace).into_iter().map(|(_, name)| name).filter(is).collect()
}

/// Whom an approval or a prohibition is about.
fn callers(known: &Known) -> Vec<CallerPattern> {
    match known {
        Known::Approval(approval) => approval.callers.clone(),
        Known::Prohibition(prohibition) => prohibition.callers.clone(),
        _ => Vec::new(),
    }
}
