//! `snapshot`, as it is asked.

#![allow(clippy::doc_markdown, reason = "these comments are the help that users read")]

use clap::{Args, ValueEnum};

use super::{Connection, Output};

/// Print a cluster as far as the other commands read it, for -f and --base where there is no access to it
///
/// Secrets are not read, and of pods neither environment nor arguments are kept. -f takes the file for the cluster as it was;
/// with other manifests beside it, they are laid over it.
///
/// Exit status: 0, or 2 on an error, or where not all could be read: the file says what.
#[derive(Debug, Args)]
#[command(mut_arg("output", |output| output.default_value("yaml")))]
#[command(after_help = "\
Examples:
  kubectl netintent snapshot > cluster.yaml
  kubectl netintent explain shop/frontend bank/ledger:rpc -f cluster.yaml")]
pub(crate) struct Snapshot {
    #[command(flatten)]
    pub(crate) connection: Connection,

    #[command(flatten)]
    pub(crate) output: Output<SnapshotFormat>,
}

/// A format of a snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum SnapshotFormat {
    Yaml,
    Json,
}
