//! The pod that a question is about: one that is made or changed, or the one that a template would give.

use std::sync::Arc;

use netintent::callee::CalleePattern;
use netintent::intent::{self, Calls, MAX_BYTES, MAX_INTENTS};
use netintent::names;
use netintent::objects::Metadata;
use netintent::selector::Labels;

use crate::review::ObjectView;
use crate::world::World;

/// A pod, or a template's pods.
#[derive(Debug)]
pub struct Subject {
    /// The namespace.
    pub namespace: String,
    /// The kind of the object that it is read from.
    pub kind: String,
    /// That object's name and controller.
    pub metadata: Metadata,
    /// The labels of its pods that tell who controls them.
    pub labels: Labels,
    /// What it declares itself, read.
    pub own: Option<Calls>,
    /// `netintent.dev/caller`.
    pub caller: Option<String>,
    /// Its ServiceAccount.
    pub service_account: String,
    /// Whether a kubelet runs it from a file.
    pub mirror: bool,
}

impl Subject {
    /// A Pod.
    pub fn of_pod(namespace: &str, pod: &ObjectView<'_>) -> Self {
        let metadata = &pod.metadata;
        Self {
            namespace: namespace.to_owned(),
            kind: "Pod".to_owned(),
            metadata: metadata.of(namespace),
            labels: metadata.labels(),
            own: metadata.annotation(names::CALLS).map(|text| intent::parse(text, namespace)),
            caller: metadata.annotation(names::CALLER).map(str::to_owned),
            service_account: pod.service_account().to_owned(),
            mirror: metadata.annotation(names::MIRROR).is_some(),
        }
    }

    /// The pods of a workload's template.
    pub fn of_template(namespace: &str, kind: &str, workload: &ObjectView<'_>) -> Self {
        let template = workload.template();
        let annotation = |key| template.and_then(|template| template.annotation(key));
        let labels = template.and_then(|template| template.metadata.as_ref());
        Self {
            namespace: namespace.to_owned(),
            kind: kind.to_owned(),
            metadata: workload.metadata.of(namespace),
            labels: labels.map(crate::review::MetadataView::labels).unwrap_or_default(),
            own: annotation(names::CALLS).map(|text| intent::parse(text, namespace)),
            caller: annotation(names::CALLER).map(str::to_owned),
            service_account: template.map_or_else(|| "default".to_owned(), |t| t.service_account().to_owned()),
            mirror: false,
        }
    }

    /// What it and its ServiceAccount declare; nothing where that is more than may be, so that nothing is read for it.
    pub fn callees(&self, world: &World) -> Vec<Arc<CalleePattern>> {
        let account = world.account(&self.namespace, &self.service_account);
        let both = || self.own.iter().chain(account);
        if both().map(|calls| calls.bytes).sum::<usize>() > MAX_BYTES {
            return Vec::new();
        }
        let intents = both().flat_map(|calls| &calls.intents);
        let mut all: Vec<Arc<CalleePattern>> = intents.map(|intent| Arc::clone(&intent.callee)).collect();
        all.sort_unstable();
        all.dedup();
        if all.len() > MAX_INTENTS { Vec::new() } else { all }
    }
}
