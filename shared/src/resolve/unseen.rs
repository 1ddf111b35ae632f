//! From what a person types to what an approval names, where what it names could not be read: the text says it by itself.

use super::patterns::{Called, Calling};
use super::{Home, KINDS, ResolveError, kind, split_port};
use crate::callee::{CalleePattern, Port, Scope};
use crate::caller::CallerPattern;
use crate::names::printable;
use crate::snapshot::Snapshot;
use crate::suggest::did_you_mean;

type Result<T> = std::result::Result<T, ResolveError>;

/// Kinds whose objects are themselves the callers: what other kinds own may bear another name.
const OUTERMOST: [&str; 4] = ["Deployment", "StatefulSet", "DaemonSet", "CronJob"];

/// Whether there may be a namespace of a name, though it is not among what was read.
pub(super) fn may_be_namespace(snapshot: &Snapshot, name: &str) -> bool {
    snapshot.is_unread("Namespace", name)
}

/// Insists that there is a namespace, or that it may be among what could not be read.
///
/// # Errors
/// Where it is not there, with the nearest that is.
pub fn namespace(snapshot: &Snapshot, name: &str) -> Result<()> {
    let may_be = snapshot.namespaces.contains_key(name) || may_be_namespace(snapshot, name);
    if may_be { Ok(()) } else { Err(unknown_namespace(snapshot, name)) }
}

pub(super) fn unknown_namespace(snapshot: &Snapshot, name: &str) -> ResolveError {
    let near = did_you_mean(name, snapshot.namespaces.keys().map(String::as_str));
    ResolveError { message: format!("no namespace `{}`", printable(name)), help: near }
}

/// What cannot be told of a namespace.
pub(super) fn doubtful_namespace(name: &str) -> String {
    format!("cannot tell whether there is a namespace {name}")
}

/// The caller that `text` names, if it may be among what could not be read; `None` where all was that could have the name.
///
/// # Errors
/// Where the text alone does not say who that is.
pub(super) fn caller(snapshot: &Snapshot, text: &str, home: Home<'_>) -> Result<Option<Calling>> {
    let Some(Typed { namespace, kind, name }) = typed(snapshot, text, home) else {
        return if hides(snapshot, None, is_workload) { Err(cannot_tell(text)) } else { Ok(None) };
    };
    if !hides(snapshot, Some(namespace), is_workload) {
        return Ok(None);
    }
    if kind.is_some_and(|kind| !OUTERMOST.contains(&kind)) {
        let message = format!("cannot tell which caller `{}` is: it could not be read", printable(text));
        return Err(ResolveError { message, help: Some(format!("write `{namespace}/NAME` of its controller")) });
    }
    let pattern = CallerPattern::parse(&format!("{namespace}/{name}"), None);
    let pattern = pattern.map_err(|message| ResolveError { message, help: None })?;
    let doubts = vec![format!("cannot tell whether {pattern} exists")];
    Ok(Some(Calling { pattern, doubts }))
}

/// The same of a callee, with its port.
///
/// # Errors
/// Where the text alone does not say which Service that is.
pub(super) fn callee(snapshot: &Snapshot, text: &str, home: Home<'_>) -> Result<Option<Called>> {
    let is_service = |kind: &str| kind == "Service";
    let (written, port) = split_port(text);
    let Some(Typed { namespace, kind, name }) = typed(snapshot, written, home) else {
        return if hides(snapshot, None, is_service) { Err(cannot_tell(text)) } else { Ok(None) };
    };
    if kind.is_some_and(|kind| kind != "Service") || !hides(snapshot, Some(namespace), is_service) {
        return Ok(None);
    }
    let port = port.map_or_else(String::new, |port| format!(":{port}"));
    let pattern = CalleePattern::parse(&format!("{namespace}/{name}{port}"), None)?;
    let service = CalleePattern { port: Port::All, ..pattern.clone() };
    let mut doubts = vec![format!("cannot tell whether Service {service} exists")];
    if let Port::Number(number) = pattern.port {
        doubts.push(format!(
            "cannot tell whether port {number} of {service} has a name: if it has one, approve it by that"
        ));
    }
    Ok(Some(Called { pattern, number: None, doubts }))
}

/// Whether a Service of a scope may be among what could not be read.
pub(super) fn may_be_service(snapshot: &Snapshot, scope: &Scope) -> bool {
    let namespace = match scope {
        Scope::Service { namespace, .. } | Scope::Namespace(namespace) => Some(namespace.as_str()),
        Scope::Cluster | Scope::Type(_) => None,
    };
    hides(snapshot, namespace, |kind| kind == "Service")
}

/// Whether a kind has pods.
pub fn is_workload(kind: &str) -> bool {
    kind != "Service" && KINDS.iter().any(|(_, known)| *known == kind)
}

/// Whether objects of such kinds could not be read in a namespace, or in any. In a namespace that is not there is none.
fn hides(snapshot: &Snapshot, namespace: Option<&str>, is: impl Fn(&str) -> bool) -> bool {
    let mut unread = snapshot.objects.unread.iter().filter(|unread| is(&unread.kind));
    match namespace {
        None => unread.next().is_some(),
        Some(name) => {
            let may_be = snapshot.namespaces.contains_key(name) || may_be_namespace(snapshot, name);
            may_be && unread.any(|unread| unread.touches(name))
        }
    }
}

/// A name, as it is typed.
struct Typed<'t> {
    namespace: &'t str,
    kind: Option<&'t str>,
    name: &'t str,
}

/// Takes a name apart, as [`super::resolve()`] does; `None` where it could be in any namespace, or is none.
fn typed<'t>(snapshot: &'t Snapshot, text: &'t str, home: Home<'t>) -> Option<Typed<'t>> {
    let parts: Vec<&str> = text.split('/').collect();
    let home = home.only.then_some(home.namespace);
    match parts[..] {
        [name] => home.map(|namespace| Typed { namespace, kind: None, name }),
        [first, name] if !snapshot.namespaces.contains_key(first) && kind(snapshot, first).is_some() => {
            home.map(|namespace| Typed { namespace, kind: kind(snapshot, first), name })
        }
        [namespace, name] => Some(Typed { namespace, kind: None, name }),
        [namespace, written, name] => {
            Some(Typed { namespace, kind: Some(kind(snapshot, written).unwrap_or(written)), name })
        }
        _ => None,
    }
}

fn cannot_tell(text: &str) -> ResolveError {
    let message = format!("cannot tell: `{}` is not among what could be read", printable(text));
    ResolveError { message, help: Some("write it as `namespace/name`".to_owned()) }
}
