//! The objects of a cluster at each version, and what the library gives for them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use netintent::manifest::Object;
use netintent::policy::NetworkPolicy;
use serde_json::Value;

use super::Event;
use crate::Error;
use crate::expected::{Expected, Key, read};

/// Kind, and namespace and name.
pub(super) type Id = (&'static str, Key);

/// What labels and policies hang on: everything but pods and policies themselves.
pub(super) type Statements = BTreeMap<Id, Arc<Object>>;

/// What was said from one moment on, until the next world begins.
#[derive(Debug, Clone)]
pub(super) struct World {
    /// The version that it begins with.
    pub(super) version: u64,
    /// When it began.
    pub(super) at: Duration,
    /// The time of day then.
    pub(super) clock: Timestamp,
    pub(super) statements: Statements,
    /// The policies that it gives.
    pub(super) policies: BTreeMap<Key, NetworkPolicy>,
}

impl World {
    /// What this world gives, with these pods.
    pub(super) fn expected(&self, pods: impl IntoIterator<Item = Arc<Object>>) -> Expected {
        let statements = self.statements.values().cloned();
        Expected::of(statements.chain(pods).map(|object| (*object).clone()), self.clock)
    }

    /// When the first approval that holds in it ends, if one does.
    pub(super) fn ends(&self) -> Option<Timestamp> {
        let ends = self.statements.values().filter_map(|object| match &**object {
            Object::Approval(approval) => approval.expires_at,
            _ => None,
        });
        ends.filter(|ends| *ends > self.clock).min()
    }
}

/// What of an object decides something: nothing of its status, nor its version.
pub(super) fn material(event: &Event) -> Option<Value> {
    let mut object = event.object.clone()?;
    if let Some(metadata) = object["metadata"].as_object_mut() {
        metadata.remove("resourceVersion");
        metadata.remove("generation");
    }
    if let Some(fields) = object.as_object_mut() {
        fields.remove("status");
    }
    if event.kind == "ReplicaSet"
        && let Some(spec) = object["spec"].as_object_mut()
    {
        spec.remove("replicas");
    }
    Some(object)
}

/// Reads the object of an event.
pub(super) fn object(event: &Event) -> Result<Option<Arc<Object>>, Error> {
    Ok(event.object.as_ref().map(read).transpose()?.flatten().map(Arc::new))
}
