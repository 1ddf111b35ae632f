//! The steps of leaving, each of which may be interrupted and done again.
//!
//! Their order is what keeps calls open. Policies ask for the mode of a caller's namespace and for labels of its pods: they
//! go before either does. Admission and the controller give labels only where there is a mode, so that none comes back. The
//! guard stays as long as anything hangs on labels. None of it waits for the webhook: what its registrations would hold up
//! without it are new labels and, in enforce, new declarations, and after the first step nothing is in enforce.

use std::time::{Duration, Instant};

use futures::stream::{self, StreamExt as _};
use netintent::mode::Mode;
use netintent::names;
use serde_json::{Map, Value, json};

use super::found::{Found, Own, Stage, labelled_pods, policies};
use crate::cluster::{Cluster, Failure, Meta};
use crate::error::{Error, Result};
use crate::printer;

/// How often it is looked whether something is gone.
const POLL: Duration = Duration::from_millis(250);
/// How many pods are changed at once.
const AT_ONCE: usize = 16;

/// Whoever takes netintent out of a cluster.
pub(super) struct Leaving<'a> {
    pub(super) cluster: &'a Cluster,
    /// How long a step may take.
    pub(super) timeout: Duration,
    /// What is done.
    pub(super) run: Run,
}

/// What is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Run {
    /// The API server says whether it would, and nobody is told unless it would not: before anything is changed.
    Trial,
    /// The same, and what it would do is told.
    Told,
    /// It is done.
    Real,
}

impl Leaving<'_> {
    /// Takes away all that was found.
    ///
    /// # Errors
    /// Where the API server refuses something, or something does not go in time.
    pub(super) fn leave(&self, found: &Found) -> Result<()> {
        let enforced: Vec<Meta> = found.namespaces.iter().filter(|meta| is_enforced(meta)).cloned().collect();
        self.relabel("namespaces", &enforced, &json!({names::MODE: Mode::Shadow.as_str()}), "in shadow")?;
        // One that was off or in shadow would close its Service while the namespace is in enforce.
        self.relabel("services", &found.services, &json!({names::MODE: null}), "without a mode of its own")?;
        self.policies(&found.policies)?;
        self.relabel("namespaces", &found.namespaces, &json!({names::MODE: null}), "without a mode")?;
        // What admission holds up here, such as the guard without a webhook, is tried again once it is gone.
        let held = self.unlabel(&found.pods).err();
        self.clear(&found.own, |stage| stage <= Stage::Program)?;
        let mut labels = Ok(());
        if self.is_dry() {
            held.map_or(Ok(()), Err)?;
        } else {
            // What was written meanwhile.
            let (ours, _) = self.ask(policies(self.cluster))?;
            self.policies(&ours)?;
            let pods = self.ask(labelled_pods(self.cluster))?;
            // Without policies and admission anybody may write such labels again, and they mean nothing: no reason to stop.
            labels = self.unlabel(&pods);
        }
        self.clear(&found.own, |stage| stage == Stage::Written)?;
        self.clear(&found.own, |stage| stage == Stage::Kind)?;
        self.clear(&found.own, |stage| stage == Stage::Namespace)?;
        self.clear(&found.own, |stage| stage == Stage::Place)?;
        labels
    }

    fn is_dry(&self) -> bool {
        self.run != Run::Real
    }

    fn ask<T>(&self, request: impl Future<Output = std::result::Result<T, Failure>>) -> Result<T> {
        self.cluster.run(request).map_err(Failure::into_error)
    }

    fn done(&self, what: &str) {
        match self.run {
            Run::Trial => {}
            Run::Told => printer::note(&format!("dry run: the API server would take it: {}", names::printable(what))),
            Run::Real => printer::note(&format!("done: {}", names::printable(what))),
        }
    }

    /// Changes labels of some objects.
    fn relabel(&self, plural: &str, all: &[Meta], labels: &Value, state: &str) -> Result<()> {
        for meta in all {
            self.ask(self.cluster.relabel(&path("v1", plural, meta), labels, self.is_dry()))?;
            self.done(&format!("{} {} is {state}", plural.trim_end_matches('s'), meta.full_name()));
        }
        Ok(())
    }

    /// Takes policies away, in their order, until there are none.
    fn policies(&self, first: &[Meta]) -> Result<()> {
        let began = Instant::now();
        let mut left = first.to_vec();
        while !left.is_empty() {
            for policy in &left {
                let path = path("networking.k8s.io/v1", "networkpolicies", policy);
                self.ask(self.cluster.delete(&path, &policy.uid, self.is_dry()))?;
            }
            let still = if self.is_dry() { Vec::new() } else { self.ask(policies(self.cluster))?.0 };
            let is_gone = |policy: &&Meta| !still.iter().any(|other| other.uid == policy.uid);
            left.iter().filter(is_gone).for_each(|p| self.done(&format!("NetworkPolicy {} is gone", p.full_name())));
            left = still;
            self.in_time(began, left.iter().map(|policy| format!("NetworkPolicy {}", policy.full_name())))?;
        }
        Ok(())
    }

    /// Takes derived labels off pods, until none has one.
    fn unlabel(&self, first: &[Meta]) -> Result<()> {
        let began = Instant::now();
        let mut left = first.to_vec();
        if left.is_empty() {
            return Ok(());
        }
        let count = left.len();
        if self.run == Run::Trial {
            // One stands for all: there may be thousands.
            left.truncate(1);
        }
        while !left.is_empty() {
            let patches = left.iter().map(|pod| async move {
                let labels: Map<String, Value> = reserved(pod).map(|key| (key.to_owned(), Value::Null)).collect();
                self.cluster.relabel(&path("v1", "pods", pod), &labels.into(), self.is_dry()).await
            });
            let answers = stream::iter(patches).buffer_unordered(AT_ONCE).collect::<Vec<_>>();
            self.cluster
                .run(answers)
                .into_iter()
                .collect::<std::result::Result<Vec<_>, _>>()
                .map_err(Failure::into_error)?;
            if self.is_dry() {
                break;
            }
            left = self.ask(labelled_pods(self.cluster))?;
            self.in_time(began, left.iter().map(|pod| format!("the labels of Pod {}", pod.full_name())))?;
        }
        let pods = if count == 1 { "pod is" } else { "pods are" };
        self.done(&format!("{count} {pods} without netintent's labels"));
        Ok(())
    }

    /// Deletes what goes at some stages, until it is gone; what comes again goes again.
    fn clear(&self, all: &[Own], stages: impl Fn(Stage) -> bool) -> Result<()> {
        let began = Instant::now();
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
            self.in_time(began, left.iter().map(|(own, _)| own.name.clone()))?;
        }
        Ok(())
    }

    /// Waits a moment before the next look at what is left.
    fn in_time(&self, began: Instant, left: impl Iterator<Item = String>) -> Result<()> {
        let left: Vec<String> = left.collect();
        let Some(first) = left.first().map(|name| names::printable(name)) else {
            printer::progress("");
            return Ok(());
        };
        let more = if left.len() > 1 { format!(" and {} more", left.len() - 1) } else { String::new() };
        if began.elapsed() >= self.timeout {
            printer::progress("");
            let message = format!("still there after {} s: {first}{more}", self.timeout.as_secs());
            let help = "see what holds it (kubectl get … -o yaml shows finalizers), and run the command again";
            return Err(Error::with_help(message, help.to_owned()));
        }
        printer::progress(&format!("waiting until it is gone: {first}{more}"));
        self.cluster.pause(POLL);
        Ok(())
    }
}

fn is_enforced(namespace: &Meta) -> bool {
    namespace.label(names::MODE).and_then(Mode::parse) == Some(Mode::Enforce)
}

/// The keys of derived labels that a pod carries.
fn reserved(pod: &Meta) -> impl Iterator<Item = &str> {
    pod.labels.keys().map(String::as_str).filter(|key| names::is_reserved(key))
}

/// Where the API server has an object of Kubernetes' own.
fn path(version: &str, plural: &str, meta: &Meta) -> String {
    let root = if version.contains('/') { "apis" } else { "api" };
    let within = if meta.namespace.is_empty() { String::new() } else { format!("namespaces/{}/", meta.namespace) };
    format!("/{root}/{version}/{within}{plural}/{}", meta.name)
}
