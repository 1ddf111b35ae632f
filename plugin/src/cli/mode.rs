//! `mode`, as it is asked.

#![allow(clippy::doc_markdown, reason = "these comments are the help that users read")]

use clap::Args;
use netintent::mode::{Mode as Value, Subject};
use netintent::names;

use super::{Asked, Input, Output};

/// Show or set the mode of a namespace or a Service, and what that cuts and opens
///
/// Without MODE it shows the mode, where it comes from, and what each other mode would do. With MODE it shows every connection
/// that would be cut or opened, asks, and writes the label. With -f it only shows.
///
/// It sets nothing, whatever is said, where callers that can carry no intent would be cut (it prints what they need), where
/// pods have labels that nobody gave them, or where not all of the cluster could be read.
///
/// Exit status: with --dry-run or -f 0 cuts nothing, 1 cuts something; else 0 set, or shown; 2 an error, stopped, or
/// cannot tell.
#[derive(Debug, Args)]
#[command(mut_arg("yes", |yes| yes.conflicts_with("files").requires("target")))]
#[command(mut_arg("dry_run", |dry_run| dry_run.conflicts_with("files").requires("target")))]
#[command(after_help = "\
Examples:
  kubectl netintent mode bank                           # the mode, and what each other would do
  kubectl netintent mode bank shadow --yes
  kubectl netintent mode bank enforce --dry-run         # what would be cut: exit status 1 if anything is
  kubectl netintent mode bank enforce --dry-run --declared   # only of what callers declare
  kubectl netintent mode bank/ledger enforce            # one Service alone
  kubectl netintent mode bank enforce -f deploy/")]
pub(crate) struct Mode {
    /// A namespace, or one of its Services: NAMESPACE[/SERVICE]
    #[arg(value_name = "NAMESPACE[/SERVICE]", value_parser = subject)]
    pub(crate) subject: Subject,

    /// The mode that it is to have: enforce, shadow or off
    #[arg(value_name = "MODE", value_parser = value)]
    pub(crate) target: Option<Value>,

    /// Show and count only what callers declare
    #[arg(long)]
    pub(crate) declared: bool,

    #[command(flatten)]
    pub(crate) asked: Asked,

    /// Leave out the headers of tables
    #[arg(long)]
    pub(crate) no_headers: bool,

    #[command(flatten)]
    pub(crate) input: Input,

    #[command(flatten)]
    pub(crate) output: Output,
}

fn subject(text: &str) -> Result<Subject, String> {
    let (namespace, service) = text.split_once('/').map_or((text, None), |(namespace, name)| (namespace, Some(name)));
    if names::is_dns_label(namespace) && service.is_none_or(names::is_dns_label) {
        return Ok(Subject { namespace: namespace.to_owned(), service: service.map(str::to_owned) });
    }
    Err("NAMESPACE or NAMESPACE/SERVICE was expected".to_owned())
}

fn value(text: &str) -> Result<Value, String> {
    Value::parse(text).ok_or_else(|| "enforce, shadow or off was expected".to_owned())
}
