//! What there is in the cluster, and what the pure functions give for it.

use std::collections::BTreeSet;
use std::sync::OnceLock;

pub(crate) use netintent_tests::expected::reserved;
pub(crate) use netintent_tests::objects::from_block;
use netintent_tests::{Error, Installation, Installed, expected};
use serde_json::Value;

use crate::Result;
use crate::objects::path;

/// An installation whose controller runs.
pub(crate) fn wanted() -> Installation {
    Installation { controller: true, ..Installation::default() }
}

/// The one that most tests share; each has namespaces of its own.
pub(crate) fn shared() -> std::result::Result<&'static Installed, &'static Error> {
    static SHARED: OnceLock<std::result::Result<Installed, Error>> = OnceLock::new();
    SHARED.get_or_init(|| Installed::start_with(&wanted())).as_ref()
}

/// The objects of a kind, in a namespace or in none.
pub(crate) fn items(installed: &Installed, kind: &str, namespace: &str) -> std::result::Result<Vec<Value>, Error> {
    expected::items(installed.admin(), kind, namespace)
}

/// The only pod of a namespace, once it is there: its uid and its reserved labels.
pub(crate) fn only_pod(installed: &Installed, namespace: &str) -> Result<(String, BTreeSet<String>)> {
    let pod = installed.until(&format!("{namespace} has one pod"), || {
        let mut pods = items(installed, "Pod", namespace)?;
        Ok(pods.pop().filter(|_| pods.is_empty()))
    })?;
    Ok((pod["metadata"]["uid"].as_str().unwrap_or_default().to_owned(), reserved(&pod)))
}

/// Waits until the only pod of a namespace carries just these labels.
pub(crate) fn until_labels(installed: &Installed, namespace: &str, what: &str, labels: &[&str]) -> Result {
    let expected: BTreeSet<String> = labels.iter().map(|key| format!("{key}=allowed")).collect();
    installed.until(&format!("the pod of {namespace} has {labels:?}: {what}"), || {
        Ok(items(installed, "Pod", namespace)?.iter().all(|pod| reserved(pod) == expected).then_some(()))
    })?;
    Ok(())
}

/// Waits until all is as the pure functions say.
pub(crate) fn settles(installed: &Installed, what: &str, namespaces: &[&str]) -> Result {
    Ok(installed.settles(what, namespaces)?)
}

/// Waits for an Event of a reason about an object, and gives its note.
pub(crate) fn event(installed: &Installed, namespace: &str, reason: &str, name: &str) -> Result<String> {
    let note = installed.until(&format!("{name} has an Event {reason}"), || {
        let events = items(installed, "Event", namespace)?;
        let found = events.iter().find(|event| event["reason"] == reason && event["regarding"]["name"] == name);
        Ok(found.map(|event| event["note"].as_str().unwrap_or_default().to_owned()))
    })?;
    Ok(note)
}

/// Makes namespaces, each in a mode.
pub(crate) fn namespaces(installed: &Installed, modes: &[(&str, &str)]) -> Result {
    for (name, mode) in modes {
        installed.namespace(name, mode)?;
    }
    Ok(())
}

/// Who holds the Lease.
pub(crate) fn leader(installed: &Installed) -> std::result::Result<Option<String>, Error> {
    let lease = installed.admin().get(&format!("{}/netintent", path("Lease", "netintent-system")))?.body;
    let holder = lease["spec"]["holderIdentity"].as_str().filter(|holder| !holder.is_empty());
    Ok(holder.map(str::to_owned))
}
