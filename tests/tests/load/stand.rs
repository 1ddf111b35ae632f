//! Where the loads are: an installation, its turn, and the generator.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use http::Method;
use netintent_tests::{Admissions, Certificates, Error, Installation, Installed, User, runtime};
use serde_json::Value;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout};

use crate::Result;
use crate::answer::{Answer, Verdict, verdict};
use crate::mix::{Mix, RECIPES, reserved};
use crate::tally::{Tally, stored};

/// How long a load lasts, at least.
pub(crate) const SPAN: Duration = Duration::from_mins(1);
/// How long it may last where what goes on beside it takes longer.
const LONGEST: Duration = Duration::from_mins(10);
/// Fifty a second.
const PERIOD: Duration = Duration::from_millis(20);
/// How long a client waits for an answer. The API server itself gives a webhook ten seconds.
const PATIENCE: Duration = Duration::from_secs(30);

/// One load at a time, whatever control plane it is on.
static TURN: Mutex<()> = Mutex::new(());

/// An installation with the namespaces of one load.
pub(crate) struct Stand<'i> {
    pub(crate) installed: &'i Installed,
    pub(crate) mix: Arc<Mix>,
    name: String,
}

/// How far a load is, for what goes on beside it.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    answered: AtomicUsize,
    /// What goes on beside it is over.
    over: AtomicBool,
    /// It failed: there is nothing more to learn.
    failed: AtomicBool,
}

impl Progress {
    /// How many creations were answered, or given up.
    pub(crate) fn answered(&self) -> usize {
        self.answered.load(Ordering::Relaxed)
    }
}

/// The turn of one test.
pub(crate) fn turn() -> MutexGuard<'static, ()> {
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The installation that most loads share: two replicas behind a balancer and room for a third, with their own authority.
pub(crate) fn shared() -> Result<&'static Installed> {
    static SHARED: OnceLock<std::result::Result<Installed, Error>> = OnceLock::new();
    let wanted = Installation {
        replicas: 3,
        balanced: true,
        certificates: Certificates::Own,
        controllers: false,
        ..Installation::default()
    };
    let installed = SHARED.get_or_init(|| Installed::start_with(&wanted)).as_ref()?;
    for (number, replica) in installed.replicas().iter().enumerate() {
        match (replica.runs(), number < 2) {
            (false, true) => replica.run()?,
            (true, false) => replica.kill(),
            _ => {}
        }
    }
    installed.wait_until_ready()?;
    Ok(installed)
}

impl<'i> Stand<'i> {
    /// Makes the namespaces of a load, and waits until the webhook knows what is in them.
    pub(crate) fn new(installed: &'i Installed, name: &str) -> Result<Self> {
        let mix = Mix::new(name)?;
        for (namespace, mode) in mix.modes() {
            installed.namespace(&namespace, mode)?;
        }
        for object in mix.objects() {
            let reply = installed.admin().post(&collection(&object), &object)?;
            assert!(reply.is_success(), "{object}: {reply:?}");
        }
        let stand = Self { installed, mix: Arc::new(mix), name: name.to_owned() };
        for number in 0..RECIPES.len() * 2 {
            let recipe = number % RECIPES.len();
            let pod = stand.mix.pod(recipe, number);
            let path = collection(&pod) + "?dryRun=All";
            installed.until("pods are decided as they should be", || {
                let reply = installed.admin().post(&path, &pod);
                let name = format!("{}-{number}", RECIPES[recipe].what);
                Ok((verdict(&stand.mix, recipe, &name, reply) == Verdict::Right).then_some(()))
            })?;
        }
        Ok(stand)
    }

    /// What all replicas that run have answered in their lives.
    pub(crate) fn admissions(&self) -> Result<Admissions> {
        let mut all = Admissions::new();
        for replica in self.installed.replicas().iter().filter(|replica| replica.runs()) {
            add(&mut all, &replica.admissions()?);
        }
        Ok(all)
    }

    /// Creates pods for [`SPAN`], and as long as `beside` takes.
    pub(crate) fn load<T>(&self, beside: impl FnOnce(&Progress) -> Result<T>) -> Result<(Tally, T)> {
        self.load_for(SPAN, beside)
    }

    /// Creates pods for so long, and as long as `beside` takes, and sees whether what is stored is what was answered.
    pub(crate) fn load_for<T>(
        &self,
        span: Duration,
        beside: impl FnOnce(&Progress) -> Result<T>,
    ) -> Result<(Tally, T)> {
        let progress = Arc::new(Progress::default());
        let (user, mix) = (self.installed.admin().clone(), Arc::clone(&self.mix));
        let creations = runtime()?.spawn(create_all(user, mix, span, Arc::clone(&progress)));
        let done = beside(&progress);
        progress.failed.store(done.is_err(), Ordering::Relaxed);
        progress.over.store(true, Ordering::Relaxed);
        let tally = Tally { answers: runtime()?.block_on(creations)? };
        // Where both went wrong, the one says why the other did.
        let done =
            done.map_err(|error| format!("{error}\n{}", crate::tally::shown(&tally.wrong(), tally.answers.len())))?;
        writeln!(std::io::stderr(), "load {}: {}", self.name, tally.figures())?;
        stored(&self.mix, &tally, self.pods()?);
        Ok((tally, done))
    }

    /// The pods that are stored, with their reserved labels.
    fn pods(&self) -> Result<BTreeMap<String, BTreeSet<String>>> {
        let mut all = BTreeMap::new();
        for namespace in self.mix.names() {
            let reply = self.installed.admin().get(&format!("/api/v1/namespaces/{namespace}/pods"))?;
            assert!(reply.is_success(), "{reply:?}");
            for pod in reply.body["items"].as_array().into_iter().flatten() {
                all.insert(pod["metadata"]["name"].as_str().unwrap_or_default().to_owned(), reserved(pod));
            }
        }
        Ok(all)
    }

    /// Removes what the load has made, since no controller does.
    pub(crate) fn clean(self) -> Result {
        let admin = self.installed.admin();
        for namespace in self.mix.names() {
            let namespace = format!("/api/v1/namespaces/{namespace}");
            admin.delete(&format!("{namespace}/pods?gracePeriodSeconds=0"))?;
        }
        for object in self.mix.objects() {
            let name = object["metadata"]["name"].as_str().unwrap_or_default();
            let path = format!("{}/{name}", collection(&object));
            // As long as a replica still knows of pods that use it, an Approval stays.
            self.installed.until("what the load made is gone", || {
                admin.delete(&path)?;
                Ok((admin.get(&path)?.status == 404).then_some(()))
            })?;
        }
        for namespace in self.mix.names() {
            let path = format!("/api/v1/namespaces/{namespace}");
            admin.delete(&path)?;
            let mut object = admin.get(&path)?.body;
            object["spec"]["finalizers"] = Value::Array(Vec::new());
            let reply = admin.put(&format!("{path}/finalize"), &object)?;
            assert!(reply.is_success(), "{reply:?}");
        }
        Ok(())
    }
}

async fn create_all(user: User, mix: Arc<Mix>, span: Duration, progress: Arc<Progress>) -> Vec<Answer> {
    let began = Instant::now();
    let mut creations = JoinSet::new();
    for number in 0_u32.. {
        let due = PERIOD * number;
        let over = progress.over.load(Ordering::Relaxed) && due >= span;
        if over || due >= LONGEST || progress.failed.load(Ordering::Relaxed) {
            break;
        }
        sleep_until(began + due).await;
        let (user, mix, progress) = (user.clone(), Arc::clone(&mix), Arc::clone(&progress));
        creations.spawn(async move {
            let number = number as usize;
            let recipe = number % RECIPES.len();
            let pod = mix.pod(recipe, number);
            let (path, body) = (collection(&pod), pod.to_string().into_bytes());
            let reply = timeout(PATIENCE, user.ask(&Method::POST, &path, "application/json", body)).await;
            let reply = reply.unwrap_or_else(|_| Err(Error::Client { what: format!("no answer within {PATIENCE:?}") }));
            let took = began.elapsed().saturating_sub(due);
            let name = format!("{}-{number}", RECIPES[recipe].what);
            let verdict = verdict(&mix, recipe, &name, reply);
            progress.answered.fetch_add(1, Ordering::Relaxed);
            Answer { recipe, number, due, took, verdict }
        });
    }
    creations.join_all().await
}

/// Adds counts to others.
pub(crate) fn add(all: &mut Admissions, more: &Admissions) {
    for (key, count) in more {
        *all.entry(key.clone()).or_default() += count;
    }
}

/// What was counted since; what was not counted is left out.
pub(crate) fn since(before: &Admissions, now: &Admissions) -> Admissions {
    let difference = |(key, count): (&(String, String), &u64)| {
        let new = count - before.get(key).copied().unwrap_or_default();
        (new > 0).then(|| (key.clone(), new))
    };
    now.iter().filter_map(difference).collect()
}

/// Where objects of its kind are.
pub(crate) fn collection(object: &Value) -> String {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let version = text(&object["apiVersion"]);
    let root = if version.contains('/') { "apis" } else { "api" };
    let plural = format!("{}s", text(&object["kind"]).to_ascii_lowercase());
    match object["metadata"]["namespace"].as_str() {
        Some(namespace) => format!("/{root}/{version}/namespaces/{namespace}/{plural}"),
        None => format!("/{root}/{version}/{plural}"),
    }
}
