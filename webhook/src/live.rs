//! What one question hangs on, read from the API server itself: before anything is refused, and before anything is gained
//! on what the watches have not confirmed of late.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use futures::future::try_join_all;
use kube::Client;
use kube::api::{GetParams, ListParams};
use kube::core::Request;
use netintent::callee::{CalleePattern, Scope};
use netintent::names;
use rustc_hash::FxHashMap;
use serde_json::Value;
use tokio::sync::Semaphore;

use crate::admission::Subject;
use crate::failure::said;
use crate::lean::Lean;
use crate::watch::{ListError, Page, first, page};
use crate::watched::Watched;
use crate::world::World;

/// How long all reads of one question may take together, of the ten seconds that the API server waits for an answer. Half of
/// it may go into waiting for a turn: an API server that is slow makes all wait, and who waits in vain is refused.
pub const DEADLINE: Duration = Duration::from_secs(8);
/// How long to wait each time before what has failed in passing is read again.
const AGAIN: [Duration; 3] = [Duration::from_millis(50), Duration::from_millis(200), Duration::from_millis(800)];
/// How many questions may read at the same time.
const AT_ONCE: usize = 24;
/// How many of them may be of one namespace, so that nobody keeps the others from being answered.
const OF_ONE: usize = 4;
/// How many reads a second there may be of one namespace for what refuses nothing and can be put right later.
const SPARE: u32 = 10;
/// How many of those reads there may be at once, and how long one may take.
const ASIDE: usize = 8;
const SPARED: Duration = Duration::from_secs(1);
/// How many former templates one page has: each is a whole workload.
const TEMPLATES: u32 = 50;
/// Of how many namespaces objects are read one by one; of more all are read at once.
const NAMESPACES: usize = 8;
/// How many may read those of all namespaces at the same time: in a large cluster that is much, for the API server and in
/// memory.
const WHOLE: usize = 4;

/// Why a question could not be decided.
#[derive(Debug, thiserror::Error)]
pub enum LiveError {
    /// The API server took too long.
    #[error("the API server did not answer within {} s", DEADLINE.as_secs())]
    Slow,
    /// Too many questions read at once.
    #[error("too many questions wait for the API server")]
    Busy,
    /// The API server did not answer as it should.
    #[error("the API server can't be read: {0}")]
    Failed(String),
    /// It did not this time, and may the next.
    #[error("the API server can't be read: {0}")]
    Passing(String),
}

impl From<kube::Error> for LiveError {
    fn from(error: kube::Error) -> Self {
        if is_passing(&error) { Self::Passing(said(&error)) } else { Self::Failed(said(&error)) }
    }
}

impl From<ListError> for LiveError {
    fn from(error: ListError) -> Self {
        match error {
            ListError::Client(error) => error.into(),
            error => Self::Failed(error.to_string()),
        }
    }
}

/// Whether it says nothing of what was asked: the API server is busy or has failed, or the connection has.
fn is_passing(error: &kube::Error) -> bool {
    match error {
        kube::Error::Api(status) => status.code == 429 || status.code >= 500,
        kube::Error::BuildRequest(_) | kube::Error::SerdeError(_) => false,
        _ => true,
    }
}

/// Reads, and again where that has failed in passing.
async fn again<T, F: Future<Output = Result<T, LiveError>>>(read: impl Fn() -> F) -> Result<T, LiveError> {
    for wait in AGAIN {
        match read().await {
            Err(LiveError::Passing(_)) => tokio::time::sleep(wait).await,
            answer => return answer,
        }
    }
    read().await
}

/// Reads from the API server, bounded in time and number.
pub struct Live {
    client: Client,
    permits: Semaphore,
    /// By namespace; kept as long as somebody waits or reads.
    turns: Mutex<FxHashMap<String, Arc<Semaphore>>>,
    /// For reads of all namespaces, beside the others.
    whole: Semaphore,
    /// For spare reads, which take nobody's turn.
    aside: Semaphore,
    /// The second of the last spare reads, and how many there were in it by namespace.
    spare: Mutex<(u64, FxHashMap<String, u32>)>,
}

impl std::fmt::Debug for Live {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Live").field("permits", &self.permits).finish_non_exhaustive()
    }
}

impl Live {
    /// Reads with this client.
    pub fn new(client: Client) -> Self {
        let [permits, whole, aside] = [AT_ONCE, WHOLE, ASIDE].map(Semaphore::new);
        Self { client, permits, turns: Mutex::default(), whole, aside, spare: Mutex::default() }
    }

    /// Whether a read may be made for what could as well be put right later.
    pub fn may_spare(&self, namespace: &str) -> bool {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let mut spare = self.spare.lock().unwrap_or_else(PoisonError::into_inner);
        if spare.0 != now {
            *spare = (now, FxHashMap::default());
        }
        let count = spare.1.entry(namespace.to_owned()).or_default();
        *count += 1;
        *count <= SPARE
    }

    /// Does the reads of one question about a namespace, all within one deadline.
    ///
    /// # Errors
    /// Where they take too long, or the API server does not answer as it should.
    pub async fn within<T>(
        &self,
        namespace: &str,
        reads: impl AsyncFnOnce(Reader<'_>) -> Result<T, LiveError>,
    ) -> Result<T, LiveError> {
        let began = Instant::now();
        let turn = self.turn(namespace);
        let permits =
            async { Ok::<_, tokio::sync::AcquireError>((turn.acquire().await?, self.permits.acquire().await?)) };
        let permits = tokio::time::timeout(DEADLINE / 2, permits).await.map_err(|_| LiveError::Busy)?;
        let _permits = permits.map_err(|_| LiveError::Busy)?;
        let left = DEADLINE.saturating_sub(began.elapsed());
        tokio::time::timeout(left, reads(self.reader())).await.map_err(|_| LiveError::Slow)?
    }

    fn reader(&self) -> Reader<'_> {
        Reader { client: &self.client, whole: &self.whole }
    }

    /// What the questions of one namespace wait for.
    fn turn(&self, namespace: &str) -> Arc<Semaphore> {
        let mut turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(turn) = turns.get(namespace) {
            return Arc::clone(turn);
        }
        turns.retain(|_, turn| Arc::strong_count(turn) > 1);
        Arc::clone(turns.entry(namespace.to_owned()).or_insert_with(|| Arc::new(Semaphore::new(OF_ONE))))
    }

    /// The world as far as this subject's labels hang on it.
    ///
    /// # Errors
    /// As [`Live::within`].
    pub async fn world(&self, subject: &Subject) -> Result<World, LiveError> {
        self.within(&subject.namespace, async |reader| reader.world(subject).await).await
    }

    /// The same for what refuses nothing and can be put right later: it takes nobody's turn, waits for none, and not long for
    /// the API server.
    ///
    /// # Errors
    /// As [`Live::within`].
    pub async fn spare_world(&self, subject: &Subject) -> Result<World, LiveError> {
        let _permit = self.aside.try_acquire().map_err(|_| LiveError::Busy)?;
        let world = self.reader().world(subject);
        tokio::time::timeout(SPARED, world).await.map_err(|_| LiveError::Slow)?
    }
}

/// Reads within a deadline.
#[allow(missing_debug_implementations, reason = "a client can't be shown")]
#[derive(Clone, Copy)]
pub struct Reader<'c> {
    client: &'c Client,
    whole: &'c Semaphore,
}

type Objects = Vec<(Watched, Value)>;

impl Reader<'_> {
    /// The world as far as a subject's labels hang on it.
    ///
    /// # Errors
    /// Where the API server does not answer as it should.
    pub async fn world(self, subject: &Subject) -> Result<World, LiveError> {
        let mut world = World::default();
        let namespace = subject.namespace.as_str();
        // A question may name none: that is no namespace that takes part.
        if namespace.is_empty() {
            return Ok(world);
        }
        let mut first = vec![(Watched::Namespace, None, namespace)];
        first.push((Watched::ServiceAccount, Some(namespace), subject.service_account.as_str()));
        let owner = subject.metadata.controller.as_ref().filter(|_| subject.kind == "Pod");
        for (kind, group) in [(Watched::ReplicaSet, "apps"), (Watched::Job, "batch")] {
            if let Some(owner) = owner.filter(|owner| owner.kind == kind.kind() && owner.group == group) {
                first.push((kind, Some(namespace), &owner.name));
            }
        }
        let found = try_join_all(first.into_iter().map(|(kind, namespace, name)| self.get(kind, namespace, name)));
        add(&mut world, found.await?.into_iter().flatten());
        let callees: Vec<Arc<CalleePattern>> = subject.callees(&world);
        self.hung_on(&callees, &mut world).await?;
        Ok(world)
    }

    /// A namespace and one of its Services, or all of them; with `openings` also what may let in peers without an intent.
    ///
    /// # Errors
    /// Where the API server does not answer as it should.
    pub async fn callees(self, namespace: &str, service: Option<&str>, openings: bool) -> Result<World, LiveError> {
        let mut world = World::default();
        let services = async {
            match service {
                Some(name) => Ok(self.get(Watched::Service, Some(namespace), name).await?.into_iter().collect()),
                None => self.list(Watched::Service, Some(namespace)).await,
            }
        };
        let of_cluster = [Watched::ClusterApproval, Watched::ClusterProhibition].map(|kind| (kind, None));
        let statements = of_cluster.into_iter().chain([(Watched::Approval, Some(namespace))]);
        let lists = statements.filter(|_| openings).map(|(kind, namespace)| self.list(kind, namespace));
        let namespace = self.get(Watched::Namespace, None, namespace);
        let (of, services, lists) = tokio::try_join!(namespace, services, try_join_all(lists))?;
        add(&mut world, of.into_iter().chain(services).chain(lists.into_iter().flatten()));
        Ok(world)
    }

    /// Takes in what the callees of one subject hang on: page by page, since all of it may be much.
    async fn hung_on(self, callees: &[Arc<CalleePattern>], world: &mut World) -> Result<(), LiveError> {
        if callees.is_empty() {
            return Ok(());
        }
        let mut namespaces: BTreeSet<&str> = BTreeSet::new();
        let mut everywhere = false;
        for callee in callees {
            match &callee.scope {
                Scope::Service { namespace, .. } | Scope::Namespace(namespace) => drop(namespaces.insert(namespace)),
                Scope::Cluster | Scope::Type(_) => everywhere = true,
            }
        }
        let mut wanted = vec![(Watched::ClusterApproval, None), (Watched::ClusterProhibition, None)];
        let whole = everywhere || namespaces.len() > NAMESPACES;
        if whole {
            wanted.extend([Watched::Approval, Watched::Service, Watched::Namespace].map(|kind| (kind, None)));
        } else {
            for namespace in &namespaces {
                wanted.extend([Watched::Approval, Watched::Service].map(|kind| (kind, Some(*namespace))));
            }
        }
        let _permit = if whole { Some(self.whole.acquire().await.map_err(|_| LiveError::Busy)?) } else { None };
        let world = Mutex::new(world);
        let take = |kind: Watched, items: Vec<Value>| {
            let meant = |item: &Value| everywhere || is_within(kind, item, &namespaces);
            let items = items.into_iter().filter(meant).map(|item| (kind, item));
            add(&mut world.lock().unwrap_or_else(PoisonError::into_inner), items);
        };
        let take = &take;
        let lists = wanted
            .into_iter()
            .map(|(kind, namespace)| async move { self.pages(kind, namespace, |items| take(kind, items)).await });
        let one_by_one = if whole { BTreeSet::new() } else { namespaces.clone() };
        let gets = one_by_one.into_iter().map(|name| async move {
            let found = self.get(Watched::Namespace, None, name).await?;
            found.into_iter().for_each(|(kind, object)| take(kind, vec![object]));
            Ok(())
        });
        tokio::try_join!(try_join_all(lists), try_join_all(gets)).map(drop)
    }

    /// One object, if there is one of the name.
    ///
    /// # Errors
    /// Where the API server does not answer as it should.
    pub async fn get(
        self,
        kind: Watched,
        namespace: Option<&str>,
        name: &str,
    ) -> Result<Option<(Watched, Value)>, LiveError> {
        // What an owner reference names may be anything, and none of it is to steer the request.
        if !names::is_dns_subdomain(name) {
            return Ok(None);
        }
        let (request, params) = (Request::new(kind.path(namespace)), GetParams::default());
        let request =
            if kind.is_metadata_only() { request.get_metadata(name, &params) } else { request.get(name, &params) };
        // No object has a name that can't be asked for.
        let Ok(request) = request else { return Ok(None) };
        again(|| async {
            match self.client.request::<Lean>(request.clone()).await {
                Ok(Lean(object)) => Ok(Some((kind, object))),
                Err(kube::Error::Api(status)) if status.code == 404 => Ok(None),
                Err(error) => Err(error.into()),
            }
        })
        .await
    }

    async fn list(self, kind: Watched, namespace: Option<&str>) -> Result<Objects, LiveError> {
        let mut all = Vec::new();
        self.pages(kind, namespace, |items| all.extend(items.into_iter().map(|item| (kind, item)))).await?;
        Ok(all)
    }

    /// Reads every object of a kind, of one namespace or of all; a page again where that has failed in passing.
    async fn pages(
        self,
        kind: Watched,
        namespace: Option<&str>,
        mut take: impl FnMut(Vec<Value>),
    ) -> Result<(), LiveError> {
        let (path, mut params) = (kind.path(namespace), first());
        loop {
            let read = || async { Ok(page(self.client, &path, kind.is_metadata_only(), &params).await?) };
            let page = again(read).await?;
            let next = page.next();
            take(page.objects());
            match next {
                Some(next) => params.continue_token = Some(next),
                None => return Ok(()),
            }
        }
    }

    /// The former templates that are kept of a workload, of `ReplicaSets` or of `ControllerRevisions`: those of which `keep`
    /// makes something.
    ///
    /// # Errors
    /// Where the API server does not answer as it should.
    pub async fn templates<T>(
        self,
        path: &str,
        selector: Option<&str>,
        keep: impl Fn(&Value) -> Option<T>,
    ) -> Result<Vec<T>, LiveError> {
        let labels = selector.map(str::to_owned);
        let mut params = ListParams { label_selector: labels, limit: Some(TEMPLATES), ..ListParams::default() };
        let mut kept = Vec::new();
        loop {
            let request = Request::new(path).list(&params).map_err(|error| LiveError::Failed(error.to_string()))?;
            let page = again(|| async { Ok(self.client.request::<Page>(request.clone()).await?) }).await?;
            let next = page.next();
            kept.extend(page.objects().iter().filter_map(&keep));
            match next {
                Some(next) => params.continue_token = Some(next),
                None => return Ok(kept),
            }
        }
    }
}

/// Whether an object is in one of these namespaces, is one of them, or is in none.
fn is_within(kind: Watched, object: &Value, namespaces: &BTreeSet<&str>) -> bool {
    let pointer = if kind == Watched::Namespace { "/metadata/name" } else { "/metadata/namespace" };
    object.pointer(pointer).and_then(Value::as_str).is_none_or(|namespace| namespaces.contains(namespace))
}

/// What is malformed is left out, as the watches leave it out.
fn add(world: &mut World, objects: impl IntoIterator<Item = (Watched, Value)>) {
    objects.into_iter().for_each(|(kind, object)| drop(world.apply(kind, &object)));
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use kube::core::Status;

    #[tokio::test(start_paused = true)]
    async fn what_fails_in_passing_is_read_again_and_nothing_else() {
        for (code, fails, expected) in [(503, 2, (3, true)), (429, 9, (4, false)), (403, 1, (1, false))] {
            let asked = AtomicUsize::new(0);
            let read = || async {
                if asked.fetch_add(1, Ordering::Relaxed) >= fails {
                    return Ok(());
                }
                let status = Status { code, ..Status::default() };
                Err(LiveError::from(kube::Error::Api(Box::new(status))))
            };
            let answer = again(read).await;
            assert_eq!((asked.load(Ordering::Relaxed), answer.is_ok()), expected, "{code}");
        }
    }
}
