//! Approvals and prohibitions: what the owners of callees, and the platform team, have said.

use jiff::Timestamp;

use crate::callee::{CalleePattern, Port, Scope};
use crate::caller::{Caller, CallerPattern};
use crate::names;
use crate::objects::{Metadata, Origin};
use crate::policy::Peer;

/// How many callers, callees or peers one object may name. More go into a second object: approvals add up.
pub const MAX_ITEMS: usize = 1024;
/// How many characters a reason may have.
pub const MAX_REASON: usize = 1024;

/// An Approval, or a ClusterApproval (which is in no namespace).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Approval {
    /// Namespace and name.
    pub metadata: Metadata,
    /// Who may call.
    pub callers: Vec<CallerPattern>,
    /// What they may call.
    pub callees: Vec<CalleePattern>,
    /// Why, for people.
    pub reason: Option<String>,
    /// When it ends to hold.
    pub expires_at: Option<Timestamp>,
    /// Callers that can carry no intent.
    pub from: Vec<FromPeer>,
}

/// One of the peers under `from`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FromPeer {
    /// The peer, or why it is none.
    pub peer: Result<Peer, String>,
    /// Where it stands.
    pub origin: Option<Origin>,
}

impl Approval {
    /// `Approval` or `ClusterApproval`.
    pub fn kind(&self) -> &'static str {
        if self.metadata.namespace.is_empty() { "ClusterApproval" } else { "Approval" }
    }

    /// Whether it has ceased to hold.
    pub fn is_expired(&self, now: Timestamp) -> bool {
        self.expires_at.is_some_and(|at| at <= now)
    }
}

/// A ClusterProhibition: beats every approval that it overlaps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prohibition {
    /// Its name.
    pub metadata: Metadata,
    /// Whole namespaces, or everybody.
    pub callers: Vec<CallerPattern>,
    /// What they may not call.
    pub callees: Vec<CalleePattern>,
    /// Why, for people.
    pub reason: Option<String>,
}

impl Prohibition {
    /// Whether it beats an intent of this caller.
    pub fn forbids(&self, caller: &Caller, callee: &CalleePattern) -> bool {
        self.callers.iter().any(|c| c.matches(caller)) && self.callees.iter().any(|c| c.overlaps(callee))
    }
}

/// The manifest that approves one caller for one callee, to be pasted or applied.
///
/// What is within one namespace is approved there, by an Approval; every Service of the cluster or of a type by a
/// ClusterApproval.
pub fn manifest(caller: &Caller, callee: &CalleePattern) -> String {
    use std::fmt::Write as _;
    let port = match &callee.port {
        Port::All => String::new(),
        port => format!(":{port}"),
    };
    let (kind, namespace, callees, name) = match &callee.scope {
        Scope::Service { namespace, name } => ("Approval", Some(namespace), format!("{name}{port}"), name.clone()),
        Scope::Namespace(namespace) => ("Approval", Some(namespace), format!("*{port}"), "every-service".to_owned()),
        Scope::Cluster => ("ClusterApproval", None, callee.to_string(), "every-service".to_owned()),
        Scope::Type(r#type) => ("ClusterApproval", None, callee.to_string(), format!("type-{type}")),
    };
    // Namespaces, Services and ports have no dot: two different pairs never get one name, and neither replaces the other.
    let mut object_name = format!("{}.{}.calls.{name}", caller.namespace, caller.name);
    if let Port::Named(_) | Port::Number(_) = callee.port {
        let _ = write!(object_name, ".{}", callee.port);
    }
    // Only a caller's name can be so long that this cuts it.
    object_name.truncate(object_name.floor_char_boundary(253));
    let object_name = object_name.trim_end_matches(['-', '.']);
    let metadata = match namespace {
        Some(namespace) => format!("{{namespace: {}, name: {object_name}}}", names::yaml(namespace)),
        None => format!("{{name: {object_name}}}"),
    };
    format!(
        "apiVersion: netintent.dev/v1alpha1\nkind: {kind}\nmetadata: {metadata}\nspec:\n  callers: [{caller}]\n  callees: [\"{callees}\"]\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(callee: &str) -> String {
        let caller = Caller { namespace: "shop".into(), name: "frontend".into() };
        manifest(&caller, &CalleePattern::parse(callee, None).unwrap())
    }

    #[test]
    fn what_to_paste() {
        assert_eq!(
            text("bank/ledger:rpc"),
            "apiVersion: netintent.dev/v1alpha1\nkind: Approval\nmetadata: {namespace: bank, name: shop.frontend.calls.ledger.rpc}\nspec:\n  callers: [shop/frontend]\n  callees: [\"ledger:rpc\"]\n"
        );
        assert!(text("bank/*").contains("callees: [\"*\"]"));
        assert!(
            text("*/*:metrics")
                .contains("kind: ClusterApproval\nmetadata: {name: shop.frontend.calls.every-service.metrics}")
        );
        assert!(text("@backend").contains("callees: [\"@backend\"]"));
    }
}
