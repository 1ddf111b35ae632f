//! `install`: the manifests of this very version, printed or applied.

use std::io::Write as _;

use netintent::names::printable;

use crate::cli::{DryRun, Install, NAMESPACE};
use crate::cluster::{Cluster, Manifest};
use crate::error::{Result, Status};
use crate::printer;

/// What `kubectl kustomize` makes of the base, and of the overlay for cert-manager; a test keeps both so.
const OWN: &str = include_str!("../../../manifests/install/netintent.yaml");
const CERT_MANAGER: &str = include_str!("../../../manifests/install/netintent-cert-manager.yaml");

/// The lines that options replace.
const REPLICAS: &str = "\n  replicas: 2\n";
const IMAGE: &str = concat!("\n        image: ghcr.io/netintent/netintent-webhook:v", env!("CARGO_PKG_VERSION"), "\n");

pub(super) fn run(args: &Install) -> Result<Status> {
    let text = manifests(args);
    if !args.apply {
        let mut out = printer::data();
        out.write_all(text.as_bytes())?;
        out.flush()?;
        return Ok(Status::Yes);
    }
    let manifests: Vec<Manifest<'_>> = text.split("\n---\n").filter_map(Manifest::read).collect();
    if args.dry_run == Some(DryRun::Client) {
        manifests.iter().for_each(|manifest| printer::note(&format!("dry run: {manifest} would be applied")));
        return Ok(Status::Yes);
    }
    let cluster = Cluster::connect(&args.connection)?;
    cluster.check_ours(&manifests)?;
    let dry_run = args.dry_run.is_some();
    for manifest in &manifests {
        cluster.apply(manifest, dry_run, args.force_conflicts)?;
        let done = if dry_run { "dry run: the API server would take it" } else { "applied" };
        printer::note(&printable(&format!("{manifest}: {done}")));
    }
    if !dry_run {
        let namespace = &args.namespace;
        printer::note(&format!("it runs once this ends: kubectl rollout status -n {namespace} deployment/netintent"));
    }
    Ok(Status::Yes)
}

/// The manifests as they are asked for, as YAML.
fn manifests(args: &Install) -> String {
    let text = if args.cert_manager { CERT_MANAGER } else { OWN };
    // Nothing else is called so.
    let mut text = text.replace(NAMESPACE, &args.namespace);
    if let Some(replicas) = args.replicas {
        text = text.replace(REPLICAS, &format!("\n  replicas: {replicas}\n"));
    }
    if let Some(image) = &args.image {
        // What looks like a number or a word of YAML's is a string all the same.
        text = text.replace(IMAGE, &format!("\n        image: \"{image}\"\n"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser as _;

    fn asked(more: &[&str]) -> String {
        let args = ["kubectl-netintent", "install"].iter().chain(more);
        match crate::cli::Cli::try_parse_from(args).unwrap().command {
            crate::cli::Command::Install(args) => manifests(&args),
            _ => String::new(),
        }
    }

    #[test]
    fn options_change_what_they_say() {
        for kind in [&[][..], &["--cert-manager"]] {
            let asked = |more: &[&str]| asked(&[kind, more].concat());
            let plain = asked(&[]);
            let lines = |text: &str| text.lines().map(str::to_owned).collect::<Vec<_>>();
            let changed = |more: &[&str]| {
                let both = lines(&plain).into_iter().zip(lines(&asked(more)));
                both.filter(|(a, b)| a != b).map(|(_, b)| b.trim().to_owned()).collect::<Vec<_>>()
            };
            assert_eq!(changed(&["--replicas", "3"]), ["replicas: 3"]);
            assert_eq!(changed(&["--image", "a.example/b:1"]), ["image: \"a.example/b:1\""]);
            let elsewhere = asked(&["-n", "elsewhere"]);
            assert!(!elsewhere.contains(NAMESPACE));
            assert_eq!(elsewhere.matches("elsewhere").count(), plain.matches(NAMESPACE).count());
        }
    }
}
