//! What a cluster says of netintent itself: each part by itself, since not everybody may read all of it.

use std::time::Duration;

use futures::future::{join, join_all, try_join_all, try_join3};
use http::header::{ACCEPT, CONTENT_TYPE};
use http::{Method, Request};
use jiff::Timestamp;
use netintent::recover::GROUP;
use serde_json::{Value, json};

use super::dry_run::never_run;
use super::list::get;
use super::{Cluster, Failure};
use crate::error::Result;
use crate::release::{BINDING, NAMESPACE, namespace_of};

/// The name of all that there is one of.
const NAME: &str = "netintent";
const ADMISSION: &str = "/apis/admissionregistration.k8s.io/v1";
const JSON: &str = "application/json";
/// The definitions of our kinds.
pub(crate) const DEFINITIONS: [&str; 3] =
    ["approvals.netintent.dev", "clusterapprovals.netintent.dev", "clusterprohibitions.netintent.dev"];
/// How long a replica may take to answer by way of the API server.
const PATIENCE: Duration = Duration::from_secs(5);
/// From how many labels on the guard is asked about a pod, whatever they are.
const MANY: usize = 257;

/// What came of reading something.
#[derive(Clone, Debug)]
pub(crate) enum Answer {
    /// It is there.
    Is(Value),
    /// There is none.
    Missing,
    /// It may not be read: what the API server says.
    Unread(String),
}

/// What came of asking the webhook.
#[derive(Clone, Debug)]
pub(crate) enum Probe {
    /// The API server took the pod, so whoever it asked agreed.
    Taken,
    /// The API server refused: what it says.
    Refused(String),
}

/// What a replica says of itself.
#[derive(Clone, Debug)]
pub(crate) struct Replica {
    /// Its pod.
    pub(crate) pod: String,
    /// Whether it is ready, as it says; or why it could not be asked.
    pub(crate) ready: std::result::Result<String, String>,
    /// Its metrics; or why it could not be asked.
    pub(crate) metrics: std::result::Result<String, String>,
}

/// All of it.
#[derive(Clone, Debug)]
pub(crate) struct Facts {
    /// Where netintent is.
    pub(crate) namespace: String,
    /// When it was read, by the clock of the API server.
    pub(crate) now: Timestamp,
    /// The definitions, in the order of [`DEFINITIONS`].
    pub(crate) definitions: Vec<Answer>,
    pub(crate) mutating: Answer,
    pub(crate) validating: Answer,
    /// All of the kind `ValidatingAdmissionPolicy`, as a list, and their bindings.
    pub(crate) policies: Answer,
    pub(crate) bindings: Answer,
    pub(crate) deployment: Answer,
    pub(crate) lease: Answer,
    /// The pods of the Deployment, as a list.
    pub(crate) pods: Answer,
    pub(crate) probe: Probe,
    /// The namespace in which it was asked.
    pub(crate) probed: String,
    /// Whether whoever asks is in the group of those about whose requests nobody is asked.
    pub(crate) passes: bool,
    pub(crate) replicas: Vec<Replica>,
}

type Reading<T> = std::result::Result<T, Failure>;

impl Cluster {
    /// Reads all of it, and asks the webhook about a pod in `namespace` which nobody keeps.
    ///
    /// # Errors
    /// Where the API server can't be reached, or does not answer as it should.
    pub(crate) fn facts(&self, namespace: &str) -> Result<Facts> {
        let mut facts = self.run(self.all_facts(namespace)).map_err(Failure::into_error)?;
        // Who may not even ask who they are is taken for nobody special.
        facts.passes = self.myself().is_ok_and(|myself| myself.groups.iter().any(|group| group == GROUP));
        Ok(facts)
    }

    async fn all_facts(&self, probed: &str) -> Reading<Facts> {
        let definition =
            |name: &str| self.read(format!("/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{name}"));
        let definitions = try_join_all(DEFINITIONS.iter().map(|name| definition(name)));
        let admission = try_join_all(
            [
                format!("mutatingwebhookconfigurations/{NAME}"),
                format!("validatingwebhookconfigurations/{NAME}"),
                "validatingadmissionpolicies".to_owned(),
                "validatingadmissionpolicybindings".to_owned(),
            ]
            .map(|part| self.read(format!("{ADMISSION}/{part}"))),
        );
        let (definitions, admission, binding) =
            try_join3(definitions, admission, self.read(BINDING.to_owned())).await?;
        let Ok([mutating, validating, policies, bindings]) = <[Answer; 4]>::try_from(admission) else {
            return Err(Failure::Garbled("an answer is missing".to_owned()));
        };
        // Whoever edits a configuration may have it name another namespace.
        let named = [home(&binding), place(&validating), place(&mutating)].into_iter().flatten().next();
        let namespace = named.unwrap_or_else(|| NAMESPACE.to_owned());
        let running = try_join_all([
            self.read(format!("/apis/apps/v1/namespaces/{namespace}/deployments/{NAME}")),
            self.read(format!("/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases/{NAME}")),
            self.read(format!("/api/v1/namespaces/{namespace}/pods?labelSelector=app.kubernetes.io%2Fname%3D{NAME}")),
        ]);
        let (running, probe, now) = try_join3(running, self.guarded(probed), self.now()).await?;
        let Ok([deployment, lease, pods]) = <[Answer; 3]>::try_from(running) else {
            return Err(Failure::Garbled("an answer is missing".to_owned()));
        };
        let replicas = self.replicas(&namespace, &pods).await;
        let probed = probed.to_owned();
        Ok(Facts {
            namespace,
            now,
            definitions,
            mutating,
            validating,
            policies,
            bindings,
            deployment,
            lease,
            pods,
            probe,
            probed,
            passes: false,
            replicas,
        })
    }

    async fn read(&self, path: String) -> Reading<Answer> {
        match self.text(get(&path, JSON)?).await {
            Ok(text) => serde_json::from_str(&text).map(Answer::Is).map_err(|e| Failure::Garbled(e.to_string())),
            Err(Failure::NotFound(_)) => Ok(Answer::Missing),
            Err(Failure::Forbidden(why)) => Ok(Answer::Unread(why)),
            Err(failure) => Err(failure),
        }
    }

    /// Has the API server look at a pod that is not kept. The guard is asked about one with so many labels in every namespace,
    /// and nothing goes on without its answer; it has nothing against this one.
    async fn guarded(&self, namespace: &str) -> Reading<Probe> {
        let labels: serde_json::Map<String, Value> =
            (0..MANY).map(|number| (format!("netintent-status-{number}"), "".into())).collect();
        let pod = never_run(json!({"generateName": "netintent-status-", "labels": labels}));
        let path = format!("/api/v1/namespaces/{namespace}/pods?dryRun=All&fieldManager=kubectl-netintent");
        let request = Request::builder().method(Method::POST).uri(path).header(CONTENT_TYPE, JSON).header(ACCEPT, JSON);
        let request = request.body(pod.to_string().into_bytes());
        let request = request.map_err(|error| Failure::Garbled(format!("no request can be made: {error}")))?;
        match self.changing(request).await {
            Ok(_) => Ok(Probe::Taken),
            Err(Failure::Forbidden(why) | Failure::NotFound(why) | Failure::Refused { message: why, .. }) => {
                Ok(Probe::Refused(why))
            }
            Err(failure) => Err(failure),
        }
    }

    /// Asks each replica that runs, by way of the API server.
    async fn replicas(&self, namespace: &str, pods: &Answer) -> Vec<Replica> {
        let Answer::Is(pods) = pods else { return Vec::new() };
        let running = pods["items"].as_array().into_iter().flatten().filter(|pod| pod["status"]["phase"] == "Running");
        let asking = running.map(|pod| async move {
            let name = pod["metadata"]["name"].as_str().unwrap_or_default();
            let at =
                |path: &str| format!("/api/v1/namespaces/{namespace}/pods/{name}:{}/proxy/{path}", observed_port(pod));
            let (ready, metrics) = join(self.of_replica(at("readyz")), self.of_replica(at("metrics"))).await;
            Replica { pod: name.to_owned(), ready, metrics }
        });
        join_all(asking).await
    }

    async fn of_replica(&self, path: String) -> std::result::Result<String, String> {
        let request = get(&path, "*/*").map_err(|failure| failure.worded().0)?;
        let Ok(answer) = tokio::time::timeout(PATIENCE, self.answered(request)).await else {
            return Err(format!("no answer within {} s", PATIENCE.as_secs()));
        };
        let (status, _, body) = answer.map_err(|failure| failure.worded().0)?;
        let text = String::from_utf8_lossy(&body).into_owned();
        // A replica that is not ready says why, in words; the API server's own answer is an object.
        let is_of_replica = status == http::StatusCode::SERVICE_UNAVAILABLE && !text.trim_start().starts_with('{');
        if status.is_success() || is_of_replica {
            return Ok(text);
        }
        let said = super::refusal(status, &body);
        Err(Failure::of(kube::Error::Api(Box::new(said)), self.server()).worded().0)
    }
}

/// In which namespace the ServiceAccount is that a binding names.
fn home(binding: &Answer) -> Option<String> {
    let Answer::Is(binding) = binding else { return None };
    namespace_of(binding).map(str::to_owned)
}

/// In which namespace the Service is that a configuration names.
fn place(configuration: &Answer) -> Option<String> {
    let Answer::Is(configuration) = configuration else { return None };
    let hooks = configuration["webhooks"].as_array()?;
    let named = hooks.iter().find_map(|hook| hook["clientConfig"]["service"]["namespace"].as_str())?;
    netintent::names::is_dns_label(named).then(|| named.to_owned())
}

/// The port at which a replica tells of itself.
fn observed_port(pod: &Value) -> u64 {
    let containers = pod["spec"]["containers"].as_array().into_iter().flatten();
    let mut ports = containers.flat_map(|container| container["ports"].as_array().into_iter().flatten());
    ports.find(|port| port["name"] == "observe").and_then(|port| port["containerPort"].as_u64()).unwrap_or(8081)
}
