//! Policies that were deleted and stay, since somebody's finalizer holds them.

use http::Method;
use netintent::names;
use serde_json::{Value, json};

use super::write::MERGE_PATCH;
use super::{Cluster, Failure, Meta};

impl Cluster {
    /// Has a NetworkPolicy select no pod: then it is as if it were gone, whatever else it says.
    ///
    /// # Errors
    /// Where the API server refuses it.
    pub(crate) fn disarm(&self, policy: &Meta) -> Result<(), Failure> {
        let path =
            format!("/apis/networking.k8s.io/v1/namespaces/{}/networkpolicies/{}", policy.namespace, policy.name);
        match self.send(Method::PATCH, &path, MERGE_PATCH, &nobody(), false) {
            Err(Failure::NotFound(_)) => Ok(()),
            answer => answer,
        }
    }
}

/// Whether it is so that [`Cluster::disarm`] has it select no pod, and nobody has changed that.
pub(crate) fn is_disarmed(policy: &Value) -> bool {
    let selector = &policy["spec"]["podSelector"];
    selector["matchLabels"].is_null()
        && selector["matchExpressions"] == nobody()["spec"]["podSelector"]["matchExpressions"]
}

/// A selector that no labels satisfy, in place of the one that there is.
fn nobody() -> Value {
    let is = |operator: &str| json!({"key": names::MODE, "operator": operator});
    json!({"spec": {"podSelector": {"matchLabels": null, "matchExpressions": [is("Exists"), is("DoesNotExist")]}}})
}

#[cfg(test)]
mod tests {
    use netintent::manifest::{Object, decode_from_api, from_api};

    use super::*;

    #[test]
    fn nobody_satisfies_it() {
        let mut policy = json!({"metadata": {"namespace": "a", "name": "b"}});
        policy["spec"] = nobody()["spec"].clone();
        policy["spec"]["podSelector"].as_object_mut().map(|selector| selector.remove("matchLabels"));
        assert!(is_disarmed(&policy) && !is_disarmed(&json!({"spec": {"podSelector": {}}})));
        let node = from_api(&policy, "networking.k8s.io/v1", "NetworkPolicy").unwrap_or_else(|e| unreachable!("{e}"));
        let decoded = decode_from_api(&node).unwrap_or_else(|e| unreachable!("{e}"));
        let Some(Object::Policy(policy)) = decoded.objects.into_iter().next() else { unreachable!("it is a policy") };
        for labels in [&[][..], &[(names::MODE, "")], &[(names::MODE, "enforce"), ("app", "a")]] {
            assert!(!policy.pods.matches(&labels.iter().copied().collect()), "{labels:?}");
        }
    }
}
