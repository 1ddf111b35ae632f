//! `diff`, as it is asked.

#![allow(clippy::doc_markdown, reason = "these comments are the help that users read")]

use std::str::FromStr;

use clap::Args;

use super::{Input, Output};

/// Show what a change opens and closes: connections, approvals it still needs, Services that become protected or open
///
/// With a base, it and NEW (-f) are each the whole state; without one, NEW is laid over the cluster, as `kubectl apply` would.
/// Order, comments and formatting of YAML are no difference.
///
/// Exit status: 0 no difference, 1 a difference, 2 an error, as `kubectl diff`.
#[derive(Debug, Args)]
#[command(group(clap::ArgGroup::new("before").args(["base", "base_rev"])))]
#[command(mut_arg("files", |files| {
    files.required(true).help("The state after, or what would be applied: a file, a folder or `-` (repeatable)").long_help(None)
}))]
#[command(after_help = "\
Examples:
  kubectl netintent diff --base deploy-old/ -f deploy/
  kubectl netintent diff --base-rev origin/main -f deploy/
  kubectl netintent diff --base-rev HEAD~1 -f deploy/ --also platform/ -o markdown
  kubectl netintent diff -f deploy/                     # what applying it would change in the cluster
  kubectl netintent diff -f deploy/ --prune -l app.kubernetes.io/part-of=shop")]
pub(crate) struct Diff {
    /// The state before: a file, a folder or `-` (repeatable)
    #[arg(long, value_name = "PATH")]
    pub(crate) base: Vec<String>,

    /// The state before: the paths of -f at this git revision
    #[arg(long, value_name = "GITREV")]
    pub(crate) base_rev: Option<String>,

    /// Manifests that are on both sides (repeatable)
    #[arg(long, value_name = "PATH")]
    pub(crate) also: Vec<String>,

    /// What is in the cluster, was made by `kubectl apply`, and is not in NEW, goes, as with `kubectl diff --prune`: of
    /// namespaces that NEW is in, and where -n is not given Namespaces themselves
    #[arg(long, conflicts_with = "before")]
    pub(crate) prune: bool,

    /// With --prune: only what has these labels goes
    #[arg(short = 'l', long, value_name = "SELECTOR", requires = "prune")]
    pub(crate) selector: Option<String>,

    /// With --prune: the kinds that may go, in place of kubectl's own choice, which has neither NetworkPolicies nor Approvals
    /// (repeatable)
    #[arg(long, value_name = "GROUP/VERSION/KIND", requires = "prune")]
    pub(crate) prune_allowlist: Vec<Pruned>,

    /// Leave out the headers of tables
    #[arg(long)]
    pub(crate) no_headers: bool,

    #[command(flatten)]
    pub(crate) input: Input,

    #[command(flatten)]
    pub(crate) output: Output,
}

/// A kind that a prune may take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pruned {
    /// The API group; empty for the core group.
    pub(crate) group: String,
    pub(crate) kind: String,
}

impl FromStr for Pruned {
    type Err = String;

    /// As kubectl takes it: `apps/v1/Deployment`, `core/v1/Service`.
    fn from_str(text: &str) -> Result<Self, String> {
        match *text.split('/').collect::<Vec<_>>() {
            [group, version, kind] if ![group, version, kind].contains(&"") => {
                let group = if group == "core" { "" } else { group };
                Ok(Self { group: group.to_owned(), kind: kind.to_owned() })
            }
            _ => Err("GROUP/VERSION/KIND was expected, such as apps/v1/Deployment or core/v1/Service".to_owned()),
        }
    }
}
