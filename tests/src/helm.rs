//! The pinned Helm, kept away from the user's own configuration.

use std::ffi::OsStr;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use crate::{Error, Kubectl, Tool, Tools, process};

/// helm with a HOME of its own, on the cluster of a kubectl.
#[derive(Debug, Clone)]
pub struct Helm {
    program: PathBuf,
    kubectl: Kubectl,
}

impl Helm {
    /// helm on the cluster that `kubectl` is on, as the same user.
    ///
    /// # Errors
    ///
    /// If it cannot be built.
    pub fn of(kubectl: &Kubectl) -> Result<Self, Error> {
        Ok(Self { program: Tools::get()?.path(Tool::Helm)?, kubectl: kubectl.clone() })
    }

    fn command<A: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = A>) -> Command {
        let home = self.kubectl.scratch().path().join("home");
        let mut command = Command::new(&self.program);
        command
            .args(args)
            .env("KUBECONFIG", self.kubectl.kubeconfig())
            .env("HELM_CACHE_HOME", home.join("helm-cache"))
            .env("HELM_CONFIG_HOME", home.join("helm-config"))
            .env("HELM_DATA_HOME", home.join("helm-data"))
            .env_remove("HELM_NAMESPACE")
            .env_remove("HELM_KUBECONTEXT")
            .env_remove("HELM_DRIVER")
            .env("HOME", home)
            .stdin(Stdio::null());
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
}
