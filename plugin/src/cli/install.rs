//! `install`, as it is asked.

#![allow(clippy::doc_markdown, reason = "these comments are the help that users read")]

use clap::{Args, value_parser};

use super::{Connection, DryRun, namespace};

/// The namespace of the manifests as they are.
pub(crate) const NAMESPACE: &str = "netintent-system";

/// Print the manifests of netintent of this very version, or apply them
///
/// They are those of `manifests/base`, or with --cert-manager of the overlay of that name, in one stream that `kubectl apply`
/// takes. With --apply they are applied as by `kubectl apply --server-side`. What has the name of an object of netintent's and
/// is none stops it before anything is written.
///
/// Exit status: 0, or 2 on an error.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  kubectl netintent install | kubectl apply --server-side -f -
  kubectl netintent install --apply
  kubectl netintent install --apply --dry-run=server        # whether the API server would take all of it
  kubectl netintent install --replicas 3 --image registry.example/netintent-webhook:v1 > netintent.yaml")]
pub(crate) struct Install {
    /// The namespace of netintent itself
    #[arg(short, long, value_name = "NAMESPACE", value_parser = namespace, default_value = NAMESPACE)]
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

    /// With --apply, change nothing: client says what would be applied, server asks the API server
    #[arg(long, value_name = "WHERE", num_args = 0..=1, require_equals = true, default_missing_value = "client")]
    #[arg(hide_possible_values = true, requires = "apply")]
    pub(crate) dry_run: Option<DryRun>,

    /// With --apply, take over fields that somebody else has written, such as another tool that installed netintent
    #[arg(long, requires = "apply")]
    pub(crate) force_conflicts: bool,

    #[command(flatten)]
    pub(crate) connection: Connection,
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
    use super::image;

    #[test]
    fn images_are_plain() {
        for text in ["a", "ghcr.io/netintent/netintent-webhook:v0.1.0", "r.example:5000/a/b@sha256:0123", "A/b_c:1.0-x"] {
            assert_eq!(image(text).as_deref(), Ok(text));
        }
        for text in ["", "a b", "a\nb: c", "a: b", "a:", "/a", "a#b", "\"a\"", "a//b", "a{b}"] {
            assert!(image(text).is_err(), "{text:?}");
        }
    }
}
