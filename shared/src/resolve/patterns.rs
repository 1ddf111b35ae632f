//! From what a person types to what an approval names.

use super::unseen::{self, doubtful_namespace, may_be_namespace, may_be_service};
use super::{Home, ResolveError, Role, Subject, full_name, resolve, service_port, split_port, unknown_namespace};
use crate::callee::{CalleePattern, PatternError, Port, Scope};
use crate::caller::{Caller, CallerPattern};
use crate::names::{self, printable};
use crate::objects::{Service, ServicePort};
use crate::snapshot::Snapshot;
use crate::suggest::did_you_mean;

type Result<T> = std::result::Result<T, ResolveError>;

/// Callers as an approval names them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Calling {
    /// The pattern.
    pub pattern: CallerPattern,
    /// What of it cannot be told, since not all could be read.
    pub doubts: Vec<String>,
}

/// A callee as an approval names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Called {
    /// The pattern.
    pub pattern: CalleePattern,
    /// The number that was typed for a port that has a name.
    pub number: Option<String>,
    /// What of it cannot be told, since not all could be read.
    pub doubts: Vec<String>,
}

impl From<CallerPattern> for Calling {
    fn from(pattern: CallerPattern) -> Self {
        Self { pattern, doubts: Vec::new() }
    }
}

impl From<PatternError> for ResolveError {
    fn from(error: PatternError) -> Self {
        Self { message: error.message, help: error.help }
    }
}

/// The callers that `text` names: a workload that there is, or a pattern of a namespace that there is. `own` is the namespace
/// that `./` stands for. What may be there and could not be read is taken by its text.
///
/// # Errors
/// As [`resolve()`]; where workloads of one name are several callers; where it is an address.
pub fn caller_pattern(snapshot: &Snapshot, text: &str, own: Option<&str>, home: Home<'_>) -> Result<Calling> {
    let error = |message: String, help: Option<String>| Err(ResolveError { message, help });
    let mut written = text.to_owned();
    if text.contains('*') || text.starts_with("./") {
        match CallerPattern::parse(text, own).map_err(|message| ResolveError { message, help: None })? {
            CallerPattern::Namespace(name) if !snapshot.namespaces.contains_key(&name) => {
                if !may_be_namespace(snapshot, &name) {
                    return Err(unknown_namespace(snapshot, &name));
                }
                let doubts = vec![doubtful_namespace(&name)];
                return Ok(Calling { pattern: CallerPattern::Namespace(name), doubts });
            }
            CallerPattern::One(caller) => written = caller.to_string(),
            pattern => return Ok(pattern.into()),
        }
    }
    let (at, pods) = match resolve(snapshot, &written, Role::Caller, home) {
        Ok(Subject::Workload(at, pods)) => (at, pods),
        Err(nothing) => return unseen::caller(snapshot, &written, home)?.ok_or(nothing),
        Ok(Subject::Addresses(..) | Subject::Service(_)) => {
            let message = format!("`{}` is an address, which can declare no intent", printable(text));
            return error(message, Some("name it under `from` of an Approval".to_owned()));
        }
    };
    let workload = &snapshot.workloads[at];
    let mut callers: Vec<Caller> = pods.iter().map(|pod| snapshot.pods[*pod as usize].caller.clone()).collect();
    callers.sort();
    callers.dedup();
    match &callers[..] {
        [one] => Ok(CallerPattern::One(one.clone()).into()),
        [] => {
            let (namespace, name) = (workload.namespace.clone(), workload.name.clone());
            Ok(CallerPattern::One(Caller { namespace, name }).into())
        }
        several => {
            let names: Vec<String> = several.iter().map(ToString::to_string).collect();
            let message = format!("the pods of {} are several callers: {}", workload.full_name(), names.join(", "));
            error(message, Some("approve each by its own name".to_owned()))
        }
    }
}

/// The callees that `text` names: a Service that there is, or a pattern that means some Service that there is. What may be
/// there and could not be read is taken by its text.
///
/// # Errors
/// As [`resolve()`] and [`service_port`]; where it is no Service; where a pattern means none.
pub fn callee_pattern(snapshot: &Snapshot, text: &str, home: Home<'_>) -> Result<Called> {
    if text.contains('*') || text.starts_with('@') {
        let pattern = CalleePattern::parse(text, Some(home.namespace))?;
        let doubts = check_wildcard(snapshot, &pattern)?;
        return Ok(Called { pattern, number: None, doubts });
    }
    let (name, port) = split_port(text);
    let found = resolve(snapshot, name, Role::Callee, home);
    if matches!(found, Err(_) | Ok(Subject::Workload(..)))
        && let Some(called) = unseen::callee(snapshot, text, home)?
    {
        return Ok(called);
    }
    let at = match found? {
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
    Ok(Called { pattern: CalleePattern { scope, port: found }, number, doubts: Vec::new() })
}

/// A wildcard that means nothing that there is may be a slip of the keyboard. Modes do not matter: they may change. Gives what
/// cannot be told of it.
fn check_wildcard(snapshot: &Snapshot, pattern: &CalleePattern) -> Result<Vec<String>> {
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
    let may_be_more = may_be_service(snapshot, &pattern.scope);
    match &pattern.scope {
        Scope::Namespace(namespace) if !snapshot.namespaces.contains_key(namespace) => {
            if may_be_namespace(snapshot, namespace) {
                return Ok(vec![doubtful_namespace(namespace)]);
            }
            return Err(unknown_namespace(snapshot, namespace));
        }
        Scope::Type(wanted) if meant.is_empty() && may_be_more => {
            return Ok(vec![format!("cannot tell whether any Service is of type `{wanted}`")]);
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
        let services = CalleePattern { port: Port::All, ..pattern.clone() };
        if may_be_more {
            return Ok(vec![format!("cannot tell whether any Service of `{services}` has a port `{wanted}`")]);
        }
        let help = did_you_mean(&wanted, texts.iter().map(String::as_str));
        return error(format!("no Service of `{services}` has a port `{wanted}`"), help);
    }
    Ok(Vec::new())
}

#[cfg(test)]
mod tests {
    use super::super::namespace;
    use super::*;
    use crate::objects::{Metadata, Namespace};
    use crate::snapshot::Options;
    use crate::testing::{NOW, deployment, objects, service, snapshot};
    use crate::unread::{Extent, Unread};

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
            assert_eq!(caller(text).map(|c| c.pattern.to_string()).as_deref(), Ok(expected), "{text}");
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

    /// What is in namespace bank was read, and nothing else.
    fn narrow() -> Snapshot {
        let within = |kind: &'static str| Unread {
            group: String::new(),
            kind: kind.into(),
            extent: Extent::AllBut(["bank".to_owned()].into()),
            why: "forbidden".to_owned(),
        };
        let mut objects = objects(&format!("{}{}", deployment("bank", "ledger", ""), service("bank", "ledger")));
        objects.unread = ["Namespace", "Pod", "Deployment", "Service"].map(within).to_vec();
        Snapshot::new(objects, &Options::at(NOW.parse().unwrap()))
    }

    #[test]
    fn what_could_not_be_read_is_taken_by_its_text_and_said() {
        let world = narrow();
        let home = Home { namespace: "bank", only: true };
        for (text, expected, doubt) in [
            ("shop/web", "shop/web", "cannot tell whether shop/web exists"),
            ("shop/deploy/web", "shop/web", "cannot tell whether shop/web exists"),
            ("shop/*", "shop/*", "cannot tell whether there is a namespace shop"),
            ("ledger", "bank/ledger", ""),
        ] {
            let found = caller_pattern(&world, text, Some("bank"), home).unwrap();
            assert_eq!((found.pattern.to_string().as_str(), found.doubts.join("|").as_str()), (expected, doubt));
        }
        for (text, expected, doubt) in [
            ("shop/cart", "shop/cart", "cannot tell whether Service shop/cart exists"),
            (
                "shop/svc/cart:80",
                "shop/cart:80",
                "cannot tell whether Service shop/cart exists|cannot tell whether port 80 of shop/cart has a name: if it has one, approve it by that",
            ),
            ("shop/*:http", "shop/*:http", "cannot tell whether there is a namespace shop"),
            ("*/*:odd", "*/*:odd", "cannot tell whether any Service of `*/*` has a port `odd`"),
            ("@backend", "@backend", "cannot tell whether any Service is of type `backend`"),
            ("ledger:http", "bank/ledger:http", ""),
        ] {
            let found = callee_pattern(&world, text, home).unwrap();
            assert_eq!((found.pattern.to_string().as_str(), found.doubts.join("|").as_str()), (expected, doubt));
        }
    }

    #[test]
    fn what_was_read_is_an_error_still_where_it_is_not_there() {
        let world = narrow();
        let home = Home { namespace: "bank", only: true };
        let caller = |text: &str, home| caller_pattern(&world, text, Some("bank"), home).unwrap_err().message;
        assert_eq!(caller("bank/legder", home), "no workload `legder` in namespace bank");
        assert_eq!(caller("shop/po/web-1", home), "cannot tell which caller `shop/po/web-1` is: it could not be read");
        assert_eq!(caller("web", HOME), "cannot tell: `web` is not among what could be read");
        let callee = |text: &str| callee_pattern(&world, text, home).unwrap_err().message;
        assert_eq!(callee("bank/legder"), "no Service or workload `legder` in namespace bank");
        assert_eq!(callee("bank/ledger:odd"), "Service bank/ledger has no port `odd`");
        assert_eq!(callee("bank/*:odd"), "no Service of `bank/*` has a port `odd`");
        // Namespaces that can be listed are known not to be there; what is in one that is there stays unknown.
        let mut objects = world.objects.clone();
        objects.unread.retain(|unread| unread.kind != "Namespace");
        objects
            .namespaces
            .push(Namespace { metadata: Metadata { name: "platform".to_owned(), ..Metadata::default() } });
        let world = Snapshot::new(objects, &world.options);
        assert_eq!(caller_pattern(&world, "shop/web", None, home).unwrap_err().message, "no namespace `shop`");
        assert_eq!(callee_pattern(&world, "shop/*", home).unwrap_err().message, "no namespace `shop`");
        let found = caller_pattern(&world, "platform/metrics", None, home).unwrap();
        assert_eq!(found.doubts, ["cannot tell whether platform/metrics exists"]);
        let missing = namespace(&world, "bnak").unwrap_err();
        assert_eq!(
            (missing.message.as_str(), missing.help.as_deref()),
            ("no namespace `bnak`", Some("did you mean `bank`?"))
        );
        assert!(namespace(&narrow(), "bnak").is_ok() && namespace(&world, "bank").is_ok());
    }
}
