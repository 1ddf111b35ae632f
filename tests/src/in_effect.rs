//! Waits until the API server asks the webhook, and does what the policies say.

use serde_json::{Value, json};

use crate::webhook::NAMESPACE;
use crate::{Error, Installed, User};

impl Installed {
    /// The API server takes in webhooks and policies a moment after they are stored, one by one: asks for what each
    /// refuses until it does.
    ///
    /// # Errors
    ///
    /// If it never does, with the ends of all logs.
    pub fn wait_until_in_effect(&self) -> Result<(), Error> {
        self.namespace("in-effect", "enforce")?;
        self.namespace("in-effect-shadow", "shadow")?;
        let key = "a.b.to.netintent.dev/c";
        let pod = |labels: &Value, annotations: &Value| {
            json!({"apiVersion": "v1", "kind": "Pod",
                "metadata": {"name": "probe", "labels": labels, "annotations": annotations},
                "spec": {"containers": [{"name": "a", "image": "a"}]}})
        };
        let template = json!({"metadata": {"labels": {"app": "a", key: "allowed"}},
            "spec": {"containers": [{"name": "a", "image": "a"}], "restartPolicy": "Always"}});
        let deployment = |template: &Value| {
            json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "probe"},
                "spec": {"selector": {"matchLabels": {"app": "a"}}, "template": template}})
        };
        let malformed = json!({"netintent.dev/calls": "a b"});
        let declares =
            json!({"metadata": {"labels": {"app": "a"}, "annotations": malformed}, "spec": template["spec"]});
        let job = |spec: &Value| json!({"metadata": {"labels": {key: "allowed"}}, "spec": {"containers": spec["containers"], "restartPolicy": "Never"}});
        let (pods, apps) = ("/api/v1/namespaces", "/apis/apps/v1/namespaces");
        let batch = "/apis/batch/v1/namespaces/in-effect/cronjobs";
        let probes = [
            ("derive", format!("{pods}/in-effect/pods"), pod(&json!({}), &malformed)),
            ("derive in shadow", format!("{pods}/in-effect-shadow/pods"), pod(&json!({}), &malformed)),
            ("guard", format!("{pods}/default/pods"), pod(&json!({key: "allowed"}), &json!({}))),
            ("workloads", format!("{apps}/in-effect/deployments"), deployment(&declares)),
            ("workloads in shadow", format!("{apps}/in-effect-shadow/deployments"), deployment(&declares)),
            ("keys", format!("{apps}/default/deployments"), deployment(&template)),
            (
                "keys of CronJobs",
                batch.to_owned(),
                json!({"apiVersion": "batch/v1", "kind": "CronJob", "metadata": {"name": "probe"},
                    "spec": {"schedule": "0 0 1 1 *", "jobTemplate": {"spec": {"template": job(&template["spec"])}}}}),
            ),
            (
                "keys of ReplicationControllers",
                format!("{pods}/default/replicationcontrollers"),
                json!({"apiVersion": "v1", "kind": "ReplicationController", "metadata": {"name": "probe"},
                    "spec": {"selector": {"app": "a"}, "template": template}}),
            ),
            (
                "modes",
                pods.to_owned(),
                json!({"apiVersion": "v1", "kind": "Namespace",
                    "metadata": {"name": NAMESPACE.to_owned() + "x", "labels": {"netintent.dev/mode": "shadow"}}}),
            ),
            (
                "approved-by",
                "/apis/netintent.dev/v1alpha1/clusterprohibitions".to_owned(),
                json!({"apiVersion": "netintent.dev/v1alpha1", "kind": "ClusterProhibition",
                    "metadata": {"name": "probe"}, "spec": {"callers": ["a/*"], "callees": ["b/*"]}}),
            ),
        ];
        for (what, path, object) in probes {
            let path = format!("{path}?dryRun=All");
            self.until(&format!("{what} is in effect"), || {
                let reply = match what {
                    "modes" => self.nobody()?.post(&path, &object)?,
                    _ => self.admin().post(&path, &object)?,
                };
                let signed = reply.body.pointer("/metadata/annotations/netintent.dev~1approved-by").is_some();
                let done = if what == "approved-by" { signed } else { reply.message().contains("netintent") };
                Ok(done.then_some(()))
            })?;
        }
        for name in ["in-effect", "in-effect-shadow"] {
            self.admin().delete(&format!("/api/v1/namespaces/{name}"))?;
        }
        Ok(())
    }

    /// Somebody who may create Namespaces, and set no mode.
    fn nobody(&self) -> Result<User, Error> {
        static RIGHTS: &str = "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {name: makes-namespaces}\n\
            rules: [{apiGroups: [''], resources: [namespaces], verbs: [create]}]\n---\n\
            apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRoleBinding\nmetadata: {name: makes-namespaces}\n\
            roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: makes-namespaces}\n\
            subjects: [{kind: User, apiGroup: rbac.authorization.k8s.io, name: makes-namespaces}]\n";
        self.plane().admin().pipe(["apply", "--server-side", "-f", "-"], RIGHTS)?;
        self.plane().user("makes-namespaces", "nobody")
    }
}
