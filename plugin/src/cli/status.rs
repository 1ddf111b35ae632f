//! `status`, as it is asked.

#![allow(clippy::doc_markdown, reason = "these comments are the help that users read")]

use clap::{Args, ValueEnum};

use super::{Connection, Output, namespace};

/// Say whether netintent in the cluster is as it should be, and how much takes part
///
/// Its kinds, its webhook configurations and policies, the certificate that the API server trusts and for how long, the
/// replicas and which of them leads; whether the webhook answers, which is tried by a dry run that leaves nothing behind; the
/// modes of namespaces with what is approved and refused there; and what no policy covers, and why.
///
/// Exit status: 0 all is as it should be, 1 something is not, or netintent is not installed, 2 an error, or cannot tell.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  kubectl netintent status
  kubectl netintent status -n shop                      # asks the webhook about a pod in this namespace
  kubectl netintent status -o json | jq '.checks[] | select(.state == \"wrong\")'")]
pub(crate) struct Status {
    /// The namespace in which the dry run is made: whoever may create pods there can ask; by default that of the context
    #[arg(short, long, value_name = "NAMESPACE", value_parser = namespace)]
    pub(crate) namespace: Option<String>,

    #[command(flatten)]
    pub(crate) connection: Connection,

    #[command(flatten)]
    pub(crate) output: Output<StatusFormat>,
}

/// A format of a status.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum StatusFormat {
    Table,
    Json,
    Yaml,
}
