//! `approve` and `revoke`, as they are asked.

#![allow(clippy::doc_markdown, reason = "these comments are the help that users read")]

use clap::Args;

use super::{Asked, Input, Trial};

/// Print or write the Approval that lets a caller call a callee
///
/// The callers are a workload, NAMESPACE/* or */*; the callee a Service, one of its ports, NAMESPACE/*:PORT, */*:PORT or
/// @TYPE:PORT. What is approved already is named, and nothing is written; but where --expires names another end than that of an
/// Approval of just these two, that end is changed. In a git repository annotations say who wrote the Approval, and on which
/// commit, unless it is created in the cluster. Standard error says what it opens, or why nothing, and what of it cannot be told.
///
/// Exit status: 0 approved, now or already, 2 on an error.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  kubectl netintent approve shop/frontend --to bank/cards:8443 -f deploy/
  kubectl netintent approve shop/frontend --to bank/cards:8443 --reason PAY-1234 --expires 90d -f deploy/
  kubectl netintent approve shop/frontend --to bank/cards:8443 -f deploy/ --write deploy/bank/approvals.yaml
  kubectl netintent approve platform/prometheus --to '*/*:metrics' -f deploy/
  kubectl netintent approve shop/frontend --to bank/cards:8443 --apply --reason PAY-1234")]
pub(crate) struct Approve {
    /// Who may call: [NAMESPACE/]NAME, KIND/NAME, NAMESPACE/KIND/NAME, NAMESPACE/* or */*
    pub(crate) caller: String,

    /// Whom: [NAMESPACE/]SERVICE, NAMESPACE/*, */* or @TYPE, and one of its ports or all
    #[arg(long, value_name = "CALLEE[:PORT]")]
    pub(crate) to: String,

    /// Why, for people
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true)]
    pub(crate) reason: Option<String>,

    /// When it ends: 90d, 12h, 2w, a date or a time (2027-06-30T00:00:00Z)
    #[arg(long, value_name = "WHEN")]
    pub(crate) expires: Option<String>,

    /// Add it to this YAML file of those of -f, in place of printing it; the file need not exist
    #[arg(long, value_name = "FILE", requires = "files")]
    pub(crate) write: Option<String>,

    /// Create it in the cluster, in place of printing it
    #[arg(long, conflicts_with_all = ["files", "write"])]
    pub(crate) apply: bool,

    #[command(flatten)]
    pub(crate) trial: Trial,

    #[command(flatten)]
    pub(crate) input: Input,
}

/// Take the Approval of just this caller for just this callee out of the files of -f, or with --apply out of the cluster
///
/// Everything else in the files stays as it is, comments and order too. Where a wider approval covers it, that one is
/// named, and nothing is changed. Standard error says what it closes, or why nothing; before anything goes from a cluster,
/// that is asked.
///
/// Exit status: 0 revoked, 2 on an error, or where nothing, or a wider approval, approves it.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  kubectl netintent revoke shop/frontend --to bank/cards:8443 -f deploy/
  kubectl netintent revoke shop/frontend --to bank/cards:8443 -f deploy/ --dry-run
  kubectl netintent revoke shop/frontend --to bank/cards:8443 --apply --reason 'PAY-1234 is over'")]
pub(crate) struct Revoke {
    /// Who may call no longer, as the Approval names it, or as `approve` takes it
    pub(crate) caller: String,

    /// Whom, as the Approval names it, or as `approve` takes it
    #[arg(long, value_name = "CALLEE[:PORT]")]
    pub(crate) to: String,

    /// Take it out of the cluster
    #[arg(long, conflicts_with = "files")]
    pub(crate) apply: bool,

    /// Why, for people: it is written to what goes before it goes
    #[arg(long, value_name = "TEXT", requires = "apply", allow_hyphen_values = true)]
    pub(crate) reason: Option<String>,

    #[command(flatten)]
    pub(crate) asked: Asked,

    #[command(flatten)]
    pub(crate) input: Input,
}
