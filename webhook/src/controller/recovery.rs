//! Undoes what `recover` has opened while nobody answered: first pods have their labels again, then what everybody may call is
//! closed, and at last admission waits for the webhook. Nothing of it before the API server gets answers again.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use kube::Client;
use kube::api::{GetParams, Patch, PatchParams};
use kube::core::Request;
use netintent::names;
use netintent::recover::admission::{self, CONFIGURATION};
use serde_json::{Value, json};
use tokio::sync::mpsc::UnboundedSender;
use tokio::time::{sleep, timeout};
use tracing::{info, warn};

use super::about::About;
use super::events::Told;
use super::policies::{Act, Held, act};
use super::queue::Task;
use super::touched::Touched;
use super::work::{Failure, MANAGER, Work};
use crate::admission::probe;
use crate::failure::said;
use crate::lean::Lean;
use crate::watched::{Watched, path};
use crate::world::Key;

/// How often to look whether something was opened.
const LOOK: Duration = Duration::from_secs(5);
/// How long one look may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// One of the two webhook configurations.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Configuration {
    /// What changes pods.
    Mutating,
    /// What judges them, and workloads.
    Validating,
}

impl Configuration {
    const ALL: [Self; 2] = [Self::Mutating, Self::Validating];

    /// Its kind.
    pub(crate) fn kind(self) -> &'static str {
        match self {
            Self::Mutating => "MutatingWebhookConfiguration",
            Self::Validating => "ValidatingWebhookConfiguration",
        }
    }

    fn path(self) -> String {
        path("admissionregistration.k8s.io/v1", self.kind(), None)
    }
}

/// Looks whether something is open, again and again until it is dropped, and asks for it to be closed: what is over time at
/// once, all else once the API server gets answers. The rights to the configurations are for two objects by name, which is
/// too little for a watch.
pub(crate) async fn look(work: Arc<Work>, news: UnboundedSender<Touched>) {
    let mut told = String::new();
    loop {
        let (mut open, mut failed) = (Vec::new(), None);
        for configuration in Configuration::ALL {
            match is_open(&work.client, configuration).await {
                Ok(is) => open.extend(is.then_some(configuration)),
                Err(error) => failed = Some(format!("it can't be known whether recover has opened admission: {error}")),
            }
        }
        let (kept, opened): (Vec<_>, Vec<_>) =
            work.policies.opened().into_iter().partition(|(_, held)| held.is_deleted);
        // There is nothing to do about them, nor is the API server to be asked for each, however many somebody makes.
        for (key, _) in kept {
            let why = Failure::Kept(key.clone());
            failed = Some(why.to_string());
            work.tell_stays([Task::Opened(key)], &why);
        }
        for (key, held) in &opened {
            if is_over(held) {
                // Whoever does not listen any more does not lead.
                let _ = news.send(Touched::Opened(key.clone()));
            }
        }
        if !open.is_empty() || opened.iter().any(|(_, held)| !is_over(held)) {
            match work.answered().await {
                Ok(()) => drop(news.send(Touched::Answered(open))),
                Err(error) => {
                    let opened = opened.into_iter().map(|(key, _)| Task::Opened(key));
                    work.tell_stays(opened.chain(open.into_iter().map(Task::Admission)), &error);
                    failed = Some(format!("what recover has opened stays open: {error}"));
                }
            }
        }
        // The same is said once.
        let failed = failed.unwrap_or_default();
        if !failed.is_empty() && failed != told {
            warn!("{failed}");
        }
        told = failed;
        sleep(LOOK).await;
    }
}

fn is_over(held: &Held) -> bool {
    held.opened().is_some_and(|record| record.until <= Timestamp::now())
}

/// Whether a configuration says that something of it is open.
async fn is_open(client: &Client, configuration: Configuration) -> Result<bool, String> {
    let request = Request::new(configuration.path()).get_metadata(CONFIGURATION, &GetParams::default());
    let request = request.map_err(|error| error.to_string())?;
    match timeout(PATIENCE, client.request::<Lean>(request)).await {
        Ok(Ok(Lean(object))) => Ok(object["metadata"]["annotations"].get(names::RECOVER).is_some()),
        Ok(Err(kube::Error::Api(status))) if status.code == 404 => Ok(false),
        Ok(Err(error)) => Err(said(&error)),
        Err(_) => Err("the API server does not answer".to_owned()),
    }
}

impl Work {
    /// Whether there is a policy of recover of this name that nobody has deleted.
    pub(super) fn is_opened(&self, key: &Key) -> bool {
        self.policies.get(key).is_some_and(|held| !held.is_deleted && act(None, Some(&held)) == Act::Remove)
    }

    /// Closes what everybody may call: once its time is over, whoever answers.
    pub(super) async fn close_opened(&self, task: &Task, key: &Key) -> Result<(), Failure> {
        let Some(held) = self.policies.get(key).filter(|_| self.is_opened(key)) else { return Ok(()) };
        if !is_over(&held) && self.answered().await.is_err() {
            // It is looked at again.
            return Ok(());
        }
        self.remove(key).await?;
        if self.read(key).await?.is_some() {
            // Somebody keeps it, or has made it their own.
            return Ok(());
        }
        let by = held.opened().map_or_else(String::new, |record| who(&record.opened));
        let note =
            format!("NetworkPolicy {}/{} is gone, by which recover let everybody call this Service{by}", key.0, key.1);
        self.tell_undone(task, note);
        Ok(())
    }

    /// Has admission wait for the webhook where it did before.
    pub(super) async fn readmit(&self, task: &Task, configuration: Configuration) -> Result<(), Failure> {
        if self.answered().await.is_err() {
            // It is looked at again.
            return Ok(());
        }
        let path = configuration.path();
        let found = match self.ask(Request::new(&path).get(CONFIGURATION, &GetParams::default())).await {
            Err(Failure::Client(kube::Error::Api(status))) if status.code == 404 => return Ok(()),
            found => found?,
        };
        let Some(change) = admission::readmit(&found)? else { return Ok(()) };
        if let Some(unlike) = self.unlike_guard(configuration, &found).await? {
            let why = Failure::Unlike(unlike);
            self.tell_stays([task.clone()], &why);
            return Err(why);
        }
        let by = admission::recorded(&found)?.map_or_else(String::new, |record| who(&record.opened));
        let patch: json_patch::Patch =
            serde_json::from_value(change.patch).map_err(|error| Failure::Client(kube::Error::SerdeError(error)))?;
        let params = PatchParams { field_manager: Some(MANAGER.to_owned()), ..PatchParams::default() };
        let patch = Patch::Json::<()>(patch);
        match self.ask(Request::new(&path).patch(CONFIGURATION, &params, &patch)).await {
            // A test has failed, since the object is another by now.
            Err(Failure::Client(kube::Error::Api(status))) if status.code == 422 => return Err(Failure::Conflict),
            answer => answer?,
        };
        let entries = if change.entries.is_empty() { "nothing".to_owned() } else { change.entries.join(", ") };
        let note = format!("recover is over{by}: what nobody answers is refused again, by {entries}");
        self.tell_undone(task, note);
        Ok(())
    }

    /// The entry that would wait for answers of which nothing is known: what was tried is the guard.
    async fn unlike_guard(&self, configuration: Configuration, found: &Value) -> Result<Option<String>, Failure> {
        let unlike = match configuration {
            Configuration::Validating => admission::unlike_guard(found, found),
            Configuration::Mutating => {
                let path = Configuration::Validating.path();
                let guards = self.ask(Request::new(path).get(CONFIGURATION, &GetParams::default())).await?;
                admission::unlike_guard(found, &guards)
            }
        };
        Ok(unlike.map(names::printable))
    }

    /// Says it in the log, and where people look at the object.
    fn tell_undone(&self, task: &Task, note: String) {
        info!(?task, "{note}");
        let told = Told { warns: false, reason: "Recovered", action: "Recover", note };
        self.events.tell(&About::task(task), &told);
    }

    /// Says why it is not undone.
    fn tell_stays(&self, tasks: impl IntoIterator<Item = Task>, why: &Failure) {
        for task in tasks {
            let note = format!("what recover has opened stays open: {why}");
            let told = Told { warns: true, reason: "RecoveryStays", action: "Recover", note };
            self.events.tell(&About::task(&task), &told);
        }
    }

    /// Whether the API server gets answers of the webhook: this replica or another. In a cluster without a pod there is nobody
    /// to ask about, nor to keep waiting.
    async fn answered(&self) -> Result<(), Failure> {
        let own = self.pods.select(Some(&self.own), |_| true).into_iter().next();
        let Some(key) = own.or_else(|| self.pods.select(None, |_| true).into_iter().next()) else { return Ok(()) };
        let patch: Value = json!({"metadata": {"labels": {probe::KEY: names::ALLOWED}}});
        let params = PatchParams { dry_run: true, ..PatchParams::default() };
        let path = Watched::Pod.path(Some(&key.0));
        match self.ask(Request::new(path).patch_subresource("status", &key.1, &params, &Patch::Merge(patch))).await {
            Err(Failure::Client(kube::Error::Api(status))) if status.message.contains(probe::ANSWER) => Ok(()),
            // The pod is gone.
            Err(Failure::Client(kube::Error::Api(status))) if status.code == 404 => Err(Failure::Conflict),
            Err(Failure::Client(kube::Error::Api(status))) if status.code >= 500 => Err(Failure::Unanswered),
            Ok(_) => Err(Failure::Unanswered),
            Err(error) => Err(error),
        }
    }
}

/// ` (since … by …)`.
fn who(opened: &netintent::recover::Opened) -> String {
    format!(" (since {} by {})", opened.since, names::printable(&opened.by))
}
