//! Whom the API servers trust: the caBundle of each entry of a webhook configuration, as certificates in PEM. Pure.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use k8s_openapi::api::admissionregistration::v1::{
    MutatingWebhookConfiguration, ValidatingWebhookConfiguration, WebhookClientConfig,
};
use kube::Resource;
use serde_json::{Value, json};

/// How an authority's certificate begins and ends.
const PEM: (&str, &str) = ("-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----");

/// A webhook configuration, mutating or validating.
pub(super) trait Configuration: Resource<DynamicType = ()> {
    /// The name of each entry, and how it is called.
    fn entries(&self) -> Vec<(&str, &WebhookClientConfig)>;
}

impl Configuration for MutatingWebhookConfiguration {
    fn entries(&self) -> Vec<(&str, &WebhookClientConfig)> {
        self.webhooks.iter().flatten().map(|entry| (entry.name.as_str(), &entry.client_config)).collect()
    }
}

impl Configuration for ValidatingWebhookConfiguration {
    fn entries(&self) -> Vec<(&str, &WebhookClientConfig)> {
        self.webhooks.iter().flatten().map(|entry| (entry.name.as_str(), &entry.client_config)).collect()
    }
}

/// What the entries of one or more configurations trust.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Trust(Vec<BTreeSet<String>>);

impl Trust {
    /// What the entries of a configuration trust.
    pub(super) fn of(configuration: &impl Configuration) -> Self {
        let bundles = configuration.entries().into_iter().map(|(_, client)| client.ca_bundle.as_ref());
        Self(bundles.map(|bundle| bundle.map_or_else(BTreeSet::new, |bundle| certificates(&bundle.0))).collect())
    }

    /// What both trust.
    pub(super) fn and(mut self, other: Self) -> Self {
        self.0.extend(other.0);
        self
    }

    /// Whether there is no entry.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether there is an entry, and each trusts the certificate.
    pub(super) fn covers(&self, certificate: &str) -> bool {
        let wanted = certificates(certificate.as_bytes());
        !self.is_empty() && !wanted.is_empty() && !self.lacks(&wanted)
    }

    /// Whether an entry trusts less than these.
    pub(super) fn lacks(&self, wanted: &BTreeSet<String>) -> bool {
        self.0.iter().any(|bundle| !bundle.is_superset(wanted))
    }

    /// Whether an entry trusts something else.
    pub(super) fn exceeds(&self, wanted: &BTreeSet<String>) -> bool {
        self.0.iter().any(|bundle| !bundle.is_subset(wanted))
    }
}

/// The certificates in a text; what stands around them, and what is cut off, is none.
pub(super) fn certificates(text: &[u8]) -> BTreeSet<String> {
    let text = String::from_utf8_lossy(text);
    let mut all = BTreeSet::new();
    for part in text.split(PEM.0).skip(1) {
        if let Some((body, _)) = part.split_once(PEM.1) {
            let lines: Vec<&str> = body.split_whitespace().collect();
            all.insert(format!("{}\n{}\n{}", PEM.0, lines.join("\n"), PEM.1));
        }
    }
    all
}

/// How many certificates an entry keeps that are not ours.
const FOREIGN: usize = 8;

/// What makes each entry of a configuration trust these certificates, as a JSON Patch: of this version of the object alone,
/// and claiming nothing but the bundles, so that whoever applies the manifests can rename and remove entries.
///
/// What an entry trusts besides stays, unless it is `only` these that it should trust. Empty where nothing is to be changed.
pub(super) fn patch<C: Configuration>(configuration: &C, wanted: &BTreeSet<String>, only: bool) -> Vec<Value> {
    let mut operations = Vec::new();
    for (at, (name, client)) in configuration.entries().into_iter().enumerate() {
        let found = client.ca_bundle.as_ref().map_or_else(BTreeSet::new, |bundle| certificates(&bundle.0));
        let foreign = found.difference(wanted).take(if only { 0 } else { FOREIGN });
        let target: BTreeSet<&String> = wanted.iter().chain(foreign).collect();
        if target.len() == found.len() && target.iter().all(|certificate| found.contains(*certificate)) {
            continue;
        }
        let text: String = target.into_iter().flat_map(|certificate| [certificate, "\n"]).collect();
        let entry = format!("/webhooks/{at}");
        operations.push(json!({"op": "test", "path": format!("{entry}/name"), "value": name}));
        operations.push(
            json!({"op": "add", "path": format!("{entry}/clientConfig/caBundle"), "value": STANDARD.encode(text)}),
        );
    }
    if !operations.is_empty() {
        let version = &configuration.meta().resource_version;
        operations.insert(0, json!({"op": "test", "path": "/metadata/resourceVersion", "value": version}));
    }
    operations
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: &str = "-----BEGIN CERTIFICATE-----\nAA\nBB\n-----END CERTIFICATE-----";
    const B: &str = "-----BEGIN CERTIFICATE-----\nCC\n-----END CERTIFICATE-----";

    fn set(all: &[&str]) -> BTreeSet<String> {
        all.iter().map(ToString::to_string).collect()
    }

    fn configuration(bundles: &[Option<&str>]) -> MutatingWebhookConfiguration {
        let entries: Vec<Value> = (0..)
            .zip(bundles)
            .map(|(at, bundle)| {
                let bundle = bundle.map(|text| STANDARD.encode(text));
                json!({"name": format!("{at}.netintent.dev"), "admissionReviewVersions": ["v1"], "sideEffects": "None",
                    "clientConfig": {"url": "https://localhost", "caBundle": bundle}})
            })
            .collect();
        serde_json::from_value(json!({"metadata": {"name": "netintent", "resourceVersion": "7"}, "webhooks": entries}))
            .unwrap()
    }

    #[test]
    fn certificates_are_the_same_however_they_are_wrapped() {
        let text = format!("a comment\r\n{}\r\n\n  {B}-----BEGIN CERTIFICATE-----\ncut off", A.replace('\n', "\r\n"));
        assert_eq!(certificates(text.as_bytes()), set(&[A, B]));
        assert_eq!(certificates(b"\xff"), set(&[]));
    }

    #[test]
    fn every_entry_counts_and_no_entry_covers_nothing() {
        let both = format!("{A}\n{B}\n");
        let trust = |bundles: &[Option<&str>]| Trust::of(&configuration(bundles));
        assert!(trust(&[Some(&both), Some(A)]).covers(A) && !trust(&[Some(&both), Some(A)]).covers(B));
        assert!(!trust(&[]).covers(A) && !trust(&[Some(A), None]).covers(A));
        assert!(trust(&[Some(A)]).and(trust(&[None])).lacks(&set(&[A])) && !trust(&[Some(&both)]).lacks(&set(&[A])));
        assert!(trust(&[Some(&both)]).exceeds(&set(&[A])) && !trust(&[Some(A)]).exceeds(&set(&[A, B])));
    }

    #[test]
    fn a_patch_is_of_the_bundles_alone() {
        let test = |path: &str, value: &str| json!({"op": "test", "path": path, "value": value});
        let add = |at: usize, bundle: &str| json!({"op": "add", "path": format!("/webhooks/{at}/clientConfig/caBundle"), "value": STANDARD.encode(bundle)});
        let (a, both) = (format!("{A}\n"), format!("{A}\n{B}\n"));
        let configuration = configuration(&[None, Some(A), Some(B)]);
        let version = test("/metadata/resourceVersion", "7");
        let first = [version, test("/webhooks/0/name", "0.netintent.dev"), add(0, &a)];
        let last = test("/webhooks/2/name", "2.netintent.dev");
        // What another has written may be what it serves.
        assert_eq!(patch(&configuration, &set(&[A]), false), [&first[..], &[last.clone(), add(2, &both)]].concat());
        assert_eq!(patch(&configuration, &set(&[A]), true), [&first[..], &[last, add(2, &a)]].concat());
        assert_eq!(patch(&super::tests::configuration(&[Some(A)]), &set(&[A]), true), [] as [Value; 0]);
    }
}
