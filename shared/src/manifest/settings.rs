//! Settings of workloads that decide no connection, as far as the API server refuses them.
//!
//! What is wrong is an error. What is not there is only told: manifests that patches, such as kustomize's, are still to
//! be laid over lack images and schedules, and so do lists of pods that were cut down to what matters.

use rustc_hash::FxHashSet;

use super::ManifestError;
use super::read::{Context, head};
use super::text::Node;
use crate::finding::Code;
use crate::names::printable;

type Result<T> = std::result::Result<T, ManifestError>;

/// Checks a workload's spec and that of its pods, `pod_spec`, beyond the types of their fields.
pub(super) fn check(context: &Context<'_>, node: &Node, kind: &str, pod_spec: &Node) -> Result<()> {
    containers(context, pod_spec)?;
    restart_policy(context, pod_spec, kind)?;
    // Of what was read from a cluster the rest is the server's own doing.
    if node.get("metadata").is_some_and(|metadata| metadata.get("uid").is_some()) {
        return Ok(());
    }
    if let Some(debugging) = context.items(pod_spec, "ephemeralContainers")?.first() {
        let help = Some("`kubectl debug` adds them to a pod that runs".to_owned());
        return context.error(debugging.span, "a pod can't be created with `ephemeralContainers`", help);
    }
    let Some(spec) = context.present(node, "spec") else { return Ok(()) };
    if let Some(replicas) = spec.get("replicas").filter(|n| n.as_number().is_some_and(|n| n.starts_with('-'))) {
        return context.error(replicas.span, "`replicas` can't be negative", None);
    }
    let job = match kind {
        "CronJob" => {
            needed(context, spec, "a CronJob", "schedule")?;
            spec.get("jobTemplate").and_then(|template| template.get("spec"))
        }
        "Job" => Some(spec),
        _ => None,
    };
    if let Some(job) = job
        && let Some(selector) = context.present(job, "selector")
        && !context.bool(job, "manualSelector")?
    {
        let help = Some("leave it out: the Job makes one for its pods".to_owned());
        return context.error(selector.span, "a Job can't have a `selector` of its own", help);
    }
    Ok(())
}

fn containers(context: &Context<'_>, pod_spec: &Node) -> Result<()> {
    let mut names = FxHashSet::default();
    for key in ["initContainers", "containers"] {
        for container in context.items(pod_spec, key)? {
            needed(context, container, "a container", "name")?;
            needed(context, container, "a container", "image")?;
            if let Some(name) = container.get("name")
                && let Some(text) = name.as_str().filter(|text| !text.is_empty())
                && !names.insert(text)
            {
                return context.error(name.span, format!("two containers of the name `{}`", printable(text)), None);
            }
        }
    }
    Ok(())
}

fn needed(context: &Context<'_>, node: &Node, of: &str, key: &str) -> Result<()> {
    if context.optional_string(node, key)?.is_none_or(str::is_empty) {
        let message = format!("{of} has no `{key}`: the API server refuses it");
        context.find(Code::IncompleteObject, head(node), message, None);
    }
    Ok(())
}

fn restart_policy(context: &Context<'_>, pod_spec: &Node, kind: &str) -> Result<()> {
    let allowed: &[&str] = match kind {
        "Pod" => &["Always", "OnFailure", "Never"],
        "Job" | "CronJob" => &["OnFailure", "Never"],
        _ => &["Always"],
    };
    match context.optional_string(pod_spec, "restartPolicy")?.unwrap_or_default() {
        "" if !allowed.contains(&"Always") => {
            needed(context, pod_spec, &format!("the pod of a {kind}"), "restartPolicy")
        }
        "" => Ok(()),
        written if allowed.contains(&written) => Ok(()),
        written => {
            let message = format!("`{}` is no `restartPolicy` of a {kind}'s pods", printable(written));
            let span = pod_spec.get("restartPolicy").map_or(pod_spec.span, |n| n.span);
            context.error(span, message, Some(format!("write {}", allowed.join(" or "))))
        }
    }
}
