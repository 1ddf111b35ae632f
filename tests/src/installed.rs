//! netintent in a cluster of its own: the control plane, the manifests that users apply, and the webhook's replicas.

use std::path::Path;
use std::sync::OnceLock;
use std::thread;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::balancer::Balancer;
use crate::tools::crate_folder;
use crate::webhook::{Certificates, NAMESPACE};
use crate::{ControlPlane, Error, Options, Proxy, Tunnel, User, Webhook};

/// How long anything may take to come true.
pub(crate) const PATIENCE: Duration = Duration::from_mins(2);
/// How often it is looked at.
pub(crate) const POLL: Duration = Duration::from_millis(50);

/// What a test may want of an installation of its own.
#[derive(Debug, Clone)]
#[expect(clippy::struct_excessive_bools, reason = "each is a choice of its own")]
pub struct Installation {
    /// How many replicas there may be. They are all started; a test ends and starts them as it likes.
    pub replicas: usize,
    /// Whether a [`Balancer`] stands before them, as the Service does in a cluster. Without it the API server calls the
    /// first.
    pub balanced: bool,
    /// Whose certificates the webhook serves.
    pub certificates: Certificates,
    /// Whether controllers act on what is stored.
    pub controllers: bool,
    /// Whether netintent's own controller runs: without it pods keep the labels that they were given, and nobody writes
    /// policies.
    pub controller: bool,
    /// Whether a [`Proxy`] stands between the webhook and the API server.
    pub proxied: bool,
    /// Whether the API server writes down what netintent asks it.
    pub audited: bool,
}

impl Default for Installation {
    fn default() -> Self {
        Self {
            replicas: 1,
            balanced: false,
            certificates: Certificates::Folder,
            controllers: true,
            controller: false,
            proxied: false,
            audited: false,
        }
    }
}

/// A control plane with netintent.
#[derive(Debug)]
pub struct Installed {
    // Ended before the control plane that they watch.
    balancer: Option<Balancer>,
    proxy: Option<Proxy>,
    replicas: Vec<Webhook>,
    plane: ControlPlane,
    // Ended after the API server that calls through it.
    tunnel: Option<Tunnel>,
    admin: User,
    controllers: bool,
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
        Self::start_with(&Installation::default())
    }

    /// One of its own that differs from the usual.
    ///
    /// # Errors
    ///
    /// As [`shared`](Self::shared).
    pub fn start_with(wanted: &Installation) -> Result<Self, Error> {
        let installed = Self::prepare(wanted)?;
        for replica in &installed.replicas {
            replica.run()?;
        }
        installed.wait_until_ready()?;
        if wanted.certificates == Certificates::Folder {
            installed.trust(&installed.plane.authority().pem())?;
        }
        installed.wait_until_in_effect()?;
        Ok(installed)
    }

    /// All of it but the webhook's processes, which the test starts.
    ///
    /// # Errors
    ///
    /// As [`shared`](Self::shared).
    pub fn prepare(wanted: &Installation) -> Result<Self, Error> {
        let audited = wanted.audited.then(|| format!("system:serviceaccount:{NAMESPACE}:netintent"));
        let options = Options { controllers: wanted.controllers, audited, ..Options::default() };
        let plane = ControlPlane::start_with(&options)?;
        let admin = plane.administrator()?;
        let manifests = crate_folder("../manifests");
        plane.apply_kustomization(&manifests.join("crd"))?;
        for plural in ["approvals", "clusterapprovals", "clusterprohibitions"] {
            let crd = format!("crd/{plural}.netintent.dev");
            plane.wait("the CRDs are established", &["wait", "--for=condition=Established", "--timeout=10s", &crd])?;
        }
        for file in ["namespace", "rbac", "authority", "controller", "roles", "policies"] {
            plane.apply(&manifests.join(format!("base/{file}.yaml")))?;
        }
        let proxy = wanted.proxied.then(|| Proxy::start(plane.url(), &plane.authority().pem())).transpose()?;
        let replica = |number| Webhook::new(&plane, number, wanted.certificates, wanted.controller, proxy.as_ref());
        let replicas = (1..=wanted.replicas).map(replica);
        let replicas: Vec<Webhook> = replicas.collect::<Result<_, _>>()?;
        let balancer = wanted.balanced.then(|| Balancer::start(replicas.iter().map(Webhook::ports))).transpose()?;
        let installed = Self { balancer, proxy, replicas, plane, tunnel: None, admin, controllers: wanted.controllers };
        // Without a registration there is no certificate that the API server trusts, and so nobody ready.
        if wanted.certificates == Certificates::Own {
            installed.register(&manifests.join("base/webhooks.yaml"), None)?;
        }
        Ok(installed)
    }

    /// One of its own that somebody else installs, in the usual namespace: the API server calls the Service, and the replicas
    /// that stand behind it are started once it is there.
    ///
    /// # Errors
    ///
    /// As [`shared`](Self::shared), or what `install` says.
    pub fn start_by(
        wanted: &Installation,
        install: impl FnOnce(&ControlPlane) -> Result<(), Error>,
    ) -> Result<Self, Error> {
        let tunnel = Tunnel::start()?;
        let options =
            Options { controllers: wanted.controllers, apiserver: vec![tunnel.argument()], ..Options::default() };
        let plane = ControlPlane::start_with(&options)?;
        let admin = plane.administrator()?;
        install(&plane)?;
        let replica = |number| Webhook::new(&plane, number, wanted.certificates, wanted.controller, None);
        let replicas = (1..=wanted.replicas).map(replica).collect::<Result<Vec<_>, _>>()?;
        let balancer = Balancer::start(replicas.iter().map(Webhook::ports))?;
        let address = plane.admin().text([
            "get",
            "service",
            "-n",
            NAMESPACE,
            "netintent",
            "-o=jsonpath={.spec.clusterIP}:{.spec.ports[0].port}",
        ])?;
        tunnel.lead(&address, balancer.port());
        for replica in &replicas {
            replica.run()?;
        }
        let balancer = Some(balancer);
        let controllers = wanted.controllers;
        let installed = Self { balancer, proxy: None, replicas, plane, tunnel: Some(tunnel), admin, controllers };
        installed.wait_until_ready()?;
        installed.wait_until_in_effect()?;
        Ok(installed)
    }

    /// Does for the pods of netintent's own Deployment what a kubelet would: says that they run, at addresses that lead to the
    /// replicas in turn. Only where somebody else has installed it.
    ///
    /// # Errors
    ///
    /// If the API server does not take that.
    pub fn run_pods(&self) -> Result<(), Error> {
        let tunnel = self.tunnel.as_ref().ok_or(Error::Client { what: "no tunnel leads to pods".into() })?;
        let path = format!("/api/v1/namespaces/{NAMESPACE}/pods");
        let pods = self.admin.get(&format!("{path}?labelSelector=app.kubernetes.io%2Fname%3Dnetintent"))?.body;
        for (number, pod) in pods["items"].as_array().into_iter().flatten().enumerate() {
            let (calls, observe) = self.replicas[number % self.replicas.len()].ports();
            let ip = format!("10.64.0.{}", number + 1);
            tunnel.lead(&format!("{ip}:9443"), calls);
            tunnel.lead(&format!("{ip}:8081"), observe);
            let status = json!({"status": {"phase": "Running", "podIP": ip, "podIPs": [{"ip": ip}],
                "conditions": [{"type": "Ready", "status": "True"}, {"type": "ContainersReady", "status": "True"}]}});
            let name = pod["metadata"]["name"].as_str().unwrap_or_default();
            let reply = self.admin.patch(&format!("{path}/{name}/status"), "strategic-merge", &status)?;
            if !reply.is_success() {
                return Err(Error::Client { what: reply.message().to_owned() });
            }
        }
        Ok(())
    }

    /// The control plane.
    pub fn plane(&self) -> &ControlPlane {
        &self.plane
    }

    /// The webhook; of several replicas the first.
    pub fn webhook(&self) -> &Webhook {
        &self.replicas[0]
    }

    /// All replicas, whether they run or not.
    pub fn replicas(&self) -> &[Webhook] {
        &self.replicas
    }

    /// What stands before them.
    pub fn balancer(&self) -> Option<&Balancer> {
        self.balancer.as_ref()
    }

    /// What stands between them and the API server.
    pub fn proxy(&self) -> Option<&Proxy> {
        self.proxy.as_ref()
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
        let made = |reply: crate::Reply| {
            if reply.is_success() { Ok(()) } else { Err(Error::Client { what: reply.message().to_owned() }) }
        };
        made(self.admin.post("/api/v1/namespaces", &object)?)?;
        let accounts = format!("/api/v1/namespaces/{name}/serviceaccounts");
        if !self.controllers {
            made(self.admin.post(&accounts, &json!({"metadata": {"name": "default"}}))?)?;
        }
        self.until(&format!("namespace {name} has its ServiceAccount"), || {
            Ok(self.admin.get(&format!("{accounts}/default"))?.is_success().then_some(()))
        })
    }

    /// Waits until the balancer gives connections to each replica that runs, and to no other.
    ///
    /// # Errors
    ///
    /// If that takes too long, with the ends of all logs.
    pub fn wait_until_ready(&self) -> Result<(), Error> {
        let Some(balancer) = &self.balancer else { return Ok(()) };
        let runs: Vec<bool> = self.replicas.iter().map(Webhook::runs).collect();
        self.until("the balancer knows which replicas are ready", || Ok((balancer.ready() == runs).then_some(())))
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
        self.plane.logs() + &self.replicas.iter().map(Webhook::tail).collect::<String>()
    }

    /// Where the API server calls.
    fn url(&self) -> String {
        self.balancer.as_ref().map_or_else(|| self.webhook().url(), Balancer::url)
    }

    /// Applies the registrations; without a bundle the webhook is to write it.
    fn register(&self, manifest: &Path, bundle: Option<&str>) -> Result<(), Error> {
        let configurations = self.configurations(manifest, bundle)?;
        self.plane.admin().pipe(["apply", "--server-side", "-f", "-"], &configurations)?;
        Ok(())
    }

    /// Has the API server trust these authorities, in PEM, in place of those before.
    ///
    /// # Errors
    ///
    /// If the registrations cannot be applied.
    pub fn trust(&self, bundle: &str) -> Result<(), Error> {
        self.register(&crate_folder("../manifests/base/webhooks.yaml"), Some(bundle))
    }

    /// The manifest of the registrations, with the balancer, or a process, in place of the Service.
    fn configurations(&self, manifest: &Path, bundle: Option<&str>) -> Result<String, Error> {
        let args =
            [Path::new("create"), Path::new("--dry-run=client"), Path::new("-o=json"), Path::new("-f"), manifest];
        let text = self.plane.admin().text(args)?;
        let mut all = Vec::new();
        for document in serde_json::Deserializer::from_str(&text).into_iter::<Value>() {
            let mut object = document.map_err(|error| Error::Client { what: error.to_string() })?;
            for webhook in object["webhooks"].as_array_mut().into_iter().flatten() {
                let path = webhook["clientConfig"]["service"]["path"].as_str().unwrap_or_default().to_owned();
                webhook["clientConfig"] = json!({"url": self.url() + &path});
                if let Some(bundle) = bundle {
                    webhook["clientConfig"]["caBundle"] = STANDARD.encode(bundle).into();
                }
            }
            if let Some(metadata) = object["metadata"].as_object_mut() {
                metadata.remove("creationTimestamp");
            }
            all.push(object.to_string());
        }
        Ok(all.join("\n---\n"))
    }
}
