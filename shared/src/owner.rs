//! Whom to ask about a callee.

use std::fmt;

use crate::callee::{CalleePattern, Scope};
use crate::catalogue::Catalogue;
use crate::names;

/// Who owns a callee, and so approves who calls it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Owner {
    /// Whom its Service names, by the community's annotations `a8r.io/owner` and `a8r.io/chat`.
    Named(String),
    /// Nobody is named: whoever owns its namespace.
    Namespace(String),
    /// It is in no one namespace.
    Platform,
}

impl Owner {
    /// The owner of what a pattern names.
    pub fn of(catalogue: &dyn Catalogue, callee: &CalleePattern) -> Self {
        let namespace = match &callee.scope {
            Scope::Service { namespace, .. } | Scope::Namespace(namespace) => namespace,
            Scope::Cluster | Scope::Type(_) => return Self::Platform,
        };
        let services = match &callee.scope {
            Scope::Service { .. } => catalogue.services(&callee.scope),
            _ => Vec::new(),
        };
        let metadata = services.first().map(|(_, service)| &service.metadata);
        let annotation = |key| metadata.and_then(|m| m.annotation(key)).map(|text| names::printable(&text.value));
        match (annotation(names::OWNER), annotation(names::CHAT)) {
            (Some(owner), Some(chat)) => Self::Named(format!("{owner} ({chat})")),
            (Some(one), None) | (None, Some(one)) => Self::Named(one),
            (None, None) => Self::Namespace(namespace.clone()),
        }
    }
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Named(name) => f.write_str(name),
            Self::Namespace(namespace) => write!(f, "whoever owns namespace {namespace}"),
            Self::Platform => f.write_str("the platform team"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{service, snapshot};

    #[test]
    fn who_is_named_or_else_the_namespace() {
        let annotated = |text: &str| {
            service("bank", "ledger").replace("name: ledger}", &format!("name: ledger, annotations: {{{text}}}}}"))
        };
        let owner = |manifest: &str, callee: &str| {
            Owner::of(&snapshot(manifest, &[]), &CalleePattern::parse(callee, None).unwrap()).to_string()
        };
        let both = annotated("a8r.io/owner: bank team, a8r.io/chat: \"#bank\"");
        assert_eq!(owner(&both, "bank/ledger:http"), "bank team (#bank)");
        assert_eq!(owner(&annotated("a8r.io/chat: \"#bank\""), "bank/ledger"), "#bank");
        assert_eq!(owner(&both, "bank/*"), "whoever owns namespace bank");
        assert_eq!(owner(&both, "bank/other"), "whoever owns namespace bank");
        assert_eq!(owner(&both, "@backend"), "the platform team");
    }
}
