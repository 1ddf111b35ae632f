//! What an Event is about.

use netintent::caller::Controller;
use netintent::objects::Metadata;
use netintent::recover::{self, admission::CONFIGURATION};

use super::queue::Task;
use crate::watched::{Watched, path};
use crate::world::Key;

/// Kubernetes' own workloads, by their group and version.
const WORKLOADS: [(&str, &str); 7] = [
    ("Deployment", "apps/v1"),
    ("StatefulSet", "apps/v1"),
    ("DaemonSet", "apps/v1"),
    ("ReplicaSet", "apps/v1"),
    ("ReplicationController", "v1"),
    ("Job", "batch/v1"),
    ("CronJob", "batch/v1"),
];

/// An object that people look at.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct About {
    /// Its group and version.
    pub(crate) api_version: &'static str,
    /// Its kind.
    pub(crate) kind: &'static str,
    /// Its namespace; empty for what is in none.
    pub(crate) namespace: String,
    /// Its name.
    pub(crate) name: String,
}

impl About {
    /// An object of a kind that is watched.
    pub(crate) fn watched(kind: Watched, (namespace, name): &Key) -> Self {
        Self { api_version: kind.api_version(), kind: kind.kind(), namespace: namespace.clone(), name: name.clone() }
    }

    /// What is brought to what it should be.
    pub(crate) fn task(task: &Task) -> Self {
        match task {
            Task::Namespace(name) | Task::Announce(name) => {
                Self::watched(Watched::Namespace, &(String::new(), name.clone()))
            }
            Task::Service(key) => Self::watched(Watched::Service, key),
            Task::Pod(key) => Self::watched(Watched::Pod, key),
            Task::Opened((namespace, name)) => {
                let name = name.strip_prefix(&recover::policy::name("")).unwrap_or(name).to_owned();
                Self::watched(Watched::Service, &(namespace.clone(), name))
            }
            Task::Admission(configuration) => Self {
                api_version: "admissionregistration.k8s.io/v1",
                kind: configuration.kind(),
                namespace: String::new(),
                name: CONFIGURATION.to_owned(),
            },
        }
    }

    /// The workload that a pod belongs to, by its outermost controller; the pod itself where that is none of Kubernetes' own.
    pub(crate) fn workload(pod: &Key, metadata: &Metadata, controller: &Controller) -> Self {
        let Some((kind, api_version)) = WORKLOADS.into_iter().find(|(kind, _)| *kind == &*controller.kind) else {
            return Self::watched(Watched::Pod, pod);
        };
        // What is made anew each time is called by what stays the same: not so by its owner reference.
        let direct = metadata.controller.as_ref().filter(|owner| owner.kind == kind);
        let name = direct.map_or(&controller.name, |owner| &owner.name).clone();
        Self { api_version, kind, namespace: pod.0.clone(), name }
    }

    /// Where the API server has the objects of its kind.
    pub(crate) fn path(&self) -> String {
        let namespace = Some(self.namespace.as_str()).filter(|namespace| !namespace.is_empty());
        path(self.api_version, self.kind, namespace)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use netintent::objects::Owner;

    fn about(owner: Option<(&str, &str)>, controller: (&str, &str)) -> (String, String) {
        let owner = owner.map(|(kind, name)| Owner { group: String::new(), kind: kind.into(), name: name.into() });
        let metadata = Metadata { controller: owner, ..Metadata::default() };
        let controller = Controller { kind: controller.0.to_owned().into(), name: controller.1.to_owned() };
        let about = About::workload(&("shop".to_owned(), "pod".to_owned()), &metadata, &controller);
        (about.path(), about.name)
    }

    #[test]
    fn people_look_at_workloads() {
        let at = |path: &str, name: &str| (path.to_owned(), name.to_owned());
        let deployments = "/apis/apps/v1/namespaces/shop/deployments";
        assert_eq!(about(Some(("ReplicaSet", "web-5c6d")), ("Deployment", "web")), at(deployments, "web"));
        let jobs = "/apis/batch/v1/namespaces/shop/jobs";
        assert_eq!(about(Some(("Job", "import-x7k2p")), ("Job", "import")), at(jobs, "import-x7k2p"));
        let pods = "/api/v1/namespaces/shop/pods";
        assert_eq!(about(None, ("Pod", "po")), at(pods, "pod"));
        assert_eq!(about(Some(("Rollout", "web")), ("Rollout", "web")), at(pods, "pod"));
        let namespace = About::task(&Task::Namespace("shop".to_owned()));
        assert_eq!(namespace.path(), "/api/v1/namespaces");
    }
}
