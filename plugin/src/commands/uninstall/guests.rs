//! What is in netintent's namespace and not netintent's: the Namespace stays then.

use futures::stream::{self, StreamExt as _};

use crate::cluster::{Cluster, DISCOVERY, Discovery, Failure, Meta, get};

/// How many kinds are listed at once.
const AT_ONCE: usize = 8;

/// Whatever is in a namespace and not netintent's, by kind and name, in order; what people have stated there only where it is
/// to be kept.
///
/// # Errors
/// Where it can't be read which kinds there are.
pub(super) async fn of(cluster: &Cluster, namespace: &str, keep_approvals: bool) -> Result<Vec<String>, Failure> {
    let mut kinds = Vec::new();
    for path in ["/api", "/apis"] {
        let text = cluster.text(get(path, DISCOVERY)?).await?;
        let discovery: Discovery = serde_json::from_str(&text).map_err(|error| Failure::Garbled(error.to_string()))?;
        kinds.extend(discovery.namespaced().ok_or(Failure::TooOld(None))?);
    }
    kinds.retain(|kind| kind.kind != "Event" && (keep_approvals || !kind.is_ours()));
    let lists = kinds.into_iter().map(|kind| async move {
        match cluster.listed(&kind.path(Some(namespace)), "").await {
            Ok(all) => {
                let guests = all.iter().filter(|meta| !is_of_the_house(&kind.kind, meta));
                Ok(guests.map(|meta| format!("{} {}", kind.kind, meta.name)).collect())
            }
            // What can't be read may be anything.
            Err(Failure::Forbidden(_) | Failure::Refused { .. }) => {
                Ok(vec![format!("what there may be of kind {}, which can't be read", kind.kind)])
            }
            // It has gone since, or an API is listed that nobody serves.
            Err(Failure::NotFound(_)) => Ok(Vec::new()),
            Err(failure) => Err(failure),
        }
    });
    let lists: Vec<Result<Vec<String>, Failure>> = stream::iter(lists).buffered(AT_ONCE).collect().await;
    let mut all = lists.into_iter().collect::<Result<Vec<_>, _>>()?.concat();
    all.sort();
    all.dedup();
    Ok(all)
}

/// Whether it is netintent's, goes with what owns it, or is in every namespace.
fn is_of_the_house(kind: &str, meta: &Meta) -> bool {
    let is_everywhere = matches!(
        (kind, meta.name.as_str()),
        ("ConfigMap", "kube-root-ca.crt" | "openshift-service-ca.crt") | ("ServiceAccount", "default")
    );
    is_everywhere || meta.is_owned() || meta.is_marked()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    #[test]
    fn what_comes_by_itself_is_no_guest() {
        let of = |kind: &str, metadata: Value| {
            is_of_the_house(kind, &Meta::of(&json!({"metadata": metadata})).unwrap_or_default())
        };
        assert!(of("ConfigMap", json!({"name": "kube-root-ca.crt"})));
        assert!(of("ServiceAccount", json!({"name": "default"})));
        assert!(of("Pod", json!({"name": "a", "ownerReferences": [{"kind": "ReplicaSet"}]})));
        assert!(of("Lease", json!({"name": "netintent", "labels": {"app.kubernetes.io/name": "netintent"}})));
        assert!(!of("ConfigMap", json!({"name": "default"})));
        assert!(!of("Secret", json!({"name": "sh.helm.release.v1.other.v1", "labels": {"owner": "helm"}})));
    }
}
