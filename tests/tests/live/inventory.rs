//! Every object that an API server has, and its version: what nobody touched is as it was.

use std::collections::BTreeMap;

use netintent_tests::{Installed, Kubectl};
use serde_json::Value;

use crate::Result;

/// The versions of objects, by kind, namespace and name.
pub(crate) type Inventory = BTreeMap<String, String>;

/// All that is there, but for what Kubernetes changes by itself: its own namespaces, events, and the roles that it puts
/// together of others.
pub(crate) fn inventory(kubectl: &Kubectl) -> Result<Inventory> {
    let kinds = kubectl.text(["api-resources", "--verbs=list", "-o=name"])?;
    let passed_over = ["events", "events.events.k8s.io", "componentstatuses", "apiservices.apiregistration.k8s.io"];
    let kinds: Vec<&str> = kinds.lines().filter(|kind| !passed_over.contains(kind)).collect();
    let all: Value = serde_json::from_str(&kubectl.text(["get", &kinds.join(","), "-A", "-o=json"])?)?;
    let items = all["items"].as_array().into_iter().flatten();
    Ok(items
        .map(|item| {
            let text = |pointer: &str| item.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
            let (namespace, name) = (text("/metadata/namespace"), text("/metadata/name"));
            (format!("{} {namespace}/{name}", text("/kind")), text("/metadata/resourceVersion").to_owned())
        })
        .filter(|(key, _)| !is_kubernetes(key))
        .collect())
}

fn is_kubernetes(key: &str) -> bool {
    let (kind, name) = key.split_once(' ').unwrap_or_default();
    // What the harness tried whether all is in effect by is on its way out.
    name.starts_with("kube-")
        || name.trim_start_matches('/').starts_with("in-effect")
        || ["FlowSchema", "PriorityLevelConfiguration"].contains(&kind)
        || kind == "ClusterRole" && ["/admin", "/edit", "/view"].contains(&name)
}

/// What of `before` is gone or changed.
pub(crate) fn touched(before: &Inventory, after: &Inventory) -> Vec<String> {
    before.iter().filter(|(key, version)| after.get(*key) != Some(version)).map(|(key, _)| key.clone()).collect()
}

/// What there was not before.
pub(crate) fn added(before: &Inventory, after: &Inventory) -> Vec<String> {
    after.keys().filter(|key| !before.contains_key(*key)).cloned().collect()
}

/// Waits until what there is satisfies: controllers tidy up behind what goes.
pub(crate) fn until_inventory(installed: &Installed, what: &str, is_it: impl Fn(&Inventory) -> Vec<String>) -> Result {
    let mut left = Vec::new();
    let kubectl = installed.admin().kubectl();
    let found = installed.until(what, || {
        let now = inventory(kubectl).map_err(|error| netintent_tests::Error::Client { what: error.to_string() })?;
        left = is_it(&now);
        Ok(left.is_empty().then_some(()))
    });
    found.map_err(|error| format!("{left:?}\n{error}").into())
}

/// Objects of somebody else's, of each kind that netintent has some of, and of names like netintent's.
pub(crate) fn foreign(kubectl: &Kubectl) -> Result {
    let kind = "{apiVersion: apiextensions.k8s.io/v1, kind: CustomResourceDefinition, \
        metadata: {name: approvals.foreign.example}, spec: {group: foreign.example, scope: Namespaced, \
        names: {plural: approvals, singular: approval, kind: Approval}, versions: [{name: v1, served: true, \
        storage: true, schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}}]}}";
    kubectl.pipe(["apply", "-f", "-"], kind)?;
    kubectl.text(["wait", "--for=condition=Established", "--timeout=60s", "crd/approvals.foreign.example"])?;
    kubectl.pipe(["apply", "-f", "-"], FOREIGN)?;
    // What controllers add to it comes a moment later.
    let checked = "--for=jsonpath={.status.observedGeneration}=1";
    kubectl.text(["wait", checked, "--timeout=60s", "validatingadmissionpolicy/netintent-foreign"])?;
    for object in ["configmap/kube-root-ca.crt", "serviceaccount/default", "endpoints/netintent"] {
        kubectl.text(["wait", "--for=create", "--timeout=60s", "-n", "foreign", object])?;
    }
    for object in ["configmap/kube-root-ca.crt", "serviceaccount/default"] {
        kubectl.text(["wait", "--for=create", "--timeout=60s", "-n", "default", object])?;
    }
    let slices = ["wait", "--for=create", "--timeout=60s", "-n", "foreign", "endpointslice", "-l"];
    kubectl.text(slices.iter().chain(&["kubernetes.io/service-name=netintent"]))?;
    Ok(())
}

const FOREIGN: &str = r#"
apiVersion: v1
kind: Namespace
metadata: {name: foreign, labels: {netintent.example/mode: enforce, app.kubernetes.io/name: netintent}}
---
apiVersion: v1
kind: ConfigMap
metadata: {namespace: foreign, name: netintent, labels: {app.kubernetes.io/name: netintent}}
---
apiVersion: v1
kind: Secret
metadata: {namespace: foreign, name: netintent-authority}
---
apiVersion: v1
kind: ServiceAccount
metadata: {namespace: foreign, name: netintent}
---
apiVersion: v1
kind: Service
metadata: {namespace: foreign, name: netintent, labels: {netintent.dev/type: backend}}
spec: {selector: {app: a}, ports: [{port: 80}]}
---
apiVersion: v1
kind: Pod
metadata: {namespace: foreign, name: a, labels: {into.netintent.dev/x: allowed, app: a},
  annotations: {netintent.dev/calls: netintent}}
spec: {serviceAccountName: netintent, containers: [{name: a, image: example.invalid/none}]}
---
apiVersion: coordination.k8s.io/v1
kind: Lease
metadata: {namespace: foreign, name: netintent}
---
apiVersion: foreign.example/v1
kind: Approval
metadata: {namespace: foreign, name: netintent}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {namespace: foreign, name: netintent}
spec: {podSelector: {}, policyTypes: [Ingress], ingress: [{from: [{podSelector: {matchLabels: {app: b}}}]}]}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {namespace: foreign, name: other, labels: {app.kubernetes.io/managed-by: netintentional}}
spec: {podSelector: {}, policyTypes: [Egress], egress: [{}]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: netintent-foreign, labels: {app.kubernetes.io/name: netintent}}
rules: []
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: foreign}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: netintent}
subjects: [{kind: ServiceAccount, namespace: foreign, name: netintent}]
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata: {name: netintent-foreign}
spec:
  matchConstraints: {resourceRules: [{apiGroups: [""], apiVersions: [v1], operations: [CREATE], resources: [configmaps]}]}
  validations: [{expression: "true"}]
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata: {name: netintent-foreign}
spec: {policyName: netintent-foreign, validationActions: [Audit]}
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingWebhookConfiguration
metadata: {name: netintent-foreign}
webhooks:
- name: configmaps.foreign.example
  admissionReviewVersions: [v1]
  sideEffects: None
  failurePolicy: Ignore
  timeoutSeconds: 1
  clientConfig: {service: {namespace: foreign, name: netintent}}
  namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: nowhere}}
  rules: [{apiGroups: [""], apiVersions: [v1], operations: [CREATE], resources: [configmaps]}]
---
apiVersion: admissionregistration.k8s.io/v1
kind: MutatingWebhookConfiguration
metadata: {name: netintent-foreign}
webhooks:
- name: configmaps.foreign.example
  admissionReviewVersions: [v1]
  sideEffects: None
  failurePolicy: Ignore
  timeoutSeconds: 1
  clientConfig: {service: {namespace: foreign, name: netintent}}
  namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: nowhere}}
  rules: [{apiGroups: [""], apiVersions: [v1], operations: [CREATE], resources: [configmaps]}]
"#;
