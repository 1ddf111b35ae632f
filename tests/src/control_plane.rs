//! etcd and kube-apiserver, started for one test process.

use std::path::{Path, PathBuf};
use std::process::Output;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crate::audit::{self, Asked};
use crate::{Authority, Error, Identity, Kubectl, Scratch, Server, Tool, Tools, User, free_ports};

/// How long a start may take. It takes seconds; a machine busy with builds needs more.
const PATIENCE: Duration = Duration::from_mins(3);
/// How often readiness is looked at.
const POLL: Duration = Duration::from_millis(100);
/// Another process may take a free port between its choice and its use.
const TRIES: usize = 3;
/// What both servers write when that has happened.
const PORT_TAKEN: &str = "address already in use";

/// What a test may want of a control plane of its own.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// More arguments for kube-apiserver.
    pub apiserver: Vec<String>,
    /// Whether a kube-controller-manager runs, so that workloads get their pods, each controller as a user of its own.
    pub controllers: bool,
    /// Whose requests the API server writes down, for [`ControlPlane::requests`].
    pub audited: Option<String>,
}

/// A real API server with RBAC, its etcd, and an administrator's kubectl. Unless asked for
/// there is no controller manager, so nothing acts on what is stored; there never is a scheduler.
#[derive(Debug)]
pub struct ControlPlane {
    // Dropped in this order: the API server before its etcd, the folder last.
    controllers: Option<Mutex<Server>>,
    apiserver: Mutex<Server>,
    etcd: Mutex<Server>,
    /// The API server's program and arguments.
    runs: (PathBuf, Vec<String>),
    url: String,
    etcd_url: String,
    authority: Authority,
    kubectl: Kubectl,
}

impl ControlPlane {
    /// The one that all tests of this process share, started when first asked for. It
    /// ends with the process. If it could not be started, every test is told why.
    ///
    /// # Errors
    ///
    /// If a binary is missing, or a server does not get ready; the error shows its log.
    pub fn shared() -> Result<&'static Self, &'static Error> {
        static SHARED: OnceLock<Result<ControlPlane, Error>> = OnceLock::new();
        SHARED.get_or_init(Self::start).as_ref()
    }

    /// One of its own, which ends on drop.
    ///
    /// # Errors
    ///
    /// As [`shared`](Self::shared).
    pub fn start() -> Result<Self, Error> {
        Self::start_with(&Options::default())
    }

    /// One of its own that differs from the usual.
    ///
    /// # Errors
    ///
    /// As [`shared`](Self::shared).
    pub fn start_with(options: &Options) -> Result<Self, Error> {
        for _ in 1..TRIES {
            match Self::try_start(options) {
                Err(Error::Server { logs, .. }) if logs.contains(PORT_TAKEN) => {}
                result => return result,
            }
        }
        Self::try_start(options)
    }

    fn try_start(options: &Options) -> Result<Self, Error> {
        let tools = Tools::get()?;
        let etcd = tools.path(Tool::Etcd)?;
        let apiserver = tools.path(Tool::ApiServer)?;
        let scratch = Arc::new(Scratch::new()?);
        let authority = Authority::new()?;
        let [client, peer, secure] = free_ports()?;
        let url = format!("https://127.0.0.1:{secure}");
        let kubeconfig = kubeconfig(&scratch, &authority, &url)?;
        let kubectl = Kubectl::new(Arc::clone(&scratch), kubeconfig)?;

        let log = |name: &str| scratch.path().join(name);
        let args = etcd_args(scratch.path(), client, peer);
        let etcd = Server::spawn(&etcd, args, &log("etcd.log"))?;
        let mut args = apiserver_args(&scratch, &authority, client, secure)?;
        args.extend(
            options.audited.iter().map(|user| audit::args(&scratch, user)).collect::<Result<Vec<_>, _>>()?.concat(),
        );
        args.extend(options.apiserver.iter().cloned());
        // It waits for etcd by itself.
        let runs = (apiserver, args);
        let apiserver = Server::spawn(&runs.0, &runs.1, &log("kube-apiserver.log"))?;

        let (apiserver, etcd) = (Mutex::new(apiserver), Mutex::new(etcd));
        let etcd_url = format!("127.0.0.1:{client}");
        let mut plane = Self { controllers: None, apiserver, etcd, runs, url, etcd_url, authority, kubectl };
        plane.wait("the API server is ready", &["get", "--raw=/readyz"])?;
        plane.wait("namespace default exists", &["get", "namespace", "default"])?;
        plane.namespace("default")?;
        if options.controllers {
            let program = tools.path(Tool::ControllerManager)?;
            let args = controller_manager_args(&scratch);
            let server = Server::spawn(&program, args, &log("kube-controller-manager.log"))?;
            plane.controllers = Some(Mutex::new(server));
        }
        Ok(plane)
    }

    /// Kills the API server if it runs, as a node that fails would, and starts it again on the same port and the same data. Waits
    /// until it is ready.
    ///
    /// # Errors
    ///
    /// If it does not get ready; the error shows its log.
    pub fn restart_api_server(&self) -> Result<(), Error> {
        let folder = self.kubectl.scratch().path();
        let logs = (1_u32..).map(|life| folder.join(format!("kube-apiserver-restarted-{life}.log")));
        let log = logs.into_iter().find(|log| !log.exists()).unwrap_or_else(|| folder.join("kube-apiserver.log"));
        let mut server = self.apiserver.lock().unwrap_or_else(PoisonError::into_inner);
        if server.ended()?.is_none() {
            server.signal("KILL")?;
        }
        server.wait(PATIENCE)?;
        *server = Server::spawn(&self.runs.0, &self.runs.1, &log)?;
        drop(server);
        self.wait("the API server is ready again", &["get", "--raw=/readyz"])
    }

    /// Sends a signal to the API server, such as `STOP`, after which it holds connections and answers none, and `CONT`.
    ///
    /// # Errors
    ///
    /// If it has ended.
    pub fn signal_api_server(&self, name: &str) -> Result<(), Error> {
        self.apiserver.lock().unwrap_or_else(PoisonError::into_inner).signal(name)
    }

    /// What the user of [`Options::audited`] has asked for so far, in no order; nothing where there is none.
    ///
    /// # Errors
    ///
    /// If the log of the API server cannot be read.
    pub fn requests(&self) -> Result<Vec<Asked>, Error> {
        audit::read(self.kubectl.scratch())
    }

    /// How long the API server and its etcd were on processors so far.
    ///
    /// # Errors
    ///
    /// If one of them has ended.
    pub fn processor_time(&self) -> Result<Duration, Error> {
        let time = |server: &Mutex<Server>| server.lock().unwrap_or_else(PoisonError::into_inner).processor_time();
        Ok(time(&self.apiserver)? + time(&self.etcd)?)
    }

    /// Where etcd answers its clients, address and port.
    pub fn etcd(&self) -> &str {
        &self.etcd_url
    }

    /// Polls until kubectl succeeds with `args`.
    ///
    /// # Errors
    ///
    /// If a server ends or patience does, with the servers' logs.
    pub fn wait(&self, until: &str, args: &[&str]) -> Result<(), Error> {
        let began = Instant::now();
        loop {
            let output = self.kubectl.output(args)?;
            if output.status.success() {
                return Ok(());
            }
            for server in self.servers() {
                let mut server = server.lock().unwrap_or_else(PoisonError::into_inner);
                if let Some(status) = server.ended()? {
                    let what = format!("{} ended before {until}: {status}", server.name());
                    drop(server);
                    return Err(Error::Server { what, logs: self.logs() });
                }
            }
            if began.elapsed() > PATIENCE {
                let said = String::from_utf8_lossy(&output.stderr);
                let what = format!("waited {PATIENCE:?} until {until}; kubectl said: {said}");
                return Err(Error::Server { what, logs: self.logs() });
            }
            thread::sleep(POLL);
        }
    }

    /// Makes a namespace with its service account `default`, without which no pod is
    /// admitted and which a controller manager would make. One that exists is fine.
    ///
    /// # Errors
    ///
    /// If kubectl fails.
    pub fn namespace(&self, name: &str) -> Result<(), Error> {
        let manifest = format!(
            "{{apiVersion: v1, kind: Namespace, metadata: {{name: {name}}}}}\n---\n\
             {{apiVersion: v1, kind: ServiceAccount, \
             metadata: {{namespace: {name}, name: default}}}}\n"
        );
        self.kubectl.pipe(["apply", "--server-side", "-f", "-"], &manifest)?;
        Ok(())
    }

    /// Applies a file or folder, as CRDs and RBAC need; an error shows what kubectl said.
    ///
    /// # Errors
    ///
    /// If kubectl fails.
    pub fn apply(&self, path: &Path) -> Result<String, Error> {
        self.kubectl.text([Path::new("apply"), Path::new("-f"), path])
    }

    /// Applies what kustomize makes of a folder.
    ///
    /// # Errors
    ///
    /// If kubectl fails.
    pub fn apply_kustomization(&self, folder: &Path) -> Result<String, Error> {
        self.kubectl.text([Path::new("apply"), Path::new("-k"), folder])
    }

    /// Runs kubectl; an exit code other than 0 is an answer, not an error.
    ///
    /// # Errors
    ///
    /// If kubectl cannot be run.
    pub fn kubectl(&self, args: &[&str]) -> Result<Output, Error> {
        self.kubectl.output(args)
    }

    /// kubectl as the administrator of this control plane.
    pub fn admin(&self) -> &Kubectl {
        &self.kubectl
    }

    /// Where the API server listens.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The authority that signed the API server, and may sign a webhook or a user.
    pub fn authority(&self) -> &Authority {
        &self.authority
    }

    /// The ends of the servers' logs, for a test that fails.
    pub fn logs(&self) -> String {
        let tail = |server: &Mutex<Server>| server.lock().unwrap_or_else(PoisonError::into_inner).tail();
        self.servers().map(tail).collect()
    }

    fn servers(&self) -> impl Iterator<Item = &Mutex<Server>> {
        [&self.etcd, &self.apiserver].into_iter().chain(&self.controllers)
    }

    /// Somebody else: known by a certificate, and in no group that may do anything.
    ///
    /// # Errors
    ///
    /// If the files cannot be written.
    pub fn user(&self, name: &str, group: &str) -> Result<User, Error> {
        let scratch = self.kubectl.scratch();
        let identity = self.authority.user(name, group)?;
        let file = format!("user-{}", name.replace(|c: char| !c.is_ascii_alphanumeric(), "-"));
        let certificate = scratch.file(&format!("{file}.crt"), &identity.certificate)?;
        let key = scratch.file(&format!("{file}.key"), &identity.key)?;
        let user = format!("{{client-certificate: '{}', client-key: '{}'}}", certificate.display(), key.display());
        User::new(scratch.file(&file, self.config(&user))?, &self.kubectl)
    }

    /// A ServiceAccount, known by a token.
    ///
    /// # Errors
    ///
    /// If it does not exist, or the files cannot be written.
    pub fn service_account(&self, namespace: &str, name: &str) -> Result<User, Error> {
        let token = self.kubectl.text(["create", "token", "-n", namespace, name, "--duration=24h"])?;
        let user = format!("{{token: '{}'}}", token.trim());
        let file = format!("service-account-{namespace}-{name}");
        User::new(self.kubectl.scratch().file(&file, self.config(&user))?, &self.kubectl)
    }

    /// The kubeconfig of a ServiceAccount that speaks to what stands before the API server.
    ///
    /// # Errors
    ///
    /// As [`service_account`](Self::service_account).
    pub(crate) fn service_account_by(&self, url: &str, namespace: &str, name: &str) -> Result<PathBuf, Error> {
        let token = self.kubectl.text(["create", "token", "-n", namespace, name, "--duration=24h"])?;
        let text =
            config(url, &self.kubectl.scratch().path().join("ca.crt"), &format!("{{token: '{}'}}", token.trim()));
        self.kubectl.scratch().file(&format!("service-account-{namespace}-{name}-by-proxy"), text)
    }

    /// The administrator, as others are users.
    ///
    /// # Errors
    ///
    /// If no client can be made.
    pub fn administrator(&self) -> Result<User, Error> {
        User::new(self.kubectl.scratch().path().join("kubeconfig"), &self.kubectl)
    }

    /// Somebody without credentials, who speaks to another server of the same authority.
    ///
    /// # Errors
    ///
    /// If the file cannot be written.
    pub(crate) fn user_of(&self, url: &str, name: &str) -> Result<User, Error> {
        let scratch = self.kubectl.scratch();
        let text = config(url, &scratch.path().join("ca.crt"), "{}");
        User::new(scratch.file(&format!("user-of-{name}"), text)?, &self.kubectl)
    }

    fn config(&self, user: &str) -> String {
        config(&self.url, &self.kubectl.scratch().path().join("ca.crt"), user)
    }
}

/// The administrator's kubeconfig: a certificate in the group that RBAC lets do anything.
fn kubeconfig(scratch: &Scratch, authority: &Authority, url: &str) -> Result<PathBuf, Error> {
    let ca = scratch.file("ca.crt", authority.pem())?;
    let admin = authority.user("admin", "system:masters")?;
    let certificate = scratch.file("admin.crt", &admin.certificate)?;
    let key = scratch.file("admin.key", &admin.key)?;
    let user = format!("{{client-certificate: '{}', client-key: '{}'}}", certificate.display(), key.display());
    scratch.file("kubeconfig", config(url, &ca, &user))
}

/// A kubeconfig with one user, whose credentials are given as YAML.
fn config(url: &str, ca: &Path, user: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Config\ncurrent-context: test\n\
         clusters:\n- name: test\n  cluster: {{server: '{url}', certificate-authority: '{}'}}\n\
         users:\n- name: user\n  user: {user}\n\
         contexts:\n- name: test\n  context: {{cluster: test, user: user}}\n",
        ca.display(),
    )
}

/// Every controller, as a user of its own, at the pace of a test.
fn controller_manager_args(scratch: &Scratch) -> Vec<String> {
    let path = |name: &str| scratch.path().join(name).display().to_string();
    vec![
        format!("--kubeconfig={}", path("kubeconfig")),
        format!("--service-account-private-key-file={}", path("service-accounts.key")),
        format!("--root-ca-file={}", path("ca.crt")),
        "--use-service-account-credentials=true".into(),
        "--leader-elect=false".into(),
        "--bind-address=127.0.0.1".into(),
        "--secure-port=0".into(),
        "--kube-api-qps=500".into(),
        "--kube-api-burst=1000".into(),
        "--concurrent-deployment-syncs=10".into(),
    ]
}

/// Data that are thrown away need no fsync.
fn etcd_args(folder: &Path, client: u16, peer: u16) -> Vec<String> {
    let client = format!("http://127.0.0.1:{client}");
    let peer = format!("http://127.0.0.1:{peer}");
    vec![
        format!("--data-dir={}", folder.join("etcd").display()),
        format!("--listen-client-urls={client}"),
        format!("--advertise-client-urls={client}"),
        format!("--listen-peer-urls={peer}"),
        format!("--initial-advertise-peer-urls={peer}"),
        format!("--initial-cluster=default={peer}"),
        "--unsafe-no-fsync".into(),
        "--log-level=warn".into(),
    ]
}

/// A server as clusters run it, RBAC and admission included; only, it does not enter its
/// own address into the Service `kubernetes`, where loopback may not stand.
fn apiserver_args(scratch: &Scratch, authority: &Authority, etcd: u16, port: u16) -> Result<Vec<String>, Error> {
    let identity = authority.server(&["127.0.0.1", "localhost", "kubernetes.default.svc"])?;
    let certificate = scratch.file("apiserver.crt", &identity.certificate)?;
    let key = scratch.file("apiserver.key", &identity.key)?;
    let tokens = Identity::key_pair()?;
    let token_key = scratch.file("service-accounts.key", &tokens.key)?;
    let token_public = scratch.file("service-accounts.pub", &tokens.certificate)?;
    let ca = scratch.path().join("ca.crt");
    Ok(vec![
        format!("--etcd-servers=http://127.0.0.1:{etcd}"),
        "--bind-address=127.0.0.1".into(),
        "--advertise-address=127.0.0.1".into(),
        "--endpoint-reconciler-type=none".into(),
        format!("--secure-port={port}"),
        format!("--tls-cert-file={}", certificate.display()),
        format!("--tls-private-key-file={}", key.display()),
        format!("--client-ca-file={}", ca.display()),
        "--authorization-mode=Node,RBAC".into(),
        "--service-cluster-ip-range=10.0.0.0/16".into(),
        "--service-account-issuer=https://kubernetes.default.svc".into(),
        format!("--service-account-signing-key-file={}", token_key.display()),
        format!("--service-account-key-file={}", token_public.display()),
        "--allow-privileged=true".into(),
    ])
}
