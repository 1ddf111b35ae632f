//! The kubectl of the pinned release, kept away from the user's own configuration.

use std::ffi::{OsStr, OsString};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::Arc;
use std::{env, fs};

use crate::tools::target;
use crate::{Error, Scratch, Tool, Tools, process};

/// The plugin's binary, as kubectl looks for it.
const PLUGIN: &str = "kubectl-netintent";
/// The same, as kubectl looks for who completes what is typed.
const COMPLETION: &str = "kubectl_complete-netintent";

/// kubectl with a HOME and a KUBECONFIG of its own, so that no test can reach the cluster
/// of whoever runs it.
#[derive(Debug, Clone)]
pub struct Kubectl {
    program: PathBuf,
    scratch: Arc<Scratch>,
    kubeconfig: PathBuf,
    path: Option<OsString>,
}

impl Kubectl {
    /// kubectl without a cluster. Only kubectl is built, not the API server.
    ///
    /// # Errors
    ///
    /// If kubectl can neither be found nor built.
    pub fn alone() -> Result<Self, Error> {
        let scratch = Arc::new(Scratch::new()?);
        let kubeconfig = scratch.path().join("no-kubeconfig");
        Self::new(scratch, kubeconfig)
    }

    /// kubectl with a kubeconfig, and its home in `scratch`.
    pub(crate) fn new(scratch: Arc<Scratch>, kubeconfig: PathBuf) -> Result<Self, Error> {
        let program = Tools::get()?.path(Tool::Kubectl)?;
        scratch.folder("home")?;
        Ok(Self { program, scratch, kubeconfig, path: None })
    }

    /// The same with the plugin on its PATH: `kubectl netintent …` runs `binary`, whatever
    /// the file is called.
    ///
    /// # Errors
    ///
    /// If there is no such binary, or it cannot be linked to.
    pub fn with_plugin(&self, binary: &Path) -> Result<Self, Error> {
        let binary = fs::canonicalize(binary).map_err(|_| Error::NoPlugin { path: binary.to_owned() })?;
        let folder = tempfile::Builder::new()
            .prefix("plugins-")
            .tempdir_in(self.scratch.path())
            .map_err(Error::path("make a folder in", self.scratch.path()))?
            .keep();
        for name in [PLUGIN, COMPLETION] {
            let link = folder.join(name);
            symlink(&binary, &link).map_err(Error::path("write", &link))?;
        }
        let mut path = folder.into_os_string();
        if let Some(inherited) = env::var_os("PATH") {
            path.push(":");
            path.push(inherited);
        }
        Ok(Self { path: Some(path), ..self.clone() })
    }

    /// The same as another user.
    #[must_use]
    pub(crate) fn with_config(&self, kubeconfig: PathBuf) -> Self {
        Self { kubeconfig, ..self.clone() }
    }

    /// The folder that holds HOME; tests may put their files there.
    pub fn scratch(&self) -> &Scratch {
        &self.scratch
    }

    /// Where its cluster and user are named.
    pub(crate) fn kubeconfig(&self) -> &Path {
        &self.kubeconfig
    }

    /// The command, for tests that set more than its arguments.
    pub fn command<A: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = A>) -> Command {
        let mut command = Command::new(&self.program);
        command
            .args(args)
            .env("HOME", self.scratch.path().join("home"))
            .env("KUBECONFIG", &self.kubeconfig)
            .env_remove("KUBECTL_EXTERNAL_DIFF")
            .env_remove("KUBECACHEDIR")
            .env_remove("KUBERC")
            .stdin(Stdio::null());
        if let Some(path) = &self.path {
            command.env("PATH", path);
        }
        command
    }

    /// Runs it; an exit code other than 0 is an answer, not an error.
    ///
    /// # Errors
    ///
    /// If it cannot be run.
    pub fn output<A: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = A>) -> Result<Output, Error> {
        self.command(args).output().map_err(Error::path("run", &self.program))
    }

    /// Runs it and returns its stdout; an exit code other than 0 is an error.
    ///
    /// # Errors
    ///
    /// If it cannot be run, or fails; the error shows what it wrote.
    pub fn text<A: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = A>) -> Result<String, Error> {
        process::text(&mut self.command(args))
    }

    /// Runs it with `input` on its stdin and returns its stdout, as [`text`](Self::text).
    ///
    /// # Errors
    ///
    /// If it cannot be run, or fails; the error shows what it wrote.
    pub fn pipe<A: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = A>, input: &str) -> Result<String, Error> {
        process::pipe(&mut self.command(args), input)
    }
}

/// The plugin that was built: `NETINTENT_PLUGIN`, or else the one in the profile's folder
/// (`target/debug`) that this test itself was built into.
///
/// # Errors
///
/// If it is not there; Cargo builds a sibling package's binary only when asked.
pub fn plugin_binary() -> Result<PathBuf, Error> {
    let path = env::var_os("NETINTENT_PLUGIN").map_or_else(|| sibling(PLUGIN), PathBuf::from);
    if path.exists() { Ok(path) } else { Err(Error::NoPlugin { path }) }
}

/// Where Cargo puts a binary of the workspace: from `target/debug/deps/test-0123` it is two folders up.
pub(crate) fn sibling(name: &str) -> PathBuf {
    let program = env::current_exe().unwrap_or_default();
    let profile = program.parent().and_then(Path::parent).map(Path::to_owned);
    profile.unwrap_or_else(|| target().join("debug")).join(name)
}
