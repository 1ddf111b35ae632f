//! Does one thing: decides anew by what is known now, asks the API server where that must not hang on a cache, and writes.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::networking::v1 as api;
use kube::Client;
use kube::api::{DeleteParams, GetParams, Patch, PatchParams, PostParams, Preconditions};
use kube::core::Request;
use netintent::caller::CallerPattern;
use netintent::pod::Difference;
use netintent::policy::NetworkPolicy;
use netintent::recover::RecordError;
use serde_json::Value;
use tokio::time::timeout;
use tracing::info;

use super::about::About;
use super::events::{Events, Told};
use super::notes;
use super::plan::{Plan, Wanted};
use super::pods::{Pod, Pods};
use super::policies::{Act, Held, Policies, act};
use super::queue::Task;
use super::uncovered::Uncovered;
use crate::cache::Cache;
use crate::lean::Lean;
use crate::live::{Live, LiveError, Reader};
use crate::metrics::Metrics;
use crate::watched::Watched;
use crate::world::{Key, World};

/// Whose the fields of policies are.
pub(crate) const MANAGER: &str = "netintent";
/// How long one request may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// Why something could not be done.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// Something has changed meanwhile: it is tried again.
    #[error("it has changed meanwhile")]
    Conflict,
    /// A replica of the webhook knows something else yet: it is tried again.
    #[error("the labels are not those that were asked for")]
    NotTaken,
    #[error("the API server keeps the policy otherwise than it was written")]
    NotKept,
    /// What recover has opened stays open until somebody guards again.
    #[error("the API server gets no answer from the webhook")]
    Unanswered,
    /// The guard is answered, which says nothing of another address or another certificate.
    #[error("{0} is not asked as the guard is, which gets answers: its caBundle or its address is another")]
    Unlike(String),
    /// The policy is deleted, and in force as long as it has finalizers.
    #[error("NetworkPolicy {}/{} is deleted, but finalizers on it keep it in force: take them away", .0.0, .0.1)]
    Kept(Key),
    /// What was before is not known, and not guessed.
    #[error(transparent)]
    Record(#[from] RecordError),
    #[error(transparent)]
    Client(kube::Error),
    #[error(transparent)]
    Live(#[from] LiveError),
}

impl Failure {
    /// Whether it is to be expected now and then.
    pub(crate) fn is_usual(&self) -> bool {
        matches!(self, Self::Conflict | Self::NotTaken)
    }
}

impl From<kube::Error> for Failure {
    fn from(error: kube::Error) -> Self {
        match error {
            kube::Error::Api(status) if status.code == 409 => Self::Conflict,
            error => Self::Client(error),
        }
    }
}

/// What is needed to do anything.
pub(crate) struct Work {
    pub(crate) client: Client,
    pub(crate) cache: Arc<Cache>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) live: Live,
    pub(crate) pods: Arc<Pods>,
    pub(crate) policies: Arc<Policies>,
    pub(crate) events: Arc<Events>,
    pub(crate) uncovered: Mutex<Uncovered>,
    /// netintent's own namespace.
    pub(crate) own: String,
}

impl Work {
    /// Does one thing; it may turn out that there is nothing to do.
    pub(crate) async fn doing(&self, task: &Task) -> Result<(), Failure> {
        match task {
            Task::Pod(key) => self.labels(key).await,
            Task::Service(_) | Task::Namespace(_) => self.policy(task).await,
            Task::Announce(namespace) => {
                self.announce(namespace).await;
                Ok(())
            }
            Task::Opened(key) => self.close_opened(task, key).await,
            Task::Admission(configuration) => self.readmit(task, *configuration).await,
        }
    }

    /// Judges by what the watches know.
    pub(crate) fn planned<T>(&self, judge: impl FnOnce(Plan<'_>) -> T) -> T {
        let world = self.cache.world();
        judge(self.plan(&world))
    }

    /// What should be in a world at this moment.
    pub(crate) fn plan<'w>(&'w self, world: &'w World) -> Plan<'w> {
        Plan { world, own: &self.own, now: Timestamp::now() }
    }

    /// What running pods declare and carry no label for.
    pub(crate) fn uncovered(&self) -> MutexGuard<'_, Uncovered> {
        // Each change is whole before it can panic.
        self.uncovered.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The pods of these callers.
    pub(crate) fn pods_of(&self, world: &World, callers: &[CallerPattern]) -> Vec<Key> {
        let meant = |pod: &Pod| {
            let subject = &pod.subject;
            let caller = world.caller(&subject.metadata, &subject.labels, subject.caller.as_deref());
            callers.iter().any(|pattern| pattern.matches(&caller))
        };
        match namespaces(callers) {
            None => self.pods.select(None, meant),
            Some(namespaces) => {
                namespaces.into_iter().flat_map(|namespace| self.pods.select(Some(namespace), meant)).collect()
            }
        }
    }

    /// The Services and the namespace whose policies are still to come.
    pub(crate) fn to_come(&self, namespace: &str) -> Vec<Task> {
        self.planned(|plan| plan.to_come(namespace, |key| self.policies.get(key).is_some()))
    }

    /// Tells whom closing a namespace cuts, before that is done.
    async fn announce(&self, namespace: &str) {
        let services: Vec<Key> = self
            .to_come(namespace)
            .into_iter()
            .filter_map(|task| match task {
                Task::Service(key) => Some(key),
                _ => None,
            })
            .collect();
        if services.is_empty() {
            return;
        }
        let told = notes::closing_all(&self.cache.world(), &self.uncovered(), &services);
        self.events.tell_first(&About::task(&Task::Namespace(namespace.to_owned())), &told).await;
    }

    async fn labels(&self, key: &Key) -> Result<(), Failure> {
        let Some((pod, mut difference)) = self.difference(key).await? else { return Ok(()) };
        if !difference.removes.is_empty() && !difference.adds.is_empty() {
            // What is too much goes, whether or not what is missing can be had: that takes an answer of admission, which
            // mostly adds it by itself.
            difference.adds.clear();
            self.write(key, &pod, &difference).await?;
            let Some(left) = self.difference(key).await? else { return Ok(()) };
            return self.write(key, &left.0, &left.1).await;
        }
        self.write(key, &pod, &difference).await
    }

    /// How the labels of a pod differ, if they do.
    async fn difference(&self, key: &Key) -> Result<Option<(Pod, Difference)>, Failure> {
        let Some(pod) = self.pods.get(key) else { return Ok(None) };
        let judged = self.planned(|plan| plan.judged(&pod));
        let mut difference = Plan::difference(&pod, &judged);
        // Of a Job that was made a moment ago its CronJob may not be known yet.
        if !difference.removes.is_empty() && !judged.owner_known {
            let world = self.live.world(&pod.subject).await?;
            let plan = Plan { world: &world, own: &self.own, now: Timestamp::now() };
            difference = Plan::difference(&pod, &plan.judged(&pod));
        }
        Ok((!difference.is_empty()).then_some((pod, difference)))
    }

    async fn write(&self, key: &Key, pod: &Pod, difference: &Difference) -> Result<(), Failure> {
        let path = Watched::Pod.path(Some(&key.0));
        let patch = Patch::Merge(difference.patch(&pod.uid, &pod.version));
        let request = Request::new(path).patch_subresource("status", &key.1, &PatchParams::default(), &patch);
        let answer = match self.ask(request).await {
            // It is gone.
            Err(Failure::Client(kube::Error::Api(status))) if status.code == 404 => return Ok(()),
            answer => answer?,
        };
        self.metrics.controller_label_writes.inc();
        let Ok(answer) = Pod::read(key, &answer) else { return Err(Failure::NotTaken) };
        let Difference { adds, removes } = difference;
        let has = |key: &String| answer.reserved.iter().any(|(k, _)| k == key);
        let taken = adds.iter().all(has) && !removes.iter().any(has);
        info!(pod = format!("{}/{}", key.0, key.1), added = adds.len(), removed = removes.len(), taken, "labels");
        self.pods.answered(key, &pod.version, answer);
        if taken { Ok(()) } else { Err(Failure::NotTaken) }
    }

    async fn policy(&self, task: &Task) -> Result<(), Failure> {
        let Some((key, wanted)) = self.planned(|plan| plan.policy(task)) else { return Ok(()) };
        let Wanted::So(wanted) = wanted else { return Ok(()) };
        let held = self.policies.get(&key);
        let wanted = wanted.map(|policy| *policy);
        match (act(wanted, held.as_ref()), held) {
            (Act::Nothing, _) => Ok(()),
            (Act::Taken, _) => {
                let note = format!(
                    "NetworkPolicy {}/{} has the name of the policy that enforce gives, and is not netintent's: it is left \
                     as it is, and the policy of netintent is missing",
                    key.0, key.1
                );
                let told = Told { warns: true, reason: "NameTaken", action: "Apply", note };
                self.events.tell(&About::task(task), &told);
                Ok(())
            }
            // The watches are of different moments, and what they say together may never have been so: what is written is what
            // the API server itself says now.
            (Act::Create(_) | Act::Apply(_), held) => {
                let confirmed = self.confirmed(task, held.is_some()).await?;
                let Some(Wanted::So(Some(wanted))) = confirmed else { return Ok(()) };
                match (act(Some(*wanted), held.as_ref()), held) {
                    (Act::Create(wanted), _) => self.close(task, &key, &wanted).await,
                    (Act::Apply(wanted), Some(held)) => self.apply(&key, &wanted, &held).await,
                    // It is as it should be, which the watches do not know yet.
                    _ => Ok(()),
                }
            }
            (Act::Remove, _) => {
                let confirmed = self.confirmed(task, false).await? == Some(Wanted::So(None));
                if confirmed { self.remove(&key).await } else { Ok(()) }
            }
        }
    }

    /// What the policy should be, by what the API server itself says of all that it hangs on. `held`: there is one, which may
    /// let in what the watches do not know.
    async fn confirmed(&self, task: &Task, held: bool) -> Result<Option<Wanted>, Failure> {
        let (namespace, service) = match task {
            Task::Service((namespace, name)) => (namespace, Some(name.as_str())),
            Task::Namespace(namespace) => (namespace, None),
            _ => return Ok(None),
        };
        // Most let nobody in without an intent: of those nothing else need be read.
        let openings = service.is_some() && (held || self.planned(|plan| plan.opens(namespace)));
        let read = async |reader: Reader<'_>| reader.callees(namespace, service, openings).await;
        let world = self.live.within(namespace, read).await?;
        let plan = Plan { world: &world, own: &self.own, now: Timestamp::now() };
        Ok(plan.policy(task).map(|(_, wanted)| wanted))
    }

    /// Makes a policy, and tells before whom it cuts.
    async fn close(&self, task: &Task, key: &Key, wanted: &NetworkPolicy) -> Result<(), Failure> {
        let told = match task {
            Task::Service(key) => notes::closing(&self.cache.world(), &self.uncovered(), key),
            _ => Some(notes::closing_namespace()),
        };
        if let Some(told) = told {
            self.events.tell_first(&About::task(task), &told).await;
        }
        self.create(key, wanted).await
    }

    /// Makes a policy. An apply would take over one of that name which somebody has made in the same moment.
    async fn create(&self, key: &Key, wanted: &NetworkPolicy) -> Result<(), Failure> {
        let params = PostParams { field_manager: Some(MANAGER.to_owned()), ..PostParams::default() };
        let body = serde_json::to_vec(&api::NetworkPolicy::from(wanted)).map_err(kube::Error::SerdeError)?;
        let answer = self.ask(Request::new(path(key)).create(&params, body)).await;
        self.written(key, wanted, answer, "made").await
    }

    /// Makes a policy say what it should, if it is still the one that was seen.
    async fn apply(&self, key: &Key, wanted: &NetworkPolicy, held: &Held) -> Result<(), Failure> {
        let mut policy = api::NetworkPolicy::from(wanted);
        policy.metadata.resource_version = Some(held.version.clone());
        policy.metadata.uid = Some(held.uid.clone());
        let params = PatchParams::apply(MANAGER).force();
        let answer = self.ask(Request::new(path(key)).patch(&key.1, &params, &Patch::Apply(policy))).await;
        self.written(key, wanted, answer, "put right").await
    }

    async fn written(
        &self,
        key: &Key,
        wanted: &NetworkPolicy,
        answer: Result<Value, Failure>,
        what: &str,
    ) -> Result<(), Failure> {
        let answer = match answer {
            Err(Failure::Conflict) => {
                self.read(key).await?;
                return Err(Failure::Conflict);
            }
            answer => answer?,
        };
        self.metrics.controller_policy_writes.inc();
        info!(policy = format!("{}/{}", key.0, key.1), "the policy was {what}");
        let held = Held::read(key, &answer);
        let is = held.is(wanted);
        self.policies.answered(key, held);
        if is { Ok(()) } else { Err(Failure::NotKept) }
    }

    /// Removes a policy, if it is still netintent's.
    pub(super) async fn remove(&self, key: &Key) -> Result<(), Failure> {
        let Some(held) = self.read(key).await? else { return Ok(()) };
        if act(None, Some(&held)) != Act::Remove {
            return Ok(());
        }
        let preconditions = Preconditions { uid: Some(held.uid), resource_version: Some(held.version) };
        let params = DeleteParams { preconditions: Some(preconditions), ..DeleteParams::default() };
        match self.ask(Request::new(path(key)).delete(&key.1, &params)).await {
            Err(Failure::Client(kube::Error::Api(status))) if status.code == 404 => {}
            answer => {
                answer?;
                self.metrics.controller_policy_writes.inc();
                info!(policy = format!("{}/{}", key.0, key.1), "the policy was removed");
            }
        }
        // That it is gone the watch tells, in its turn: somebody may have made it anew.
        Ok(())
    }

    /// The policy as the API server has it now.
    pub(super) async fn read(&self, key: &Key) -> Result<Option<Held>, Failure> {
        let held = match self.ask(Request::new(path(key)).get(&key.1, &GetParams::default())).await {
            Err(Failure::Client(kube::Error::Api(status))) if status.code == 404 => None,
            answer => Some(Held::read(key, &answer?)),
        };
        if let Some(held) = &held {
            self.policies.answered(key, held.clone());
        }
        Ok(held)
    }

    pub(super) async fn ask(
        &self,
        request: Result<axum::http::Request<Vec<u8>>, kube::core::request::Error>,
    ) -> Result<Value, Failure> {
        let request = request.map_err(kube::Error::BuildRequest)?;
        let answer = timeout(PATIENCE, self.client.request::<Lean>(request)).await;
        let slow = |_| kube::Error::Service("the API server does not answer".into());
        Ok(answer.map_err(slow)?.map(|Lean(object)| object)?)
    }
}

fn path((namespace, _): &Key) -> String {
    format!("/apis/networking.k8s.io/v1/namespaces/{namespace}/networkpolicies")
}

/// The namespaces in which callers are; `None`: in any.
fn namespaces(patterns: &[CallerPattern]) -> Option<BTreeSet<&str>> {
    let of = |pattern| match pattern {
        &CallerPattern::Any => None,
        CallerPattern::Namespace(namespace) => Some(namespace.as_str()),
        CallerPattern::One(caller) => Some(caller.namespace.as_str()),
    };
    patterns.iter().map(of).collect()
}
