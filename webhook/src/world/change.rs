//! What an object was and what it is now, for whoever acts on what changes.

use netintent::approval::{Approval, Prohibition};
use netintent::intent::Calls;
use netintent::objects::{Metadata, Service};

use super::{Key, NamespaceFacts, World};
use crate::watched::Watched;

/// A change of what is known of one object.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// Its kind.
    pub kind: Watched,
    /// Its namespace and name.
    pub key: Key,
    /// What was known of it.
    pub before: Option<Known>,
    /// What is known of it now.
    pub after: Option<Known>,
}

/// What is known of an object.
#[derive(Clone, Debug, PartialEq)]
pub enum Known {
    /// Of a Namespace.
    Namespace(NamespaceFacts),
    /// Of a ServiceAccount: what it declares.
    Account(Calls),
    /// Of a Service.
    Service(Box<Service>),
    /// Of an Approval or ClusterApproval.
    Approval(Box<Approval>),
    /// Of a ClusterProhibition.
    Prohibition(Box<Prohibition>),
    /// Of a ReplicaSet or Job: who controls it.
    Owner(Box<Metadata>),
    /// Of any: that it can't be read, and why.
    Malformed(String),
}

impl World {
    /// What is known of an object; of pods nothing is told here.
    pub(crate) fn known(&self, kind: Watched, key: &Key) -> Option<Known> {
        let statements = &self.statements;
        if let Some(message) = self.malformed.get(&(kind, key.clone())) {
            return Some(Known::Malformed(message.clone()));
        }
        match kind {
            Watched::Namespace => self.namespaces.get(&key.1).copied().map(Known::Namespace),
            Watched::ServiceAccount => self.accounts.get(key).cloned().map(Known::Account),
            Watched::Service => self.service(&key.0, &key.1).cloned().map(|service| Known::Service(Box::new(service))),
            Watched::Approval | Watched::ClusterApproval => {
                let approval = statements.approval(self.approval(key)?)?;
                Some(Known::Approval(Box::new(approval.clone())))
            }
            Watched::ClusterProhibition => {
                let prohibition = statements.prohibition(*self.prohibitions.get(&key.1)?)?;
                Some(Known::Prohibition(Box::new(prohibition.clone())))
            }
            Watched::ReplicaSet => self.replica_sets.get(key).cloned().map(|owner| Known::Owner(Box::new(owner))),
            Watched::Job => self.jobs.get(key).cloned().map(|owner| Known::Owner(Box::new(owner))),
            Watched::Pod => None,
        }
    }
}
