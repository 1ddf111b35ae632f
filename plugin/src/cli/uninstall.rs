//! `uninstall`, as it is asked.

#![allow(clippy::doc_markdown, reason = "these comments are the help that users read")]

use std::time::Duration;

use clap::Args;

use super::connection::duration;
use super::install::own_namespace;
use super::{Asked, Connection};

/// Take netintent out of a cluster, with all that it wrote there; or print the manifests of what it is installed by
///
/// With --apply: all that is in enforce goes to shadow, the NetworkPolicies go, then the registrations and the program, the
/// modes and the labels of running pods, and last the Approvals with their kinds. Nobody is cut on the way, whether the webhook
/// runs or not. What goes and what opens is shown first, and asked about. What workloads declare stays, and what is somebody
/// else's. If it is interrupted, run it again.
///
/// Without --apply it prints the manifests, in an order in which `kubectl delete -f -` may take them once no namespace has a
/// mode: policies and labels are not among them.
///
/// Exit status: 0 nothing of netintent's is there any more, 2 on an error, or where something stays.
#[derive(Debug, Args)]
#[command(mut_arg("yes", |yes| yes.requires("apply")))]
#[command(mut_arg("dry_run", |dry_run| dry_run.requires("apply")))]
#[command(after_help = "\
Examples:
  kubectl netintent uninstall --apply --dry-run             # what would go, and what would open
  kubectl netintent uninstall --apply
  kubectl netintent uninstall --apply --keep-approvals      # to install it again later
  kubectl netintent uninstall | kubectl delete --ignore-not-found -f -")]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
pub(crate) struct Uninstall {
    /// The namespace of netintent itself; by default where it is installed, or netintent-system
    #[arg(short, long, value_name = "NAMESPACE", value_parser = own_namespace)]
    pub(crate) namespace: Option<String>,

    /// Print what `install --cert-manager` printed; with --apply both are looked for
    #[arg(long)]
    pub(crate) cert_manager: bool,

    /// Leave Approvals, ClusterApprovals and ClusterProhibitions, and their kinds
    #[arg(long)]
    pub(crate) keep_approvals: bool,

    /// Go on though NetworkPolicies of others select by netintent's labels or modes, or leave pods closed that netintent's open
    #[arg(long, requires = "apply")]
    pub(crate) cut_others: bool,

    /// Take it out of the cluster, in place of printing
    #[arg(long)]
    pub(crate) apply: bool,

    #[command(flatten)]
    pub(crate) asked: Asked,

    /// How long each step may take until what it removes is gone (30s, 5m)
    #[arg(long, value_name = "DURATION", value_parser = duration, default_value = "5m")]
    pub(crate) timeout: Duration,

    #[command(flatten)]
    pub(crate) connection: Connection,
}
