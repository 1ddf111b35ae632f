//! `render`: the NetworkPolicies of Services and namespaces in enforce.

use std::io::Write as _;
use std::mem::ManuallyDrop;

use netintent::mode::Mode;
use netintent::names::printable;
use netintent::render::{Absence, Rendered, absence, rendered};
use netintent::resolve::{self, split_port};
use netintent::snapshot::Snapshot;

use crate::cli::{ManifestFormat, Render};
use crate::error::{Error, Result, Status};
use crate::printer;
use crate::render::manifests;
use crate::render::unread;
use crate::source::{self, Loaded};

pub(super) fn run(args: &Render) -> Result<Status> {
    // The process ends with the answer: there is no use in tidying up before.
    let loaded =
        ManuallyDrop::new(source::load(&args.input, &args.services.iter().map(String::as_str).collect::<Vec<_>>())?);
    let Loaded { snapshot, sources, .. } = &*loaded;
    let services = args.services.iter().map(|text| service(&loaded, text, args)).collect::<Result<Vec<usize>>>()?;
    let mut policies = rendered(snapshot);
    if services.is_empty() {
        policies.retain(|rendered| loaded.shows(&rendered.policy.metadata.namespace));
    }
    if !services.is_empty() {
        let wanted: Vec<_> = services.iter().map(|at| snapshot.objects.services[*at].metadata.key()).collect();
        policies.retain(|rendered| {
            let namespace = rendered.policy.metadata.namespace.as_str();
            rendered.service.is_some_and(|service| wanted.contains(&(namespace, service)))
        });
    }
    let mut out = printer::data();
    match args.output.format {
        ManifestFormat::Yaml => manifests::yaml(&mut out, &policies)?,
        ManifestFormat::Json => manifests::json(&mut out, &policies)?,
        ManifestFormat::Name => manifests::names(&mut out, &policies)?,
    }
    // What is said about the policies comes after them.
    out.flush()?;
    let edited = policies.iter().filter_map(Rendered::finding);
    edited.for_each(|finding| printer::warning(&sources.worded(&finding)));
    if !services.is_empty() {
        services.iter().filter_map(|at| lacking(snapshot, *at)).for_each(|text| printer::note(&text));
    } else if policies.is_empty() {
        printer::note(nothing(snapshot, args));
    }
    // Of a policy's parts none may be a guess.
    let parts = ["Namespace", "Service", "Approval", "ClusterApproval", "ClusterProhibition"];
    let guessed = snapshot.objects.unread.iter().any(|unread| parts.contains(&&*unread.kind));
    Ok(if guessed { Status::Trouble } else { Status::Yes })
}

fn service(loaded: &Loaded, text: &str, args: &Render) -> Result<usize> {
    if let (name, Some(port)) = split_port(text) {
        let help = format!("leave out `:{}`: a policy is of all ports of its Service", printable(port));
        return Err(Error::with_help(format!("`{}` is named with a port", printable(name)), help));
    }
    let home = source::home(&args.input, loaded);
    resolve::service(&loaded.snapshot, text, home).map_err(|error| loaded.unresolved(text, home, error))
}

/// Why a Service that was asked for has no policy.
fn lacking(snapshot: &Snapshot, service: usize) -> Option<String> {
    let metadata = &snapshot.objects.services[service].metadata;
    let (name, namespace) = (printable(&metadata.full_name()), printable(&metadata.namespace));
    Some(match absence(snapshot, service)? {
        Absence::NotEnforceable => format!("Service {name} has no policy: nothing can stand before it."),
        Absence::Mode { mode, own: true } => format!("Service {name} has no policy: its own label says {mode}."),
        Absence::Mode { mode, own: false } => format!(
            "Service {name} has no policy: its namespace is in {mode}. --mode {namespace}=enforce shows the one it would have."
        ),
    })
}

/// Why there is no policy at all.
fn nothing(snapshot: &Snapshot, args: &Render) -> &'static str {
    if !unread::among(snapshot).is_empty() {
        return "No policies among what could be read.";
    }
    let mut services = snapshot.services.iter().map(|service| service.mode);
    let mut namespaces = snapshot.namespaces.values().map(|namespace| namespace.mode);
    if services.any(|mode| mode == Mode::Enforce) || namespaces.any(|mode| mode == Mode::Enforce) {
        return "No policies: what is in enforce can have none.";
    }
    if args.input.modes.iter().any(|o| o.namespace.is_none() && o.mode == Mode::Enforce) {
        return "No policies: no Service and no namespace is in enforce.";
    }
    "No policies: no Service and no namespace is in enforce. --mode '*=enforce' shows what enforcing would add."
}
