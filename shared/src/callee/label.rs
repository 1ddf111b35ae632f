//! The key of a derived label, and the pattern that it stands for.

use std::fmt;

use super::{CalleePattern, Port, Scope};
use crate::names;

impl CalleePattern {
    /// The key of the derived label that stands for this pattern once it is granted: shaped like cluster DNS, unique by
    /// construction, and within Kubernetes' limits for every name that Kubernetes permits.
    pub fn label_key(&self) -> String {
        let port: &dyn fmt::Display = match &self.port {
            Port::All => &names::ALL_PORTS,
            Port::Named(name) => name,
            Port::Number(number) => number,
        };
        match &self.scope {
            Scope::Service { namespace, name } => format!("{name}.{namespace}.{}/{port}", names::TO),
            Scope::Namespace(namespace) => format!("{namespace}.{}/{port}", names::TO),
            Scope::Cluster => format!("{}/{port}", names::TO),
            Scope::Type(r#type) => format!("{type}.{}/{port}", names::BY_TYPE),
        }
    }

    /// The pattern that a derived label stands for; `None` for any other key.
    pub fn of_label_key(key: &str) -> Option<Self> {
        let (prefix, port) = key.split_once('/')?;
        let port = if port == names::ALL_PORTS { Port::All } else { Port::parse(port).ok()? };
        let head = |suffix: &str| prefix.strip_suffix(suffix)?.strip_suffix('.').map(str::to_owned);
        let scope = if prefix == names::TO {
            Scope::Cluster
        } else if let Some(r#type) = head(names::BY_TYPE) {
            Scope::Type(r#type)
        } else {
            match head(names::TO)?.split_once('.') {
                Some((name, namespace)) => Scope::Service { namespace: namespace.to_owned(), name: name.to_owned() },
                None => Scope::Namespace(head(names::TO)?),
            }
        };
        // What else the key may say, no pattern has.
        Some(Self { scope, port }).filter(|pattern| Self::parse(&pattern.to_string(), None).as_ref() == Ok(pattern))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_that_stands_for_nothing_is_no_pattern() {
        for key in [
            "app",
            "x.y.z.to.netintent.dev/rpc",
            "to.netintent.dev/RPC",
            "type.netintent.dev/rpc",
            "a.b.type.netintent.dev/rpc",
            "xto.netintent.dev/rpc",
            "ledger.bank.to.netintent.dev/all.ports/x",
        ] {
            assert_eq!(CalleePattern::of_label_key(key), None, "{key}");
        }
    }
}
