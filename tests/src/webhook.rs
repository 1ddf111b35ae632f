//! The webhook as it runs in a cluster: on the manifests that users apply, with the rights of its own ServiceAccount.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::kubectl::sibling;
use crate::tools::crate_folder;
use crate::{ControlPlane, Error, Options, Server, User, free_ports, http_get};

/// Where the webhook runs, by its manifests.
const NAMESPACE: &str = "netintent-system";
/// How long anything may take to come true.
const PATIENCE: Duration = Duration::from_mins(2);
/// How often it is looked at.
const POLL: Duration = Duration::from_millis(50);

/// A control plane with netintent.
#[derive(Debug)]
pub struct Installed {
    // Ended before the control plane that it watches.
    webhook: Webhook,
    plane: ControlPlane,
    admin: User,
}

/// The webhook's process. It can be ended and started again; the API server knows it by the same address.
#[derive(Debug)]
pub struct Webhook {
    binary: PathBuf,
    args: Vec<String>,
    kubeconfig: PathBuf,
    certificates: PathBuf,
    log: PathBuf,
    calls: u16,
    observe: u16,
    server: Mutex<Option<Server>>,
}

impl Installed {
    /// The one that all tests of this process share.
    ///
    /// # Errors
    ///
    /// If a server does not get ready; the error shows its log.
    pub fn shared() -> Result<&'static Self, &'static Error> {
        static SHARED: OnceLock<Result<Installed, Error>> = OnceLock::new();
        SHARED.get_or_init(Self::start).as_ref()
    }

    /// One of its own: a control plane with controllers, the manifests, and the webhook, all in effect.
    ///
    /// # Errors
    ///
    /// As [`shared`](Self::shared).
    pub fn start() -> Result<Self, Error> {
        let plane = ControlPlane::start_with(&Options { controllers: true, ..Options::default() })?;
        let admin = plane.administrator()?;
        let manifests = crate_folder("../manifests");
        plane.apply_kustomization(&manifests.join("crd"))?;
        for plural in ["approvals", "clusterapprovals", "clusterprohibitions"] {
            let crd = format!("crd/{plural}.netintent.dev");
            plane.wait("the CRDs are established", &["wait", "--for=condition=Established", "--timeout=10s", &crd])?;
        }
        for file in ["namespace", "rbac", "authority", "roles", "policies"] {
            plane.apply(&manifests.join(format!("base/{file}.yaml")))?;
        }
        let webhook = Webhook::new(&plane)?;
        webhook.run()?;
        let configurations = webhook.configurations(&plane, &manifests.join("base/webhooks.yaml"))?;
        plane.admin().pipe(["apply", "--server-side", "-f", "-"], &configurations)?;
        let installed = Self { webhook, plane, admin };
        installed.wait_until_in_effect()?;
        Ok(installed)
    }

    /// The control plane.
    pub fn plane(&self) -> &ControlPlane {
        &self.plane
    }

    /// The webhook.
    pub fn webhook(&self) -> &Webhook {
        &self.webhook
    }

    /// The administrator.
    pub fn admin(&self) -> &User {
        &self.admin
    }

    /// Makes a namespace in a mode, and waits until what runs in it can be admitted.
    ///
    /// # Errors
    ///
    /// If it cannot be made.
    pub fn namespace(&self, name: &str, mode: &str) -> Result<(), Error> {
        let object = json!({"apiVersion": "v1", "kind": "Namespace",
            "metadata": {"name": name, "labels": {"netintent.dev/mode": mode}}});
        let reply = self.admin.post("/api/v1/namespaces", &object)?;
        if !reply.is_success() {
            return Err(Error::Client { what: reply.message().to_owned() });
        }
        let account = format!("/api/v1/namespaces/{name}/serviceaccounts/default");
        self.until(&format!("namespace {name} has its ServiceAccount"), || {
            Ok(self.admin.get(&account)?.is_success().then_some(()))
        })
    }

    /// Waits until `look` finds something.
    ///
    /// # Errors
    ///
    /// If that takes too long, with the ends of all logs; or what `look` says.
    pub fn until<T>(&self, what: &str, mut look: impl FnMut() -> Result<Option<T>, Error>) -> Result<T, Error> {
        let began = Instant::now();
        loop {
            if let Some(found) = look()? {
                return Ok(found);
            }
            if began.elapsed() > PATIENCE {
                let what = format!("waited {PATIENCE:?} until {what}\n{}", self.held());
                return Err(Error::Server { what, logs: self.logs() });
            }
            thread::sleep(POLL);
        }
    }

    /// What the API server holds, for a test that fails.
    fn held(&self) -> String {
        let kinds = "all,approvals,clusterapprovals,clusterprohibitions,serviceaccounts,events";
        let text = |args: &[&str]| self.plane.admin().text(args).unwrap_or_else(|error| error.to_string());
        let namespaces = text(&["get", "namespaces", "--show-labels"]);
        namespaces + &text(&["get", kinds, "-A", "--show-labels"])
    }

    /// The ends of all logs, for a test that fails.
    pub fn logs(&self) -> String {
        self.plane.logs() + &self.webhook.tail()
    }

    /// The API server takes in webhooks and policies a moment after they are stored, one by one: asks for what each
    /// refuses until it does.
    fn wait_until_in_effect(&self) -> Result<(), Error> {
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
                    _ => self.admin.post(&path, &object)?,
                };
                let signed = reply.body.pointer("/metadata/annotations/netintent.dev~1approved-by").is_some();
                let done = if what == "approved-by" { signed } else { reply.message().contains("netintent") };
                Ok(done.then_some(()))
            })?;
        }
        for name in ["in-effect", "in-effect-shadow"] {
            self.admin.delete(&format!("/api/v1/namespaces/{name}"))?;
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
        self.plane.admin().pipe(["apply", "--server-side", "-f", "-"], RIGHTS)?;
        self.plane.user("makes-namespaces", "nobody")
    }
}

impl Webhook {
    fn new(plane: &ControlPlane) -> Result<Self, Error> {
        let binary = std::env::var_os("NETINTENT_WEBHOOK").map_or_else(|| sibling("netintent-webhook"), PathBuf::from);
        if !binary.exists() {
            return Err(Error::NoWebhook { path: binary });
        }
        let scratch = plane.admin().scratch();
        let identity = plane.authority().server(&["127.0.0.1", "netintent.netintent-system.svc"])?;
        let folder = scratch.folder("webhook-certificates")?;
        for (name, text) in [("tls.crt", &identity.certificate), ("tls.key", &identity.key)] {
            let path = folder.join(name);
            std::fs::write(&path, text).map_err(Error::path("write", &path))?;
        }
        let user = plane.service_account(NAMESPACE, "netintent")?;
        let [calls, observe] = free_ports()?;
        let args = vec![
            format!("--listen=127.0.0.1:{calls}"),
            format!("--observe=127.0.0.1:{observe}"),
            format!("--certificates={}", folder.display()),
            "--log-text".into(),
            "--log=info".into(),
        ];
        let (kubeconfig, log) = (user.kubeconfig().clone(), scratch.path().join("netintent-webhook.log"));
        Ok(Self { binary, args, kubeconfig, certificates: folder, log, calls, observe, server: Mutex::new(None) })
    }

    /// Starts it, and waits until it is ready.
    ///
    /// # Errors
    ///
    /// If it does not get ready; the error shows its log.
    pub fn run(&self) -> Result<(), Error> {
        let env = format!("KUBECONFIG={}", self.kubeconfig.display());
        let program = [env, self.binary.display().to_string()];
        let args = program.iter().chain(&self.args);
        let server = Server::spawn(Path::new("env"), args, &self.log)?;
        *self.server.lock().unwrap_or_else(PoisonError::into_inner) = Some(server);
        let began = Instant::now();
        while self.observed("/readyz").is_none_or(|answer| !answer.starts_with("HTTP/1.1 200")) {
            if began.elapsed() > PATIENCE {
                return Err(Error::Server { what: "the webhook does not get ready".into(), logs: self.tail() });
            }
            thread::sleep(POLL);
        }
        Ok(())
    }

    /// Ends it at once, as a crash would.
    pub fn kill(&self) {
        *self.server.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// How often a counter has counted, over all its labels that contain `label`; 0 where it has not.
    ///
    /// # Errors
    ///
    /// If the webhook does not answer.
    pub fn counted(&self, metric: &str, label: &str) -> Result<u64, Error> {
        let text = self.observed("/metrics").ok_or_else(|| Error::Client { what: "no metrics".into() })?;
        let lines =
            text.lines().filter(|line| line.starts_with(&format!("netintent_{metric}_total")) && line.contains(label));
        Ok(lines.filter_map(|line| line.rsplit_once(' ')?.1.trim().parse::<u64>().ok()).sum())
    }

    /// What it says on a path of its observers, headers included.
    pub fn observed(&self, path: &str) -> Option<String> {
        http_get(self.observe, path)
    }

    /// Somebody who asks it as the API server does, and trusts what the API server trusts.
    ///
    /// # Errors
    ///
    /// If no client can be made.
    pub fn user(&self, plane: &ControlPlane) -> Result<User, Error> {
        plane.user_of(&self.url(), "webhook")
    }

    /// Whether a new connection would be trusted by the API server.
    ///
    /// # Errors
    ///
    /// If no client can be made.
    pub fn certificate_is_trusted(&self, plane: &ControlPlane) -> Result<bool, Error> {
        Ok(self.user(plane)?.get("/").is_ok())
    }

    /// The folder of its certificate.
    pub fn certificates(&self) -> &Path {
        &self.certificates
    }

    /// Where the API server calls it.
    pub fn url(&self) -> String {
        format!("https://127.0.0.1:{}", self.calls)
    }

    /// The end of its log.
    pub fn tail(&self) -> String {
        self.server.lock().unwrap_or_else(PoisonError::into_inner).as_ref().map(Server::tail).unwrap_or_default()
    }

    /// The manifest of its registrations, with this process in place of its Service.
    fn configurations(&self, plane: &ControlPlane, manifest: &Path) -> Result<String, Error> {
        let args =
            [Path::new("create"), Path::new("--dry-run=client"), Path::new("-o=json"), Path::new("-f"), manifest];
        let text = plane.admin().text(args)?;
        let bundle = STANDARD.encode(plane.authority().pem());
        let mut all = Vec::new();
        for document in serde_json::Deserializer::from_str(&text).into_iter::<Value>() {
            let mut object = document.map_err(|error| Error::Client { what: error.to_string() })?;
            for webhook in object["webhooks"].as_array_mut().into_iter().flatten() {
                let path = webhook["clientConfig"]["service"]["path"].as_str().unwrap_or_default().to_owned();
                webhook["clientConfig"] = json!({"url": self.url() + &path, "caBundle": bundle});
            }
            if let Some(metadata) = object["metadata"].as_object_mut() {
                metadata.remove("creationTimestamp");
            }
            all.push(object.to_string());
        }
        Ok(all.join("\n---\n"))
    }
}
