//! The plugin as a user of a cluster runs it.

use std::process::Output;

use netintent_tests::{Error, Kubectl, plugin_binary};
use serde_json::Value;

/// What the plugin said.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) status: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Said {
    fn of(output: &Output) -> Self {
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
