//! What an intent, an approval or a prohibition names as callee: Services in a scope, and one of their ports or all.
//!
//! Everything here works on text alone. A pattern never depends on which Services or ports exist.

use std::fmt;

use crate::names;

mod label;

/// Which port of the callee.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Port {
    /// Every port: none was named.
    All,
    /// The port of this name.
    Named(String),
    /// The Service port (not the pod's) of this number, where it has no name.
    Number(u16),
}

impl Port {
    /// Reads a port's name or number.
    ///
    /// # Errors
    /// What was read and what was expected.
    pub fn parse(text: &str) -> Result<Self, String> {
        if !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) {
            return match text.parse::<u16>() {
                Ok(number) if number > 0 && !text.starts_with('0') => Ok(Self::Number(number)),
                _ => Err(format!("`{text}` is no port number: 1 to 65535, without leading zeros")),
            };
        }
        if text.is_empty() {
            return Err("no port stands after the colon".to_owned());
        }
        // A Service's port may have any DNS label as name; a container's has fewer characters.
        if names::is_dns_label(text) {
            return Ok(Self::Named(text.to_owned()));
        }
        let shown = names::printable(text);
        Err(format!("`{shown}` is no port: a port's name (of a-z, 0-9 and -) or its Service port number"))
    }

    /// Whether every port that `other` can mean is meant by `self`.
    pub fn covers(&self, other: &Self) -> bool {
        *self == Self::All || self == other
    }

    /// Whether some port may be meant by both. A port is known by its name, or by its number where it has none, so
    /// that a name and a number never mean the same port.
    pub fn overlaps(&self, other: &Self) -> bool {
        *self == Self::All || *other == Self::All || self == other
    }
}

impl fmt::Display for Port {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => f.write_str("all ports"),
            Self::Named(name) => f.write_str(name),
            Self::Number(number) => write!(f, "{number}"),
        }
    }
}

/// Which Services.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// One Service.
    Service {
        /// Its namespace.
        namespace: String,
        /// Its name.
        name: String,
    },
    /// Every Service of a namespace.
    Namespace(String),
    /// Every Service of every managed namespace.
    Cluster,
    /// Every Service, in any managed namespace, whose label `netintent.dev/type` is this.
    Type(String),
}

impl Scope {
    /// Whether every Service that `other` can ever mean is meant by `self`.
    pub fn covers(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Cluster, _) => true,
            (Self::Namespace(ours), Self::Service { namespace, .. }) => ours == namespace,
            _ => self == other,
        }
    }

    /// Whether some Service may, now or later, be meant by both.
    pub fn overlaps(&self, other: &Self) -> bool {
        match (self, other) {
            // A Service has one type or none.
            (Self::Type(a), Self::Type(b)) => a == b,
            // What type a Service has may change.
            (Self::Type(_), _) | (_, Self::Type(_)) => true,
            _ => self.covers(other) || other.covers(self),
        }
    }
}

/// Services in a scope, and which of their ports.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CalleePattern {
    /// Which Services.
    pub scope: Scope,
    /// Which port of each.
    pub port: Port,
}

impl CalleePattern {
    /// Whether everything that `other` can mean, by its text, is meant by `self`.
    pub fn covers(&self, other: &Self) -> bool {
        self.scope.covers(&other.scope) && self.port.covers(&other.port)
    }

    /// Whether something may be meant by both.
    pub fn overlaps(&self, other: &Self) -> bool {
        self.scope.overlaps(&other.scope) && self.port.overlaps(&other.port)
    }

    /// Reads `service[:port]`, `namespace/service[:port]`, `namespace/*[:port]`, `*/*[:port]` or `@type[:port]`. A
    /// Service without namespace is one of `namespace`; where that is `None`, the namespace must be given.
    ///
    /// # Errors
    /// What was read, what was expected, and what may have been meant.
    pub fn parse(text: &str, namespace: Option<&str>) -> Result<Self, PatternError> {
        let (scope, port) = match text.split_once(':') {
            Some((scope, port)) => (scope, Some(port)),
            None => (text, None),
        };
        let fail = |message: String| PatternError { message, help: meant(text) };
        let scope = match scope.split_once('/') {
            _ if scope.is_empty() => return Err(fail("a callee's name was expected here".into())),
            _ if scope.starts_with('@') => {
                let r#type = &scope[1..];
                if !names::is_dns_label(r#type) {
                    return Err(fail(format!("`{}` is no type: a DNS label was expected after `@`", shown(r#type))));
                }
                Scope::Type(r#type.to_owned())
            }
            Some(("*", "*")) => Scope::Cluster,
            Some(("*", name)) => {
                return Err(fail(format!("`*/{}` names one Service in every namespace, which can't be", shown(name))));
            }
            Some((in_namespace, _)) if !names::is_dns_label(in_namespace) => {
                return Err(fail(format!(
                    "`{}` is no namespace: a DNS label was expected before `/`",
                    shown(in_namespace)
                )));
            }
            Some((in_namespace, "*")) => Scope::Namespace(in_namespace.to_owned()),
            Some((in_namespace, name)) => service(in_namespace, name).map_err(fail)?,
            None => match namespace {
                Some(own) if scope == "*" => {
                    return Err(PatternError {
                        message: "`*` alone does not say in which namespace".into(),
                        help: Some(format!("write `{own}/*` for every Service of this namespace")),
                    });
                }
                Some(own) => service(own, scope).map_err(fail)?,
                None => {
                    return Err(PatternError {
                        message: format!("`{}` does not say in which namespace", shown(scope)),
                        help: meant(text).or_else(|| Some("write `namespace/service`".into())),
                    });
                }
            },
        };
        let port = port.map_or(Ok(Port::All), Port::parse).map_err(fail)?;
        Ok(Self { scope, port })
    }

    /// Reads a callee of an Approval: `service[:port]`, `*` or `*:port`, always of the Approval's own namespace.
    ///
    /// # Errors
    /// As [`CalleePattern::parse`].
    pub fn parse_own(text: &str, namespace: &str) -> Result<Self, PatternError> {
        let (scope, port) = text.split_once(':').map_or((text, None), |(s, p)| (s, Some(p)));
        if scope.contains('/') || scope.starts_with('@') {
            let own = scope.strip_prefix(namespace).and_then(|rest| rest.strip_prefix('/'));
            let help = match own {
                Some(name) => format!("write `{}`", port.map_or(name.to_owned(), |p| format!("{name}:{p}"))),
                None => "a ClusterApproval can name Services of other namespaces".to_owned(),
            };
            return Err(PatternError {
                message: format!("`{}`: an Approval's callees are Services of its own namespace", shown(text)),
                help: Some(help),
            });
        }
        if scope == "*" {
            let port = port
                .map_or(Ok(Port::All), Port::parse)
                .map_err(|message| PatternError { message, help: meant(text) })?;
            return Ok(Self { scope: Scope::Namespace(namespace.to_owned()), port });
        }
        Self::parse(text, Some(namespace))
    }
}

fn service(namespace: &str, name: &str) -> Result<Scope, String> {
    if names::is_dns_label(name) {
        Ok(Scope::Service { namespace: namespace.to_owned(), name: name.to_owned() })
    } else {
        Err(format!("`{}` is no name of a Service: lower-case letters, digits and `-` were expected", shown(name)))
    }
}

fn shown(text: &str) -> String {
    names::printable(text)
}

/// What somebody who wrote `text` may have meant: a DNS name, a URL, another separator or upper case.
fn meant(text: &str) -> Option<String> {
    let bare = text.split_once("://").map_or(text, |(_, rest)| rest);
    let bare = bare.split_once('/').filter(|(head, _)| head.contains('.')).map_or(bare, |(head, _)| head);
    let (host, port) = bare.split_once(':').map_or((bare, None), |(h, p)| (h, Some(p)));
    let host = host.to_ascii_lowercase();
    let parts: Vec<&str> = host.split(['.', '/']).collect();
    let (scope, port) = match (&parts[..], port) {
        ([name, namespace, "svc", ..] | [name, namespace], port) if host.contains('.') => {
            (format!("{namespace}/{name}"), port.map(str::to_owned))
        }
        ([namespace, name, port], None) if !host.contains('.') => {
            (format!("{namespace}/{name}"), Some((*port).to_owned()))
        }
        (_, port) => (host, port.map(str::to_ascii_lowercase)),
    };
    let candidate = port.map_or(scope.clone(), |p| format!("{scope}:{p}"));
    if candidate == text || CalleePattern::parse_quietly(&candidate).is_none() {
        return None;
    }
    Some(format!("did you mean `{candidate}`?"))
}

impl CalleePattern {
    /// Whether `text` is a pattern, without a search for what else it may have meant.
    fn parse_quietly(text: &str) -> Option<()> {
        let (scope, port) = text.split_once(':').map_or((text, None), |(s, p)| (s, Some(p)));
        let good = match scope.split_once('/') {
            Some((namespace, name)) => names::is_dns_label(namespace) && names::is_dns_label(name),
            None => names::is_dns_label(scope.strip_prefix('@').unwrap_or(scope)),
        };
        (good && port.is_none_or(|p| Port::parse(p).is_ok())).then_some(())
    }
}

impl fmt::Display for CalleePattern {
    /// In full, as a ClusterApproval has it: `bank/ledger:rpc`, `bank/*`, `*/*:metrics`, `@backend:rpc`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.scope {
            Scope::Service { namespace, name } => write!(f, "{namespace}/{name}")?,
            Scope::Namespace(namespace) => write!(f, "{namespace}/*")?,
            Scope::Cluster => f.write_str("*/*")?,
            Scope::Type(r#type) => write!(f, "@{type}")?,
        }
        match &self.port {
            Port::All => Ok(()),
            port => write!(f, ":{port}"),
        }
    }
}

/// Why a text is no callee pattern.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct PatternError {
    /// What was read and what was expected.
    pub message: String,
    /// What to write instead.
    pub help: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> CalleePattern {
        CalleePattern::parse(text, Some("shop")).unwrap()
    }

    fn error(text: &str) -> (String, Option<String>) {
        let error = CalleePattern::parse(text, Some("shop")).unwrap_err();
        (error.message, error.help)
    }

    #[test]
    fn every_form_prints_in_full_and_has_its_label() {
        for (text, full, label) in [
            ("ledger", "shop/ledger", "ledger.shop.to.netintent.dev/all.ports"),
            ("bank/ledger:rpc", "bank/ledger:rpc", "ledger.bank.to.netintent.dev/rpc"),
            ("bank/cards:8443", "bank/cards:8443", "cards.bank.to.netintent.dev/8443"),
            ("bank/*:metrics", "bank/*:metrics", "bank.to.netintent.dev/metrics"),
            ("*/*:metrics", "*/*:metrics", "to.netintent.dev/metrics"),
            ("@backend:rpc", "@backend:rpc", "backend.type.netintent.dev/rpc"),
        ] {
            assert_eq!((parse(text).to_string().as_str(), parse(text).label_key().as_str()), (full, label));
            assert_eq!(CalleePattern::of_label_key(label), Some(parse(text)));
        }
    }

    #[test]
    fn cover_is_by_text_and_whole() {
        for (wide, narrow) in [
            ("bank/ledger", "bank/ledger:rpc"),
            ("bank/*", "bank/ledger"),
            ("bank/*:rpc", "bank/ledger:rpc"),
            ("*/*", "@backend:rpc"),
            ("*/*:metrics", "bank/*:metrics"),
            ("@backend", "@backend:rpc"),
        ] {
            assert!(parse(wide).covers(&parse(narrow)), "{wide} covers {narrow}");
            assert!(!parse(narrow).covers(&parse(wide)), "{narrow} does not cover {wide}");
        }
        assert!(!parse("@backend").covers(&parse("bank/ledger")));
        assert!(!parse("bank/*:rpc").covers(&parse("bank/ledger")));
    }

    #[test]
    fn overlap_is_whatever_may_coincide() {
        for (a, b, expected) in [
            ("bank/ledger", "bank/ledger:rpc", true),
            ("bank/*:rpc", "bank/ledger", true),
            ("@backend", "bank/ledger:rpc", true),
            ("@backend", "@frontend", false),
            ("@backend:rpc", "*/*:metrics", false),
            ("bank/ledger:rpc", "bank/ledger:8443", false),
            ("bank/*", "shop/*", false),
        ] {
            assert_eq!(parse(a).overlaps(&parse(b)), expected, "{a} {b}");
            assert_eq!(parse(b).overlaps(&parse(a)), expected, "{b} {a}");
        }
    }

    #[test]
    fn slips_are_told_with_what_was_meant() {
        for (text, help) in [
            ("ledger.bank:rpc", "did you mean `bank/ledger:rpc`?"),
            ("http://ledger.bank.svc.cluster.local:8080/v1", "did you mean `bank/ledger:8080`?"),
            ("bank/ledger/rpc", "did you mean `bank/ledger:rpc`?"),
            ("Bank/Ledger:RPC", "did you mean `bank/ledger:rpc`?"),
            ("*", "write `shop/*` for every Service of this namespace"),
        ] {
            assert_eq!(error(text).1.as_deref(), Some(help), "{text}");
        }
        assert_eq!(error("bank/ledger:0").0, "`0` is no port number: 1 to 65535, without leading zeros");
        assert_eq!(error("*/ledger").0, "`*/ledger` names one Service in every namespace, which can't be");
        assert_eq!(error("@Back_end").0, "`Back_end` is no type: a DNS label was expected after `@`");
        assert_eq!(error(":rpc").0, "a callee's name was expected here");
        assert!(!error("led\u{1b}[31mger").0.contains('\u{1b}'));
    }

    #[test]
    fn an_approval_names_its_own_namespace_only() {
        let own = |text| CalleePattern::parse_own(text, "bank");
        assert_eq!(own("ledger:rpc").unwrap().to_string(), "bank/ledger:rpc");
        assert_eq!(own("*:metrics").unwrap().to_string(), "bank/*:metrics");
        assert_eq!(own("*").unwrap().to_string(), "bank/*");
        assert_eq!(own("bank/ledger:rpc").unwrap_err().help.unwrap(), "write `ledger:rpc`");
        assert!(own("shop/cart").unwrap_err().help.unwrap().contains("ClusterApproval"));
        assert!(own("@backend").is_err() && own("*:*").is_err());
    }
}
