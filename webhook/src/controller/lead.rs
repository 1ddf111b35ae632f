//! What the leader does: hears what changes, looks at what that touches, and has done what differs, in order and not too
//! fast.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use rustc_hash::FxHashMap;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::task::{Id, JoinError, JoinSet};
use tokio::time::{sleep, sleep_until};
use tracing::{debug, info, warn};

use super::about::About;
use super::events::{Events, Told};
use super::plan::{Plan, Wanted, rank};
use super::pods::Pods;
use super::policies::{Act, Policies, act};
use super::queue::{Queue, Rank, Task};
use super::rate::Rate;
use super::recovery;
use super::teller::Teller;
use super::touched::{Touched, expired, touched};
use super::work::{Failure, Work};
use super::{Controller, LOOK};
use crate::live::Live;
use crate::watch::keep;
use crate::watched::Watched;
use crate::world::{Change, Key, Known};

/// How much is done at the same time.
const WORKERS: usize = 8;
/// How much is begun in a second, and at once.
const RATE: (u32, u32) = (100, 200);
/// How long a pod keeps a label that seems to be too much by the pod alone. The watch of pods may be ahead of what says that
/// it has a right to it.
const AHEAD: Duration = Duration::from_secs(1);
/// How often to look whether what is known is fresh again.
const STALE: Duration = Duration::from_secs(1);
/// How many changes are looked at together: who changes things without end keeps nothing from being done.
const TOGETHER: usize = 1000;
/// From which failure on people are told.
const TOLD: u32 = 3;

/// Leads until it is dropped.
pub(crate) async fn lead(controller: &Controller, me: &str) {
    // Whatever changes from here on is heard.
    let changes = controller.cache.listen();
    let (sender, news) = unbounded_channel();
    let pods = Arc::new(Pods::new(sender.clone(), controller.metrics.watch_failures("Pod")));
    let undone = sender.clone();
    let policies = Arc::new(Policies::new(sender, controller.metrics.watch_failures("NetworkPolicy")));
    let mut watches = JoinSet::new();
    watches.spawn(keep(controller.client.clone(), Arc::clone(&pods)));
    watches.spawn(keep(controller.client.clone(), Arc::clone(&policies)));
    while !(pods.is_known() && policies.is_known()) {
        sleep(LOOK).await;
    }
    let work = Work {
        client: controller.client.clone(),
        cache: Arc::clone(&controller.cache),
        metrics: Arc::clone(&controller.metrics),
        live: Live::new(controller.client.clone()),
        events: Arc::new(Events::new(controller.client.clone(), me)),
        uncovered: Mutex::default(),
        own: controller.namespace.clone(),
        pods,
        policies,
    };
    let work = Arc::new(work);
    watches.spawn(recovery::look(Arc::clone(&work), undone));
    let mut leader = Leader {
        teller: Teller::new(Arc::clone(&work)),
        work,
        queue: Queue::default(),
        expiries: BTreeSet::new(),
        rate: Rate::new(RATE.0, RATE.1, Instant::now()),
        running: JoinSet::new(),
        tasks: FxHashMap::default(),
    };
    leader.run(changes, news).await;
}

struct Leader {
    work: Arc<Work>,
    teller: Teller,
    queue: Queue,
    /// When which approval ends.
    expiries: BTreeSet<(Timestamp, bool, Key)>,
    rate: Rate,
    running: JoinSet<Result<(), Failure>>,
    tasks: FxHashMap<Id, Task>,
}

/// What came of a task, by the id of what did it.
type Ended = Result<(Id, Result<(), Failure>), JoinError>;

/// What woke the leader.
enum Woken {
    Change(Option<Change>),
    News(Option<Touched>),
    Ended(Option<Ended>),
    Time,
}

impl Leader {
    async fn run(&mut self, mut changes: UnboundedReceiver<Change>, mut news: UnboundedReceiver<Touched>) {
        let began = Instant::now();
        self.everything();
        self.teller.everything();
        info!(differs = self.queue.len(), took = ?began.elapsed(), "everything was looked at");
        loop {
            let wake = self.hand_out().min(self.teller.tell());
            self.work.metrics.controller_queue.set(i64::try_from(self.queue.len()).unwrap_or(i64::MAX));
            let woken = tokio::select! {
                change = changes.recv() => Woken::Change(change),
                touched = news.recv() => Woken::News(touched),
                ended = self.running.join_next_with_id(), if !self.running.is_empty() => Woken::Ended(ended),
                () = sleep_until(wake.into()) => Woken::Time,
            };
            // What has come meanwhile is looked at together, so that what comes first is first in all of it.
            let mut all = Vec::new();
            match woken {
                Woken::Change(Some(change)) => self.heard(&change, &mut all),
                Woken::News(Some(touched)) => all.push(touched),
                Woken::Ended(Some(ended)) => self.ended(ended),
                Woken::Change(None) | Woken::News(None) => return,
                Woken::Ended(None) | Woken::Time => {}
            }
            for _ in 0..TOGETHER {
                let Ok(change) = changes.try_recv() else { break };
                self.heard(&change, &mut all);
            }
            for _ in 0..TOGETHER {
                let Ok(touched) = news.try_recv() else { break };
                all.push(touched);
            }
            self.expire(&mut all);
            self.look(&all);
        }
    }

    /// Looks at all that there is: what was missed while nobody led is made good.
    fn everything(&mut self) {
        let world = self.work.cache.world();
        let mut all: Vec<Touched> = self.work.pods.select(None, |_| true).into_iter().map(Touched::Pod).collect();
        all.extend(world.keys(Watched::Service).into_iter().map(Touched::Service));
        all.extend(world.keys(Watched::Namespace).into_iter().map(|(_, name)| Touched::Namespace(name)));
        for kind in [Watched::Approval, Watched::ClusterApproval] {
            for key in world.keys(kind) {
                let known = world.known(kind, &key);
                self.expiries.extend(expiry(kind, &key, known.as_ref()));
            }
        }
        drop(world);
        // What was to be closed when the last one ended to lead was maybe not told.
        let namespaces = all.iter().filter_map(|touched| match touched {
            Touched::Namespace(name) => Some(Touched::Closing(name.clone())),
            _ => None,
        });
        all.extend(namespaces.collect::<Vec<_>>());
        // Of what is no longer there, a policy may be left.
        all.extend(self.work.policies.touched());
        self.look(&all);
    }

    fn heard(&mut self, change: &Change, all: &mut Vec<Touched>) {
        self.expiries.extend(expiry(change.kind, &change.key, change.after.as_ref()));
        self.teller.heard(change);
        all.extend(touched(change));
    }

    /// What approvals that have ended since touch.
    fn expire(&mut self, all: &mut Vec<Touched>) {
        let now = Timestamp::now();
        while let Some((_, of_cluster, key)) = self.expiries.first().filter(|(at, ..)| *at <= now).cloned() {
            self.expiries.pop_first();
            let kind = if of_cluster { Watched::ClusterApproval } else { Watched::Approval };
            let known = self.work.cache.world().known(kind, &key);
            if let Some(Known::Approval(approval)) = known {
                self.teller.expired(kind, &key, &approval);
                all.extend(expired(&approval));
            }
        }
    }

    /// Looks at what is touched, and asks for what differs.
    fn look(&mut self, all: &[Touched]) {
        let now = Instant::now();
        if all.iter().any(|touched| matches!(touched, Touched::Answered(_))) {
            // As long as nobody answered, no label could be given.
            self.queue.anew(Rank::Labels, now);
        }
        let mut found: Vec<(Rank, Task, Instant)> = Vec::new();
        for touched in all {
            let alone = matches!(touched, Touched::Pod(_));
            for task in self.tasks_of(touched) {
                if let Some((rank, ahead)) = self.differs(&task) {
                    found.push((rank, task, if alone && ahead { now + AHEAD } else { now }));
                }
            }
        }
        found.sort_by_key(|(rank, ..)| *rank);
        for (rank, task, due) in found {
            self.queue.push(task, rank, due);
        }
    }

    fn tasks_of(&self, touched: &Touched) -> Vec<Task> {
        let (world, pods) = (self.work.cache.world(), &self.work.pods);
        let services = |namespace: &str| {
            let keys = world.services_of(namespace).map(|service| service.metadata.name.clone());
            keys.map(|name| Task::Service((namespace.to_owned(), name))).collect::<Vec<_>>()
        };
        let pods_of = |keys: Vec<Key>| keys.into_iter().map(Task::Pod).collect::<Vec<_>>();
        match touched {
            Touched::Pod(key) => vec![Task::Pod(key.clone())],
            Touched::Opened(key) => vec![Task::Opened(key.clone())],
            Touched::Answered(configurations) => {
                let opened = self.work.policies.opened().into_iter().map(|(key, _)| Task::Opened(key));
                opened.chain(configurations.iter().copied().map(Task::Admission)).collect()
            }
            Touched::Service(key) => vec![Task::Service(key.clone())],
            Touched::Namespace(namespace) => vec![Task::Namespace(namespace.clone())],
            Touched::Closing(namespace) => vec![Task::Announce(namespace.clone())],
            Touched::Account((namespace, name)) => {
                pods_of(pods.select(Some(namespace), |pod| pod.subject.service_account == *name))
            }
            Touched::Owned(kind, (namespace, name)) => pods_of(pods.select(Some(namespace), |pod| {
                let owner = pod.subject.metadata.controller.as_ref();
                owner.is_some_and(|owner| owner.kind == kind.kind() && owner.name == *name)
            })),
            Touched::Callers(patterns) => pods_of(self.work.pods_of(&world, patterns)),
            Touched::All(namespace) => {
                let mut all = pods_of(pods.select(Some(namespace), |_| true));
                all.extend(services(namespace));
                all.extend([Task::Announce(namespace.clone()), Task::Namespace(namespace.clone())]);
                all
            }
            Touched::Services(Some(namespace)) => services(namespace),
            Touched::Services(None) => world.keys(Watched::Service).into_iter().map(Task::Service).collect(),
        }
    }

    /// When to do something about what is not as it should be, and whether a label seems to be too much; `None` where all is
    /// as it should be.
    fn differs(&mut self, task: &Task) -> Option<(Rank, bool)> {
        if let Task::Announce(namespace) = task {
            return (!self.work.to_come(namespace).is_empty()).then_some((Rank::Announce, false));
        }
        if let Task::Pod(key) = task {
            let Some(pod) = self.work.pods.get(key) else {
                self.teller.judged(key, None);
                return None;
            };
            let judged = self.work.planned(|plan| plan.judged(&pod));
            let asked = judged.mode.is_managed() && !pod.subject.mirror && pod.subject.namespace != self.work.own;
            self.teller.judged(key, (!pod.finished).then_some((&judged, asked)));
            let difference = Plan::difference(&pod, &judged);
            return (!difference.is_empty()).then_some((Rank::Labels, !difference.removes.is_empty()));
        }
        if let Task::Opened(key) = task {
            return self.work.is_opened(key).then_some((rank(task, false), false));
        }
        if matches!(task, Task::Admission(_)) {
            return Some((rank(task, false), false));
        }
        let (key, wanted) = self.work.planned(|plan| plan.policy(task))?;
        let Wanted::So(wanted) = wanted else { return None };
        match act(wanted.map(|policy| *policy), self.work.policies.get(&key).as_ref()) {
            Act::Nothing => None,
            act => Some((rank(task, act == Act::Remove), false)),
        }
    }

    /// Begins what can be begun; returns when to look again.
    fn hand_out(&mut self) -> Instant {
        let now = Instant::now();
        let expiry = self.expiries.first().map(|(at, ..)| {
            let left = at.duration_since(Timestamp::now());
            // A timer that is a little early would find nothing.
            now + Duration::try_from(left).unwrap_or_default() + Duration::from_millis(2)
        });
        let mut wake = expiry.unwrap_or(now + Duration::from_hours(1)).min(now + Duration::from_hours(1));
        // What is done hangs on what is so: an old picture of it changes nothing.
        if !self.work.cache.is_fresh() {
            return wake.min(now + STALE);
        }
        while self.running.len() < WORKERS {
            let room = self.rate.room(now);
            if room > now {
                return wake.min(room);
            }
            let Some(task) = self.queue.next(now) else {
                wake = self.queue.wake().map_or(wake, |due| wake.min(due));
                break;
            };
            self.rate.take(now);
            let (work, of) = (Arc::clone(&self.work), task.clone());
            let handle = self.running.spawn(async move { work.doing(&of).await });
            self.tasks.insert(handle.id(), task);
        }
        wake
    }

    fn ended(&mut self, ended: Ended) {
        let (id, result) = match ended {
            Ok((id, result)) => (id, result.map_err(|failure| (failure.is_usual(), failure.to_string()))),
            Err(error) => (error.id(), Err((false, "it was cut off".to_owned()))),
        };
        let Some(task) = self.tasks.remove(&id) else { return };
        let now = Instant::now();
        let Err((usual, message)) = result else {
            self.queue.done(&task, now);
            return;
        };
        let failures = self.queue.failed(&task, now);
        if usual && failures < TOLD {
            debug!(?task, message, "tried again");
            return;
        }
        self.work.metrics.controller_failures(task.kind()).inc();
        warn!(?task, failures, message, "can't be done yet");
        if failures >= TOLD {
            let (reason, what) = match task {
                Task::Pod(_) => ("LabelsFailed", "the labels of this pod can't be made what they should be"),
                Task::Service(_) => {
                    ("PolicyFailed", "the NetworkPolicy of this Service can't be made what it should be")
                }
                Task::Namespace(_) | Task::Announce(_) => {
                    ("PolicyFailed", "the NetworkPolicy of this namespace can't be made what it should be")
                }
                Task::Opened(_) => ("RecoveryStays", "everybody may still call this Service, as recover has it"),
                Task::Admission(_) => ("RecoveryStays", "what nobody answers is still let pass, as recover has it"),
            };
            let told = Told { warns: true, reason, action: "Apply", note: format!("{what}: {message}") };
            self.work.events.tell(&About::task(&task), &told);
        }
    }
}

/// When an approval ends, if it does.
fn expiry(kind: Watched, key: &Key, known: Option<&Known>) -> Option<(Timestamp, bool, Key)> {
    match known {
        Some(Known::Approval(approval)) => Some((approval.expires_at?, kind == Watched::ClusterApproval, key.clone())),
        _ => None,
    }
}
