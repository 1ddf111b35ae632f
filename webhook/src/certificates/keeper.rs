//! Keeps the webhook's own authority: in a Secret that all replicas share, in the caBundle of each registration, and in what
//! this replica serves. Each round reads all three anew and does what is missing; watches only tell when to look.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt as _;
use jiff::Timestamp;
use k8s_openapi::ByteString;
use k8s_openapi::api::admissionregistration::v1::{MutatingWebhookConfiguration, ValidatingWebhookConfiguration};
use k8s_openapi::api::core::v1::Secret;
use kube::api::{Api, Patch, PatchParams, PostParams, WatchParams};
use kube::{Client, Resource};
use rustc_hash::FxHashMap;
use rustls::crypto::CryptoProvider;
use serde::de::DeserializeOwned;
use tokio::sync::Notify;
use tokio::time::Instant;
use tracing::{debug, info, warn};

use super::authorities::{Authorities, SETTLE, step};
use super::authority::AuthorityError;
use super::bundle::{Configuration, Trust, certificates, patch};
use super::served::Served;
use crate::failure::said;
use crate::metrics::Metrics;

/// The Secret, in the namespace of the webhook.
pub const SECRET: &str = "netintent-authority";
/// The webhook configurations, mutating and validating.
const CONFIGURATION: &str = "netintent";
/// Whose the caBundles are, for server-side apply.
const MANAGER: &str = "netintent-certificates";
/// How often to look where nothing is heard; and while something waits for its time.
const LOOK: [Duration; 2] = [Duration::from_secs(30), Duration::from_secs(1)];
/// How long to wait after a failure, at first and at most.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(10));
/// How long one watch lasts.
const WATCH_SECONDS: u32 = 250;

/// Where the webhook is, and by which names it is called.
#[derive(Clone, Debug)]
pub struct Place {
    /// The namespace of the Secret.
    pub namespace: String,
    /// DNS names and IP addresses of the certificate.
    pub names: Vec<String>,
}

/// Why a round came to nothing.
#[derive(Debug, thiserror::Error)]
enum Failure {
    /// Another replica was first: what it wrote is read next.
    #[error("another replica was first")]
    Conflict,
    #[error("there is no {0} `{CONFIGURATION}` with an entry: apply the manifests")]
    NoConfiguration(&'static str),
    #[error("the {what}: {}", said(.error))]
    Client { what: &'static str, error: kube::Error },
    #[error("the authority: {0}")]
    Authority(#[from] AuthorityError),
}

/// Keeps the authority for as long as the program runs.
pub struct Keeper {
    secrets: Api<Secret>,
    mutating: Api<MutatingWebhookConfiguration>,
    validating: Api<ValidatingWebhookConfiguration>,
    names: Vec<String>,
    served: Arc<Served>,
    provider: Arc<CryptoProvider>,
    metrics: Arc<Metrics>,
}

impl std::fmt::Debug for Keeper {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Keeper").field("names", &self.names).finish_non_exhaustive()
    }
}

/// What a replica remembers between rounds.
#[derive(Debug, Default)]
struct Memory {
    /// What the Secret held last.
    held: Option<Authorities>,
    /// Who signed what is served.
    signer: Option<String>,
    /// Since when every caBundle has had a certificate.
    covered: FxHashMap<String, Instant>,
    /// Since when a caBundle has had more than it should.
    exceeded: Option<Instant>,
}

impl Memory {
    fn observe(&mut self, trust: &Trust, all: &Authorities) {
        let now = Instant::now();
        let certificates: Vec<&str> = all.certificates().collect();
        self.covered.retain(|certificate, _| certificates.contains(&certificate.as_str()));
        for certificate in certificates {
            if trust.covers(certificate) {
                self.covered.entry(certificate.to_owned()).or_insert(now);
            } else {
                self.covered.remove(certificate);
            }
        }
    }

    fn is_settled(&self, certificate: &str) -> bool {
        self.covered.get(certificate).is_some_and(|since| since.elapsed() >= SETTLE.unsigned_abs())
    }

    /// Whether something waits for its time.
    fn waits(&self) -> bool {
        let held = self.held.as_ref();
        self.exceeded.is_some()
            || held.is_none_or(|held| held.next.is_some() || self.signer.as_deref() != Some(held.current.certificate()))
    }
}

impl Keeper {
    /// Keeps the authority of this place, and serves what it signs.
    pub fn new(
        client: Client,
        place: Place,
        served: Arc<Served>,
        provider: Arc<CryptoProvider>,
        metrics: Arc<Metrics>,
    ) -> Self {
        let Place { namespace, names } = place;
        Self {
            secrets: Api::namespaced(client.clone(), &namespace),
            mutating: Api::all(client.clone()),
            validating: Api::all(client),
            names,
            served,
            provider,
            metrics,
        }
    }

    /// Runs for ever.
    pub async fn keep(self) {
        let changed = Arc::new(Notify::new());
        tokio::spawn(tell(self.secrets.clone(), SECRET, Arc::clone(&changed)));
        tokio::spawn(tell(self.mutating.clone(), CONFIGURATION, Arc::clone(&changed)));
        tokio::spawn(tell(self.validating.clone(), CONFIGURATION, Arc::clone(&changed)));
        let (mut memory, mut backoff, mut told) = (Memory::default(), BACKOFF.0, String::new());
        loop {
            let wait = match self.round(&mut memory).await {
                Ok(()) => {
                    backoff = BACKOFF.0;
                    told.clear();
                    LOOK[usize::from(memory.waits())]
                }
                Err(Failure::Conflict) => Duration::from_millis(20),
                Err(error) => {
                    self.metrics.certificate_failures.inc();
                    let text = error.to_string();
                    if text != told {
                        warn!(%error, "the certificate can't be kept up to date yet");
                        told = text;
                    }
                    backoff = (backoff * 2).min(BACKOFF.1);
                    backoff / 2
                }
            };
            let _ = tokio::time::timeout(wait, changed.notified()).await;
        }
    }

    async fn round(&self, memory: &mut Memory) -> Result<(), Failure> {
        let now = Timestamp::now();
        let secret = self.secrets.get_opt(SECRET).await.map_err(failed("Secret"))?;
        let stored = secret.as_ref().and_then(read);
        let (trust, missing) = self.trust().await?;
        if let Some(stored) = &stored {
            memory.observe(&trust, stored);
        }
        let wanted = step(stored.as_ref(), memory.held.as_ref(), &|certificate| memory.is_settled(certificate), now)?;
        let all = match (wanted, stored) {
            (None, Some(stored)) => stored,
            (None, None) => return Ok(()),
            (Some(wanted), _) => {
                self.store(secret, &wanted).await?;
                info!("{}", changed(memory.held.as_ref(), &wanted));
                wanted
            }
        };
        self.metrics.authority_expiry.set(all.current.valid.until.as_second());
        let trust = self.entrust(memory, &all, trust, now).await?;
        memory.observe(&trust, &all);
        let current = all.current.certificate();
        let due =
            memory.signer.as_deref() != Some(current) || self.served.valid().is_none_or(|valid| valid.renewal() <= now);
        // The first certificate is waited for; another takes the place of one that works.
        let trusted = if self.served.is_valid(now) { memory.is_settled(current) } else { trust.covers(current) };
        if due && trusted {
            let issued = all.current.issue(&self.names, now, &self.provider)?;
            info!(until = %issued.valid.until, "a new certificate is served");
            self.served.serve(issued.certified, issued.valid);
            memory.signer = Some(current.to_owned());
        }
        memory.held = Some(all);
        // Without it nobody is asked, which is told whether anything is served or not.
        missing.map_or(Ok(()), |kind| Err(Failure::NoConfiguration(kind)))
    }

    /// What the entries trust, and of which kind there is no configuration with an entry.
    async fn trust(&self) -> Result<(Trust, Option<&'static str>), Failure> {
        let (mutating, validating) =
            tokio::try_join!(self.mutating.get_opt(CONFIGURATION), self.validating.get_opt(CONFIGURATION))
                .map_err(failed("webhook configurations"))?;
        let mutating = mutating.map(|found| Trust::of(&found)).unwrap_or_default();
        let validating = validating.map(|found| Trust::of(&found)).unwrap_or_default();
        let missing = [(&mutating, "MutatingWebhookConfiguration"), (&validating, "ValidatingWebhookConfiguration")];
        let missing = missing.into_iter().find(|(trust, _)| trust.is_empty()).map(|(_, kind)| kind);
        Ok((mutating.and(validating), missing))
    }

    /// Sees to it that every caBundle has what it should, and in time nothing else.
    async fn entrust(
        &self,
        memory: &mut Memory,
        all: &Authorities,
        trust: Trust,
        now: Timestamp,
    ) -> Result<Trust, Failure> {
        let mut wanted: BTreeSet<String> = all.certificates().flat_map(|text| certificates(text.as_bytes())).collect();
        // Somebody put another Secret in the place of ours: what is served is not to fail meanwhile.
        if let Some(signer) = memory.signer.as_ref().filter(|_| self.served.is_valid(now)) {
            wanted.extend(certificates(signer.as_bytes()));
        }
        // Replicas that serve different authorities for a while must not undo each other's work.
        memory.exceeded = trust.exceeds(&wanted).then(|| memory.exceeded.unwrap_or_else(Instant::now));
        let exceeds = memory.exceeded.is_some_and(|since| since.elapsed() >= SETTLE.unsigned_abs());
        if !trust.lacks(&wanted) && !exceeds {
            return Ok(trust);
        }
        memory.exceeded = None;
        let mutating = self.write(&self.mutating, &wanted).await?;
        let validating = self.write(&self.validating, &wanted).await?;
        Ok(mutating.and(validating))
    }

    async fn write<C>(&self, api: &Api<C>, wanted: &BTreeSet<String>) -> Result<Trust, Failure>
    where
        C: Configuration + Clone + DeserializeOwned + std::fmt::Debug,
    {
        let found = api.get_opt(CONFIGURATION).await.map_err(failed("webhook configurations"))?;
        let Some(found) = found else { return Ok(Trust::default()) };
        let trust = Trust::of(&found);
        if !trust.lacks(wanted) && !trust.exceeds(wanted) {
            return Ok(trust);
        }
        let params = PatchParams::apply(MANAGER).force();
        let changed = api.patch(CONFIGURATION, &params, &Patch::Apply(patch(&found, wanted))).await;
        let changed = changed.map_err(failed("webhook configurations"))?;
        self.metrics.ca_bundle_writes.inc();
        info!(kind = %C::kind(&()), certificates = wanted.len(), "the caBundles were written");
        Ok(Trust::of(&changed))
    }

    /// Writes the Secret, unless another replica has meanwhile.
    async fn store(&self, before: Option<Secret>, all: &Authorities) -> Result<(), Failure> {
        let data = all.data().into_iter().map(|(key, value)| (key, ByteString(value))).collect();
        let params = PostParams { field_manager: Some(MANAGER.to_owned()), ..PostParams::default() };
        let stored = if let Some(before) = before {
            self.secrets.replace(SECRET, &params, &Secret { data: Some(data), ..before }).await
        } else {
            let mut secret = Secret { data: Some(data), type_: Some("Opaque".to_owned()), ..Secret::default() };
            secret.metadata.name = Some(SECRET.to_owned());
            secret.metadata.labels = Some([("app.kubernetes.io/name".to_owned(), "netintent".to_owned())].into());
            self.secrets.create(&params, &secret).await
        };
        stored.map(drop).map_err(failed("Secret"))
    }
}

/// What has happened to the authority.
fn changed(held: Option<&Authorities>, now: &Authorities) -> &'static str {
    match held {
        _ if now.next.is_some() => "a new authority waits until it is trusted",
        Some(held) if held.current == now.current => "a former authority is forgotten",
        Some(_) => "a new authority signs",
        None => "an authority was made",
    }
}

/// Reads the Secret; one that can't be used is taken for lost.
fn read(secret: &Secret) -> Option<Authorities> {
    let data = secret.data.iter().flatten().map(|(key, value)| (key.clone(), value.0.clone())).collect();
    match Authorities::parse(&data) {
        Ok(all) => Some(all),
        Err(error) => {
            warn!(%error, "the Secret {SECRET} can't be used, and is written anew");
            None
        }
    }
}

fn failed(what: &'static str) -> impl Fn(kube::Error) -> Failure {
    move |error| match error {
        kube::Error::Api(status) if status.code == 409 => Failure::Conflict,
        error => Failure::Client { what, error },
    }
}

/// Tells whenever one object may have changed.
async fn tell<K>(api: Api<K>, name: &'static str, changed: Arc<Notify>)
where
    K: Resource<DynamicType = ()> + Clone + DeserializeOwned + std::fmt::Debug,
{
    let params = WatchParams { timeout: Some(WATCH_SECONDS), ..WatchParams::default() };
    let params = params.fields(&format!("metadata.name={name}"));
    loop {
        match api.watch_metadata(&params, "0").await {
            Ok(events) => {
                // It begins with what there is, so that nothing is missed between two watches.
                let mut events = std::pin::pin!(events);
                while let Some(Ok(_)) = events.next().await {
                    changed.notify_one();
                }
            }
            // What can't be watched is looked at now and then all the same.
            Err(error) => debug!(error = said(&error), name, "can't be watched"),
        }
        tokio::time::sleep(BACKOFF.0 * 5).await;
    }
}
