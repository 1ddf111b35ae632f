//! Manifests of netintent's own, applied to a cluster.

use std::fmt;

use http::{Method, Request};
use netintent::manifest::text;
use netintent::names;
use serde_json::Value;

use super::write::MANAGER;
use super::{Cluster, Failure};
use crate::error::{Error, Result};
use crate::printer;

const APPLY_PATCH: &str = "application/apply-patch+yaml";
const JSON: &str = "application/json";
/// The label of what is netintent's.
const NAME: &str = "app.kubernetes.io/name";

/// One manifest of those that are printed.
#[derive(Clone, Debug)]
pub(crate) struct Manifest<'t> {
    text: &'t str,
    api_version: String,
    kind: String,
    namespace: String,
    name: String,
    /// Whether it says by a label that it is netintent's.
    labelled: bool,
}

impl<'t> Manifest<'t> {
    /// Reads a manifest; `None` where there is nothing.
    pub(crate) fn read(text: &'t str) -> Option<Self> {
        let documents = text::documents(text.as_bytes()).ok()?;
        let node = text::parse(documents.first()?).ok()??;
        let of = |path: &[&str]| {
            let found = path.iter().try_fold(&node, |node, key| node.get(key));
            found.and_then(text::Node::as_str).unwrap_or_default().to_owned()
        };
        Some(Self {
            text,
            api_version: of(&["apiVersion"]),
            kind: of(&["kind"]),
            namespace: of(&["metadata", "namespace"]),
            name: of(&["metadata", "name"]),
            labelled: of(&["metadata", "labels", NAME]) == names::NETINTENT,
        })
    }

    /// Where the API server has it.
    fn path(&self) -> String {
        let root = if self.api_version.contains('/') { "apis" } else { "api" };
        let kind = self.kind.to_ascii_lowercase();
        let plural = kind.strip_suffix('y').map_or_else(|| format!("{kind}s"), |stem| format!("{stem}ies"));
        let within = if self.namespace.is_empty() { String::new() } else { format!("namespaces/{}/", self.namespace) };
        format!("/{root}/{}/{within}{plural}/{}", self.api_version, self.name)
    }
}

impl fmt::Display for Manifest<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let slash = if self.namespace.is_empty() { "" } else { "/" };
        write!(f, "{} {}{slash}{}", self.kind, self.namespace, self.name)
    }
}

impl Cluster {
    /// Insists that what is there already under these names is netintent's.
    ///
    /// # Errors
    /// Where something is not, or can't be read.
    pub(crate) fn check_ours(&self, manifests: &[Manifest<'_>]) -> Result<()> {
        // A namespace may be made before, and custom resource definitions are ours by their group.
        for manifest in manifests.iter().filter(|manifest| manifest.labelled && manifest.kind != "Namespace") {
            let read = async { self.text(super::list::get(&manifest.path(), JSON)?).await };
            let object = match self.run(read) {
                Ok(text) => text,
                Err(Failure::NotFound(_)) => continue,
                Err(failure) => return Err(failure.into_error()),
            };
            let object: Value = serde_json::from_str(&object)
                .map_err(|error| Failure::Garbled(error.to_string()).into_error())?;
            let label = object.pointer("/metadata/labels").and_then(|labels| labels.get(NAME));
            if label.and_then(Value::as_str) != Some(names::NETINTENT) {
                let message = format!("{manifest} is there already, and is not netintent's: nothing was changed");
                let help = format!("delete or rename it, or if it is netintent's, label it {NAME}={}", names::NETINTENT);
                return Err(Error::with_help(message, help));
            }
        }
        Ok(())
    }

    /// Applies a manifest, by server-side apply; `force` takes fields over from whoever wrote them.
    ///
    /// # Errors
    /// Where the API server refuses it.
    pub(crate) fn apply(&self, manifest: &Manifest<'_>, dry_run: bool, force: bool) -> Result<()> {
        let dry = if dry_run { "&dryRun=All" } else { "" };
        let query = format!("fieldManager={MANAGER}&fieldValidation=Strict&force={force}{dry}");
        let request = Request::builder().method(Method::PATCH).uri(format!("{}?{query}", manifest.path()));
        let request = request.header(http::header::CONTENT_TYPE, APPLY_PATCH).header(http::header::ACCEPT, JSON);
        let request = request.body(manifest.text.as_bytes().to_vec());
        let request = request.map_err(|error| Error::new(format!("no request can be made: {error}")))?;
        let warnings = self.run(self.changing(request)).map_err(|failure| refused(manifest, failure))?;
        warnings.iter().for_each(|warning| printer::warning(warning));
        Ok(())
    }
}

/// Why a manifest was not taken, in words.
fn refused(manifest: &Manifest<'_>, failure: Failure) -> Error {
    match failure {
        Failure::Refused { message, code: 409, .. } => {
            let help = "another tool has written it: install with that one, or take its fields over with --force-conflicts";
            Error::with_help(format!("{manifest} can't be applied: {message}"), help.to_owned())
        }
        Failure::NotFound(_) if manifest.api_version.contains("cert-manager") => {
            let help = "install cert-manager first, or leave --cert-manager out".to_owned();
            Error::with_help(format!("{manifest} can't be applied: there is no cert-manager in this cluster"), help)
        }
        // With a dry run the namespace that was to be made before is not there.
        Failure::NotFound(message) => {
            let help = format!("a dry run makes no namespace: kubectl create namespace {}", manifest.namespace);
            Error::with_help(format!("{manifest} can't be applied: {message}"), help)
        }
        other => match other.into_error() {
            Error::Other { message, help } => {
                Error::with_help(format!("{manifest} can't be applied: {message}"), help)
            }
            error => error,
        },
    }
}
