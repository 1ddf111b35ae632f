//! What is read of a cluster, and where the API server has it.

use netintent::manifest::{is_exposure, is_foreign};
use serde::Deserialize;

/// A kind, and where its objects are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Resource {
    /// The API group; empty for the core group.
    pub(crate) group: String,
    /// Its version.
    pub(crate) version: String,
    /// The kind.
    pub(crate) kind: String,
    /// Its name in paths.
    pub(crate) plural: String,
    /// Whether its objects are in namespaces.
    pub(crate) namespaced: bool,
    /// How much of each object is needed.
    pub(crate) part: Part,
}

/// How much of an object is needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// Its metadata.
    Metadata,
    /// Its metadata where a controller owns it, otherwise all of it.
    MetadataOfOwned,
    /// All of it.
    Whole,
}

impl Resource {
    fn new(group: &str, version: &str, kind: &str, namespaced: bool, part: Part) -> Self {
        let plural = match kind.strip_suffix('y') {
            Some(stem) => format!("{stem}ies"),
            None => format!("{kind}s"),
        };
        let plural = plural.to_ascii_lowercase();
        Self { group: group.into(), version: version.into(), kind: kind.into(), plural, namespaced, part }
    }

    /// Group and version, as objects have them.
    pub(crate) fn api_version(&self) -> String {
        if self.group.is_empty() { self.version.clone() } else { format!("{}/{}", self.group, self.version) }
    }

    /// Where the API server has the objects of a namespace, or of all.
    pub(crate) fn path(&self, namespace: Option<&str>) -> String {
        let root = if self.group.is_empty() { "api" } else { "apis" };
        let within = namespace.map_or_else(String::new, |namespace| format!("namespaces/{namespace}/"));
        format!("/{root}/{}/{within}{}", self.api_version(), self.plural)
    }

    /// Whether the API server has it only where netintent is installed.
    pub(crate) fn is_ours(&self) -> bool {
        self.group == "netintent.dev"
    }
}

/// What every API server has that is read, and what of ours it may have.
pub(crate) fn known() -> Vec<Resource> {
    let whole = |group, version, kind| Resource::new(group, version, kind, true, Part::Whole);
    vec![
        Resource::new("", "v1", "Namespace", false, Part::Metadata),
        Resource::new("", "v1", "ServiceAccount", true, Part::Metadata),
        whole("", "v1", "Service"),
        whole("apps", "v1", "Deployment"),
        whole("apps", "v1", "StatefulSet"),
        whole("apps", "v1", "DaemonSet"),
        Resource::new("apps", "v1", "ReplicaSet", true, Part::MetadataOfOwned),
        whole("", "v1", "ReplicationController"),
        whole("batch", "v1", "CronJob"),
        whole("batch", "v1", "Job"),
        whole("", "v1", "Pod"),
        whole("networking.k8s.io", "v1", "NetworkPolicy"),
        whole("netintent.dev", "v1alpha1", "Approval"),
        Resource::new("netintent.dev", "v1alpha1", "ClusterApproval", false, Part::Whole),
        Resource::new("netintent.dev", "v1alpha1", "ClusterProhibition", false, Part::Whole),
    ]
}

/// Where Services without selector lead.
pub(crate) fn endpoints() -> Resource {
    Resource::new("discovery.k8s.io", "v1", "EndpointSlice", true, Part::Whole)
}

/// What an API server says that it has (`apidiscovery.k8s.io`).
#[derive(Deserialize)]
pub(crate) struct Discovery {
    #[serde(default)]
    items: Option<Vec<Group>>,
}

/// How it is asked for: the newest first.
pub(crate) const DISCOVERY: &str = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,\
    application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList,application/json";

#[derive(Deserialize)]
struct Group {
    #[serde(default)]
    metadata: Name,
    #[serde(default)]
    versions: Vec<Version>,
}

#[derive(Default, Deserialize)]
struct Name {
    #[serde(default)]
    name: String,
}

#[derive(Deserialize)]
struct Version {
    version: String,
    #[serde(default)]
    resources: Vec<Discovered>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Discovered {
    resource: String,
    #[serde(default)]
    response_kind: Kind,
    #[serde(default)]
    scope: String,
    #[serde(default)]
    verbs: Vec<String>,
}

#[derive(Default, Deserialize)]
struct Kind {
    #[serde(default)]
    kind: String,
}

/// What an API server says of itself.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ServerVersion {
    #[serde(default)]
    major: String,
    #[serde(default)]
    minor: String,
    /// As people write it: `v1.36.2`.
    #[serde(default)]
    pub(crate) git_version: String,
}

impl ServerVersion {
    /// The least minor version of Kubernetes 1 that netintent is made for.
    const LEAST: u32 = 33;

    /// Whether it is older than that. Some providers add to the number: `30+`.
    pub(crate) fn is_too_old(&self) -> bool {
        let minor: String = self.minor.chars().take_while(char::is_ascii_digit).collect();
        self.major == "1" && minor.parse().is_ok_and(|minor: u32| minor < Self::LEAST)
    }
}

impl Discovery {
    /// Whether Cilium is there.
    pub(crate) fn has_cilium(&self) -> bool {
        self.items.iter().flatten().any(|group| group.metadata.name == "cilium.io")
    }

    /// Whatever is in namespaces and can be listed and deleted, of each group in its preferred version. `None` where the API
    /// server is too old to say.
    pub(crate) fn namespaced(self) -> Option<Vec<Resource>> {
        let mut found = Vec::new();
        for group in self.items? {
            let Some(version) = group.versions.into_iter().next() else { continue };
            let has = |resource: &Discovered, wanted: &str| resource.verbs.iter().any(|verb| verb == wanted);
            let all = version.resources.into_iter();
            let kept = all.filter(|r| r.scope == "Namespaced" && has(r, "list") && has(r, "delete"));
            found.extend(kept.map(|resource| Resource {
                group: group.metadata.name.clone(),
                version: version.version.clone(),
                kind: resource.response_kind.kind,
                plural: resource.resource,
                namespaced: true,
                part: Part::Metadata,
            }));
        }
        Some(found)
    }

    /// What else there is to read: policies of other APIs, and for `check` what calls Services. `None` where the API server
    /// is too old to say.
    pub(crate) fn others(self, exposures: bool) -> Option<Vec<Resource>> {
        let mut found: Vec<Resource> = Vec::new();
        for group in self.items? {
            // Of several versions the first is preferred.
            for version in group.versions {
                for resource in version.resources {
                    let (group, kind) = (group.metadata.name.as_str(), resource.response_kind.kind.as_str());
                    let wanted = is_foreign(group, kind) || exposures && is_exposure(group, kind);
                    let listed = resource.verbs.iter().any(|verb| verb == "list");
                    let known = found.iter().any(|r| r.group == group && r.kind == kind);
                    if wanted && listed && !known {
                        found.push(Resource {
                            group: group.to_owned(),
                            version: version.version.clone(),
                            kind: kind.to_owned(),
                            plural: resource.resource,
                            namespaced: resource.scope == "Namespaced",
                            part: Part::Whole,
                        });
                    }
                }
            }
        }
        // The same objects by two APIs.
        let calico = found.iter().any(|r| r.group == "crd.projectcalico.org");
        found.retain(|r| !(calico && r.group == "projectcalico.org"));
        Some(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_those_of_the_api_server() {
        let path = |kind: &str, namespace| {
            known().iter().find(|r| r.kind == kind).map(|r| r.path(namespace)).unwrap_or_default()
        };
        assert_eq!(path("Pod", None), "/api/v1/pods");
        assert_eq!(path("NetworkPolicy", Some("bank")), "/apis/networking.k8s.io/v1/namespaces/bank/networkpolicies");
        assert_eq!(path("ClusterApproval", None), "/apis/netintent.dev/v1alpha1/clusterapprovals");
    }

    #[test]
    fn a_version_is_old_or_new_enough_or_unknown() {
        let old = |major: &str, minor: &str| {
            ServerVersion { major: major.into(), minor: minor.into(), git_version: String::new() }.is_too_old()
        };
        assert!(old("1", "32") && old("1", "30+") && old("1", "9"));
        assert!(!old("1", "33") && !old("1", "40+") && !old("2", "0") && !old("", "") && !old("1", "x"));
    }

    #[test]
    fn of_what_is_discovered_only_what_counts_is_read() {
        let resource = |kind: &str, plural: &str| {
            format!(
                "{{\"resource\": \"{plural}\", \"responseKind\": {{\"kind\": \"{kind}\"}}, \"scope\": \"Namespaced\", \"verbs\": [\"list\"]}}"
            )
        };
        let group = |name: &str, resources: &[String]| {
            let all = resources.join(",");
            format!(
                "{{\"metadata\": {{\"name\": \"{name}\"}}, \"versions\": [{{\"version\": \"v2\", \"resources\": [{all}]}}, {{\"version\": \"v1\", \"resources\": [{all}]}}]}}"
            )
        };
        let text = format!(
            "{{\"items\": [{}, {}, {}, {}]}}",
            group(
                "cilium.io",
                &[resource("CiliumNetworkPolicy", "ciliumnetworkpolicies"), resource("CiliumNode", "nodes")]
            ),
            group(
                "networking.k8s.io",
                &[resource("Ingress", "ingresses"), resource("NetworkPolicy", "networkpolicies")]
            ),
            group("projectcalico.org", &[resource("NetworkPolicy", "networkpolicies")]),
            group("crd.projectcalico.org", &[resource("NetworkPolicy", "networkpolicies")]),
        );
        let names = |exposures| -> Vec<String> {
            let discovery: Discovery = serde_json::from_str(&text).unwrap_or(Discovery { items: None });
            let found = discovery.others(exposures).unwrap_or_default();
            found.iter().map(|r| r.path(None)).collect()
        };
        let policies = ["/apis/cilium.io/v2/ciliumnetworkpolicies", "/apis/crd.projectcalico.org/v2/networkpolicies"];
        assert_eq!(names(false), policies);
        assert_eq!(names(true).len(), 3);
        let old: Discovery = serde_json::from_str("{\"kind\": \"APIGroupList\", \"groups\": []}")
            .unwrap_or(Discovery { items: Some(Vec::new()) });
        assert_eq!(old.others(false), None);
    }
}
