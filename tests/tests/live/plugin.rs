//! The plugin as a user of a cluster runs it, and clusters to run it on.

use std::process::Output;
use std::sync::OnceLock;

use netintent_tests::{Error, Installation, Installed, Kubectl, plugin_binary};
use serde_json::{Value, json};

/// What the plugin said.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) status: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Said {
    pub(crate) fn of(output: &Output) -> Self {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Self { status: output.status.code(), out: text(&output.stdout), err: text(&output.stderr) }
    }

    /// What it printed, as JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

/// `kubectl netintent` with these arguments, for whoever this kubectl is.
pub(crate) fn netintent(kubectl: &Kubectl, args: &[&str]) -> Result<Said, Error> {
    let kubectl = kubectl.with_plugin(&plugin_binary()?)?;
    Ok(Said::of(&kubectl.output(["netintent"].iter().chain(args))?))
}

/// The installation that most tests share; each has namespaces of its own.
pub(crate) fn shared() -> Result<&'static Installed, &'static Error> {
    static SHARED: OnceLock<Result<Installed, Error>> = OnceLock::new();
    SHARED.get_or_init(|| Installed::start_with(&Installation { controller: true, ..Installation::default() })).as_ref()
}

/// A Deployment with its Service, in a namespace that is there, and what it declares.
pub(crate) fn workload(namespace: &str, name: &str, calls: &str) -> String {
    let mut template = json!({"metadata": {"labels": {"app": name}},
        "spec": {"containers": [{"name": "main", "image": "example.invalid/none",
            "ports": [{"name": "rpc", "containerPort": 80}]}]}});
    if !calls.is_empty() {
        template["metadata"]["annotations"] = json!({"netintent.dev/calls": calls});
    }
    let deployment = json!({"apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"namespace": namespace, "name": name},
        "spec": {"replicas": 1, "selector": {"matchLabels": {"app": name}}, "template": template}});
    let service = json!({"apiVersion": "v1", "kind": "Service", "metadata": {"namespace": namespace, "name": name},
        "spec": {"selector": {"app": name}, "ports": [{"name": "rpc", "port": 80}]}});
    format!("{deployment}\n---\n{service}\n")
}

/// Waits until the plugin says what it should.
pub(crate) fn until_said(
    installed: &Installed,
    kubectl: &Kubectl,
    args: &[&str],
    is_it: impl Fn(&Said) -> bool,
) -> Result<Said, Box<dyn std::error::Error>> {
    let mut last = String::new();
    let found = installed.until(&format!("netintent {}", args.join(" ")), || {
        let said = netintent(kubectl, args)?;
        last = format!("{said:?}");
        Ok(is_it(&said).then_some(said))
    });
    found.map_err(|error| format!("{last}\n{error}").into())
}
