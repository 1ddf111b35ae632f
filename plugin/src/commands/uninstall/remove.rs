//! How things are taken away, each as often as it may be done again.

use std::time::Instant;

use futures::stream::{self, StreamExt as _};
use netintent::names;
use serde_json::{Map, Value};

use super::found::{Own, STATEMENTS, Stage, is_closing, labelled_pods, policies};
use super::left::{Left, MOST};
use super::steps::{Leaving, POLL, Run};
use crate::cluster::{Failure, Meta};
use crate::error::{Error, Result};
use crate::printer;

/// How many pods are changed at once.
const AT_ONCE: usize = 16;

/// The group and version of what people state.
const GROUP: &str = "netintent.dev/v1alpha1";

/// Pods that still have derived labels, with why, where the API server has refused to take them off.
pub(super) type Labelled = Vec<(Meta, Option<Failure>)>;

impl Leaving<'_> {
    /// Changes labels of some objects. Once it is done for real, a Service that is refused is left, and what it asks for is its
    /// owner's; without the others callers would be cut.
    pub(super) fn relabel(&mut self, plural: &str, all: &[Meta], labels: &Value, state: &str) -> Result<()> {
        for meta in all {
            match self.cluster.run(self.cluster.relabel(&path("v1", plural, meta), labels, self.is_dry())) {
                Ok(()) => self.done(&format!("{} {} is {state}", plural.trim_end_matches('s'), meta.full_name())),
                Err(failure) if !self.is_dry() && plural == "services" && failure.is_refusal() => {
                    self.refused.insert(meta.full_name(), failure.worded().0);
                }
                Err(failure) => return Err(failure.into_error()),
            }
        }
        Ok(())
    }

    /// Takes policies away: first those that close, then those that open something. One that somebody's finalizer holds
    /// selects no pod from then on, before anything goes that it would cut somebody without.
    ///
    /// # Errors
    /// Where one can neither go nor be without effect.
    pub(super) fn remove(&mut self, all: &[Meta]) -> Result<()> {
        let (closing, opening): (Vec<&Meta>, Vec<&Meta>) = all.iter().partition(|policy| is_closing(policy));
        for part in [closing, opening].into_iter().filter(|part| !part.is_empty()) {
            for policy in &part {
                let path = path("networking.k8s.io/v1", "networkpolicies", policy);
                let finalizers = self.ask(self.cluster.delete(&path, &policy.uid, self.is_dry()))?;
                // At once: until then it stands alone before pods that others opened.
                if !finalizers.is_empty() && !self.is_dry() {
                    self.cluster.disarm(policy).map_err(Failure::into_error)?;
                }
            }
            let still = if self.is_dry() { Vec::new() } else { self.ask(policies(self.cluster))?.0 };
            for policy in part {
                let held = still.iter().find(|other| other.uid == policy.uid);
                match held.filter(|held| held.deletion_timestamp.is_some()) {
                    Some(held) => {
                        self.cluster.disarm(held).map_err(Failure::into_error)?;
                        self.disarmed.insert(held.uid.clone());
                        self.done(&format!("NetworkPolicy {} is held, and selects no pod", policy.full_name()));
                    }
                    None if held.is_none() => self.done(&format!("NetworkPolicy {} is gone", policy.full_name())),
                    None => {}
                }
            }
        }
        Ok(())
    }

    /// The policies that are in effect.
    pub(super) fn in_effect(&self) -> Result<Vec<Meta>> {
        let mut all = self.ask(policies(self.cluster))?.0;
        all.retain(|policy| !self.disarmed.contains(&policy.uid));
        Ok(all)
    }

    /// Takes derived labels off pods, until none has one or it is no use, and gives those that are left.
    ///
    /// # Errors
    /// Where there is no answer.
    pub(super) fn unlabel(&self, first: &[Meta]) -> Result<Labelled> {
        let began = Instant::now();
        let mut left = first.to_vec();
        if left.is_empty() {
            return Ok(Vec::new());
        }
        let count = left.len();
        if self.run == Run::Trial {
            // One stands for all: there may be thousands.
            left.truncate(1);
        }
        loop {
            let patches = left.iter().map(|pod| async move {
                let labels: Map<String, Value> = reserved(pod).map(|key| (key.to_owned(), Value::Null)).collect();
                let path = path("v1", "pods", pod);
                (pod, self.cluster.relabel(&path, &labels.into(), self.is_dry()).await.err())
            });
            let answers = self.cluster.run(stream::iter(patches).buffered(AT_ONCE).collect::<Vec<_>>());
            let failed = answers.into_iter().filter_map(|(pod, failure)| Some((pod.clone(), failure?)));
            let mut refused: Vec<(Meta, Failure)> = Vec::new();
            for (pod, failure) in failed {
                if !failure.is_refusal() {
                    return Err(failure.into_error());
                }
                refused.push((pod, failure));
            }
            let now = if self.is_dry() {
                refused.iter().map(|(pod, _)| pod.clone()).collect()
            } else {
                self.ask(labelled_pods(self.cluster))?
            };
            if now.is_empty() {
                break;
            }
            let is_refused = |pod: &Meta| refused.iter().any(|(other, _)| other.uid == pod.uid);
            if self.is_dry() || now.iter().all(is_refused) || began.elapsed() >= self.patience() {
                printer::progress("");
                let why = |pod: &Meta| refused.iter().position(|(other, _)| other.uid == pod.uid);
                let with = |pod: Meta| {
                    let why = why(&pod);
                    (pod, why)
                };
                let at: Vec<(Meta, Option<usize>)> = now.into_iter().map(with).collect();
                let mut refused: Vec<Option<Failure>> = refused.into_iter().map(|(_, failure)| Some(failure)).collect();
                return Ok(at.into_iter().map(|(pod, at)| (pod, at.and_then(|at| refused[at].take()))).collect());
            }
            left = now;
            self.wait(&left.iter().map(|pod| format!("the labels of Pod {}", pod.full_name())).collect::<Vec<_>>());
        }
        printer::progress("");
        let pods = if count == 1 { "pod is" } else { "pods are" };
        self.done(&format!("{count} {pods} without netintent's labels"));
        Ok(Vec::new())
    }

    /// Deletes what goes at some stages, until it is gone; what comes again goes again. Gives what does not go in time.
    ///
    /// # Errors
    /// Where the API server refuses something.
    pub(super) fn clear<'o>(&self, all: &'o [Own], stages: impl Fn(Stage) -> bool) -> Result<Vec<&'o Own>> {
        let began = Instant::now();
        let mut progress = (usize::MAX, began);
        let mut left: Vec<(&Own, Option<String>)> =
            all.iter().filter(|own| stages(own.stage)).map(|own| (own, Some(own.uid.clone()))).collect();
        while !left.is_empty() {
            for (own, uid) in &left {
                if let Some(uid) = uid {
                    self.ask(self.cluster.delete(&own.path, uid, self.is_dry()))?;
                }
            }
            let mut still = Vec::new();
            for (own, _) in left.iter().filter(|_| !self.is_dry()) {
                let object = self.ask(self.cluster.found(&own.path))?;
                let meta = object.map(|object| Meta::of(&object)).transpose().map_err(Failure::into_error)?;
                // Another of its name is somebody else's, unless it says that it is not.
                if let Some(meta) = meta.filter(|meta| meta.uid == own.uid || meta.is_marked()) {
                    still.push((*own, meta.deletion_timestamp.is_none().then_some(meta.uid)));
                }
            }
            let gone = left.iter().filter(|(own, _)| !still.iter().any(|(other, _)| other.path == own.path));
            gone.for_each(|(own, _)| self.done(&format!("{} is gone", own.name)));
            left = still;
            // Most go at once, and need not be counted.
            let is_late = began.elapsed() >= self.patience();
            let objects = if is_late { self.objects_of(left.iter().map(|(own, _)| *own))? } else { None };
            if objects.is_none_or(|count| count < progress.0) {
                progress = (objects.unwrap_or(usize::MAX), Instant::now());
            }
            // What finalizers hold may stay for ever.
            let is_stuck = progress.1.elapsed() >= self.patience() * 2;
            if left.is_empty() || is_stuck || began.elapsed() >= self.timeout {
                break;
            }
            self.wait(&left.iter().map(|(own, _)| own.name.clone()).collect::<Vec<_>>());
        }
        printer::progress("");
        Ok(left.into_iter().map(|(own, _)| own).collect())
    }

    /// How many objects there are of kinds that have to go, which they do not as long as there are some; `None` where there are
    /// other things as well.
    fn objects_of<'o>(&self, all: impl Iterator<Item = &'o Own>) -> Result<Option<usize>> {
        let mut count = 0;
        for own in all {
            if own.stage != Stage::Kind {
                return Ok(None);
            }
            let (plural, _) = plural(own);
            count += self.statements(plural)?.len();
        }
        Ok((count > 0).then_some(count))
    }

    /// What people have stated, of one kind; nothing, where it is no longer served.
    fn statements(&self, plural: &str) -> Result<Vec<Meta>> {
        match self.cluster.run(self.cluster.listed(&format!("/apis/{GROUP}/{plural}"), "")) {
            Err(Failure::NotFound(_) | Failure::Refused { code: 400..=499, .. }) => Ok(Vec::new()),
            other => other.map_err(Failure::into_error),
        }
    }

    /// The same, where nothing else may go while it is there.
    ///
    /// # Errors
    /// Where the API server refuses something, or something does not go in time.
    pub(super) fn clear_all(&self, all: &[Own], stages: impl Fn(Stage) -> bool) -> Result<()> {
        let left = self.clear(all, stages)?;
        let Some(first) = left.first().map(|own| &own.name) else { return Ok(()) };
        let more = if left.len() > 1 { format!(" and {} more", left.len() - 1) } else { String::new() };
        let message = format!("still there after {} s: {first}{more}", self.timeout.as_secs());
        let help = "see what holds it (kubectl get … -o yaml shows finalizers), and run the command again";
        Err(Error::with_help(message, help.to_owned()))
    }

    /// What stays of netintent's own, with what holds it: of a kind, the objects that have to go before it does.
    pub(super) fn held(&self, own: &Own) -> Result<Vec<Left>> {
        let (kind, name) = own.name.split_once(' ').unwrap_or_default();
        if own.stage == Stage::Kind {
            let (plural, statement) = plural(own);
            let objects = self.statements(plural)?;
            let mut all = Vec::new();
            for (at, meta) in objects.iter().enumerate() {
                // What no line is told of needs no look.
                let look = at < MOST;
                let object =
                    if look { self.ask(self.cluster.found(&path(GROUP, plural, meta)))? } else { Some(Value::Null) };
                let held =
                    |object| Left::held(statement, &meta.full_name(), &object, &format!(", and so {kind} {name}"));
                all.extend(object.map(held));
            }
            if all.is_empty() {
                // Never by hand: what is left of its objects would come back with it.
                let help = format!("see what is left of it: kubectl get {plural} -A, kubectl describe crd {name}");
                all.push(Left { what: own.name.clone(), why: "it is on its way out".to_owned(), help });
            }
            return Ok(all);
        }
        let object = self.ask(self.cluster.found(&own.path))?;
        Ok(object.map(|object| Left::held(kind, name, &object, "")).into_iter().collect())
    }

    /// Waits a moment before the next look at what is left.
    pub(super) fn wait(&self, left: &[String]) {
        if let Some(first) = left.first().map(|name| names::printable(name)) {
            let more = if left.len() > 1 { format!(" and {} more", left.len() - 1) } else { String::new() };
            printer::progress(&format!("waiting until it is gone: {first}{more}"));
        }
        self.cluster.pause(POLL);
    }
}

/// Where the API server has the objects of a kind that goes, and what they are called.
fn plural(own: &Own) -> (&'static str, &'static str) {
    let of = |(_, plural): &&(&str, &str)| own.name.ends_with(&format!(" {plural}.netintent.dev"));
    STATEMENTS.iter().find(of).map_or(("", ""), |(kind, plural)| (plural, kind))
}

/// The keys of derived labels that a pod carries.
fn reserved(pod: &Meta) -> impl Iterator<Item = &str> {
    pod.labels.keys().map(String::as_str).filter(|key| names::is_reserved(key))
}

/// Where the API server has an object.
pub(super) fn path(version: &str, plural: &str, meta: &Meta) -> String {
    let root = if version.contains('/') { "apis" } else { "api" };
    let within = if meta.namespace.is_empty() { String::new() } else { format!("namespaces/{}/", meta.namespace) };
    format!("/{root}/{version}/{within}{plural}/{}", meta.name)
}
