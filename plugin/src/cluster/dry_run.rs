//! What admission makes of a pod, asked without making one.

use http::{Method, Request};
use netintent::callee::CalleePattern;
use netintent::caller::Caller;
use netintent::names;
use serde_json::{Value, json};

use super::{Cluster, Failure, refusal};

/// A pod that is never made: one of a caller, that declares this and nothing else.
pub(crate) struct Probe<'a> {
    /// Whose pod it is.
    pub(crate) caller: &'a Caller,
    /// Its ServiceAccount, which may declare more.
    pub(crate) service_account: &'a str,
    /// What it declares.
    pub(crate) calls: &'a [CalleePattern],
}

/// What came of it.
#[derive(Debug)]
pub(crate) enum Admitted {
    /// It would be made.
    Yes {
        /// What its derived labels stand for.
        granted: Vec<CalleePattern>,
        /// What the API server warned of.
        warnings: Vec<String>,
    },
    /// netintent's webhook refuses it: what it says, in lines.
    No(String),
}

/// How the API server begins what a webhook of netintent's says.
const DENIED: &str = ".netintent.dev\" denied the request: ";

impl Cluster {
    /// Asks the API server, and so the webhook, for a server-side dry run.
    ///
    /// # Errors
    /// Where somebody else refuses it, or there is no answer.
    pub(crate) fn probe(&self, probe: &Probe<'_>) -> Result<Admitted, Failure> {
        let path = format!("/api/v1/namespaces/{}/pods?dryRun=All", probe.caller.namespace);
        let request = Request::builder().method(Method::POST).uri(path);
        let request = request.header(http::header::CONTENT_TYPE, "application/json");
        let request = request.body(pod(probe).to_string().into_bytes());
        let request = request.map_err(|error| Failure::Garbled(format!("no request can be made: {error}")))?;
        let (status, warnings, body) = self.run(self.answered(request))?;
        if !status.is_success() {
            let said = refusal(status, &body);
            return match said.message.split_once(DENIED) {
                Some((_, why)) => Ok(Admitted::No(why.to_owned())),
                None => Err(Failure::of(kube::Error::Api(Box::new(said)), &self.server)),
            };
        }
        let pod: Value = serde_json::from_slice(&body).map_err(|error| Failure::Garbled(error.to_string()))?;
        let labels = pod["metadata"]["labels"].as_object().into_iter().flatten();
        let granted = labels.filter_map(|(key, _)| CalleePattern::of_label_key(key)).collect();
        Ok(Admitted::Yes { granted, warnings })
    }
}

/// What a pod that is never made says of itself.
fn pod(probe: &Probe<'_>) -> Value {
    let calls: Vec<String> = probe.calls.iter().map(ToString::to_string).collect();
    let annotations = json!({names::CALLS: calls.join("\n"), names::CALLER: probe.caller.name});
    let mut pod = never_run(json!({"generateName": "netintent-asks-", "annotations": annotations}));
    pod["spec"]["serviceAccountName"] = probe.service_account.into();
    pod
}

/// A pod with as little as there may be, and nothing that the strictest Pod Security level refuses.
pub(super) fn never_run(metadata: Value) -> Value {
    let security = json!({"allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]}});
    let mut pod = json!({"apiVersion": "v1", "kind": "Pod", "spec": {
        "automountServiceAccountToken": false,
        "securityContext": {"runAsNonRoot": true, "runAsUser": 65534, "seccompProfile": {"type": "RuntimeDefault"}},
        "containers": [{"name": "never-run", "image": "netintent.invalid/never-run", "securityContext": security,
            "resources": {"requests": {"cpu": "1m", "memory": "1Mi"}, "limits": {"cpu": "1m", "memory": "1Mi"}}}],
    }});
    pod["metadata"] = metadata;
    pod
}
