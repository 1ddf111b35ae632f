//! What `recover` reads of a cluster and writes to it: by these few requests alone, since nothing of netintent runs then.

use http::{Method, Request};
use jiff::Timestamp;
use netintent::manifest::{Object, decode_from_api, from_api};
use netintent::names;
use netintent::objects::{Service, Workload};
use netintent::policy::NetworkPolicy;
use netintent::recover::admission::{self, CONFIGURATION, Change};
use netintent::recover::{Opened, policy};
use netintent::selector::Labels;
use serde_json::{Value, json};

use super::write::{JSON, JSON_PATCH, MERGE_PATCH};
use super::{Cluster, Failure, Meta};
use crate::error::{Error, Result};
use crate::printer;

/// Where netintent runs where its registrations do not say it.
const NAMESPACE: &str = "netintent-system";
/// For how many seconds a Lease holds that does not say it.
const LASTS: i64 = 15;

/// A webhook configuration as it was read.
#[derive(Debug)]
pub(crate) struct Configuration {
    /// Its kind.
    pub(crate) kind: &'static str,
    /// The object.
    pub(crate) object: Value,
}

impl Configuration {
    const KINDS: [&str; 2] = ["MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"];

    fn path(kind: &str) -> String {
        format!("/apis/admissionregistration.k8s.io/v1/{}s/{CONFIGURATION}", kind.to_ascii_lowercase())
    }

    /// What was opened in it.
    ///
    /// # Errors
    /// Where that can't be understood.
    pub(crate) fn record(&self) -> Result<Option<admission::Record>> {
        admission::recorded(&self.object).map_err(|error| {
            let help = format!(
                "set the failure policies of {} {CONFIGURATION} as the manifests of netintent have them, and take the \
                 annotation {} away",
                self.kind,
                names::RECOVER
            );
            Error::with_help(format!("{} {CONFIGURATION}: {error}", self.kind), help)
        })
    }
}

/// A Service that everybody may call, by a policy of recover.
#[derive(Debug)]
pub(crate) struct OpenService {
    /// Its namespace.
    pub(crate) namespace: String,
    /// Its name.
    pub(crate) service: String,
    /// Since when, by whom, and until when; `None` where somebody has changed what was written down.
    pub(crate) record: Option<policy::Record>,
    /// The policy.
    meta: Meta,
}

/// What came of closing a Service.
#[derive(Debug)]
pub(crate) enum Closed {
    /// It is.
    Now,
    /// It was not open.
    Before,
    /// It stays open, by what somebody has written since.
    Anew(Option<policy::Record>),
}

impl OpenService {
    /// Whether it is the policy that was read, however it was changed since.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        self.meta.uid == other.meta.uid
    }

    /// Reads a policy; `None` where it is none of recover.
    fn read(object: &Value) -> Option<Self> {
        let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
        let labels: Labels =
            [(names::MANAGED_BY, text("/metadata/labels/app.kubernetes.io~1managed-by"))].into_iter().collect();
        let service = policy::service(text("/metadata/name"), &labels)?.to_owned();
        let record = policy::Record::parse(text("/metadata/annotations/netintent.dev~1recover")).ok();
        let meta = Meta::of(object).ok()?;
        Some(Self { namespace: meta.namespace.clone(), service, record, meta })
    }

    fn path(namespace: &str, service: &str) -> String {
        format!("/apis/networking.k8s.io/v1/namespaces/{namespace}/networkpolicies/{}", policy::name(service))
    }
}

/// The replica of the webhook that leads.
#[derive(Debug)]
pub(crate) struct Leader {
    /// Its name.
    pub(crate) name: String,
    /// How many seconds ago it has said so.
    pub(crate) seconds: i64,
}

/// Whether a controller is there that undoes what is open.
#[derive(Debug)]
pub(crate) enum Leads {
    /// This replica.
    Replica(Leader),
    /// None.
    Nobody,
    /// The Lease that says it may not be read, for this reason.
    Unread(String),
}

/// What is open, and who may close it.
#[derive(Debug)]
pub(crate) struct State {
    /// The webhook configurations that there are.
    pub(crate) configurations: Vec<Configuration>,
    /// The Services that everybody may call.
    pub(crate) services: Vec<OpenService>,
    /// Who leads.
    pub(crate) leads: Leads,
    /// netintent's own namespace, which takes no part.
    pub(crate) home: String,
}

/// Who asks.
#[derive(Debug)]
pub(crate) struct Myself {
    /// The user's name.
    pub(crate) name: String,
    /// The groups of the user, but for those that the API server gives everybody.
    pub(crate) groups: Vec<String>,
}

impl Cluster {
    /// What is open.
    ///
    /// # Errors
    /// Where it can't be read.
    pub(crate) fn recovery(&self) -> Result<State> {
        let configurations = self.configurations()?;
        let home = home(&configurations).to_owned();
        let leads = self.leads(&home)?;
        Ok(State { configurations, services: self.open_services()?, leads, home })
    }

    /// The webhook configurations that there are.
    fn configurations(&self) -> Result<Vec<Configuration>> {
        let mut all = Vec::new();
        for kind in Configuration::KINDS {
            let found = self.find(&Configuration::path(kind)).map_err(Failure::into_error)?;
            all.extend(found.map(|object| Configuration { kind, object }));
        }
        Ok(all)
    }

    /// The Services that everybody may call, in all namespaces.
    fn open_services(&self) -> Result<Vec<OpenService>> {
        let path = format!(
            "/apis/networking.k8s.io/v1/networkpolicies?labelSelector={}%3D{}",
            names::MANAGED_BY.replace('/', "%2F"),
            names::NETINTENT
        );
        let list = self.find(&path).map_err(Failure::into_error)?.unwrap_or_default();
        Ok(list["items"].as_array().into_iter().flatten().filter_map(OpenService::read).collect())
    }

    /// Who leads in this namespace.
    fn leads(&self, namespace: &str) -> Result<Leads> {
        let path = format!("/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases/netintent");
        let lease = match self.find(&path) {
            Ok(Some(lease)) => lease,
            Ok(None) => return Ok(Leads::Nobody),
            Err(Failure::Forbidden(why)) => return Ok(Leads::Unread(why)),
            Err(failure) => return Err(failure.into_error()),
        };
        let spec = &lease["spec"];
        let renewed = spec["renewTime"].as_str().and_then(|text| text.parse::<Timestamp>().ok());
        let name = spec["holderIdentity"].as_str().filter(|name| !name.is_empty());
        let (Some(renewed), Some(name)) = (renewed, name) else { return Ok(Leads::Nobody) };
        let now = self.run(self.now()).map_err(Failure::into_error)?;
        let seconds = now.duration_since(renewed).as_secs();
        if seconds >= spec["leaseDurationSeconds"].as_i64().unwrap_or(LASTS) {
            return Ok(Leads::Nobody);
        }
        Ok(Leads::Replica(Leader { name: names::printable(name), seconds: seconds.max(0) }))
    }

    /// What the user opens now.
    ///
    /// # Errors
    /// Where the API server does not say who that is, or what time it is.
    pub(crate) fn opened_now(&self, by: &Myself) -> Result<Opened> {
        Ok(Opened::now(&by.name, self.run(self.now()).map_err(Failure::into_error)?))
    }

    /// Who the API server takes the user for.
    ///
    /// # Errors
    /// Where it does not say.
    pub(crate) fn myself(&self) -> Result<Myself> {
        let review = json!({"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"});
        let request = Request::post("/apis/authentication.k8s.io/v1/selfsubjectreviews");
        let request = request.header(http::header::CONTENT_TYPE, JSON).header(http::header::ACCEPT, JSON);
        let asked = async {
            let body = review.to_string().into_bytes();
            let request = request.body(body).map_err(|error| Failure::Garbled(error.to_string()))?;
            self.text(request).await
        };
        let text = self.run(asked).map_err(Failure::into_error)?;
        let answer: Value = read(&text).map_err(Failure::into_error)?;
        let user = &answer["status"]["userInfo"];
        let name = user["username"].as_str().unwrap_or_default().to_owned();
        let groups = user["groups"].as_array().into_iter().flatten().filter_map(Value::as_str);
        let own = |group: &&str| !matches!(*group, "system:authenticated" | "system:unauthenticated");
        Ok(Myself { name, groups: groups.filter(own).map(str::to_owned).collect() })
    }

    /// Changes a webhook configuration, if it is as it was read.
    ///
    /// # Errors
    /// Where the API server refuses, or somebody else has changed it.
    pub(crate) fn change_admission(&self, of: &Configuration, change: &Change, dry_run: bool) -> Result<()> {
        let path = Configuration::path(of.kind);
        self.send(Method::PATCH, &path, JSON_PATCH, &change.patch, dry_run).map_err(|failure| match failure {
            // A test of the patch has failed.
            Failure::Refused { code: 422, .. } => changed(&format!("{} {CONFIGURATION}", of.kind)),
            failure => failure.into_error(),
        })
    }

    /// A Service, read as the other commands do.
    ///
    /// # Errors
    /// Where it is not there, or can't be read.
    pub(crate) fn service(&self, namespace: &str, name: &str) -> Result<Service> {
        let found =
            self.find(&format!("/api/v1/namespaces/{namespace}/services/{name}")).map_err(Failure::into_error)?;
        let Some(object) = found else {
            let help = format!("kubectl get services -n {namespace} says which there are");
            return Err(Error::with_help(format!("there is no Service {namespace}/{name}"), help));
        };
        match decoded(&object, "v1", "Service")? {
            Some(Object::Service(service)) => Ok(*service),
            _ => Err(Error::new(format!("Service {namespace}/{name} can't be read"))),
        }
    }

    /// The policies of a namespace.
    ///
    /// # Errors
    /// Where they can't be read.
    pub(crate) fn policies(&self, namespace: &str) -> Result<Vec<NetworkPolicy>> {
        let path = format!("/apis/networking.k8s.io/v1/namespaces/{namespace}/networkpolicies");
        let list = self.find(&path).map_err(Failure::into_error)?.unwrap_or_default();
        let mut all = Vec::new();
        for object in list["items"].as_array().into_iter().flatten() {
            if let Some(Object::Policy(policy)) = decoded(object, "networking.k8s.io/v1", "NetworkPolicy")? {
                all.push(*policy);
            }
        }
        Ok(all)
    }

    /// A pod as it is now, with its uid and version; `None` where it is gone.
    ///
    /// # Errors
    /// Where it can't be read.
    pub(crate) fn pod(&self, namespace: &str, name: &str) -> Result<Option<(Workload, String, String)>> {
        let found = self.find(&format!("/api/v1/namespaces/{namespace}/pods/{name}")).map_err(Failure::into_error)?;
        let Some(object) = found else { return Ok(None) };
        let text = |key: &str| object["metadata"][key].as_str().unwrap_or_default().to_owned();
        let (uid, version) = (text("uid"), text("resourceVersion"));
        match decoded(&object, "v1", "Pod")? {
            Some(Object::Workload(pod)) => Ok(Some((*pod, uid, version))),
            _ => Err(Error::new(format!("Pod {namespace}/{name} can't be read"))),
        }
    }

    /// Changes the labels of a pod, by the patch that the controller would send.
    ///
    /// # Errors
    /// Where the API server refuses.
    pub(crate) fn change_labels(
        &self,
        namespace: &str,
        name: &str,
        patch: &Value,
        dry_run: bool,
    ) -> std::result::Result<(), Failure> {
        let path = format!("/api/v1/namespaces/{namespace}/pods/{name}/status");
        self.send(Method::PATCH, &path, MERGE_PATCH, patch, dry_run)
    }

    /// Whether a policy has the name by which a Service would be opened, and is somebody else's.
    ///
    /// # Errors
    /// Where it can't be read.
    pub(crate) fn is_taken(&self, namespace: &str, service: &str) -> Result<bool> {
        let found = self.find(&OpenService::path(namespace, service)).map_err(Failure::into_error)?;
        Ok(found.is_some_and(|object| OpenService::read(&object).is_none()))
    }

    /// The labels of the pods of a namespace, by the names of the pods.
    ///
    /// # Errors
    /// Where they can't be read.
    pub(crate) fn pod_labels(&self, namespace: &str) -> Result<Vec<(String, Labels)>> {
        let path = format!("/api/v1/namespaces/{namespace}/pods");
        let pods = self.run(self.listed(&path, "")).map_err(Failure::into_error)?;
        Ok(pods.into_iter().map(|Meta { name, labels, .. }| (name, labels.into_iter().collect())).collect())
    }

    /// Opens a Service, or has it open until another time.
    ///
    /// # Errors
    /// Where the API server refuses.
    pub(crate) fn open(&self, opening: &NetworkPolicy, service: &str, dry_run: bool) -> Result<()> {
        let policy = k8s_openapi::api::networking::v1::NetworkPolicy::from(opening);
        let body = serde_json::to_string(&policy).map_err(|error| Error::new(format!("cannot write: {error}")))?;
        let path = OpenService::path(&opening.metadata.namespace, service);
        let (warnings, _) = self.run(self.applied(&path, &body, false, dry_run)).map_err(Failure::into_error)?;
        warnings.iter().for_each(|warning| printer::warning(warning));
        Ok(())
    }

    /// Closes a Service, unless somebody has opened it anew since: `is_meant` tells by the policy as it is.
    ///
    /// # Errors
    /// Where the API server refuses, or keeps the policy in force.
    pub(crate) fn close(
        &self,
        namespace: &str,
        service: &str,
        is_meant: impl Fn(&OpenService) -> bool,
        dry_run: bool,
    ) -> Result<Closed> {
        const TIMES: usize = 5;
        let path = OpenService::path(namespace, service);
        for _ in 0..TIMES {
            let found = self.find(&path).map_err(Failure::into_error)?;
            let Some(open) = found.as_ref().and_then(OpenService::read) else { return Ok(Closed::Before) };
            if !is_meant(&open) {
                return Ok(Closed::Anew(open.record));
            }
            match self.run(self.delete_as_read(&path, &open.meta, dry_run)) {
                Ok(finalizers) if finalizers.is_empty() => return Ok(Closed::Now),
                Ok(finalizers) => return Err(kept(&open, &finalizers, dry_run)),
                Err(Failure::NotFound(_)) => return Ok(Closed::Now),
                // Somebody has changed it, and maybe opened it anew.
                Err(Failure::Refused { code: 409, .. }) => {}
                Err(failure) => return Err(failure.into_error()),
            }
        }
        Err(changed(&format!("NetworkPolicy {namespace}/{}, which opens a Service,", policy::name(service))))
    }

    fn find(&self, path: &str) -> std::result::Result<Option<Value>, Failure> {
        self.run(self.found(path))
    }
}

/// That a policy is deleted, and opens a Service as before.
fn kept(open: &OpenService, finalizers: &[String], dry_run: bool) -> Error {
    let (namespace, service, name) = (&open.namespace, &open.service, policy::name(&open.service));
    let finalizers = names::printable(&finalizers.join(", "));
    let help = format!(
        "take them away, which {} closes it: kubectl patch networkpolicy -n {namespace} {name} --type=merge -p \
         '{{\"metadata\":{{\"finalizers\":null}}}}'",
        if dry_run { "then" } else { "at once" }
    );
    let message = format!(
        "everybody may still call Service {namespace}/{service}: NetworkPolicy {name} {} kept in force by finalizers that \
         somebody has put on it: {finalizers}",
        if dry_run { "would be" } else { "is deleted, but" }
    );
    Error::with_help(message, help)
}

/// The namespace that netintent runs in, by its registrations.
fn home(configurations: &[Configuration]) -> &str {
    let entries = configurations.iter().flat_map(|of| of.object["webhooks"].as_array().into_iter().flatten());
    let mut named = entries.filter_map(|entry| entry["clientConfig"]["service"]["namespace"].as_str());
    named.find(|name| names::is_dns_label(name)).unwrap_or(NAMESPACE)
}

fn read(text: &str) -> std::result::Result<Value, Failure> {
    serde_json::from_str(text).map_err(|error| Failure::Garbled(error.to_string()))
}

/// The object, as far as it decides something.
fn decoded(object: &Value, api_version: &str, kind: &str) -> Result<Option<Object>> {
    let node = from_api(object, api_version, kind).map_err(|error| Failure::Garbled(error.to_string()).into_error())?;
    let decoded = decode_from_api(&node).map_err(|error| Error::new(format!("a {kind} can't be read: {error}")))?;
    Ok(decoded.objects.into_iter().next())
}

fn changed(what: &str) -> Error {
    Error::with_help(format!("somebody else changed {what} meanwhile"), "run the command again".to_owned())
}
