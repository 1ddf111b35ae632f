//! The steps of leaving, each of which may be interrupted and done again.
//!
//! Their order is what keeps calls open. Policies ask for the mode of a caller's namespace and for labels of its pods: they go
//! before either does. Then goes what could write some again, the registrations before the program that they ask, so that what
//! somebody has it write meanwhile still finds modes and labels, and cuts nobody who was let in. Modes and labels are last:
//! by then nothing goes by them. None of it waits for the webhook.
//!
//! None of it waits for an owner of one namespace either. A policy that a finalizer holds selects no pod from then on, so that
//! going on cuts nobody. Who gives a Service a mode again meanwhile gets a policy again, which closes that Service and no
//! other, as their own policy might; it goes once the controller has gone. Only who may set modes of namespaces can stop it.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use netintent::mode::Mode;
use netintent::names;
use serde_json::json;

use super::found::{Found, Stage, labelled_pods, policies, with_modes};
use super::guests;
use super::left::Left;
use super::remove::{Labelled, path};
use crate::cli::Uninstall;
use crate::cluster::{Cluster, Failure, Meta, is_disarmed};
use crate::error::{Error, Result};
use crate::printer;

/// How often it is looked whether something is gone.
pub(super) const POLL: Duration = Duration::from_millis(250);
/// How long at most what comes again is taken away again before all else goes on.
const PATIENCE: Duration = Duration::from_secs(5);

/// Whoever takes netintent out of a cluster.
pub(super) struct Leaving<'a> {
    pub(super) cluster: &'a Cluster,
    args: &'a Uninstall,
    /// How long a step may take.
    pub(super) timeout: Duration,
    /// What is done.
    pub(super) run: Run,
    /// The policies that select no pod any more, by uid.
    pub(super) disarmed: BTreeSet<String>,
    /// Whether somebody writes again what was taken away.
    comes_again: bool,
    /// The Services whose mode the API server keeps, with why.
    pub(super) refused: BTreeMap<String, String>,
    /// What was told as done.
    told: RefCell<BTreeSet<String>>,
    /// What stays.
    pub(super) left: Vec<Left>,
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

/// What has a mode, a policy or labels now.
#[derive(Default)]
struct Now {
    namespaces: Vec<Meta>,
    services: Vec<Meta>,
    policies: Vec<Meta>,
    pods: Vec<Meta>,
}

impl Now {
    fn is_empty(&self) -> bool {
        [&self.namespaces, &self.services, &self.policies, &self.pods].iter().all(|list| list.is_empty())
    }
}

impl<'a> Leaving<'a> {
    pub(super) fn new(cluster: &'a Cluster, args: &'a Uninstall, run: Run) -> Self {
        Self {
            cluster,
            args,
            // In no time nothing can be seen to be gone.
            timeout: args.timeout.max(Duration::from_secs(1)),
            run,
            disarmed: BTreeSet::new(),
            comes_again: false,
            refused: BTreeMap::new(),
            told: RefCell::default(),
            left: Vec::new(),
        }
    }

    /// Takes away all that was found, and names what stays.
    ///
    /// # Errors
    /// Where the API server refuses something, or where somebody would be cut by going on.
    pub(super) fn leave(&mut self, found: &Found) -> Result<()> {
        self.open(found)?;
        if found.helm.is_some() {
            // Its controller runs on: what it makes of a mode that comes again, modes and labels still open.
            return Ok(());
        }
        if self.is_dry() {
            Self::tried(self.unlabel(&found.pods)?)?;
        }
        // First what asks the webhook, then that, then what it goes by: policies that it still makes find modes and labels.
        self.clear_all(&found.own, |stage| stage == Stage::Registration)?;
        self.clear_all(&found.own, |stage| stage <= Stage::Program)?;
        let namespaces = if self.is_dry() { found.namespaces.clone() } else { self.ask(with_modes(self.cluster))?.0 };
        self.relabel("namespaces", &namespaces, &json!({names::MODE: null}), "without a mode")?;
        if !self.is_dry() {
            self.unlabel(&found.pods)?;
            self.sweep()?;
        }
        let mut stays = Vec::new();
        for stage in [Stage::Written, Stage::Kind] {
            stays.extend(self.clear(&found.own, |of| of == stage)?);
        }
        // Somebody may have put something there since it was looked for.
        let guests = self.ask(guests::of(self.cluster, &found.namespace, self.args.keep_approvals))?;
        if guests.is_empty() || self.is_dry() {
            stays.extend(self.clear(&found.own, |stage| stage == Stage::Namespace)?);
        } else if found.own.iter().any(|own| own.stage == Stage::Namespace) {
            let what = format!("Namespace {}", found.namespace);
            let why = format!("somebody has put something else there: {}", names::printable(&guests.join(", ")));
            self.left.push(Left { what, why, help: "delete it once that is gone".to_owned() });
        }
        for own in &stays {
            self.left.extend(self.held(own)?);
        }
        // It tells which namespace that is, for the next time.
        if !stays.iter().any(|own| own.stage != Stage::Kind) {
            self.clear_all(&found.own, |stage| stage == Stage::Place)?;
        }
        if !self.is_dry() {
            let (now, labelled) = self.sweep()?;
            self.name(&now, labelled)?;
        }
        Ok(())
    }

    /// Has nothing in enforce, and no policy in effect; what comes again meanwhile goes again, for a while.
    ///
    /// # Errors
    /// Where somebody has a namespace in enforce again: without modes its policies would cut all who were let in.
    fn open(&mut self, found: &Found) -> Result<()> {
        let mut began = None;
        let (mut namespaces, mut services) = (found.namespaces.clone(), found.services.clone());
        let mut policies = found.policies.clone();
        let (mut clean, mut again) = (0, 0);
        let mut enforced: BTreeMap<String, u32> = BTreeMap::new();
        loop {
            namespaces.retain(is_enforced);
            self.relabel("namespaces", &namespaces, &json!({names::MODE: Mode::Shadow.as_str()}), "in shadow")?;
            // One that was off or in shadow would close its Service while the namespace is in enforce.
            self.relabel("services", &services, &json!({names::MODE: null}), "without a mode of its own")?;
            self.remove(&policies)?;
            if self.is_dry() {
                return Ok(());
            }
            (namespaces, services) = self.ask(with_modes(self.cluster))?;
            policies = self.in_effect()?;
            for namespace in namespaces.iter().filter(|meta| is_enforced(meta)) {
                *enforced.entry(namespace.name.clone()).or_default() += 1;
            }
            let is_clean = !namespaces.iter().any(is_enforced) && services.is_empty() && policies.is_empty();
            clean = if is_clean { clean + 1 } else { 0 };
            again += u32::from(!is_clean);
            self.comes_again |= again > 1;
            // Of what came again, that it is not there at one moment says little.
            if clean > 1 && !self.comes_again {
                break;
            }
            // Of many things the first round alone may take longer.
            if began.get_or_insert_with(Instant::now).elapsed() >= self.patience() {
                if let Some((name, _)) = enforced.iter().find(|(_, times)| **times > 1 && found.is_guarded) {
                    printer::progress("");
                    let message =
                        format!("somebody sets Namespace {name} to enforce again, and its callers would be cut");
                    let help =
                        "take its mode out of what applies it, such as a GitOps repository, and run the command again";
                    return Err(Error::with_help(message, help.to_owned()));
                }
                break;
            }
            let policies = policies.iter().map(|policy| format!("NetworkPolicy {}", policy.full_name()));
            let services = services.iter().map(|service| format!("the mode of Service {}", service.full_name()));
            self.wait(&policies.chain(services).collect::<Vec<_>>());
        }
        printer::progress("");
        self.check_strays(found)
    }

    /// Insists that nobody writes a policy of ours as their own now that it is gone.
    ///
    /// # Errors
    /// Where somebody does: without modes and labels it would cut.
    fn check_strays(&self, found: &Found) -> Result<()> {
        let strays = self.ask(policies(self.cluster))?.1;
        let new = strays.iter().find(|stray| !found.strays.iter().any(|known| known.uid == stray.uid));
        let Some(new) = new.filter(|_| !self.args.cut_others) else { return Ok(()) };
        let message = format!(
            "somebody has written NetworkPolicy {} again, which selects by netintent's labels or modes and would let in nobody \
             without them",
            new.full_name()
        );
        let help = "take it out of what applies it, such as a GitOps repository, and run the command again; or go on with \
             --cut-others";
        Err(Error::with_help(message, help.to_owned()))
    }

    /// What our own webhook holds up is no reason to stop: it goes before the labels are tried again.
    ///
    /// # Errors
    /// Where somebody else refuses it.
    fn tried(labelled: Labelled) -> Result<()> {
        for (pod, failure) in labelled.into_iter().filter_map(|(pod, failure)| Some((pod, failure?))) {
            if !failure.is_of_our_webhook() {
                return Err(failure.into_error());
            }
            let (message, _) = failure.worded();
            let name = pod.full_name();
            printer::warning(&format!(
                "the labels of pods such as {name} go once netintent's webhook is gone: {message}"
            ));
        }
        Ok(())
    }

    /// Takes away what was written meanwhile: modes, and what a controller that still ran made of them. Without policies and
    /// admission all of it means nothing, and is no reason to stop. Gives what comes again, and what can't be taken away.
    fn sweep(&mut self) -> Result<(Now, Labelled)> {
        let mut began = None;
        // Whoever could, may have changed those that are held.
        for policy in self.ask(policies(self.cluster))?.0.iter().filter(|policy| self.disarmed.contains(&policy.uid)) {
            self.cluster.disarm(policy).map_err(Failure::into_error)?;
        }
        let mut again = (Now::default(), Labelled::new());
        let mut is_first = true;
        loop {
            let now = self.now()?;
            let is_clean = now.is_empty();
            let labelled = if is_clean { Labelled::new() } else { self.take(&now)? };
            let is_refused = !is_first && !is_clean && only_refused(&now, &labelled);
            if !is_first && !is_clean {
                again = (now, labelled);
                self.comes_again |= !is_refused;
            }
            // Of what came again, that it is not there at one moment says little.
            if is_clean && !self.comes_again
                || is_refused
                || began.get_or_insert_with(Instant::now).elapsed() >= self.patience()
            {
                printer::progress("");
                return Ok(again);
            }
            is_first = false;
            self.cluster.pause(POLL);
        }
    }

    fn now(&self) -> Result<Now> {
        let (namespaces, services) = self.ask(with_modes(self.cluster))?;
        Ok(Now { namespaces, services, policies: self.in_effect()?, pods: self.ask(labelled_pods(self.cluster))? })
    }

    fn take(&mut self, now: &Now) -> Result<Labelled> {
        self.remove(&now.policies)?;
        self.relabel("services", &now.services, &json!({names::MODE: null}), "without a mode of its own")?;
        self.relabel("namespaces", &now.namespaces, &json!({names::MODE: null}), "without a mode")?;
        self.unlabel(&now.pods)
    }

    /// Names what is left at the end.
    fn name(&mut self, now: &Now, labelled: Labelled) -> Result<()> {
        let mut all = Vec::new();
        for policy in self.ask(policies(self.cluster))?.0 {
            let object = self.ask(self.cluster.found(&path("networking.k8s.io/v1", "networkpolicies", &policy)))?;
            let Some(object) = object else { continue };
            let name = policy.full_name();
            all.push(if self.disarmed.contains(&policy.uid) && is_disarmed(&object) {
                Left::held("NetworkPolicy", &name, &object, ", and it selects no pod any more")
            } else if self.disarmed.contains(&policy.uid) {
                Left::held("NetworkPolicy", &name, &object, ", and somebody has it select pods again")
            } else {
                Left::rewritten(format!("NetworkPolicy {name}"), "find out who, and delete it")
            });
        }
        let means = "find out who, such as a GitOps tool, and take it away: it means nothing any more";
        let namespaces = now.namespaces.iter().map(|meta| format!("the mode of Namespace {}", meta.full_name()));
        all.extend(namespaces.map(|what| Left::rewritten(what, means)));
        for service in &now.services {
            let what = format!("the mode of Service {}", service.full_name());
            all.push(match self.refused.remove(&service.full_name()) {
                None => Left::rewritten(what, means),
                Some(why) => Left { what, why, help: "it means nothing any more".to_owned() },
            });
        }
        let refused = labelled.into_iter().filter_map(|(pod, failure)| Some((pod.uid, failure?.worded().0)));
        let mut refused: BTreeMap<String, String> = refused.collect();
        for pod in &now.pods {
            let what = format!("the labels of Pod {}", pod.full_name());
            all.push(match refused.remove(&pod.uid) {
                None => Left::rewritten(what, means),
                Some(why) => Left { what, why, help: "they mean nothing any more".to_owned() },
            });
        }
        // What may be in force comes first.
        all.append(&mut self.left);
        self.left = all;
        Ok(())
    }

    pub(super) fn is_dry(&self) -> bool {
        self.run != Run::Real
    }

    /// How long what comes again is taken away again.
    pub(super) fn patience(&self) -> Duration {
        self.timeout.min(PATIENCE)
    }

    pub(super) fn ask<T>(&self, request: impl Future<Output = std::result::Result<T, Failure>>) -> Result<T> {
        self.cluster.run(request).map_err(Failure::into_error)
    }

    /// Says what is done, once: what comes again is done again.
    pub(super) fn done(&self, what: &str) {
        if !self.told.borrow_mut().insert(what.to_owned()) {
            return;
        }
        match self.run {
            Run::Trial => {}
            Run::Told => printer::note(&format!("dry run: the API server would take it: {}", names::printable(what))),
            Run::Real => printer::note(&format!("done: {}", names::printable(what))),
        }
    }
}

/// Whether nothing is left but labels that somebody else keeps from going.
fn only_refused(left: &Now, labelled: &Labelled) -> bool {
    let is_refused = |pod: &Meta| labelled.iter().any(|(other, failure)| other.uid == pod.uid && failure.is_some());
    left.namespaces.is_empty()
        && left.services.is_empty()
        && left.policies.is_empty()
        && left.pods.iter().all(is_refused)
}

fn is_enforced(namespace: &Meta) -> bool {
    namespace.label(names::MODE).and_then(Mode::parse) == Some(Mode::Enforce)
}
