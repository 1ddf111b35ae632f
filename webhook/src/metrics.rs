//! What happened, for Prometheus.

use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;

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
struct OfKind {
    kind: &'static str,
}

/// All metrics.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    admissions: Family<Admission, Counter>,
    malformed: Family<OfKind, Counter>,
    watch_failures: Family<OfKind, Counter>,
    confirmations: Family<OfKind, Counter>,
    /// Labels given to pods, each time one is asked about.
    pub grants: Counter,
    /// Refused intents of pods, each time one is asked about.
    pub refusals: Counter,
    /// Reserved labels that were taken away from pods.
    pub forged: Counter,
    /// Questions for which the API server was asked itself.
    pub live_reads: Counter,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("netintent");
        let admissions: Family<Admission, Counter> = Family::default();
        let malformed: Family<OfKind, Counter> = Family::default();
        let watch_failures: Family<OfKind, Counter> = Family::default();
        let confirmations: Family<OfKind, Counter> = Family::default();
        let [grants, refusals, forged, live_reads] = [(); 4].map(|()| Counter::default());
        registry.register("admissions", "Questions of the API server, by registration and outcome", admissions.clone());
        registry.register("malformed_objects", "Objects that were left out, each time", malformed.clone());
        registry.register("watch_failures", "Watches that had to be begun again", watch_failures.clone());
        let help = "Times that the API server said that nothing was missed";
        registry.register("watch_confirmations", help, confirmations.clone());
        registry.register("grants", "Labels given to pods, each time one is asked about", grants.clone());
        registry.register("refusals", "Refused intents of pods, each time one is asked about", refusals.clone());
        registry.register("forged_labels", "Reserved labels that were taken away from pods", forged.clone());
        registry.register("live_reads", "Questions for which the API server was asked itself", live_reads.clone());
        Self { registry, admissions, malformed, watch_failures, confirmations, grants, refusals, forged, live_reads }
    }
}

impl Metrics {
    /// Counts a question and what came of it.
    pub fn admission(&self, registration: Registration, outcome: Outcome) {
        self.admissions.get_or_create(&Admission { registration, outcome }).inc();
    }

    pub(crate) fn malformed(&self, kind: Watched) -> Counter {
        self.malformed.get_or_create_owned(&OfKind { kind: kind.kind() })
    }

    pub(crate) fn watch_failures(&self, kind: Watched) -> Counter {
        self.watch_failures.get_or_create_owned(&OfKind { kind: kind.kind() })
    }

    pub(crate) fn confirmations(&self, kind: Watched) -> Counter {
        self.confirmations.get_or_create_owned(&OfKind { kind: kind.kind() })
    }

    /// All of them, in the text format of `OpenMetrics`.
    pub fn text(&self) -> String {
        let mut text = String::new();
        // Writing to a string does not fail.
        let _ = encode(&mut text, &self.registry);
        text
    }
}
