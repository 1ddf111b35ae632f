//! The command line, in kubectl's words.

#![allow(clippy::doc_markdown, reason = "these comments are the help that users read")]

mod approvals;
mod change;
mod check;
mod connection;
mod diff;
mod install;
mod mode;
mod output;
mod recover;
mod render;
mod snapshot;
mod status;
mod uninstall;

use std::ffi::OsString;

use clap::{Args, Parser, Subcommand, ValueEnum};
use ipnet::IpNet;
use netintent::mode::ModeOverride;
use netintent::names;

pub(crate) use approvals::{Approve, Revoke};
pub(crate) use change::{Asked, DryRun, Trial};
pub(crate) use check::{Check, CheckFormat};
pub(crate) use connection::Connection;
pub(crate) use diff::{Diff, Pruned};
pub(crate) use install::Install;
pub(crate) use mode::Mode;
pub(crate) use output::{Format, Output};
pub(crate) use recover::{
    Recover, RecoverAdmit, RecoverChange, RecoverFormat, RecoverLabel, RecoverOpen, RecoverStatus, RecoverStep,
    RecoverUndo,
};
pub(crate) use render::{ManifestFormat, Render};
pub(crate) use snapshot::{Snapshot, SnapshotFormat};
pub(crate) use status::{Status, StatusFormat};
pub(crate) use uninstall::Uninstall;

const EXAMPLES: &str = "\
Examples:
  # May shop/frontend call port rpc of bank/ledger, and why?
  kubectl netintent explain shop/frontend bank/ledger:rpc -f deploy/

  # Everything that may call the ledger
  kubectl netintent list --to bank/ledger -f deploy/

  # What a change opens and closes
  kubectl netintent diff --base-rev origin/main -f deploy/

  # What is wrong with the manifests
  kubectl netintent check -f deploy/

  # The NetworkPolicies that enforcing would add
  kubectl netintent render --mode '*=enforce' -f deploy/

Documentation: docs/ in the repository.";

/// Who may call whom in a Kubernetes cluster: declared by the caller, approved by the callee, enforced by plain
/// NetworkPolicy
#[derive(Debug, Parser)]
#[command(name = "kubectl-netintent", bin_name = "kubectl netintent", version, after_help = EXAMPLES)]
#[command(subcommand_required = true, arg_required_else_help = true, max_term_width = 100)]
pub struct Cli {
    /// What to do
    #[command(subcommand)]
    pub(crate) command: Command,

    /// When to use colour: on a terminal (`auto`, which follows NO_COLOR and CLICOLOR), always or never
    // Of itself it would stand elsewhere in every help with each new command.
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto", hide_possible_values = true)]
    #[arg(display_order = 100)]
    pub(crate) color: Color,
}

/// Reads the command line, the program's own name first.
///
/// # Errors
/// What is wrong with it, or the help that it asks for. It has no control characters of the arguments: a script may have
/// taken them from anywhere.
pub fn parse(arguments: &[OsString]) -> Result<Cli, clap::Error> {
    Cli::try_parse_from(arguments).map_err(|error| {
        let tame = arguments.iter().map(|argument| names::printable(&argument.to_string_lossy()));
        Cli::try_parse_from(tame).err().unwrap_or(error)
    })
}

/// When to use colour.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Color {
    Auto,
    Always,
    Never,
}

impl Color {
    /// Makes the choice hold for every stream.
    pub(crate) fn write_global(self) {
        // Tables are always laid out in colour; the streams take it out. Left alone, crossterm would have its own mind.
        crossterm::style::force_color_output(true);
        match self {
            Self::Auto => anstream::ColorChoice::Auto,
            Self::Always => anstream::ColorChoice::Always,
            Self::Never => anstream::ColorChoice::Never,
        }
        .write_global();
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Explain(Explain),
    List(List),
    Diff(Diff),
    Check(Check),
    Render(Render),
    Approve(Approve),
    Revoke(Revoke),
    Mode(Mode),
    Status(Status),
    Recover(Recover),
    Snapshot(Snapshot),
    Install(Install),
    Uninstall(Uninstall),
    Completion(Completion),
    /// Print the version
    #[command(after_help = "Examples:\n  kubectl netintent version")]
    Version,
}

/// Say whether a connection is allowed, and why: intent, approval, label and every policy, rule by rule
///
/// The caller is a workload, a pod, or an address or CIDR outside the cluster; the callee a Service, a workload, a pod
/// or an address. When denied, the first missing link is named with what to paste.
///
/// Exit status: 0 allowed, 1 denied or in part, 2 error or cannot tell.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  kubectl netintent explain shop/frontend bank/ledger:rpc -f deploy/
  kubectl netintent explain shop/deploy/frontend bank/ledger:8443 -f deploy/
  kubectl netintent explain 203.0.113.7 shop/frontend -f deploy/
  kubectl netintent explain -q shop/frontend bank/ledger -f deploy/ && echo allowed")]
pub(crate) struct Explain {
    /// Who calls: [NAMESPACE/]NAME, KIND/NAME, NAMESPACE/KIND/NAME, an IP address or a CIDR
    pub(crate) caller: String,

    /// Who is called, and on which port (name or number; for pods and addresses also 53/UDP)
    #[arg(value_name = "CALLEE[:PORT]")]
    pub(crate) callee: String,

    /// Print no answer, only warnings and errors; the exit status is the answer
    #[arg(short, long, conflicts_with = "output")]
    pub(crate) quiet: bool,

    #[command(flatten)]
    pub(crate) input: Input,

    #[command(flatten)]
    pub(crate) output: Output,
}

/// List every allowed connection, and what of it is declared and approved
///
/// Exit status: 0, or 2 on an error.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  kubectl netintent list -f deploy/
  kubectl netintent list --from shop/frontend -f deploy/
  kubectl netintent list --to bank/ledger -f deploy/
  kubectl netintent list --declared -f deploy/          # what is declared, and what of it is cut
  kubectl netintent list --grouped -f deploy/           # for clusters that are mostly open
  kubectl netintent list -f deploy/ -o json | jq .items")]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
pub(crate) struct List {
    /// Only connections from this caller
    #[arg(long, value_name = "CALLER")]
    pub(crate) from: Option<String>,

    /// Only connections to this callee
    #[arg(long, value_name = "CALLEE")]
    pub(crate) to: Option<String>,

    /// Only what is declared, and what of that is cut
    #[arg(long)]
    pub(crate) declared: bool,

    /// Connections of a workload to itself too
    #[arg(long = "self")]
    pub(crate) own: bool,

    /// Sets of sources and destinations with the same connection, in place of pairs
    #[arg(long, conflicts_with = "declared")]
    pub(crate) grouped: bool,

    /// Only connections with a pod of these labels at either end (as `kubectl get -l`)
    #[arg(short = 'l', long, value_name = "SELECTOR")]
    pub(crate) selector: Option<String>,

    /// Leave out the headers of tables
    #[arg(long)]
    pub(crate) no_headers: bool,

    #[command(flatten)]
    pub(crate) input: Input,

    #[command(flatten)]
    pub(crate) output: Output,
}

/// Print a completion script for a shell
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  source <(kubectl-netintent completion bash)
  kubectl-netintent completion zsh > \"${fpath[1]}/_kubectl-netintent\"")]
pub(crate) struct Completion {
    /// The shell
    pub(crate) shell: clap_complete::Shell,
}

/// Where manifests come from.
#[derive(Clone, Debug, Args)]
pub(crate) struct Input {
    /// Manifests: a file, a folder (in full) or `-` for standard input (repeatable); without it, the cluster is read
    #[arg(short = 'f', long = "filename", value_name = "PATH")]
    pub(crate) files: Vec<String>,

    /// The namespace of objects and of names that say none; of a cluster, by default that of the context
    #[arg(short, long, value_name = "NAMESPACE", value_parser = namespace)]
    pub(crate) namespace: Option<String>,

    /// Every namespace: with -f for names that say none, of a cluster for what is shown
    #[arg(short = 'A', long)]
    pub(crate) all_namespaces: bool,

    /// The mode of a namespace, in place of its label (repeatable; `*=enforce` for all others)
    #[arg(long = "mode", value_name = "NAMESPACE=MODE")]
    pub(crate) modes: Vec<ModeOverride>,

    /// Addresses that pods have: verdicts that hang on them get a caveat (repeatable)
    #[arg(long = "pod-cidr", value_name = "CIDR", value_parser = netintent::cidr::parse)]
    pub(crate) pod_cidrs: Vec<IpNet>,

    /// With -f: take from the cluster what the manifests lack
    #[arg(long, requires = "files")]
    pub(crate) with_cluster: bool,

    /// Say what was read, and how many objects of other kinds were passed over
    #[arg(short, long)]
    pub(crate) verbose: bool,

    #[command(flatten)]
    pub(crate) connection: Connection,
}

impl Input {
    /// All of a cluster; where not all of it may be read, at least this namespace, or else that of the context.
    pub(crate) fn live(connection: &Connection, namespace: Option<&str>) -> Self {
        Self {
            files: Vec::new(),
            namespace: namespace.map(str::to_owned),
            all_namespaces: true,
            modes: Vec::new(),
            pod_cidrs: Vec::new(),
            with_cluster: false,
            verbose: false,
            connection: connection.clone(),
        }
    }

    /// Whether a cluster is read, and no file.
    pub(crate) fn is_live(&self) -> bool {
        self.files.is_empty()
    }
}

/// A slip in a namespace would put objects where nothing else is.
fn namespace(text: &str) -> Result<String, String> {
    if names::is_dns_label(text) {
        return Ok(text.to_owned());
    }
    Err("lower-case letters, digits and `-` were expected".to_owned())
}
