//! What there may be besides, since it could not be read.

use super::Snapshot;
use crate::callee::{CalleePattern, Scope};
use crate::unread::Unread;

impl Snapshot {
    /// Whether there may be objects of a kind in a namespace that could not be read.
    pub fn is_unread(&self, kind: &str, namespace: &str) -> bool {
        self.objects.unread.iter().any(|unread| unread.kind == kind && unread.touches(namespace))
    }

    /// What there may be of approvals of a callee that could not be read.
    pub fn unread_approvals<'u>(&'u self, callee: &'u CalleePattern) -> impl Iterator<Item = &'u Unread> {
        let bears = |unread: &Unread| match (&callee.scope, &*unread.kind) {
            (_, "ClusterApproval") => true,
            (Scope::Service { namespace, .. } | Scope::Namespace(namespace), "Approval") => unread.touches(namespace),
            _ => false,
        };
        self.objects.unread.iter().filter(move |unread| bears(unread))
    }
}
