//! Keeps the webhook's own authority: in a Secret that all replicas share, in the caBundle of each registration, and in what
//! this replica serves. Each round reads all three anew and does what is missing; watches only tell when to look.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::ByteString;
use k8s_openapi::api::admissionregistration::v1::{MutatingWebhookConfiguration, ValidatingWebhookConfiguration};
use k8s_openapi::api::core::v1::Secret;
use kube::Client;
use kube::api::{Api, Patch, PatchParams, PostParams};
use rustls::crypto::CryptoProvider;
use serde::de::DeserializeOwned;
use tokio::sync::Notify;
use tracing::{info, warn};

mod memory;
mod tell;

use memory::Memory;
use tell::tell;

use super::authorities::{Authorities, step};
use super::authority::AuthorityError;
use super::bundle::{Configuration, Trust, certificates, patch};
use super::served::Served;
use crate::failure::said;
use crate::metrics::Metrics;

/// The Secret, in the namespace of the webhook.
pub const SECRET: &str = "netintent-authority";
/// The webhook configurations, mutating and validating.
const CONFIGURATION: &str = "netintent";
/// Whose the caBundles are, among the managers of fields.
const MANAGER: &str = "netintent-certificates";
/// How often to look where nothing is heard; and while something waits for its time.
const LOOK: [Duration; 2] = [Duration::from_secs(30), Duration::from_secs(1)];
/// How long to wait after a failure, at first and at most.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(10));
/// How often in a row another may have been first before that is a failure.
const CONFLICTS: u32 = 10;
/// How long one look may take.
const ROUND: Duration = Duration::from_secs(30);
/// How long to wait between two looks at least.
const BREATH: Duration = Duration::from_millis(50);

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
    #[error(
        "somebody else writes the caBundles again and again: two installations, or a GitOps tool, share `{CONFIGURATION}`"
    )]
    Quarrel,
    #[error("the API server does not answer")]
    Silent,
    #[error("the caBundles can't be patched: {0}")]
    Patch(serde_json::Error),
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
        let (mut memory, mut backoff, mut conflicts, mut told) = (Memory::default(), BACKOFF.0, 0, String::new());
        loop {
            let round = tokio::time::timeout(ROUND, self.round(&mut memory)).await;
            let wait = match round.unwrap_or(Err(Failure::Silent)) {
                Ok(()) => {
                    (backoff, conflicts) = (BACKOFF.0, 0);
                    told.clear();
                    LOOK[usize::from(memory.waits())]
                }
                Err(error) => {
                    // Once is how replicas share their work.
                    conflicts = if matches!(error, Failure::Conflict) { conflicts + 1 } else { CONFLICTS };
                    let text = error.to_string();
                    if conflicts >= CONFLICTS {
                        self.metrics.certificate_failures.inc();
                    }
                    if conflicts >= CONFLICTS && text != told {
                        warn!(%error, "the certificate can't be kept up to date yet");
                        told = text;
                    }
                    backoff = (backoff * 2).min(BACKOFF.1);
                    backoff / 2
                }
            };
            let _ = tokio::time::timeout(wait, changed.notified()).await;
            // Whoever writes without end keeps nobody busy.
            tokio::time::sleep(BREATH).await;
        }
    }

    /// Looks once, and does what is missing. What fails keeps nothing else from being done; it is told in the end.
    async fn round(&self, memory: &mut Memory) -> Result<(), Failure> {
        let now = Timestamp::now();
        let secret = self.secrets.get_opt(SECRET).await.map_err(failed("Secret"))?;
        let stored = secret.as_ref().and_then(read);
        let (trust, missing) = self.trust().await?;
        if let Some(stored) = &stored {
            memory.observe(&trust, stored);
        }
        // Without it nobody is asked, which is told whether anything is served or not.
        let mut result = missing.map_or(Ok(()), |kind| Err(Failure::NoConfiguration(kind)));
        let wanted = step(stored.as_ref(), memory.held.as_ref(), &|certificate| memory.is_settled(certificate), now)?;
        let all = match (wanted, stored) {
            (None, Some(stored)) => stored,
            (None, None) => return Ok(()),
            (Some(wanted), stored) => match (self.store(secret, &wanted).await, stored) {
                (Ok(()), _) => {
                    info!("{}", changed(memory.held.as_ref(), &wanted));
                    wanted
                }
                // What is stored can still be signed with.
                (Err(error @ Failure::Client { .. }), Some(stored)) if stored.current.valid.holds(now) => {
                    result = Err(error);
                    stored
                }
                (Err(error), _) => return Err(error),
            },
        };
        self.metrics.authority_expiry.set(all.current.valid.until.as_second());
        let trust = match self.entrust(memory, &all, &trust, now).await {
            Ok(written) => written,
            Err(error) => {
                result = Err(error);
                trust
            }
        };
        memory.observe(&trust, &all);
        let current = all.current.certificate();
        let due =
            memory.signer.as_deref() != Some(current) || self.served.valid().is_none_or(|valid| valid.renewal() <= now);
        // The first certificate is waited for; another takes the place of one that works.
        let trusted = if self.served.is_valid(now) { memory.is_settled(current) } else { trust.covers(current) };
        if due && trusted && all.current.valid.holds(now) {
            let issued = all.current.issue(&self.names, now, &self.provider)?;
            info!(until = %issued.valid.until, "a new certificate is served");
            self.served.serve(issued.certified, issued.valid);
            memory.signer = Some(current.to_owned());
        }
        memory.held = Some(all);
        result
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
        trust: &Trust,
        now: Timestamp,
    ) -> Result<Trust, Failure> {
        let mut wanted: BTreeSet<String> = all.certificates().flat_map(|text| certificates(text.as_bytes())).collect();
        // Somebody put another Secret in the place of ours: what is served is not to fail meanwhile.
        if let Some(signer) = memory.signer.as_ref().filter(|_| self.served.is_valid(now)) {
            wanted.extend(certificates(signer.as_bytes()));
        }
        let only = memory.is_exceeded(trust.exceeds(&wanted));
        if !trust.lacks(&wanted) && !only {
            return Ok(trust.clone());
        }
        if !memory.may_write() {
            return Err(Failure::Quarrel);
        }
        let mutating = self.write(&self.mutating, &wanted, only).await;
        let validating = self.write(&self.validating, &wanted, only).await;
        Ok(mutating?.and(validating?))
    }

    async fn write<C>(&self, api: &Api<C>, wanted: &BTreeSet<String>, only: bool) -> Result<Trust, Failure>
    where
        C: Configuration + Clone + DeserializeOwned + std::fmt::Debug,
    {
        let found = api.get_opt(CONFIGURATION).await.map_err(failed("webhook configurations"))?;
        let Some(found) = found else { return Ok(Trust::default()) };
        let operations = patch(&found, wanted, only);
        if operations.is_empty() {
            return Ok(Trust::of(&found));
        }
        let patch: json_patch::Patch = serde_json::from_value(operations.into()).map_err(Failure::Patch)?;
        let params = PatchParams { field_manager: Some(MANAGER.to_owned()), ..PatchParams::default() };
        let changed = api.patch(CONFIGURATION, &params, &Patch::Json::<()>(patch)).await;
        let changed = changed.map_err(|error| match error {
            // A test has failed, since the object is another by now.
            kube::Error::Api(status) if status.code == 422 => Failure::Conflict,
            error => failed("webhook configurations")(error),
        })?;
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
