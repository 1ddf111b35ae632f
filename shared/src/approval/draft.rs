//! The manifest of an approval that is yet to be written.

use std::fmt::Write as _;

use jiff::Timestamp;

use super::Approval;
use crate::callee::{CalleePattern, Port, Scope};
use crate::caller::{Caller, CallerPattern};
use crate::manifest::quoted;
use crate::names;
use crate::objects::{Metadata, Text};

/// How many characters the name of an object may have.
const MAX_NAME: usize = 253;

/// An approval that is yet to be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draft {
    /// Its namespace; none for a ClusterApproval.
    pub namespace: Option<String>,
    /// Its name.
    pub name: String,
    /// Annotations: keys of our own, and texts of any kind.
    pub annotations: Vec<(&'static str, String)>,
    /// Who may call.
    pub callers: Vec<CallerPattern>,
    /// What they may call; for an Approval in its own namespace.
    pub callees: Vec<CalleePattern>,
    /// Why, for people.
    pub reason: Option<String>,
    /// When it ends to hold.
    pub expires_at: Option<Timestamp>,
}

/// The manifest that approves one caller for one callee, to be pasted or applied.
pub fn manifest(caller: &Caller, callee: &CalleePattern) -> String {
    Draft::new(CallerPattern::One(caller.clone()), callee.clone()).manifest()
}

impl Draft {
    /// Approves one caller for one callee.
    ///
    /// What is within one namespace is approved there, by an Approval; every Service of the cluster or of a type by a
    /// ClusterApproval.
    pub fn new(caller: CallerPattern, callee: CalleePattern) -> Self {
        let namespace = match &callee.scope {
            Scope::Service { namespace, .. } | Scope::Namespace(namespace) => Some(namespace.clone()),
            Scope::Cluster | Scope::Type(_) => None,
        };
        let name = name(&caller, &callee);
        let (callers, callees) = (vec![caller], vec![callee]);
        Self { namespace, name, annotations: Vec::new(), callers, callees, reason: None, expires_at: None }
    }

    /// Approves a caller of `approval` for some of its callees, for its reason, as long as it holds. `None` without any.
    pub(super) fn part(approval: &Approval, caller: CallerPattern, callees: Vec<CalleePattern>) -> Option<Self> {
        let mut draft = Self::new(caller, callees.first()?.clone());
        let kept = [names::AUTHOR, names::COMMIT];
        let text = |key| approval.metadata.annotation(key).map(|text: &Text| (key, text.value.clone()));
        draft.annotations = kept.into_iter().filter_map(text).collect();
        draft.namespace = Some(approval.metadata.namespace.clone()).filter(|namespace| !namespace.is_empty());
        draft.callees = callees;
        draft.reason.clone_from(&approval.reason);
        draft.expires_at = approval.expires_at;
        Some(draft)
    }

    /// An approval of one caller for one callee as it would be written now. `None` of any other.
    pub fn again(approval: &Approval) -> Option<Self> {
        let ([caller], [_], []) = (&approval.callers[..], &approval.callees[..], &approval.from[..]) else {
            return None;
        };
        let draft = Self::part(approval, caller.clone(), approval.callees.clone())?;
        Some(Self { name: approval.metadata.name.clone(), ..draft })
    }

    /// `Approval` or `ClusterApproval`.
    pub fn kind(&self) -> &'static str {
        if self.namespace.is_some() { "Approval" } else { "ClusterApproval" }
    }

    /// `namespace/name`, or the name alone of what is in no namespace.
    pub fn full_name(&self) -> String {
        self.namespace.as_ref().map_or_else(|| self.name.clone(), |namespace| format!("{namespace}/{}", self.name))
    }

    /// Takes another name as long as `taken` says that an object of its kind has it.
    pub fn rename(&mut self, taken: &dyn Fn(&Self) -> bool) {
        let plain = self.name.clone();
        let mut number: u32 = 2;
        while taken(self) {
            let suffix = format!(".{number}");
            self.name = format!("{}{suffix}", cut(&plain, MAX_NAME - suffix.len()));
            number += 1;
        }
    }

    /// The manifest. No text of it holds a line that could be taken for anything else.
    pub fn manifest(&self) -> String {
        let mut text = format!("apiVersion: netintent.dev/v1alpha1\nkind: {}\n{}spec:\n", self.kind(), self.metadata());
        let callers: Vec<String> = self.callers.iter().map(caller_text).collect();
        let callees: Vec<String> = self.callees.iter().map(|callee| self.callee_text(callee)).collect();
        let _ = writeln!(text, "  callers: [{}]\n  callees: [{}]", callers.join(", "), callees.join(", "));
        if let Some(reason) = &self.reason {
            let _ = writeln!(text, "  reason: {}", quoted(reason));
        }
        if let Some(at) = self.expires_at {
            let _ = writeln!(text, "  expiresAt: {at}");
        }
        text
    }

    /// The callees as this kind of approval names them, each as it is written.
    pub fn callee_texts(&self) -> Vec<String> {
        let bare = |callee: &CalleePattern| self.callee_text(callee).trim_matches('"').to_owned();
        self.callees.iter().map(bare).collect()
    }

    /// What it will be, once it is written.
    pub fn approval(&self) -> Approval {
        let metadata = Metadata {
            namespace: self.namespace.clone().unwrap_or_default(),
            name: self.name.clone(),
            annotations: self.annotations.iter().map(|(key, text)| ((*key).to_owned(), Text::unplaced(text))).collect(),
            ..Metadata::default()
        };
        Approval {
            metadata,
            callers: self.callers.clone(),
            callees: self.callees.clone(),
            reason: self.reason.clone(),
            expires_at: self.expires_at,
            from: Vec::new(),
        }
    }

    fn metadata(&self) -> String {
        let namespace = self.namespace.as_deref().map(names::yaml);
        if self.annotations.is_empty() {
            let namespace = namespace.map_or_else(String::new, |namespace| format!("namespace: {namespace}, "));
            return format!("metadata: {{{namespace}name: {}}}\n", self.name);
        }
        let mut text = "metadata:\n".to_owned();
        if let Some(namespace) = namespace {
            let _ = writeln!(text, "  namespace: {namespace}");
        }
        let _ = writeln!(text, "  name: {}\n  annotations:", self.name);
        for (key, value) in &self.annotations {
            let _ = writeln!(text, "    {key}: {}", quoted(value));
        }
        text
    }

    /// A callee as this kind of approval names it.
    fn callee_text(&self, callee: &CalleePattern) -> String {
        let port = match &callee.port {
            Port::All => String::new(),
            port => format!(":{port}"),
        };
        match (&callee.scope, &self.namespace) {
            (Scope::Service { name, .. }, Some(_)) => format!("\"{name}{port}\""),
            (Scope::Namespace(_), Some(_)) => format!("\"*{port}\""),
            _ => format!("\"{callee}\""),
        }
    }
}

fn caller_text(caller: &CallerPattern) -> String {
    match caller {
        CallerPattern::One(caller) => caller.to_string(),
        // A bare star would be an alias.
        wildcard => format!("\"{wildcard}\""),
    }
}

/// A name that says both ends: namespaces, Services and ports have no dot, so that no two callers of one callee, and no two
/// callees of one caller, get one name, and neither replaces the other.
fn name(caller: &CallerPattern, callee: &CalleePattern) -> String {
    let who = match caller {
        CallerPattern::One(caller) => format!("{}.{}", caller.namespace, caller.name),
        CallerPattern::Namespace(namespace) => format!("{namespace}.every-caller"),
        CallerPattern::Any => "every-caller".to_owned(),
    };
    let whom = match &callee.scope {
        Scope::Service { name, .. } => name.clone(),
        Scope::Namespace(_) | Scope::Cluster => "every-service".to_owned(),
        Scope::Type(r#type) => format!("type-{type}"),
    };
    let port = match &callee.port {
        Port::All => String::new(),
        port => format!(".{port}"),
    };
    // Only a caller's name can be so long that this cuts it.
    cut(&format!("{who}.calls.{whom}{port}"), MAX_NAME).to_owned()
}

/// A name cut to at most `length` characters, which it still is a name with.
fn cut(name: &str, length: usize) -> &str {
    name[..name.floor_char_boundary(length)].trim_end_matches(['-', '.'])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(callee: &str) -> String {
        let caller = Caller { namespace: "shop".into(), name: "frontend".into() };
        manifest(&caller, &CalleePattern::parse(callee, None).unwrap())
    }

    fn draft(caller: &str, callee: &str) -> Draft {
        Draft::new(CallerPattern::parse(caller, None).unwrap(), CalleePattern::parse(callee, None).unwrap())
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

    #[test]
    fn all_that_an_approval_can_say() {
        let mut draft = draft("shop/*", "bank/ledger:rpc");
        draft.reason = Some("refunds: PAY-1234".to_owned());
        draft.expires_at = Some("2027-06-30T00:00:00Z".parse().unwrap());
        draft.annotations = vec![(names::AUTHOR, "Ada <ada@example.com>".to_owned())];
        assert_eq!(
            draft.manifest(),
            "apiVersion: netintent.dev/v1alpha1\nkind: Approval\nmetadata:\n  namespace: bank\n  name: shop.every-caller.calls.ledger.rpc\n  annotations:\n    netintent.dev/author: Ada <ada@example.com>\nspec:\n  callers: [\"shop/*\"]\n  callees: [\"ledger:rpc\"]\n  reason: \"refunds: PAY-1234\"\n  expiresAt: 2027-06-30T00:00:00Z\n"
        );
    }

    #[test]
    fn a_name_that_is_taken_gets_a_number() {
        let mut one = draft("*/*", "bank/ledger");
        one.rename(&|draft| !draft.name.ends_with(".4"));
        assert_eq!(one.name, "every-caller.calls.ledger.4");
        let approved = one.approval();
        assert!(approved.names(&one.callers[0], &one.callees[0]) && approved.kind() == "Approval");
        let mut long = draft(&format!("shop/{}", "a".repeat(253)), "bank/ledger");
        assert_eq!(long.name.len(), MAX_NAME);
        let before = long.name.clone();
        long.rename(&|draft| draft.name == before);
        assert!(long.name.len() == MAX_NAME && long.name.ends_with("a.2"), "{}", long.name);
    }
}
