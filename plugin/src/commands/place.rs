//! Where netintent is installed.

use netintent::names::is_dns_label;
use serde_json::Value;

use crate::cluster::{Cluster, Failure, Meta};
use crate::error::{Error, Result};

/// What names the namespace of netintent's ServiceAccount, wherever that is.
pub(super) const BINDING: &str = "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings/netintent";

/// The namespace that netintent is installed in; `None` where it is not installed.
///
/// # Errors
/// Where that can't be read, or another namespace is `asked` for.
pub(super) fn place(cluster: &Cluster, asked: Option<&str>) -> Result<Option<String>> {
    let binding = cluster.run(cluster.found(BINDING)).map_err(Failure::into_error)?;
    let Some(binding) = binding else { return Ok(None) };
    let meta = Meta::of(&binding).map_err(Failure::into_error)?;
    let namespace = binding.pointer("/subjects/0/namespace").and_then(Value::as_str);
    let Some(namespace) = namespace.filter(|name| meta.is_marked() && is_dns_label(name)) else { return Ok(None) };
    match asked {
        Some(other) if other != namespace => {
            let message = format!("netintent is installed in the namespace {namespace}: nothing was changed");
            Err(Error::with_help(message, format!("say -n {namespace}; a cluster has one netintent")))
        }
        _ => Ok(Some(namespace.to_owned())),
    }
}
