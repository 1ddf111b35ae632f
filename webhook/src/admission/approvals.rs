//! Approvals say who asked for them, and one that running pods use does not go by mistake.

use std::collections::BTreeSet;
use std::rc::Rc;

use futures::future::try_join_all;
use jiff::Timestamp;
use json_patch::jsonptr::PointerBuf;
use json_patch::{AddOperation, PatchOperation};
use netintent::approval::Approval;
use netintent::callee::CalleePattern;
use netintent::caller::Caller;
use netintent::names;
use rustc_hash::FxHashMap;
use serde_json::{Value, json};

use super::{Admission, Undecided};
use crate::callers::{losing, named};
use crate::live::{LiveError, Reader};
use crate::review::{Answer, Operation, Request};
use crate::watched::Watched;
use crate::world::{Key, World};

/// How many pods are read again at a time.
const TOGETHER: usize = 8;
/// How many uses of an approval are looked at, and how many other approvals that would do.
const ENOUGH: usize = 20_000;
const OTHERS: usize = 64;

type Approvals<'a> = Request<'a, Value>;

/// A running pod that would lose a label.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Loser {
    pod: Key,
    key: String,
    caller: Caller,
}

impl Loser {
    fn who(&self) -> (&Caller, &Key) {
        (&self.caller, &self.pod)
    }
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
        if let (Some(old), Some(new)) = (&request.old_object, &request.object)
            && old.get("spec") != new.get("spec")
        {
            let world = self.cache.world();
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
                let lost = uses(&world, &old, now).into_iter();
                let lost = lost.filter(|(loser, others)| others.is_empty() && !still(loser));
                let losers: Vec<Loser> = lost.map(|(loser, _)| loser).collect();
                if !losers.is_empty() {
                    answer.warnings.push(losing(losers.iter().map(Loser::who)));
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
            return Ok(Answer::allowed());
        }
        let used = {
            let uses = uses(&self.cache.world(), approval, now);
            let others = uses.iter().flat_map(|(_, others)| others.iter().cloned()).collect::<BTreeSet<Key>>();
            // One that is not asked for saves nobody: then the approval stays.
            let others = others.into_iter().take(OTHERS).collect();
            (uses.into_iter().map(|(loser, _)| loser).collect(), others)
        };
        let found = self.live_users(&request.namespace, used, old, now).await?;
        if found.is_empty() {
            return Ok(Answer::allowed());
        }
        let what = if request.namespace.is_empty() { "clusterapproval" } else { "approval" };
        let within = if request.namespace.is_empty() { String::new() } else { format!(" -n {}", request.namespace) };
        Ok(Answer::denied(format!(
            "running pods use {} {}: {}\n  if they are to lose access, say why and delete it again:\n    \
             kubectl annotate {what}{within} {} {}='REASON'",
            request.kind.kind,
            approval.metadata.full_name(),
            named(found.iter().map(Loser::who)),
            request.name,
            names::REVOKED,
        )))
    }

    /// Of the pods that seem to use an approval, those of which the API server says so too, and that no newer approval
    /// saves.
    ///
    /// Only a newer one: of several that would each do, the newest can then not go on the ground of another, so that not all
    /// go when all are deleted at the same moment, whichever replicas are asked.
    async fn live_users(
        &self,
        namespace: &str,
        (uses, others): (Vec<Loser>, BTreeSet<Key>),
        approval: &Value,
        now: Timestamp,
    ) -> Result<Vec<Loser>, Undecided> {
        if uses.is_empty() {
            return Ok(Vec::new());
        }
        self.metrics.live_reads.inc();
        let reads = self.live.within(namespace, async |reader| {
            let world = newer(reader, others, approval).await?;
            let saved = |loser: &Loser| {
                let callee = CalleePattern::of_label_key(&loser.key);
                callee.is_some_and(|callee| !world.statements().granting(&loser.caller, &callee, now).is_empty())
            };
            let losers: Vec<Loser> = uses.into_iter().filter(|loser| !saved(loser)).collect();
            for some in losers.chunks(TOGETHER) {
                let there = try_join_all(some.iter().map(|loser| still_labelled(reader, loser))).await?;
                // One is enough to refuse: the others are named as they are known.
                if there.contains(&true) {
                    return Ok(losers);
                }
            }
            Ok(Vec::new())
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
        let namespace = self
            .live
            .within(&request.namespace, async |reader| reader.get(Watched::Namespace, None, &request.namespace).await);
        let namespace = namespace.await?;
        Ok(namespace.is_none_or(|(_, object)| object.pointer("/metadata/deletionTimestamp").is_some()))
    }
}

/// A world of this object alone: `None` where it can't be read.
fn world_of(kind: &str, object: &Value) -> Option<World> {
    let kind = Watched::ALL.into_iter().find(|watched| watched.kind() == kind)?;
    let mut world = World::default();
    world.apply(kind, object).ok()?;
    Some(world)
}

/// Those of the approvals that are newer than this one, and not meant to go themselves.
async fn newer(reader: Reader<'_>, keys: BTreeSet<Key>, than: &Value) -> Result<World, LiveError> {
    let of = |(namespace, _): &Key| if namespace.is_empty() { Watched::ClusterApproval } else { Watched::Approval };
    let reads = keys.iter().map(|key| reader.get(of(key), Some(key.0.as_str()).filter(|n| !n.is_empty()), &key.1));
    let mut world = World::default();
    for (kind, object) in try_join_all(reads).await?.into_iter().flatten() {
        let going = object.pointer("/metadata/deletionTimestamp").is_some();
        if !going && annotation(&object, names::REVOKED).is_none() && age(&object) > age(than) {
            // One that can't be read saves nobody.
            let _ = world.apply(kind, &object);
        }
    }
    Ok(world)
}

/// What orders objects by their creation, and those of one second somehow.
fn age(object: &Value) -> (&str, &str) {
    let text = |pointer| object.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    (text("/metadata/creationTimestamp"), text("/metadata/uid"))
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

/// The labels of running pods that this approval covers, with other approvals that cover them too: as many of both as it
/// takes to decide.
fn uses(world: &World, approval: &Approval, now: Timestamp) -> Vec<(Loser, Rc<[Key]>)> {
    let key = |approval: &Approval| (approval.metadata.namespace.clone(), approval.metadata.name.clone());
    let own = key(approval);
    let mut all = Vec::new();
    let mut known: FxHashMap<(Caller, &str), Option<Rc<[Key]>>> = FxHashMap::default();
    let named = |caller: &Caller| approval.callers.iter().any(|pattern| pattern.matches(caller));
    for (pod, labelled, caller) in world.labelled().filter(|(_, _, caller)| named(caller)) {
        for label in &labelled.keys {
            // The pods of one caller carry the same labels.
            let others = known.entry((caller.clone(), label.as_str())).or_insert_with(|| {
                let callee = CalleePattern::of_label_key(label).filter(|it| approval.grants(&caller, it, now))?;
                let others = world.statements().granting(&caller, &callee, now).into_iter();
                let others = others.filter_map(|at| world.statements().approval(at)).map(key);
                Some(others.filter(|other| *other != own).take(OTHERS).collect())
            });
            if let Some(others) = others {
                let loser = Loser { pod: pod.clone(), key: label.clone(), caller: caller.clone() };
                all.push((loser, Rc::clone(others)));
            }
        }
        if all.len() >= ENOUGH {
            break;
        }
    }
    all.sort_by(|(a, _), (b, _)| (&a.caller, &a.pod, &a.key).cmp(&(&b.caller, &b.pod, &b.key)));
    all
}
