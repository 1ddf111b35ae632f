//! Approvals say who asked for them, and one that running pods use does not go by mistake.

use std::collections::BTreeSet;
use std::sync::PoisonError;
use std::time::{Duration, Instant};

use futures::future::try_join_all;
use jiff::Timestamp;
use json_patch::jsonptr::PointerBuf;
use json_patch::{AddOperation, PatchOperation};
use netintent::approval::Approval;
use netintent::callee::CalleePattern;
use netintent::caller::Caller;
use netintent::names;
use rustc_hash::{FxHashMap, FxHashSet};
use serde_json::{Value, json};

use super::{Admission, Undecided};
use crate::live::{LiveError, Reader};
use crate::review::{Answer, Operation, Request};
use crate::watched::Watched;
use crate::world::{Key, World};

/// Approvals whose deletion was permitted of late, which the cache may still have.
pub(super) type Going = FxHashMap<Key, Instant>;

/// How long a permitted deletion is remembered.
const MEMORY: Duration = Duration::from_secs(10);
/// How many callers a refusal or warning names.
const NAMED: usize = 10;
/// How many pods are read again at a time.
const AT_ONCE: usize = 8;

type Approvals<'a> = Request<'a, Value>;

/// A running pod that would lose a label.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Loser {
    pod: Key,
    key: String,
    caller: Caller,
}

impl Admission {
    /// Who asked is written down, and a deletion that would cut somebody is refused.
    pub(super) async fn approvals(&self, request: &Approvals<'_>) -> Result<Answer, Undecided> {
        match request.operation {
            Operation::Delete => self.deleted(request).await,
            Operation::Create | Operation::Update => Ok(self.written(request)),
            Operation::Connect => Ok(Answer::allowed()),
        }
    }

    fn written(&self, request: &Approvals<'_>) -> Answer {
        let mut answer = Answer { patch: attribution(request), ..Answer::default() };
        if let (Some(old), Some(new)) = (&request.old_object, &request.object) {
            let world = self.cache.world();
            let key = key(request);
            let read = |object: &Value| world_of(&request.kind.kind, object);
            let (old, new) = (read(old), read(new));
            let now = Timestamp::now();
            let only = |scratch: &World| scratch.statements().approvals().map(|(_, approval)| approval.clone()).next();
            if let Some(old) = old.as_ref().and_then(only) {
                let new = new.as_ref().and_then(only);
                let still = |loser: &Loser| {
                    let pattern = CalleePattern::of_label_key(&loser.key);
                    new.as_ref().zip(pattern).is_some_and(|(new, callee)| new.grants(&loser.caller, &callee, now))
                };
                let going = FxHashSet::from_iter([key]);
                let losers: Vec<Loser> =
                    losers(&world, &old, &going, now).into_iter().filter(|loser| !still(loser)).collect();
                if !losers.is_empty() {
                    answer.warnings.push(format!("running pods lose access: {}", named(&losers)));
                }
            }
        }
        answer
    }

    async fn deleted(&self, request: &Approvals<'_>) -> Result<Answer, Undecided> {
        let Some(old) = &request.old_object else { return Ok(Answer::allowed()) };
        let now = Timestamp::now();
        let scratch = world_of(&request.kind.kind, old);
        let Some(approval) = scratch.as_ref().and_then(|world| world.statements().approvals().next()) else {
            return Ok(Answer::allowed());
        };
        let approval = approval.1;
        let revoked = annotation(old, names::REVOKED).is_some_and(|reason| !reason.trim().is_empty());
        if revoked || approval.is_expired(now) || self.is_going_with_its_namespace(request).await? {
            return Ok(self.goes(request));
        }
        let going = self.going(&key(request));
        let (losers, spared) = {
            let world = self.cache.world();
            let losers = losers(&world, approval, &going, now);
            (losers, rescuers(&world, approval, &going, now))
        };
        let found = self.live_users(losers, spared, approval, &going, now).await?;
        if found.is_empty() {
            return Ok(self.goes(request));
        }
        let what = if request.namespace.is_empty() { "clusterapproval" } else { "approval" };
        let within = if request.namespace.is_empty() { String::new() } else { format!(" -n {}", request.namespace) };
        Ok(Answer::denied(format!(
            "running pods use {} {}: {}\n  if they are to lose access, say why and delete it again:\n    \
             kubectl annotate {what}{within} {} {}='REASON'",
            request.kind.kind,
            approval.metadata.full_name(),
            named(&found),
            request.name,
            names::REVOKED,
        )))
    }

    /// Of the pods that seem to lose a label, those of which the API server says so too.
    async fn live_users(
        &self,
        losers: Vec<Loser>,
        spared: Vec<(Loser, Vec<Key>)>,
        approval: &Approval,
        going: &FxHashSet<Key>,
        now: Timestamp,
    ) -> Result<Vec<Loser>, Undecided> {
        if losers.is_empty() && spared.is_empty() {
            return Ok(Vec::new());
        }
        self.metrics.live_reads.inc();
        let reads = self.live.within(async |reader| {
            let mut losers = losers;
            // Whom another approval saves loses nothing only as long as that one is there.
            let others: BTreeSet<Key> = spared.iter().flat_map(|(_, keys)| keys.iter().cloned()).collect();
            let world = read_approvals(reader, others).await?;
            for (loser, _) in spared {
                let pattern = CalleePattern::of_label_key(&loser.key);
                let saved = world.statements().approvals().any(|(_, other)| {
                    let key = (other.metadata.namespace.clone(), other.metadata.name.clone());
                    let it = (&approval.metadata.namespace, &approval.metadata.name);
                    (&key.0, &key.1) != it
                        && !going.contains(&key)
                        && pattern.as_ref().is_some_and(|callee| other.grants(&loser.caller, callee, now))
                });
                if !saved {
                    losers.push(loser);
                }
            }
            let mut confirmed = Vec::new();
            for some in losers.chunks(AT_ONCE) {
                let reads = some.iter().map(|loser| still_labelled(reader, loser));
                let answers = try_join_all(reads).await?;
                confirmed.extend(some.iter().zip(answers).filter(|(_, there)| *there).map(|(loser, _)| loser.clone()));
                // One is enough to refuse: the others are named as they are known.
                if !confirmed.is_empty() {
                    return Ok(losers);
                }
            }
            Ok(confirmed)
        });
        Ok(reads.await?)
    }

    async fn is_going_with_its_namespace(&self, request: &Approvals<'_>) -> Result<bool, Undecided> {
        if request.namespace.is_empty() {
            return Ok(false);
        }
        if self.cache.world().namespace(&request.namespace).is_some_and(|facts| facts.terminating) {
            return Ok(true);
        }
        let namespace = self.live.within(async |reader| reader.get(Watched::Namespace, None, &request.namespace).await);
        let namespace = namespace.await?;
        Ok(namespace.is_none_or(|(_, object)| object.pointer("/metadata/deletionTimestamp").is_some()))
    }

    /// The approvals whose deletion was permitted a moment ago, and this one.
    fn going(&self, this: &Key) -> FxHashSet<Key> {
        let mut going = self.going.lock().unwrap_or_else(PoisonError::into_inner);
        going.retain(|_, at| at.elapsed() < MEMORY);
        going.keys().chain([this]).cloned().collect()
    }

    fn goes(&self, request: &Approvals<'_>) -> Answer {
        if !request.is_dry_run() {
            self.going.lock().unwrap_or_else(PoisonError::into_inner).insert(key(request), Instant::now());
        }
        Answer::allowed()
    }
}

fn key(request: &Approvals<'_>) -> Key {
    (request.namespace.to_string(), request.name.to_string())
}

/// A world of this object alone: `None` where it can't be read.
fn world_of(kind: &str, object: &Value) -> Option<World> {
    let kind = Watched::ALL.into_iter().find(|watched| watched.kind() == kind)?;
    let mut world = World::default();
    world.apply(kind, object).ok()?;
    Some(world)
}

async fn read_approvals(reader: Reader<'_>, keys: BTreeSet<Key>) -> Result<World, LiveError> {
    let of = |(namespace, _): &Key| if namespace.is_empty() { Watched::ClusterApproval } else { Watched::Approval };
    let reads = keys.iter().map(|key| reader.get(of(key), Some(key.0.as_str()).filter(|n| !n.is_empty()), &key.1));
    let mut world = World::default();
    for (kind, object) in try_join_all(reads).await?.into_iter().flatten() {
        // One that can't be read saves nobody.
        let _ = world.apply(kind, &object);
    }
    Ok(world)
}

async fn still_labelled(reader: Reader<'_>, loser: &Loser) -> Result<bool, LiveError> {
    let pod = reader.get(Watched::Pod, Some(&loser.pod.0), &loser.pod.1).await?;
    let label = |(_, object): (Watched, Value)| object.get("metadata")?.get("labels")?.get(&loser.key).cloned();
    Ok(pod.and_then(label).is_some())
}

fn annotation<'o>(object: &'o Value, key: &str) -> Option<&'o str> {
    object.get("metadata")?.get("annotations")?.get(key)?.as_str()
}

/// Who asked is written where the spec is new; else what was written stays.
fn attribution(request: &Approvals<'_>) -> Vec<PatchOperation> {
    let Some(object) = &request.object else { return Vec::new() };
    let old = request.old_object.as_ref();
    let changed = old.is_none_or(|old| old.get("spec") != object.get("spec"));
    let wanted = match old {
        Some(old) if !changed => annotation(old, names::APPROVED_BY),
        _ => Some(&*request.user_info.username),
    };
    if annotation(object, names::APPROVED_BY) == wanted {
        return Vec::new();
    }
    let at = |tokens: &[&str]| PointerBuf::from_tokens(tokens.iter().copied());
    let path = at(&["metadata", "annotations", names::APPROVED_BY]);
    let Some(wanted) = wanted else {
        return vec![PatchOperation::Remove(json_patch::RemoveOperation { path })];
    };
    let mut patch = Vec::new();
    if object.pointer("/metadata/annotations").is_none_or(Value::is_null) {
        patch.push(PatchOperation::Add(AddOperation { path: at(&["metadata", "annotations"]), value: json!({}) }));
    }
    patch.push(PatchOperation::Add(AddOperation { path, value: wanted.into() }));
    patch
}

/// The labels of running pods that this approval covers, with the other approvals that cover them too.
fn uses(world: &World, approval: &Approval, going: &FxHashSet<Key>, now: Timestamp) -> Vec<(Loser, Vec<Key>)> {
    let mut all = Vec::new();
    for (pod, labelled, caller) in world.labelled() {
        for key in &labelled.keys {
            let Some(callee) = CalleePattern::of_label_key(key) else { continue };
            if !approval.grants(&caller, &callee, now) {
                continue;
            }
            let others = world.statements().granting(&caller, &callee, now).into_iter();
            let others = others.filter_map(|at| world.statements().approval(at));
            let keys = others.map(|other| (other.metadata.namespace.clone(), other.metadata.name.clone()));
            let keys = keys.filter(|key| !going.contains(key)).collect();
            all.push((Loser { pod: pod.clone(), key: key.clone(), caller: caller.clone() }, keys));
        }
    }
    all.sort_by(|(a, _), (b, _)| (&a.caller, &a.pod, &a.key).cmp(&(&b.caller, &b.pod, &b.key)));
    all
}

fn losers(world: &World, approval: &Approval, going: &FxHashSet<Key>, now: Timestamp) -> Vec<Loser> {
    uses(world, approval, going, now)
        .into_iter()
        .filter(|(_, others)| others.is_empty())
        .map(|(loser, _)| loser)
        .collect()
}

/// Those that another approval saves, by which.
fn rescuers(world: &World, approval: &Approval, going: &FxHashSet<Key>, now: Timestamp) -> Vec<(Loser, Vec<Key>)> {
    uses(world, approval, going, now).into_iter().filter(|(_, others)| !others.is_empty()).collect()
}

/// The callers, each once with the number of its pods.
fn named(losers: &[Loser]) -> String {
    let mut pods: std::collections::BTreeMap<&Caller, BTreeSet<&Key>> = std::collections::BTreeMap::new();
    for loser in losers {
        pods.entry(&loser.caller).or_default().insert(&loser.pod);
    }
    let text = |(caller, pods): (&&Caller, &BTreeSet<&Key>)| match pods.len() {
        1 => format!("{caller} (1 pod)"),
        count => format!("{caller} ({count} pods)"),
    };
    let more = pods.len().saturating_sub(NAMED);
    let mut names: Vec<String> = pods.iter().take(NAMED).map(text).collect();
    if more > 0 {
        names.push(format!("and {more} more callers"));
    }
    names.join(", ")
}
