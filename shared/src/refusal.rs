//! Refusals in words: why, and what to do.

use crate::approval;
use crate::callee::{CalleePattern, Scope};
use crate::caller::Caller;
use crate::catalogue::{Catalogue, services_meant};
use crate::derive::{Reason, Refusal};
use crate::finding::some;
use crate::names;
use crate::objects::Service;
use crate::owner::Owner;
use crate::snapshot::wrong_port;
use crate::statements::Statements;
use crate::suggest::did_you_mean;

/// How many of what is approved in an intent's place are named.
const MOST: usize = 8;
/// How many names are looked at for a near one.
const CANDIDATES: usize = 1000;

/// A refusal in words. No text of it has a control character.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wording {
    /// Who may not call what, and why.
    pub message: String,
    /// What to do, and whose it is to do.
    pub help: String,
    /// The manifest that would end the refusal, where one would.
    pub approval: Option<String>,
}

/// Says why a caller's intent is refused.
pub fn word(catalogue: &dyn Catalogue, statements: &Statements<'_>, caller: &Caller, refusal: &Refusal) -> Wording {
    let callee = &refusal.callee;
    let owner = Owner::of(catalogue, callee);
    let manifest = || Some(approval::manifest(caller, callee));
    let (why, help, approval) = match &refusal.reason {
        Reason::NotApproved => {
            let help = format!("{owner} approves it: kubectl netintent approve {caller} --to {callee}");
            ("nobody has approved it".to_owned(), help, manifest())
        }
        Reason::TooWide { approved } => {
            let more = approved.len().saturating_sub(MOST);
            let mut names: Vec<String> = approved.iter().take(MOST).map(ToString::to_string).collect();
            names.extend((more > 0).then(|| format!("and {more} more")));
            let help = "declare what is approved, no more".to_owned();
            (format!("only {} is approved", names.join(", ")), help, None)
        }
        Reason::Expired { approvals } => {
            let expired = approvals.iter().filter_map(|at| statements.approval(*at));
            let expired = expired.map(|approval| approval.metadata.full_name());
            let why = format!("its approval has expired: {}", some(expired));
            let help = format!(
                "{owner} sets a later `expiresAt`, or approves it anew: kubectl netintent approve {caller} --to {callee}"
            );
            (why, help, manifest())
        }
        Reason::Prohibited { prohibition } => {
            let (name, reason) = match statements.prohibition(*prohibition) {
                Some(it) => (it.metadata.name.as_str(), it.reason.as_deref().map(names::printable)),
                None => ("", None),
            };
            let reason = reason.map_or_else(String::new, |reason| format!(": {reason}"));
            let why = format!("ClusterProhibition {name} forbids it{reason}");
            (why, "take it out, or ask the platform team".to_owned(), None)
        }
    };
    // What names no port as it must be named can't be approved to any use.
    let misnamed = wrong_port_of(catalogue, callee);
    let help = match &misnamed {
        Some(wrong) => format!("first name the port as the Service does: {}", wrong.advice()),
        None => help,
    };
    let approval = approval.filter(|_| misnamed.is_none());
    Wording { message: format!("{caller} may not call {callee}: {why}"), help, approval }
}

/// What is wrong with the port of an intent that names one Service, which exists.
pub fn wrong_port_of(catalogue: &dyn Catalogue, callee: &CalleePattern) -> Option<crate::finding::Finding> {
    let Scope::Service { namespace, name } = &callee.scope else { return None };
    let services = catalogue.services(&callee.scope);
    let (_, service) = services.first()?;
    wrong_port(service, &callee.port, format_args!("{namespace}/{name}:"))
}

/// What to say of an intent that means no Service `place` (such as ` in the input`), and what may have been meant; `None`
/// where it means one.
pub fn unknown(catalogue: &dyn Catalogue, callee: &CalleePattern, place: &str) -> Option<(String, Option<String>)> {
    if !services_meant(catalogue, callee).is_empty() {
        return None;
    }
    let namespaces = catalogue.namespaces();
    let other_namespace = |namespace: &str| {
        let near = did_you_mean(namespace, namespaces.iter().copied());
        near.filter(|_| !namespaces.contains(&namespace))
    };
    Some(match &callee.scope {
        Scope::Service { namespace, name } => {
            let beside = catalogue.services(&Scope::Namespace(namespace.clone()));
            let beside = beside.iter().take(CANDIDATES).map(|(_, service)| service.metadata.name.as_str());
            let near = did_you_mean(name, beside);
            let elsewhere = || {
                let everywhere = catalogue.services(&Scope::Cluster);
                let (_, same) = everywhere.iter().find(|(_, service)| service.metadata.name == *name)?;
                Some(format!("did you mean `{}`?", same.metadata.full_name()))
            };
            let message = format!("there is no Service {namespace}/{name}{place}");
            (message, near.or_else(elsewhere).or_else(|| other_namespace(namespace)))
        }
        Scope::Namespace(namespace) => {
            let near = did_you_mean(namespace, namespaces.iter().copied());
            (format!("there is no Service of namespace {namespace}{place}"), near)
        }
        Scope::Cluster => (format!("there is no Service of a managed namespace{place}"), None),
        Scope::Type(r#type) => {
            let everywhere = catalogue.services(&Scope::Cluster);
            let type_of =
                |(_, service): &(usize, &'_ Service)| service.metadata.labels.get(names::TYPE).map(str::to_owned);
            let types: Vec<String> = everywhere.iter().filter_map(type_of).collect();
            let message = format!("no Service of a managed namespace has the label {}={type}", names::TYPE);
            (message, did_you_mean(r#type, types.iter().map(String::as_str)))
        }
    })
}
