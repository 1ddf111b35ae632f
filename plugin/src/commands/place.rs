//! Where netintent is installed.

use crate::cluster::{Cluster, Failure};
use crate::error::{Error, Result};
use crate::release::{BINDING, namespace_of};

/// The namespace that netintent is installed in; `None` where it is not installed.
///
/// # Errors
/// Where that can't be read, or another namespace is `asked` for.
pub(super) fn place(cluster: &Cluster, asked: Option<&str>) -> Result<Option<String>> {
    let binding = cluster.run(cluster.found(BINDING)).map_err(Failure::into_error)?;
    let Some(namespace) = binding.as_ref().and_then(namespace_of) else { return Ok(None) };
    match asked {
        Some(other) if other != namespace => {
            let message = format!("netintent is installed in the namespace {namespace}: nothing was changed");
            Err(Error::with_help(message, format!("say -n {namespace}; a cluster has one netintent")))
        }
        _ => Ok(Some(namespace.to_owned())),
    }
}
