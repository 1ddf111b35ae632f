//! `render`, as it is asked.

#![allow(clippy::doc_markdown, reason = "these comments are the help that users read")]

use clap::{Args, ValueEnum};

use super::{Input, Output};

/// Print the NetworkPolicies that `enforce` gives Services and namespaces, as YAML that `kubectl apply` takes
///
/// The same objects give the same bytes, in whatever order they are read, until an Approval with `from` expires. A policy
/// of such a name among the manifests changes nothing: a warning says so where it is another one. JSON is a list that
/// `kubectl apply` takes too.
///
/// Exit status: 0, or 2 on an error.
#[derive(Debug, Args)]
#[command(mut_arg("output", |output| output.default_value("yaml")))]
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

    #[command(flatten)]
    pub(crate) output: Output<ManifestFormat>,
}

/// A format of manifests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ManifestFormat {
    Yaml,
    Json,
    Name,
}
