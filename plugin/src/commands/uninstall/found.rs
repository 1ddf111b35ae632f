//! What of netintent's is in a cluster.

use futures::stream::{self, StreamExt as _};
use netintent::compile::{self, NAMESPACE_POLICY};
use netintent::names;
use netintent::recover;

use super::guests;
use crate::cli::Uninstall;
use crate::cluster::{Cluster, Failure, Meta};
use crate::release::{BINDING, Manifest, Release, manifests};

/// Who writes policies that go: the controller, and this program.
const WRITERS: [&str; 2] = ["netintent", "kubectl-netintent"];
/// What people have stated, by kind and where the API server has it.
pub(super) const STATEMENTS: [(&str, &str); 3] =
    [("Approval", "approvals"), ("ClusterApproval", "clusterapprovals"), ("ClusterProhibition", "clusterprohibitions")];
/// How many questions are asked at once.
const AT_ONCE: usize = 8;

/// What of netintent's is in a cluster.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// The namespace of netintent itself.
    pub(crate) namespace: String,
    /// Namespaces with a mode.
    pub(crate) namespaces: Vec<Meta>,
    /// Services with a mode.
    pub(crate) services: Vec<Meta>,
    /// NetworkPolicies that netintent wrote.
    pub(crate) policies: Vec<Meta>,
    /// NetworkPolicies with its label that somebody else wrote.
    pub(crate) strays: Vec<Meta>,
    /// Pods with derived labels.
    pub(crate) pods: Vec<Meta>,
    /// What people have stated, by kind, and how often.
    pub(crate) statements: Vec<(&'static str, usize)>,
    /// What it is installed by, in the order in which it goes.
    pub(crate) own: Vec<Own>,
    /// What has the name of something of netintent's, and is somebody else's.
    pub(crate) foreign: Vec<String>,
    /// What else is in its namespace, which stays therefore.
    pub(crate) guests: Vec<String>,
    /// Whether not everybody who may write a Namespace sets its mode.
    pub(crate) is_guarded: bool,
    /// The release of Helm's that it is installed by, which takes away what is its own.
    pub(crate) helm: Option<String>,
}

/// When something goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Stage {
    /// What is asked of the webhook.
    Registration,
    /// What the API server checks by itself.
    Policy,
    /// The webhook and what it needs.
    Program,
    /// What the webhook itself has written, once it can write no more.
    Written,
    /// The kinds of what people have stated.
    Kind,
    /// Its namespace.
    Namespace,
    /// What tells which namespace that is.
    Place,
}

/// An object that goes.
#[derive(Clone, Debug)]
pub(crate) struct Own {
    /// Kind and name.
    pub(crate) name: String,
    /// Where the API server has it.
    pub(crate) path: String,
    /// What tells it from another of its name.
    pub(crate) uid: String,
    /// When it goes.
    pub(crate) stage: Stage,
}

impl Found {
    /// Whether there is nothing that could go.
    pub(crate) fn is_empty(&self) -> bool {
        let lists = [&self.namespaces, &self.services, &self.policies, &self.pods];
        lists.iter().all(|list| list.is_empty()) && self.own.is_empty()
    }

    /// Whether something has to stay.
    pub(crate) fn has_rest(&self) -> bool {
        self.helm.is_some() || !(self.foreign.is_empty() && self.guests.is_empty() && self.strays.is_empty())
    }
}

/// Looks for it.
///
/// # Errors
/// Where not all of it can be read.
pub(crate) async fn find(cluster: &Cluster, namespace: String, args: &Uninstall) -> Result<Found, Failure> {
    let mut found = Found { namespace, pods: labelled_pods(cluster).await?, ..Found::default() };
    (found.namespaces, found.services) = with_modes(cluster).await?;
    (found.policies, found.strays) = policies(cluster).await?;
    for (kind, plural) in STATEMENTS {
        let count = match cluster.listed(&format!("/apis/netintent.dev/v1alpha1/{plural}"), "").await {
            Ok(all) => all.len(),
            Err(Failure::NotFound(_)) => 0,
            Err(failure) => return Err(failure),
        };
        found.statements.extend((count > 0).then_some((kind, count)));
    }
    own(cluster, args, &mut found).await?;
    Ok(found)
}

/// Namespaces and Services with a mode.
pub(super) async fn with_modes(cluster: &Cluster) -> Result<(Vec<Meta>, Vec<Meta>), Failure> {
    let namespaces = cluster.listed("/api/v1/namespaces", names::MODE).await?;
    Ok((namespaces, cluster.listed("/api/v1/services", names::MODE).await?))
}

/// Policies with netintent's label: those that it wrote, and others. One that closes a namespace comes before those that
/// open something in it: in between nobody is to be cut.
pub(super) async fn policies(cluster: &Cluster) -> Result<(Vec<Meta>, Vec<Meta>), Failure> {
    let selector = format!("{}={}", names::MANAGED_BY, names::NETINTENT);
    let all = cluster.listed("/apis/networking.k8s.io/v1/networkpolicies", &selector).await?;
    let (mut ours, others): (Vec<Meta>, Vec<Meta>) = all.into_iter().partition(is_ours);
    ours.sort_by_key(|policy| !is_closing(policy));
    Ok((ours, others))
}

/// Whether a policy of netintent's goes before those that open something: what recover opened opens one Service, and would cut
/// its pods' other ports once it stood alone.
pub(super) fn is_closing(policy: &Meta) -> bool {
    policy.name == NAMESPACE_POLICY || recover::policy::is_named(&policy.name)
}

/// Whether netintent wrote a policy: anybody can write its label, and `render` prints it.
fn is_ours(policy: &Meta) -> bool {
    let is_named = compile::is_named(&policy.name) || recover::policy::is_named(&policy.name);
    is_named && policy.label(names::MANAGED_BY) == Some(names::NETINTENT) && policy.is_written_by(&WRITERS)
}

/// Pods with derived labels.
pub(super) async fn labelled_pods(cluster: &Cluster) -> Result<Vec<Meta>, Failure> {
    let mut pods = cluster.listed("/api/v1/pods", "").await?;
    pods.retain(|pod| pod.labels.keys().any(|key| names::is_reserved(key)));
    Ok(pods)
}

/// What netintent is installed by, and what the webhook wrote beside it.
async fn own(cluster: &Cluster, args: &Uninstall, found: &mut Found) -> Result<(), Failure> {
    let namespace = found.namespace.clone();
    let namespace = namespace.as_str();
    let texts =
        [false, true].map(|cert_manager| Release { namespace, replicas: None, image: None, cert_manager }.text());
    let mut all: Vec<(String, String, Stage, bool)> = Vec::new();
    for manifest in texts.iter().flat_map(|text| manifests(text)) {
        let stage = stage(&manifest);
        let path = manifest.path();
        let is_kept = stage == Stage::Kind && args.keep_approvals;
        let is_known = all.iter().any(|(_, other, ..)| *other == path);
        if !is_kept && !is_known {
            all.push((manifest.to_string(), path, stage, manifest.labelled));
        }
    }
    let core = format!("/api/v1/namespaces/{namespace}/secrets");
    for secret in ["netintent-authority", "netintent-certificate", "netintent-issuer"] {
        let path = format!("{core}/{secret}");
        all.push((format!("Secret {namespace}/{secret}"), path, Stage::Written, true));
    }
    let path = format!("/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases/netintent");
    all.push((format!("Lease {namespace}/netintent"), path, Stage::Written, true));
    let mut read = stream::iter(all)
        .map(|(name, path, stage, labelled)| async move {
            let object = cluster.found(&path).await?;
            let meta = object.map(|object| Meta::of(&object)).transpose()?;
            Ok::<_, Failure>(meta.map(|meta| (name, path, stage, labelled, meta)))
        })
        .buffered(AT_ONCE);
    while let Some(answer) = read.next().await {
        let Some((name, path, stage, labelled, meta)) = answer? else { continue };
        found.is_guarded |= stage == Stage::Policy;
        if let Some(release) = meta.helm_release() {
            found.helm = Some(release.to_owned());
        } else if labelled && !meta.is_marked() {
            found.foreign.push(name);
        } else {
            found.own.push(Own { name, path, uid: meta.uid, stage });
        }
    }
    drop(read);
    found.own.sort_by_key(|own| own.stage);
    if found.helm.is_some() {
        // Helm takes away what it knows; without that its kinds and namespace can't go.
        found.own.clear();
    }
    if found.own.iter().any(|own| own.stage == Stage::Namespace) {
        found.guests = guests::of(cluster, namespace, args.keep_approvals).await?;
        if !found.guests.is_empty() {
            found.own.retain(|own| own.stage != Stage::Namespace);
        }
    }
    Ok(())
}

/// When a manifest's object goes.
pub(super) fn stage(manifest: &Manifest<'_>) -> Stage {
    match manifest.kind.as_str() {
        _ if manifest.is_registration() => Stage::Registration,
        "ValidatingAdmissionPolicy" | "ValidatingAdmissionPolicyBinding" => Stage::Policy,
        "CustomResourceDefinition" => Stage::Kind,
        "Namespace" => Stage::Namespace,
        _ if manifest.path() == BINDING => Stage::Place,
        _ => Stage::Program,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn meta(name: &str, labels: &Value, manager: &str) -> Meta {
        let object = json!({"metadata": {"namespace": "bank", "name": name, "uid": "1", "labels": labels,
            "managedFields": [{"manager": manager}]}});
        Meta::of(&object).unwrap_or_default()
    }

    #[test]
    fn a_policy_is_ours_by_its_name_its_label_and_who_wrote_it() {
        let ours = json!({"app.kubernetes.io/managed-by": "netintent"});
        for (name, labels, manager, expected) in [
            ("netintent", &ours, "netintent", true),
            ("netintent-ledger", &ours, "netintent", true),
            ("netintent-ledger", &ours, "kubectl-netintent", true),
            ("netintent-ledger", &ours, "kubectl-client-side-apply", false),
            ("netintentional", &ours, "netintent", false),
            ("ledger", &ours, "netintent", false),
            ("netintent-ledger", &json!({"app.kubernetes.io/managed-by": "Helm"}), "netintent", false),
            ("netintent-ledger", &json!({}), "netintent", false),
        ] {
            assert_eq!(is_ours(&meta(name, labels, manager)), expected, "{name} {labels} {manager}");
        }
    }

    #[test]
    fn the_registrations_go_first_and_the_namespace_last() {
        let text = Release { namespace: "n", replicas: None, image: None, cert_manager: true }.text();
        let mut all: Vec<(Stage, String)> = manifests(&text).iter().map(|m| (stage(m), m.kind.clone())).collect();
        all.sort();
        assert_eq!(all.first().map(|(_, kind)| kind.as_str()), Some("MutatingWebhookConfiguration"));
        let last: Vec<&str> = all.iter().rev().take(2).map(|(_, kind)| kind.as_str()).collect();
        assert_eq!(last, ["ClusterRoleBinding", "Namespace"]);
    }
}
