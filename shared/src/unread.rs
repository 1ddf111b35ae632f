//! What there may be besides, and could not be read: what that makes uncertain.

use std::collections::BTreeSet;
use std::fmt;

use crate::manifest::is_foreign;
use crate::objects::Kind;

mod gaps;
mod undecided;

pub(crate) use gaps::{CALLERS, Gaps};
pub use undecided::{may_be_approved, undecided};

/// Objects of a kind that could not be read.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Unread {
    /// The API group; empty for the core group, [`Unread::ANY_OTHER`] for others of which not even the names are known.
    pub group: String,
    /// The kind.
    pub kind: Kind,
    /// Which objects of it.
    pub extent: Extent,
    /// Why, without a full stop.
    pub why: String,
}

/// Which objects of a kind could not be read.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Extent {
    /// Those of all namespaces but these; of a kind that is in no namespace, or Namespaces themselves, all but those of these
    /// names.
    AllBut(BTreeSet<String>),
    /// One object: its namespace, empty where it is in none, and its name.
    One(String, String),
}

impl Unread {
    /// In place of a group: any but those of Kubernetes.
    pub const ANY_OTHER: &str = "*";

    /// Why there are no Approvals in a cluster that has none of netintent's kinds: all of them are known, and mean nothing.
    pub const NOT_INSTALLED: &str = "netintent is not installed in this cluster";

    /// Whether it is that netintent is not installed.
    pub fn is_not_installed(&self) -> bool {
        self.why == Self::NOT_INSTALLED
    }

    /// The kind, of several.
    pub fn kinds(&self) -> String {
        if self.group == Self::ANY_OTHER { self.kind.to_string() } else { plural(&self.kind) }
    }

    /// Whether something in a namespace may be among it. What is in no namespace may bear on any.
    pub fn touches(&self, namespace: &str) -> bool {
        match &self.extent {
            Extent::AllBut(read) => !read.contains(namespace),
            Extent::One(of, _) => of.is_empty() || of == namespace,
        }
    }

    /// Whether it hangs on objects of this kind what pods may do that are known. What declares and approves shows in the
    /// labels that they have.
    fn decides(&self) -> bool {
        matches!((self.group.as_str(), &*self.kind), ("", "Pod") | ("networking.k8s.io", "NetworkPolicy"))
            || self.group == Self::ANY_OTHER
            || is_foreign(&self.group, &self.kind)
    }
}

impl fmt::Display for Unread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.extent {
            Extent::One(namespace, name) if namespace.is_empty() => write!(f, "{} {name}", self.kind),
            Extent::One(namespace, name) => write!(f, "{} {namespace}/{name}", self.kind),
            _ if self.group == Self::ANY_OTHER => f.write_str(&self.kind),
            Extent::AllBut(read) if read.is_empty() => f.write_str(&self.kinds()),
            Extent::AllBut(read) => {
                let names = read.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
                let of = if self.kind == "Namespace" { "other than" } else { "outside of" };
                write!(f, "{} {of} {names}", self.kinds())
            }
        }
    }
}

/// Several of a kind.
fn plural(kind: &str) -> String {
    match kind.strip_suffix('y') {
        Some(stem) if !kind.ends_with("way") => format!("{stem}ies"),
        _ if kind.ends_with('s') => format!("{kind}es"),
        _ => format!("{kind}s"),
    }
}

/// What makes verdicts about the pods of a namespace uncertain; `known` is whether its labels are.
pub(crate) fn about<'u>(unread: &'u [Unread], namespace: &'u str, known: bool) -> impl Iterator<Item = &'u Unread> {
    unread
        .iter()
        .filter(move |unread| unread.touches(namespace) && (unread.decides() || (unread.kind == "Namespace" && !known)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unread(kind: &'static str, read: &[&str]) -> Unread {
        let read = read.iter().map(|name| (*name).to_owned()).collect();
        let group = match kind {
            "NetworkPolicy" => "networking.k8s.io",
            "CiliumNetworkPolicy" => "cilium.io",
            _ => "",
        };
        Unread { group: group.into(), kind: kind.into(), extent: Extent::AllBut(read), why: "forbidden".into() }
    }

    #[test]
    fn it_says_what_it_is() {
        let one = |namespace: &str| Extent::One(namespace.to_owned(), "a".to_owned());
        for (unread, text) in [
            (unread("NetworkPolicy", &[]), "NetworkPolicies"),
            (unread("Pod", &["bank", "shop"]), "Pods outside of bank, shop"),
            (unread("Namespace", &["bank"]), "Namespaces other than bank"),
            (unread("Gateway", &[]), "Gateways"),
            (unread("Ingress", &["shop"]), "Ingresses outside of shop"),
            (Unread { extent: one("bank"), ..unread("Pod", &[]) }, "Pod bank/a"),
            (Unread { extent: one(""), ..unread("ClusterApproval", &[]) }, "ClusterApproval a"),
        ] {
            assert_eq!(unread.to_string(), text);
        }
    }

    #[test]
    fn policies_and_pods_make_verdicts_uncertain_and_approvals_do_not() {
        let all = [
            unread("NetworkPolicy", &["bank"]),
            unread("Pod", &[]),
            unread("Approval", &[]),
            unread("CiliumNetworkPolicy", &["bank"]),
            unread("Namespace", &[]),
        ];
        let kinds = |namespace: &str, known: bool| -> Vec<String> {
            about(&all, namespace, known).map(|unread| unread.kind.to_string()).collect()
        };
        assert_eq!(kinds("bank", true), ["Pod"]);
        assert_eq!(kinds("shop", false), ["NetworkPolicy", "Pod", "CiliumNetworkPolicy", "Namespace"]);
    }
}
