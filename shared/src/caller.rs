//! The identity of a caller: `namespace/name`, the same whether seen from a manifest or from a pod.

use std::fmt;

use crate::names;
use crate::objects::{Kind, Metadata, Owner};
use crate::selector::Labels;

/// Who calls: the name of a pod's outermost built-in controller, in its namespace. It has no kind.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Caller {
    /// The namespace.
    pub namespace: String,
    /// The name.
    pub name: String,
}

impl fmt::Display for Caller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.namespace, self.name)
    }
}

/// The callers that an approval or a prohibition names.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CallerPattern {
    /// One caller.
    One(Caller),
    /// Every caller of a namespace.
    Namespace(String),
    /// Every caller.
    Any,
}

impl CallerPattern {
    /// Reads `namespace/name`, `namespace/*` or `*/*`; with an own namespace also `./name` and `./*`.
    ///
    /// # Errors
    /// What was read and what was expected.
    pub fn parse(text: &str, own_namespace: Option<&str>) -> Result<Self, String> {
        let shown = names::printable(text);
        let Some((namespace, name)) = text.split_once('/') else {
            return Err(match own_namespace {
                Some(_) => format!("`{shown}` does not say in which namespace: write `./{shown}` for this one"),
                None => format!("`{shown}` does not say in which namespace: write `namespace/{shown}`"),
            });
        };
        let namespace = match (namespace, own_namespace) {
            ("*", _) if name == "*" => return Ok(Self::Any),
            (".", Some(own)) => own,
            (".", None) => {
                return Err(format!("`{shown}`: here `.` stands for no namespace; write its name"));
            }
            (namespace, _) if names::is_dns_label(namespace) => namespace,
            (namespace, _) => return Err(format!("`{}` is no name of a namespace", names::printable(namespace))),
        };
        if name == "*" {
            return Ok(Self::Namespace(namespace.to_owned()));
        }
        if !names::is_dns_subdomain(name) {
            return Err(format!("`{}` is no name of a workload", names::printable(name)));
        }
        Ok(Self::One(Caller { namespace: namespace.to_owned(), name: name.to_owned() }))
    }

    /// The patterns that name a caller: what can be looked up, instead of asking each that there is.
    pub(crate) fn naming(caller: &Caller) -> [Self; 3] {
        [Self::One(caller.clone()), Self::Namespace(caller.namespace.clone()), Self::Any]
    }

    /// Whether the caller is one of these.
    pub fn matches(&self, caller: &Caller) -> bool {
        match self {
            Self::One(one) => one == caller,
            Self::Namespace(namespace) => *namespace == caller.namespace,
            Self::Any => true,
        }
    }

    /// Whether every caller that `other` can mean is meant by `self`.
    pub fn covers(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Any, _) => true,
            (Self::Namespace(ours), Self::One(caller)) => *ours == caller.namespace,
            _ => self == other,
        }
    }
}

impl fmt::Display for CallerPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::One(caller) => caller.fmt(f),
            Self::Namespace(namespace) => write!(f, "{namespace}/*"),
            Self::Any => f.write_str("*/*"),
        }
    }
}

/// The outermost controller of an object, by kind and name.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Controller {
    /// Its kind.
    pub kind: Kind,
    /// Its name: the caller's, unless an annotation overrides it.
    pub name: String,
}

/// Labels of a ReplicaSet's pods that have as value the end of its name, and the kind of controller that put it there.
pub const HASH_LABELS: [(&str, &str); 2] =
    [("pod-template-hash", "Deployment"), ("rollouts-pod-template-hash", "Rollout")];

/// The controller that stands for an object of `kind`, whose pods carry `pod_labels`.
///
/// `known(kind, name)` gives the metadata of a ReplicaSet or Job of the same namespace, as far as it is known. What is made
/// anew with a name of its own each time (`generateName`) is called by what stays the same.
pub fn controller<'m>(
    kind: &Kind,
    metadata: &Metadata,
    pod_labels: &Labels,
    known: &dyn Fn(&str, &str) -> Option<&'m Metadata>,
) -> Controller {
    let own = || Controller { kind: kind.clone(), name: metadata.stem().to_owned() };
    match (&**kind, &metadata.controller) {
        // A mirror pod's node runs it, and controls nothing else.
        ("Pod", Some(owner)) if owner.group.is_empty() && owner.kind == "Node" => own(),
        ("Pod", Some(owner)) => match builtin(owner) {
            Some(kind @ ("ReplicaSet" | "Job")) => outer(kind, &owner.name, pod_labels, known(kind, &owner.name)),
            Some(kind) => Controller { kind: kind.into(), name: owner.name.clone() },
            None => Controller { kind: owner.kind.clone().into(), name: owner.name.clone() },
        },
        ("ReplicaSet", _) => outer("ReplicaSet", &metadata.name, pod_labels, Some(metadata)),
        ("Job", _) => outer("Job", &metadata.name, pod_labels, Some(metadata)),
        _ => own(),
    }
}

/// What stands for a ReplicaSet or Job: its name without the hash that its controller put there, or else its owner.
fn outer(kind: &'static str, name: &str, pod_labels: &Labels, known: Option<&Metadata>) -> Controller {
    if kind == "ReplicaSet" {
        for (label, parent) in HASH_LABELS {
            let head = pod_labels
                .get(label)
                .filter(|hash| !hash.is_empty())
                .and_then(|hash| name.strip_suffix(hash))
                .and_then(|head| head.strip_suffix('-'))
                .filter(|head| !head.is_empty());
            if let Some(head) = head {
                return Controller { kind: parent.into(), name: head.to_owned() };
            }
        }
    }
    match known.and_then(|metadata| metadata.controller.as_ref()) {
        Some(owner) => Controller {
            kind: builtin(owner).map_or_else(|| owner.kind.clone().into(), Kind::from),
            name: owner.name.clone(),
        },
        None => Controller { kind: kind.into(), name: known.map_or(name, Metadata::stem).to_owned() },
    }
}

/// The kind of an owner that is one of Kubernetes' own workloads. A kind of the same name in another group is not.
fn builtin(owner: &Owner) -> Option<&'static str> {
    let groups = |kind: &str| match kind {
        "Deployment" | "StatefulSet" | "DaemonSet" | "ReplicaSet" => &["apps", "extensions"][..],
        "Job" | "CronJob" => &["batch"],
        "ReplicationController" => &[""],
        _ => &[],
    };
    ["Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "Job", "CronJob", "ReplicationController"]
        .into_iter()
        .find(|kind| *kind == owner.kind && groups(kind).contains(&owner.group.as_str()))
}

/// Why the value of `netintent.dev/caller` names no caller.
///
/// # Errors
/// What was read and what was expected.
pub fn check_override(value: &str) -> Result<(), String> {
    if names::is_dns_subdomain(value) {
        return Ok(());
    }
    let shown = names::printable(value);
    Err(if value.contains('/') {
        format!("`{shown}`: `{}` gives a name alone; a caller's namespace is always its own", names::CALLER)
    } else {
        format!("`{shown}` is no name: lower-case letters, digits, `-` and `.` were expected")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owner(group: &str, kind: &str, name: &str) -> Owner {
        Owner { group: group.into(), kind: kind.into(), name: name.into() }
    }

    fn pod(owner: Option<Owner>, labels: &[(&str, &str)], known: Option<&Owner>) -> (String, String) {
        let metadata = Metadata { name: "web-5c6d-x2x".into(), controller: owner, ..Metadata::default() };
        let labels = labels.iter().copied().collect();
        let known = known.map(|owner| Metadata { controller: Some(owner.clone()), ..Metadata::default() });
        let found = controller(&"Pod".into(), &metadata, &labels, &|_, _| known.as_ref());
        (found.kind.into_owned(), found.name)
    }

    fn pair(kind: &str, name: &str) -> (String, String) {
        (kind.to_owned(), name.to_owned())
    }

    #[test]
    fn a_pod_is_known_by_its_outermost_controller() {
        let rs = || Some(owner("apps", "ReplicaSet", "web-5c6d"));
        let hash = [("pod-template-hash", "5c6d")];
        assert_eq!(pod(rs(), &hash, None), pair("Deployment", "web"));
        assert_eq!(pod(rs(), &[("rollouts-pod-template-hash", "5c6d")], None), pair("Rollout", "web"));
        assert_eq!(pod(rs(), &[("pod-template-hash", "other")], None), pair("ReplicaSet", "web-5c6d"));
        assert_eq!(pod(rs(), &[], Some(&owner("apps", "Deployment", "web"))), pair("Deployment", "web"));
        let job = || Some(owner("batch", "Job", "report-123"));
        assert_eq!(pod(job(), &[], None), pair("Job", "report-123"));
        assert_eq!(pod(job(), &[], Some(&owner("batch", "CronJob", "report"))), pair("CronJob", "report"));
        assert_eq!(pod(Some(owner("apps", "StatefulSet", "db")), &[], None), pair("StatefulSet", "db"));
        assert_eq!(pod(Some(owner("kafka.example", "Broker", "b")), &[], None), pair("Broker", "b"));
        assert_eq!(pod(None, &hash, None), pair("Pod", "web-5c6d-x2x"));
    }

    #[test]
    fn a_kind_of_the_same_name_in_another_group_is_a_custom_controller() {
        let volcano = Some(owner("batch.volcano.sh", "Job", "train"));
        assert_eq!(pod(volcano, &[], Some(&owner("batch", "CronJob", "no"))), pair("Job", "train"));
    }

    #[test]
    fn what_is_made_anew_is_called_by_what_stays() {
        let metadata = |name: &str, stem: Option<&str>, owner| Metadata {
            name: name.into(),
            stem: stem.map(str::to_owned),
            controller: owner,
            ..Metadata::default()
        };
        let none = Labels::default();
        let pod = metadata("probe-x7k2p", Some("probe"), None);
        assert_eq!(controller(&"Pod".into(), &pod, &none, &|_, _| None).name, "probe");
        let job = metadata("report-abcde", Some("report"), None);
        assert_eq!(controller(&"Job".into(), &job, &none, &|_, _| None).name, "report");
        let of_job = metadata("report-abcde-x7k2p", Some("report-abcde"), Some(owner("batch", "Job", "report-abcde")));
        assert_eq!(controller(&"Pod".into(), &of_job, &none, &|_, _| Some(&job)).name, "report");
    }

    #[test]
    fn patterns() {
        let parse = |text: &str| CallerPattern::parse(text, Some("bank"));
        let caller = Caller { namespace: "bank".into(), name: "report".into() };
        for (text, printed, matches) in [
            ("bank/report", "bank/report", true),
            ("./report", "bank/report", true),
            ("./*", "bank/*", true),
            ("shop/*", "shop/*", false),
            ("*/*", "*/*", true),
        ] {
            let pattern = parse(text).unwrap();
            assert_eq!((pattern.to_string().as_str(), pattern.matches(&caller)), (printed, matches));
        }
        assert_eq!(parse("web").unwrap_err(), "`web` does not say in which namespace: write `./web` for this one");
        assert!(parse("*/web").is_err() && parse("a b/c").is_err() && parse("a/B").is_err());
        assert!(CallerPattern::parse("./web", None).is_err());
    }

    #[test]
    fn cover_is_by_text() {
        let parse = |text: &str| CallerPattern::parse(text, None).unwrap();
        for (wide, narrow) in [("*/*", "shop/*"), ("*/*", "shop/web"), ("shop/*", "shop/web")] {
            assert!(parse(wide).covers(&parse(narrow)) && !parse(narrow).covers(&parse(wide)), "{wide} {narrow}");
            assert!(parse(wide).covers(&parse(wide)) && parse(narrow).covers(&parse(narrow)));
        }
        assert!(!parse("shop/*").covers(&parse("bank/web")) && !parse("shop/*").covers(&parse("bank/*")));
    }

    #[test]
    fn an_override_is_a_name_alone() {
        assert!(check_override("web.v2").is_ok());
        assert!(check_override("bank/web").unwrap_err().contains("always its own"));
        assert!(check_override("").is_err());
    }
}
