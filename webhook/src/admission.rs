//! The decisions, each a pure function of the question and of what is known; this module asks the second time, of the API
//! server itself, where the first answer must not hang on a cache.

use std::sync::Arc;

use jiff::Timestamp;
use netintent::derive::Strictness;
use netintent::names;
use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::task::block_in_place;
use tracing::{Instrument as _, Span, debug_span, info};

mod approvals;
mod guard;
mod judge;
mod message;
mod pods;
pub(crate) mod probe;
mod subject;
mod workloads;

use crate::cache::Cache;
use crate::lean::Bounded;
use crate::live::{Live, LiveError};
use crate::metrics::{Metrics, Outcome, Registration};
use crate::review::{AdmissionReview, Answer, ObjectView, Request};
use crate::world::World;
pub use judge::{Judged, judge};
pub use subject::Subject;

/// Why there is no answer, so that the failure policy decides.
#[derive(Debug, thiserror::Error)]
pub enum Undecided {
    /// Not everything is known yet.
    #[error("the cluster is not yet known: it is being read")]
    Starting,
    /// What was sent is no such question.
    #[error("the request can't be read: {0}")]
    Unreadable(String),
    /// The API server could not be asked.
    #[error(transparent)]
    Live(#[from] LiveError),
}

/// What all questions are answered from.
#[derive(Debug)]
pub struct Admission {
    /// What the watches know.
    pub cache: Arc<Cache>,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    live: Live,
}

impl Admission {
    /// Answers from this cache, and where need be from the API server.
    pub fn new(cache: Arc<Cache>, metrics: Arc<Metrics>, live: Live) -> Self {
        Self { cache, metrics, live }
    }

    /// Answers one question: the JSON of an `AdmissionReview`, and what it says.
    ///
    /// # Errors
    /// Where it can't be decided.
    pub async fn answer(&self, registration: Registration, body: &[u8]) -> Result<(Vec<u8>, Outcome), Undecided> {
        if !self.cache.is_synced() {
            return Err(Undecided::Starting);
        }
        if registration == Registration::approvals {
            let review: AdmissionReview<'_, Bounded> = read(body)?;
            let request = review.request.map(|Bounded(object)| object);
            check(&request)?;
            let span = span(registration, &request);
            let answer = self.approvals(&request).instrument(span.clone()).await?;
            return Ok(span.in_scope(|| told(registration, &request, &answer)));
        }
        let review: AdmissionReview<'_, ObjectView<'_>> = read(body)?;
        let request = &review.request;
        check(request)?;
        let answer = async {
            match registration {
                Registration::derive => self.derive(request).await,
                Registration::guard => self.guard(request).await,
                Registration::workloads => self.workloads(request).await,
                Registration::approvals => Ok(Answer::allowed()),
            }
        };
        let span = span(registration, request);
        let answer = answer.instrument(span.clone()).await?;
        Ok(span.in_scope(|| told(registration, request, &answer)))
    }

    async fn derive(&self, request: &Request<'_, ObjectView<'_>>) -> Result<Answer, Undecided> {
        let Some(object) = &request.object else { return Ok(Answer::allowed()) };
        if request.kind.kind == "Binding" {
            return Ok(pods::without_ours(object, &self.metrics));
        }
        if probe::is_probe(request) {
            return Ok(Answer::allowed());
        }
        let subject = Subject::of_pod(&request.namespace, object);
        let now = Timestamp::now();
        let judged = judge(&self.cache.world(), &subject, now);
        // What is refused must be refused by what is so, and what is gained on nothing stale.
        let stale = !self.cache.is_fresh() && !judged.derived.intents.is_empty();
        let must = pods::denies(request, &judged) || !judged.mode.is_managed() || stale;
        let told = judged.refusals.iter().any(|refusal| refusal.strictness != Strictness::None);
        // Of a Job that was made a moment ago its CronJob may not be known yet.
        let read = if must || told && !judged.owner_known {
            Some(self.read(&subject).await)
        } else if told && pods::hangs_on_refusals(request, &judged) && self.live.may_spare(&request.namespace) {
            self.metrics.live_reads.inc();
            Some(self.live.spare_world(&subject).await)
        } else {
            None
        };
        let world = match read {
            Some(Ok(world)) => Some(world),
            Some(Err(error)) if must => return Err(error.into()),
            // A controller's pod starts with the labels that are known to be its.
            Some(Err(_)) | None => None,
        };
        let judged = world.as_ref().map_or(judged, |world| judge(world, &subject, now));
        Ok(pods::answer(request, &judged, &self.told(world.as_ref(), &judged), &self.metrics))
    }

    async fn guard(&self, request: &Request<'_, ObjectView<'_>>) -> Result<Answer, Undecided> {
        let Some(object) = &request.object else { return Ok(Answer::allowed()) };
        if request.kind.kind == "Binding" {
            return Ok(guard::of_binding(object));
        }
        if guard::gained(request).is_empty() {
            return Ok(Answer::allowed());
        }
        if probe::is_probe(request) {
            return Ok(probe::answer());
        }
        let subject = Subject::of_pod(&request.namespace, object);
        let now = Timestamp::now();
        let judged = judge(&self.cache.world(), &subject, now);
        if self.cache.is_fresh() && guard::forged(request, &judged).is_empty() {
            return Ok(Answer::allowed());
        }
        let world = self.read(&subject).await?;
        Ok(guard::answer(request, &judge(&world, &subject, now)))
    }

    async fn workloads(&self, request: &Request<'_, ObjectView<'_>>) -> Result<Answer, Undecided> {
        let Some(object) = &request.object else { return Ok(Answer::allowed()) };
        let subject = Subject::of_template(&request.namespace, &request.kind.kind, object);
        let now = Timestamp::now();
        let judged = judge(&self.cache.world(), &subject, now);
        let news = workloads::new_refusals(request, &judged);
        if news.is_empty() && !workloads::is_malformed(request, &judged) && judged.mode.is_managed() {
            return Ok(workloads::answer(request, &judged, &self.told(None, &judged), &[]));
        }
        self.metrics.live_reads.inc();
        let reads = self.live.within(&request.namespace, async |reader| {
            let (world, kept) = (reader.world(&subject), workloads::retained(reader, request));
            tokio::try_join!(world, kept)
        });
        let (world, kept): (World, Vec<workloads::Kept>) = reads.await?;
        let judged = judge(&world, &subject, now);
        Ok(workloads::answer(request, &judged, &self.told(Some(&world), &judged), &kept))
    }

    async fn read(&self, subject: &Subject) -> Result<World, LiveError> {
        self.metrics.live_reads.inc();
        self.live.world(subject).await
    }

    /// The refusals in words: by the world that they were read from, if not by the watches', with near names from all that
    /// those know.
    fn told(&self, world: Option<&World>, judged: &Judged) -> Vec<message::Told> {
        let all = self.cache.world();
        message::told(world.unwrap_or(&all), &all, judged)
    }
}

/// The refusals of a pod in words, a line each with what to do, by what is known.
pub(crate) fn refused(world: &World, judged: &Judged) -> Vec<String> {
    let told = message::told(world, world, judged);
    told.iter().filter(|told| told.refusal.is_some()).map(message::Told::warning).collect()
}

/// What is read for a question goes by its namespace, which is not to steer the way there.
fn check<O>(request: &Request<'_, O>) -> Result<(), Undecided> {
    if request.namespace.is_empty() || names::is_dns_label(&request.namespace) {
        return Ok(());
    }
    Err(Undecided::Unreadable("its namespace is no name".to_owned()))
}

/// How many refusals of one question are logged: a pod may have hundreds.
const LOGGED: usize = 16;
/// From how many bytes on others should not wait until a question is read.
const LONG: usize = 256 * 1024;

fn read<'b, O: serde::Deserialize<'b>>(body: &'b [u8]) -> Result<AdmissionReview<'b, O>, Undecided> {
    let read = || serde_json::from_slice(body).map_err(|error| Undecided::Unreadable(error.to_string()));
    let threads = Handle::try_current().map(|handle| handle.runtime_flavor());
    if body.len() > LONG && matches!(threads, Ok(RuntimeFlavor::MultiThread)) { block_in_place(read) } else { read() }
}

/// What the lines that are logged about a question have in common. It costs nothing where nobody looks that closely.
fn span<O>(registration: Registration, request: &Request<'_, O>) -> Span {
    debug_span!("admission", ?registration, uid = %request.uid, kind = %request.kind.kind,
        namespace = %request.namespace, name = %request.name, operation = ?request.operation)
}

/// The JSON of an answer, and what it says; one line of the log for each refusal.
fn told<O>(registration: Registration, request: &Request<'_, O>, answer: &Answer) -> (Vec<u8>, Outcome) {
    let outcome = match answer {
        // Nobody has tried anything.
        Answer { probed: true, .. } => return (answer.json(&request.uid), Outcome::allowed),
        Answer { denied: Some(_), .. } => Outcome::denied,
        Answer { patch, .. } if patch.is_empty() => Outcome::allowed,
        _ => Outcome::patched,
    };
    let line = |refusal: &str| {
        let [uid, kind, namespace, name, user] =
            [&request.uid, &request.kind.kind, &request.namespace, &request.name, &request.user_info.username]
                .map(|text| names::printable(text));
        let refusal = names::printable(refusal);
        info!(?registration, ?outcome, uid, kind, namespace, name, user, refusal, "refused");
    };
    match &answer.denied {
        Some(reason) if answer.refusals.is_empty() => line(reason.lines().next().unwrap_or_default()),
        _ => answer.refusals.iter().take(LOGGED).for_each(|refusal| line(refusal)),
    }
    (answer.json(&request.uid), outcome)
}
