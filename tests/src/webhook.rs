//! The webhook as it runs in a cluster, with the rights of its own ServiceAccount: one process of it.

use std::collections::BTreeMap;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};
use std::{fs, io};

use crate::installed::{PATIENCE, POLL};
use crate::kubectl::sibling;
use crate::{ControlPlane, Error, Identity, Proxy, Server, User, free_ports, http_get};

/// Where the webhook runs, by its manifests.
pub(crate) const NAMESPACE: &str = "netintent-system";
/// How long it may take to end in order: longer than the manifest gives it.
const ENDS: Duration = Duration::from_mins(1);

/// Whose certificates the webhook serves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Certificates {
    /// Those of a folder, signed by the control plane's authority.
    Folder,
    /// Its own; it tells the API server by itself whom to trust.
    Own,
}

/// What it has answered to the API server, by registration and outcome.
pub type Admissions = BTreeMap<(String, String), u64>;

/// How a process came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ended {
    /// Its exit code.
    pub code: Option<i32>,
    /// How many questions it had decided in its life, as it said last; `None` where it said nothing.
    pub answered: Option<u64>,
    /// How many it had not decided, beside those.
    pub undecided: Option<u64>,
}

/// The webhook's process. It can be ended and started again; whoever calls it knows it by the same address.
#[derive(Debug)]
pub struct Webhook {
    binary: PathBuf,
    args: Vec<String>,
    kubeconfig: PathBuf,
    certificates: PathBuf,
    logs: PathBuf,
    number: usize,
    lives: AtomicU32,
    calls: u16,
    observe: u16,
    server: Mutex<Option<Server>>,
}

impl Webhook {
    pub(crate) fn new(
        plane: &ControlPlane,
        number: usize,
        certificates: Certificates,
        controller: bool,
        proxy: Option<&Proxy>,
    ) -> Result<Self, Error> {
        let binary = std::env::var_os("NETINTENT_WEBHOOK").map_or_else(|| sibling("netintent-webhook"), PathBuf::from);
        if !binary.exists() {
            return Err(Error::NoWebhook { path: binary });
        }
        let scratch = plane.admin().scratch();
        let folder = scratch.folder(&format!("webhook-{number}-certificates"))?;
        let kubeconfig = match proxy {
            Some(proxy) => plane.service_account_by(&proxy.url(), NAMESPACE, "netintent")?,
            None => plane.service_account(NAMESPACE, "netintent")?.kubeconfig().clone(),
        };
        let [calls, observe] = free_ports()?;
        let mut args = vec![format!("--listen=127.0.0.1:{calls}"), format!("--observe=127.0.0.1:{observe}")];
        args.extend(match certificates {
            Certificates::Folder => vec![format!("--certificates={}", folder.display())],
            Certificates::Own => vec![format!("--namespace={NAMESPACE}"), "--name=127.0.0.1".into()],
        });
        args.extend((!controller).then(|| "--no-controller".to_owned()));
        args.extend(["--log-text".into(), "--log=info".into()]);
        let webhook = Self {
            binary,
            args,
            kubeconfig,
            certificates: folder,
            logs: scratch.path().to_owned(),
            number,
            lives: AtomicU32::new(0),
            calls,
            observe,
            server: Mutex::new(None),
        };
        if certificates == Certificates::Folder {
            webhook.mount(&plane.authority().server(&["127.0.0.1", "netintent.netintent-system.svc"])?)?;
        }
        Ok(webhook)
    }

    fn server(&self) -> MutexGuard<'_, Option<Server>> {
        self.server.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn of_server<T>(&self, what: impl FnOnce(&mut Server) -> Result<T, Error>) -> Result<T, Error> {
        let missing = || Error::Client { what: format!("replica {} of the webhook does not run", self.number) };
        what(self.server().as_mut().ok_or_else(missing)?)
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
        // What one life has logged is kept.
        let life = self.lives.fetch_add(1, Ordering::Relaxed) + 1;
        let log = self.logs.join(format!("netintent-webhook-{}-{life}.log", self.number));
        let server = Server::spawn(Path::new("env"), args, &log)?;
        *self.server() = Some(server);
        let began = Instant::now();
        while self.observed("/readyz").is_none_or(|answer| !answer.starts_with("HTTP/1.1 200")) {
            if let Some(status) = self.of_server(Server::ended)? {
                return Err(Error::Server { what: format!("the webhook ended: {status}"), logs: self.tail() });
            }
            if began.elapsed() > PATIENCE {
                return Err(Error::Server { what: "the webhook does not get ready".into(), logs: self.tail() });
            }
            thread::sleep(POLL);
        }
        Ok(())
    }

    /// Ends it at once, as a crash would.
    pub fn kill(&self) {
        *self.server() = None;
    }

    /// Sends a signal to it.
    ///
    /// # Errors
    ///
    /// If it does not run.
    pub fn signal(&self, name: &str) -> Result<(), Error> {
        self.of_server(|server| server.signal(name))
    }

    /// Waits for its end, which somebody has asked for, and tells what it said last.
    ///
    /// # Errors
    ///
    /// If it does not end in time.
    pub fn ended(&self) -> Result<Ended, Error> {
        let status = self.of_server(|server| server.wait(ENDS))?;
        let log = self.of_server(|server| Ok(server.log()))?;
        *self.server() = None;
        let last = log.lines().rev().find(|line| line.contains("ended") && line.contains("answered"));
        let field = |name: &str| -> Option<u64> {
            let (_, rest) = last?.split_once(&format!("{name}="))?;
            rest.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
        };
        Ok(Ended { code: status.code(), answered: field("answered"), undecided: field("undecided") })
    }

    /// Whether it was started and nobody has ended it since.
    pub fn runs(&self) -> bool {
        self.server().is_some()
    }

    /// The most memory that it had at once, in bytes.
    ///
    /// # Errors
    ///
    /// If it does not run.
    pub fn peak_memory(&self) -> Result<u64, Error> {
        self.of_server(|server| server.peak_memory())
    }

    /// How long it was on processors so far.
    ///
    /// # Errors
    ///
    /// If it does not run.
    pub fn processor_time(&self) -> Result<Duration, Error> {
        self.of_server(|server| server.processor_time())
    }

    /// Its log, of this life.
    ///
    /// # Errors
    ///
    /// If it does not run.
    pub fn log(&self) -> Result<String, Error> {
        self.of_server(|server| Ok(server.log()))
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

    /// What it has answered to the API server.
    ///
    /// # Errors
    ///
    /// If the webhook does not answer.
    pub fn admissions(&self) -> Result<Admissions, Error> {
        let text = self.observed("/metrics").ok_or_else(|| Error::Client { what: "no metrics".into() })?;
        let one = |line: &str| {
            let (labels, count) = line.strip_prefix("netintent_admissions_total{")?.rsplit_once("} ")?;
            let label = |name: &str| {
                let (_, rest) = labels.split_once(&format!("{name}=\""))?;
                Some(rest.split_once('"')?.0.to_owned())
            };
            Some(((label("registration")?, label("outcome")?), count.trim().parse().ok()?))
        };
        Ok(text.lines().filter_map(one).collect())
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

    /// Replaces the files of its folder as a kubelet does: a new folder beside the old one, and then a symbolic link that
    /// is swapped, so that both files change at one moment.
    ///
    /// # Errors
    ///
    /// If a file cannot be written.
    pub fn mount(&self, identity: &Identity) -> Result<(), Error> {
        let folder = &self.certificates;
        let version = |number: u32| format!("..version-{number}");
        let number = (1..u32::MAX).find(|number| !folder.join(version(*number)).exists()).unwrap_or_default();
        let new = folder.join(version(number));
        fs::create_dir(&new).map_err(Error::path("write", &new))?;
        for (name, text) in [("tls.crt", &identity.certificate), ("tls.key", &identity.key)] {
            fs::write(new.join(name), text).map_err(Error::path("write", &new))?;
        }
        let (link, data) = (folder.join("..data_tmp"), folder.join("..data"));
        symlink(version(number), &link).and_then(|()| fs::rename(&link, &data)).map_err(Error::path("write", &data))?;
        for name in ["tls.crt", "tls.key"] {
            let path = folder.join(name);
            match symlink(Path::new("..data").join(name), &path) {
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                    return Err(Error::path("write", &path)(error));
                }
                _ => {}
            }
        }
        // The kubelet removes what was before at once. Its empty folder stays, so that no name is taken twice.
        let old = folder.join(version(number.saturating_sub(1)));
        for name in ["tls.crt", "tls.key"].into_iter().filter(|_| old.exists()) {
            fs::remove_file(old.join(name)).map_err(Error::path("write", &old))?;
        }
        Ok(())
    }

    /// Where the API server calls it.
    pub fn url(&self) -> String {
        format!("https://127.0.0.1:{}", self.calls)
    }

    /// Where it is called, and where it is observed.
    pub fn ports(&self) -> (u16, u16) {
        (self.calls, self.observe)
    }

    /// The end of its log.
    pub fn tail(&self) -> String {
        self.server().as_ref().map(Server::tail).unwrap_or_default()
    }
}
