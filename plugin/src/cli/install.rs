//! `install`, as it is asked.

#![allow(clippy::doc_markdown, reason = "these comments are the help that users read")]

use std::time::Duration;

use clap::{ArgAction, Args, value_parser};

use super::connection::duration;
use super::{Connection, Trial, namespace};
use crate::release::{NAMESPACE, Release};

/// Print the manifests of netintent of this very version, or apply them
///
/// They are those of `manifests/base`, or with --cert-manager of the overlay of that name, in one stream that `kubectl apply
/// --server-side` takes. With --apply they are applied in the same way: first all is tried, and if the API server would
/// refuse something, or an object of somebody else has the name of one of them, nothing is changed. Where netintent runs
/// already, its registrations come last, once the new replicas are there.
///
/// Exit status: 0, or 2 on an error.
#[derive(Debug, Args)]
#[command(mut_arg("dry_run", |dry_run| dry_run.requires("apply")))]
#[command(after_help = "\
Examples:
  kubectl netintent install | kubectl apply --server-side -f -
  kubectl netintent install --apply
  kubectl netintent install --apply --dry-run=server        # whether the API server would take it
  kubectl netintent install --replicas 3 --image registry.example/netintent-webhook:v1 > netintent.yaml")]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
pub(crate) struct Install {
    /// The namespace of netintent itself
    #[arg(short, long, value_name = "NAMESPACE", value_parser = own_namespace, default_value = NAMESPACE)]
    pub(crate) namespace: String,

    /// How many replicas of the webhook there are
    #[arg(long, value_name = "NUMBER", value_parser = value_parser!(u32).range(1..=100))]
    pub(crate) replicas: Option<u32>,

    /// The image of the webhook
    #[arg(long, value_name = "IMAGE", value_parser = image)]
    pub(crate) image: Option<String>,

    /// Have cert-manager issue the certificate, in place of an authority of netintent's own
    #[arg(long)]
    pub(crate) cert_manager: bool,

    /// Apply them, in place of printing them
    #[arg(long)]
    pub(crate) apply: bool,

    #[command(flatten)]
    pub(crate) trial: Trial,

    /// With --apply, take over fields that somebody else has written, such as another tool that installed netintent
    #[arg(long, requires = "apply")]
    pub(crate) force_conflicts: bool,

    /// With --apply, wait until the webhook runs
    #[arg(long, value_name = "BOOLEAN", action = ArgAction::Set, num_args = 0..=1, require_equals = true)]
    #[arg(default_value = "true", default_missing_value = "true", hide_possible_values = true)]
    pub(crate) wait: bool,

    /// How long it is waited (30s, 5m)
    #[arg(long, value_name = "DURATION", value_parser = duration, default_value = "5m")]
    pub(crate) timeout: Duration,

    #[command(flatten)]
    pub(crate) connection: Connection,
}

impl Install {
    /// The manifests that are asked for.
    pub(crate) fn release(&self) -> Release<'_> {
        Release {
            namespace: &self.namespace,
            replicas: self.replicas,
            image: self.image.as_deref(),
            cert_manager: self.cert_manager,
        }
    }
}

/// A namespace that can be netintent's alone.
pub(super) fn own_namespace(text: &str) -> Result<String, String> {
    let text = namespace(text)?;
    if text == "default" || text.starts_with("kube-") {
        return Err("netintent has a namespace of its own, and this one is Kubernetes'".to_owned());
    }
    Ok(text)
}

/// A reference to an image: nothing in it ends the line of YAML that it is put into, or begins something else.
fn image(text: &str) -> Result<String, String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "._-/:@".contains(c);
    let ends = |c: char| c.is_ascii_alphanumeric();
    if text.chars().all(plain) && text.starts_with(ends) && text.ends_with(ends) && !text.contains("//") {
        return Ok(text.to_owned());
    }
    Err("an image was expected, such as registry.example/netintent-webhook:v1".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::{Cli, Command};
    use clap::Parser as _;

    #[test]
    fn images_are_plain() {
        for text in ["a", "ghcr.io/netintent/netintent-webhook:v0.1.0", "r.example:5000/a/b@sha256:0123", "A/b_c:1.0-x"]
        {
            assert_eq!(image(text).as_deref(), Ok(text));
        }
        for text in ["", "a b", "a\nb: c", "a: b", "a:", "/a", "a#b", "\"a\"", "a//b", "a{b}"] {
            assert!(image(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn options_come_as_they_are_given() {
        let asked = |more: &[&str]| {
            let args = ["kubectl-netintent", "install"].iter().chain(more);
            match Cli::try_parse_from(args).map(|cli| cli.command) {
                Ok(Command::Install(args)) => Some(args),
                _ => None,
            }
        };
        let all =
            asked(&["-n", "own", "--replicas=3", "--image", "a/b:1", "--cert-manager", "--apply", "--wait=false"]);
        let all = all.unwrap_or_else(|| unreachable!("all may be given"));
        let release = all.release();
        assert_eq!((release.namespace, release.replicas, release.image), ("own", Some(3), Some("a/b:1")));
        assert!(release.cert_manager && !all.wait && asked(&[]).is_some_and(|args| args.wait));
        for bad in [&["-n", "kube-system"][..], &["-n", "default"], &["-n", "A"], &["--replicas", "0"], &["--dry-run"]]
        {
            assert!(asked(bad).is_none(), "{bad:?}");
        }
    }
}
