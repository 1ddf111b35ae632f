//! What happened, for Prometheus.

use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Registry, Unit};

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use netintent::cut::Figures;
use netintent::derive::Reason;

use crate::cache::Cache;
use crate::certificates::Served;
use crate::watched::Watched;

/// Which registration asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EncodeLabelValue)]
#[allow(non_camel_case_types, reason = "labels of metrics are in lower case")]
pub enum Registration {
    /// Pods get their labels.
    derive,
    /// Pods keep no others.
    guard,
    /// Templates declare what is approved.
    workloads,
    /// Approvals say who asked for them.
    approvals,
}

/// What came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EncodeLabelValue)]
#[allow(non_camel_case_types, reason = "labels of metrics are in lower case")]
pub enum Outcome {
    /// Admitted as it was.
    allowed,
    /// Admitted and changed.
    patched,
    /// Denied.
    denied,
    /// Not decided, so that the failure policy did.
    error,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Admission {
    registration: Registration,
    outcome: Outcome,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfRegistration {
    registration: Registration,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfKind {
    kind: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfNamespace {
    namespace: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfReason {
    reason: &'static str,
}

/// A number for each namespace that has one.
#[derive(Debug, Default)]
struct ByNamespace {
    all: Family<OfNamespace, Gauge>,
    known: Mutex<BTreeSet<String>>,
}

impl ByNamespace {
    fn set(&self, namespaces: &[String], numbers: &BTreeMap<String, usize>) {
        let now: BTreeSet<String> = namespaces.iter().chain(numbers.keys()).cloned().collect();
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        for namespace in known.difference(&now).cloned() {
            self.all.remove(&OfNamespace { namespace });
        }
        for namespace in &now {
            let number = numbers.get(namespace).copied().unwrap_or_default();
            let gauge = self.all.get_or_create_owned(&OfNamespace { namespace: namespace.clone() });
            gauge.set(i64::try_from(number).unwrap_or(i64::MAX));
        }
        *known = now;
    }
}

/// Half a millisecond to eight seconds: the API server waits ten.
fn durations() -> Histogram {
    Histogram::new(exponential_buckets(0.0005, 2.0, 15))
}

/// All metrics.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    admissions: Family<Admission, Counter>,
    durations: Family<OfRegistration, Histogram, fn() -> Histogram>,
    malformed: Family<OfKind, Counter>,
    watch_failures: Family<OfKind, Counter>,
    confirmations: Family<OfKind, Counter>,
    cache_age: Family<OfKind, Gauge<f64, AtomicU64>>,
    refusals: Family<OfReason, Counter>,
    certificate_expiry: Gauge,
    answered: AtomicU64,
    undecided: AtomicU64,
    /// Labels given to pods, each time one is asked about.
    pub grants: Counter,
    /// Reserved labels that were taken away from pods.
    pub forged: Counter,
    /// Questions for which the API server was asked itself.
    pub live_reads: Counter,
    /// When the webhook's own authority ends, in seconds since 1970.
    pub authority_expiry: Gauge,
    /// Certificates that could not be renewed or read.
    pub certificate_failures: Counter,
    /// Webhook configurations whose caBundle was written.
    pub ca_bundle_writes: Counter,
    /// TLS handshakes that failed.
    pub handshake_failures: Counter,
    /// Connections that were closed at once, since their address has too many.
    pub refused_connections: Counter,
    controller_failures: Family<OfKind, Counter>,
    refused_intents: ByNamespace,
    would_be_cut: ByNamespace,
    uncounted_namespaces: Gauge,
    /// Whether this replica leads.
    pub controller_leader: Gauge,
    /// What the controller still has to do.
    pub controller_queue: Gauge,
    /// Policies that the controller wrote or removed.
    pub controller_policy_writes: Counter,
    /// Pods whose labels the controller wrote.
    pub controller_label_writes: Counter,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("netintent");
        let version = Info::new([("version", env!("CARGO_PKG_VERSION"))]);
        registry.register("build", "The version of the program", version);
        let mut counter = |name: &str, help: &str| {
            let counter: Counter = Counter::default();
            registry.register(name, help, counter.clone());
            counter
        };
        let grants = counter("grants", "Labels given to pods, each time one is asked about");
        let forged = counter("forged_labels", "Reserved labels that were taken away from pods");
        let live_reads = counter("live_reads", "Questions for which the API server was asked itself");
        let certificate_failures = counter("certificate_failures", "Certificates that could not be renewed or read");
        let ca_bundle_writes = counter("ca_bundle_writes", "Webhook configurations whose caBundle was written");
        let handshake_failures = counter("handshake_failures", "TLS handshakes that failed");
        let help = "Connections that were closed at once, since their address has too many";
        let refused_connections = counter("refused_connections", help);
        let controller_policy_writes = counter("controller_policy_writes", "Policies that were written or removed");
        let controller_label_writes = counter("controller_label_writes", "Pods whose labels were written");
        let admissions: Family<Admission, Counter> = Family::default();
        registry.register("admissions", "Questions of the API server, by registration and outcome", admissions.clone());
        let durations: Family<_, _, fn() -> Histogram> = Family::new_with_constructor(durations);
        let help = "How long it took to answer a question";
        registry.register_with_unit("admission_duration", help, Unit::Seconds, durations.clone());
        let refusals: Family<OfReason, Counter> = Family::default();
        registry.register("refusals", "Refused intents of pods, each time one is asked about", refusals.clone());
        let mut of_kind = |name: &str, help: &str| {
            let family: Family<OfKind, Counter> = Family::default();
            registry.register(name, help, family.clone());
            family
        };
        let malformed = of_kind("malformed_objects", "Objects that were left out, each time");
        let watch_failures = of_kind("watch_failures", "Watches that had to be begun again");
        let confirmations = of_kind("watch_confirmations", "Times that the API server said that nothing was missed");
        let controller_failures = of_kind("controller_failures", "What the controller could not do, each time");
        let (refused_intents, would_be_cut): (ByNamespace, ByNamespace) = Default::default();
        let help = "Callees that callers of a namespace declare and that have not approved them";
        registry.register("refused_intents", help, refused_intents.all.clone());
        let help = "Callers that Services of a namespace in shadow would cut in enforce, though they declare them";
        registry.register("would_be_cut", help, would_be_cut.all.clone());
        let uncounted_namespaces = Gauge::default();
        let help = "Namespaces whose callers declare so much that not all of it was counted";
        registry.register("uncounted_namespaces", help, uncounted_namespaces.clone());
        let cache_age: Family<OfKind, Gauge<f64, AtomicU64>> = Family::default();
        let help = "How long ago all objects of a kind were known to be known";
        registry.register_with_unit("cache_age", help, Unit::Seconds, cache_age.clone());
        let (certificate_expiry, authority_expiry): (Gauge, Gauge) = Default::default();
        let help = "When the certificate that is served ends";
        registry.register_with_unit("certificate_expiry_timestamp", help, Unit::Seconds, certificate_expiry.clone());
        let help = "When the webhook's own authority ends";
        registry.register_with_unit("authority_expiry_timestamp", help, Unit::Seconds, authority_expiry.clone());
        let (controller_leader, controller_queue): (Gauge, Gauge) = Default::default();
        registry.register("controller_leader", "Whether this replica leads", controller_leader.clone());
        registry.register("controller_queue", "What the controller still has to do", controller_queue.clone());
        Self {
            registry,
            admissions,
            durations,
            malformed,
            watch_failures,
            confirmations,
            cache_age,
            refusals,
            certificate_expiry,
            answered: AtomicU64::default(),
            undecided: AtomicU64::default(),
            grants,
            forged,
            live_reads,
            authority_expiry,
            certificate_failures,
            ca_bundle_writes,
            handshake_failures,
            refused_connections,
            controller_failures,
            refused_intents,
            would_be_cut,
            uncounted_namespaces,
            controller_leader,
            controller_queue,
            controller_policy_writes,
            controller_label_writes,
        }
    }
}

impl Metrics {
    /// Counts a question, what came of it, and how long that took.
    pub fn admission(&self, registration: Registration, outcome: Outcome, took: Duration) {
        self.admissions.get_or_create(&Admission { registration, outcome }).inc();
        self.durations.get_or_create(&OfRegistration { registration }).observe(took.as_secs_f64());
        let all = if outcome == Outcome::error { &self.undecided } else { &self.answered };
        all.fetch_add(1, Ordering::Relaxed);
    }

    /// How many questions were answered, and how many were not decided.
    pub fn totals(&self) -> (u64, u64) {
        (self.answered.load(Ordering::Relaxed), self.undecided.load(Ordering::Relaxed))
    }

    /// Counts a refused intent of a pod.
    pub(crate) fn refusal(&self, reason: &Reason) {
        let reason = match reason {
            Reason::NotApproved => "not_approved",
            Reason::TooWide { .. } => "too_wide",
            Reason::Expired { .. } => "expired",
            Reason::Prohibited { .. } => "prohibited",
        };
        self.refusals.get_or_create(&OfReason { reason }).inc();
    }

    pub(crate) fn malformed(&self, kind: Watched) -> Counter {
        self.malformed.get_or_create_owned(&OfKind { kind: kind.kind() })
    }

    pub(crate) fn watch_failures(&self, kind: &'static str) -> Counter {
        self.watch_failures.get_or_create_owned(&OfKind { kind })
    }

    pub(crate) fn confirmations(&self, kind: Watched) -> Counter {
        self.confirmations.get_or_create_owned(&OfKind { kind: kind.kind() })
    }

    pub(crate) fn controller_failures(&self, kind: &'static str) -> Counter {
        self.controller_failures.get_or_create_owned(&OfKind { kind })
    }

    /// How much of what running pods declare is refused, and would be cut, by namespace; 0 in those of `namespaces` that have
    /// nothing of it.
    pub(crate) fn uncovered(&self, namespaces: &[String], figures: &Figures) {
        self.refused_intents.set(namespaces, &figures.refused);
        self.would_be_cut.set(namespaces, &figures.would_be_cut);
        self.uncounted_namespaces.set(i64::try_from(figures.uncounted.len()).unwrap_or(i64::MAX));
    }

    /// All of them, in the text format of `OpenMetrics`: what is counted, and how things are at this moment.
    pub fn text(&self, cache: &Cache, served: &Served) -> String {
        for kind in Watched::ALL {
            if let Some(age) = cache.age(kind) {
                self.cache_age.get_or_create(&OfKind { kind: kind.kind() }).set(age.as_secs_f64());
            }
        }
        let until = served.valid().map_or(Timestamp::UNIX_EPOCH, |valid| valid.until);
        self.certificate_expiry.set(until.as_second());
        let mut text = String::new();
        // Writing to a string does not fail.
        let _ = encode(&mut text, &self.registry);
        text
    }
}
