//! Which answers hang on what could not be read.

use super::Unread;
use crate::callee::Scope;
use crate::caller::CallerPattern;
use crate::snapshot::Snapshot;

/// Where pods stand, or what makes them.
pub(crate) const CALLERS: [&str; 9] = [
    "Pod",
    "ServiceAccount",
    "Deployment",
    "StatefulSet",
    "DaemonSet",
    "ReplicaSet",
    "ReplicationController",
    "CronJob",
    "Job",
];

/// What could not be read, where something hangs on it.
pub(crate) struct Gaps<'s> {
    unread: Vec<&'s Unread>,
}

impl<'s> Gaps<'s> {
    /// What approves, or forbids.
    pub(crate) const STATEMENTS: [&'static str; 3] = ["Approval", "ClusterApproval", "ClusterProhibition"];

    pub(crate) fn of(snapshot: &'s Snapshot) -> Self {
        // Where netintent's kinds are not there at all, that is known.
        Self { unread: snapshot.objects.unread.iter().filter(|unread| !unread.is_not_installed()).collect() }
    }

    /// Whether some object of these kinds may be missing.
    pub(crate) fn any(&self, kinds: &[&str]) -> bool {
        self.unread.iter().any(|unread| kinds.contains(&&*unread.kind))
    }

    /// The same of a namespace.
    pub(crate) fn in_namespace(&self, kinds: &[&str], namespace: &str) -> bool {
        self.unread.iter().any(|unread| kinds.contains(&&*unread.kind) && unread.touches(namespace))
    }

    /// Whether something of these kinds may be missing that is about what a scope means.
    pub(crate) fn about(&self, kinds: &[&str], scope: &Scope) -> bool {
        match scope {
            Scope::Service { namespace, .. } | Scope::Namespace(namespace) => self.in_namespace(kinds, namespace),
            Scope::Cluster | Scope::Type(_) => self.any(kinds),
        }
    }

    /// Whether what approves or forbids calls of a scope may be missing.
    pub(crate) fn hides_statements(&self, scope: &Scope) -> bool {
        self.any(&Self::STATEMENTS[1..]) || self.about(&Self::STATEMENTS[..1], scope)
    }

    /// Whether it may be missing who takes part of a scope.
    pub(crate) fn hides_callee(&self, scope: &Scope) -> bool {
        self.about(&["Namespace", "Service"], scope)
    }

    /// Whether Services that a scope means may be missing. A wildcard means those that take part.
    pub(crate) fn hides_services(&self, scope: &Scope) -> bool {
        let modes = !matches!(scope, Scope::Service { .. }) && self.about(&["Namespace"], scope);
        modes || self.about(&["Service"], scope)
    }

    /// Whether it may be missing where a callee leads: Services, or the pods behind them.
    pub(crate) fn hides_targets(&self, scope: &Scope) -> bool {
        self.hides_services(scope) || self.about(&["Pod"], scope)
    }

    /// Whether callers that a pattern means, or what they declare, may be missing.
    pub(crate) fn hides_callers(&self, pattern: &CallerPattern) -> bool {
        match pattern {
            CallerPattern::One(caller) => self.in_namespace(&CALLERS, &caller.namespace),
            CallerPattern::Namespace(namespace) => self.in_namespace(&CALLERS, namespace),
            CallerPattern::Any => self.any(&CALLERS),
        }
    }
}
