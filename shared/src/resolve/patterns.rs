//! From what a person types to what an approval names.

use super::{Home, ResolveError, Role, Subject, full_name, resolve, service_port, split_port, unknown_namespace};
use crate::callee::{CalleePattern, PatternError, Port, Scope};
use crate::caller::{Caller, CallerPattern};
use crate::names::{self, printable};
use crate::objects::{Service, ServicePort};
use crate::snapshot::Snapshot;
use crate::suggest::did_you_mean;

type Result<T> = std::result::Result<T, ResolveError>;

/// A callee as an approval names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Called {
    /// The pattern.
    pub pattern: CalleePattern,
    /// The number that was typed for a port that has a name.
    pub number: Option<String>,
}

impl From<PatternError> for ResolveError {
    fn from(error: PatternError) -> Self {
        Self { message: error.message, help: error.help }
    }
}

/// The callers that `text` names: a workload that there is, or a pattern of a namespace that there is. `own` is the namespace
/// that `./` stands for.
///
/// # Errors
/// As [`resolve()`]; where workloads of one name are several callers; where it is an address.
pub fn caller_pattern(snapshot: &Snapshot, text: &str, own: Option<&str>, home: Home<'_>) -> Result<CallerPattern> {
    let error = |message: String, help: Option<String>| Err(ResolveError { message, help });
    let mut written = text.to_owned();
    if text.contains('*') || text.starts_with("./") {
        match CallerPattern::parse(text, own).map_err(|message| ResolveError { message, help: None })? {
            CallerPattern::Namespace(name) if !snapshot.namespaces.contains_key(&name) => {
                return Err(unknown_namespace(snapshot, &name));
            }
            CallerPattern::One(caller) => written = caller.to_string(),
            pattern => return Ok(pattern),
        }
    }
    let (at, pods) = match resolve(snapshot, &written, Role::Caller, home)? {
        Subject::Workload(at, pods) => (at, pods),
        Subject::Addresses(..) | Subject::Service(_) => {
            let message = format!("`{}` is an address, which can declare no intent", printable(text));
            return error(message, Some("name it under `from` of an Approval".to_owned()));
        }
    };
    let workload = &snapshot.workloads[at];
    let mut callers: Vec<Caller> = pods.iter().map(|pod| snapshot.pods[*pod as usize].caller.clone()).collect();
    callers.sort();
    callers.dedup();
    match &callers[..] {
        [one] => Ok(CallerPattern::One(one.clone())),
        [] => {
            let (namespace, name) = (workload.namespace.clone(), workload.name.clone());
            Ok(CallerPattern::One(Caller { namespace, name }))
        }
        several => {
            let names: Vec<String> = several.iter().map(ToString::to_string).collect();
            let message = format!("the pods of {} are several callers: {}", workload.full_name(), names.join(", "));
            error(message, Some("approve each by its own name".to_owned()))
        }
    }
}

/// The callees that `text` names: a Service that there is, or a pattern that means some Service that there is.
///
/// # Errors
/// As [`resolve()`] and [`service_port`]; where it is no Service; where a pattern means none.
pub fn callee_pattern(snapshot: &Snapshot, text: &str, home: Home<'_>) -> Result<Called> {
    if text.contains('*') || text.starts_with('@') {
        let pattern = CalleePattern::parse(text, Some(home.namespace))?;
        check_wildcard(snapshot, &pattern)?;
        return Ok(Called { pattern, number: None });
    }
    let (name, port) = split_port(text);
    let at = match resolve(snapshot, name, Role::Callee, home)? {
        Subject::Service(at) => at,
        Subject::Workload(at, pods) => {
            let subject = Subject::Workload(at, pods.clone());
            let message =
                format!("`{}` is no Service, and callers are approved for Services", full_name(snapshot, &subject));
            let states = snapshot.services.iter().zip(&snapshot.objects.services);
            let before = states.filter(|(state, _)| pods.iter().any(|pod| state.pods.contains(pod)));
            let names: Vec<String> = before.map(|(_, service)| service.metadata.full_name()).collect();
            let help = (!names.is_empty()).then(|| format!("its Services are {}", names.join(", ")));
            return Err(ResolveError { message, help });
        }
        Subject::Addresses(..) => {
            let message = format!("`{}` is an address, and callers are approved for Services", printable(text));
            return Err(ResolveError { message, help: None });
        }
    };
    let found = port.map_or(Ok(Port::All), |port| service_port(snapshot, at, port))?;
    let named = matches!((&found, port), (Port::Named(name), Some(port)) if name != port);
    let metadata = &snapshot.objects.services[at].metadata;
    let scope = Scope::Service { namespace: metadata.namespace.clone(), name: metadata.name.clone() };
    let number = port.filter(|_| named).map(str::to_owned);
    Ok(Called { pattern: CalleePattern { scope, port: found }, number })
}

/// A wildcard that means nothing that there is may be a slip of the keyboard. Modes do not matter: they may change.
fn check_wildcard(snapshot: &Snapshot, pattern: &CalleePattern) -> Result<()> {
    let error = |message: String, help: Option<String>| Err(ResolveError { message, help });
    let of_type = |service: &Service| service.metadata.labels.get(names::TYPE).map(str::to_owned);
    let means = |service: &&Service| match &pattern.scope {
        Scope::Service { namespace, name } => {
            (namespace, name) == (&service.metadata.namespace, &service.metadata.name)
        }
        Scope::Namespace(namespace) => *namespace == service.metadata.namespace,
        Scope::Cluster => true,
        Scope::Type(wanted) => of_type(service).as_ref() == Some(wanted),
    };
    let meant: Vec<&Service> = snapshot.objects.services.iter().filter(means).collect();
    match &pattern.scope {
        Scope::Namespace(namespace) if !snapshot.namespaces.contains_key(namespace) => {
            return Err(unknown_namespace(snapshot, namespace));
        }
        Scope::Type(wanted) if meant.is_empty() => {
            let types: Vec<String> = snapshot.objects.services.iter().filter_map(of_type).collect();
            let help = did_you_mean(wanted, types.iter().map(String::as_str));
            return error(format!("no Service is of type `{wanted}` (label {})", names::TYPE), help);
        }
        _ => {}
    }
    let ports = || meant.iter().flat_map(|service| service.ports.iter().map(ServicePort::identifier));
    if pattern.port != Port::All && !ports().any(|port| port == pattern.port) {
        let texts: Vec<String> = ports().map(|port| port.to_string()).collect();
        let wanted = pattern.port.to_string();
        let help = did_you_mean(&wanted, texts.iter().map(String::as_str));
        return error(
            format!("no Service of `{}` has a port `{wanted}`", CalleePattern { port: Port::All, ..pattern.clone() }),
            help,
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{deployment, service, snapshot};

    const HOME: Home<'_> = Home { namespace: "default", only: false };

    fn world() -> Snapshot {
        let typed =
            service("bank", "ledger").replace("name: ledger}", "name: ledger, labels: {netintent.dev/type: backend}}");
        snapshot(&format!("{}{}{typed}", deployment("shop", "web", ""), deployment("bank", "ledger", "")), &[])
    }

    #[test]
    fn callers_that_there_are() {
        let world = world();
        let caller = |text: &str| caller_pattern(&world, text, Some("shop"), HOME);
        for (text, expected) in [
            ("web", "shop/web"),
            ("shop/deploy/web", "shop/web"),
            ("./web", "shop/web"),
            ("shop/*", "shop/*"),
            ("*/*", "*/*"),
            ("./*", "shop/*"),
        ] {
            assert_eq!(caller(text).map(|c| c.to_string()).as_deref(), Ok(expected), "{text}");
        }
        for (text, message, help) in [
            ("shop/wbe", "no workload `wbe` in namespace shop", "did you mean `web`?"),
            ("shpo/*", "no namespace `shpo`", "did you mean `shop`?"),
            ("*/web", "`*` is no name of a namespace", ""),
            (
                "10.0.0.1",
                "`10.0.0.1` is an address, which can declare no intent",
                "name it under `from` of an Approval",
            ),
        ] {
            let error = caller(text).unwrap_err();
            assert_eq!((error.message.as_str(), error.help.unwrap_or_default().as_str()), (message, help));
        }
    }

    #[test]
    fn callees_that_there_are() {
        let world = world();
        let callee = |text: &str| callee_pattern(&world, text, HOME);
        for (text, expected, number) in [
            ("ledger", "bank/ledger", None),
            ("bank/ledger:http", "bank/ledger:http", None),
            ("bank/ledger:80", "bank/ledger:http", Some("80")),
            ("bank/svc/ledger:80", "bank/ledger:http", Some("80")),
            ("bank/*:metrics", "bank/*:metrics", None),
            ("*/*:metrics", "*/*:metrics", None),
            ("@backend:http", "@backend:http", None),
        ] {
            let found = callee(text).unwrap();
            assert_eq!((found.pattern.to_string().as_str(), found.number.as_deref()), (expected, number));
        }
        for (text, message, help) in [
            ("bank/legder", "no Service or workload `legder` in namespace bank", "did you mean `ledger`?"),
            ("bank/ledger:htpp", "Service bank/ledger has no port `htpp`", "did you mean `http`?"),
            ("bnak/*", "no namespace `bnak`", "did you mean `bank`?"),
            ("@backedn:http", "no Service is of type `backedn` (label netintent.dev/type)", "did you mean `backend`?"),
            ("*/*:mertics", "no Service of `*/*` has a port `mertics`", "did you mean `metrics`?"),
            ("shop/*:http", "no Service of `shop/*` has a port `http`", ""),
            ("shop/web", "`shop/deployment/web` is no Service, and callers are approved for Services", ""),
            (
                "bank/deploy/ledger",
                "`bank/deployment/ledger` is no Service, and callers are approved for Services",
                "its Services are bank/ledger",
            ),
            ("10.0.0.1:80", "`10.0.0.1:80` is an address, and callers are approved for Services", ""),
        ] {
            let error = callee(text).unwrap_err();
            assert_eq!((error.message.as_str(), error.help.unwrap_or_default().as_str()), (message, help), "{text}");
        }
    }
}
