//! `render`, as it is asked.

#![allow(clippy::doc_markdown, reason = "these comments are the help that users read")]

use clap::{Args, ValueEnum};

use super::Input;

/// Print the NetworkPolicies that `enforce` gives Services and namespaces, as YAML that `kubectl apply` takes
///
/// The same objects give the same bytes, in whatever order they are read, until an Approval with `from` expires. A policy
/// of such a name among the manifests changes nothing: a warning says so where it is another one.
///
/// Exit status: 0, or 2 on an error.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  kubectl netintent render -f deploy/
  kubectl netintent render bank/ledger -f deploy/
  kubectl netintent render --mode '*=enforce' -f deploy/   # what enforcing would add
  kubectl netintent render -f deploy/ | kubectl apply -f -")]
pub(crate) struct Render {
    /// Only the policies of these Services: [NAMESPACE/]NAME
    #[arg(value_name = "SERVICE")]
    pub(crate) services: Vec<String>,

    #[command(flatten)]
    pub(crate) input: Input,

    /// The format: yaml, json (a list that `kubectl apply` takes too) or name
    #[arg(
        short = 'o',
        long = "output",
        id = "output",
        value_name = "FORMAT",
        default_value = "yaml",
        hide_possible_values = true,
        hide_default_value = true
    )]
    pub(crate) format: ManifestFormat,
}

/// A format of manifests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ManifestFormat {
    Yaml,
    Json,
    Name,
}
