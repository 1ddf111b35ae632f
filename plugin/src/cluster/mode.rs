//! The mode of a namespace or a Service, as the API server has it: a label, which is changed as it was read or not at all.

use http::Method;
use netintent::mode::{Mode, Subject};
use netintent::names;
use netintent::names::printable;
use serde_json::{Value, json};

use super::write::MERGE_PATCH;
use super::{Cluster, Failure};
use crate::error::{Error, Result};

/// The label of an object, and the version of the object that had it.
#[derive(Debug)]
pub(crate) struct Labelled {
    /// What it said.
    pub(crate) label: Option<String>,
    version: Value,
}

impl Cluster {
    /// Reads the label.
    ///
    /// # Errors
    /// Where there is no such object, or it can't be read.
    pub(crate) fn labelled(&self, subject: &Subject) -> Result<Labelled> {
        let object = self.object(&path(subject)).map_err(|failure| match failure {
            Failure::NotFound(_) => missing(subject),
            other => other.into_error(),
        })?;
        let label = object["metadata"]["labels"][names::MODE].as_str().map(str::to_owned);
        Ok(Labelled { label, version: object["metadata"]["resourceVersion"].clone() })
    }

    /// Sets the label; with `dry_run` the API server only says whether it would.
    ///
    /// # Errors
    /// Where the API server refuses it, or somebody else changed the object since it was read.
    pub(crate) fn set_mode(&self, subject: &Subject, read: &Labelled, mode: Mode, dry_run: bool) -> Result<()> {
        let labels = json!({names::MODE: mode.as_str()});
        let patch = json!({"metadata": {"labels": labels, "resourceVersion": read.version}});
        let sent = self.send(Method::PATCH, &path(subject), MERGE_PATCH, &patch, dry_run);
        sent.map_err(|failure| refused(failure, subject))
    }
}

/// Where the object is.
fn path(subject: &Subject) -> String {
    let namespace = format!("/api/v1/namespaces/{}", subject.namespace);
    subject.service.as_ref().map_or_else(|| namespace.clone(), |service| format!("{namespace}/services/{service}"))
}

/// That there is no such object.
pub(crate) fn missing(subject: &Subject) -> Error {
    let what = if subject.service.is_some() { "services -n" } else { "namespaces" };
    let help = match &subject.service {
        Some(_) => format!("kubectl get {what} {} lists those there are", subject.namespace),
        None => format!("kubectl get {what} lists those there are"),
    };
    Error::with_help(format!("there is no {} {}", subject.kind(), subject.name()), help)
}

fn refused(failure: Failure, subject: &Subject) -> Error {
    match failure {
        Failure::Refused { code: 409, .. } => {
            let message = format!("somebody else changed {} {} meanwhile", subject.kind(), subject.name());
            Error::with_help(message, "nothing was changed: run the command again".to_owned())
        }
        // Its own namespace never takes part: no right would help.
        Failure::Forbidden(message) | Failure::Refused { message, .. } if message.contains("takes no part") => {
            Error::with_help(format!("refused: {}", printable(&message)), "choose another namespace".to_owned())
        }
        Failure::Forbidden(message) => {
            let needed = match subject.service {
                Some(_) => "it takes the right to patch this Service",
                None => "it takes the right to patch namespaces, and `set` on modes.netintent.dev",
            };
            let help = format!(
                "{needed}; an administrator gives the latter by kubectl create clusterrolebinding NAME \
                 --clusterrole=netintent-administrator --user=USER"
            );
            let help = if subject.service.is_some() { needed.to_owned() } else { help };
            Error::with_help(format!("not permitted: {}", printable(&message)), help)
        }
        other => other.into_error(),
    }
}
