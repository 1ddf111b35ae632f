//! `recover` and its steps, as they are asked.

#![allow(clippy::doc_markdown, reason = "these comments are the help that users read")]

use clap::{Args, Subcommand, ValueEnum};
use jiff::SignedDuration;
use netintent::names;
use netintent::recover::LONGEST;

use super::{Asked, Connection, Output};

/// For when the webhook is down and a deployment can't wait: let new pods in, give them their labels, open Services
///
/// It needs nothing of netintent that runs. Without a step it says what is open, since when and by whom, and what each step
/// would do. Each step shows first what it changes, and asks. What it has opened the controller undoes by itself as soon as
/// the API server gets answers from the webhook again; `undo` does it without. Labels by hand stay refused all the while.
///
/// Exit status: 0 nothing is open, 1 something is, 2 error. Of a step: 0 done, 2 error.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
#[command(after_help = "\
Examples:
  kubectl netintent recover                                     # what is open, and what there is to do
  kubectl netintent recover admit                               # 1. new pods and workloads are let in
  kubectl netintent recover label shop                          # 2. the pods of a namespace get their labels
  kubectl netintent recover open bank/ledger --for 2h           # or: everybody may call a Service
  kubectl netintent recover undo                                # all of it is undone, without the webhook")]
pub(crate) struct Recover {
    /// What to do
    #[command(subcommand)]
    pub(crate) step: Option<RecoverStep>,

    #[command(flatten)]
    pub(crate) status: RecoverStatus,
}

/// A step.
#[derive(Debug, Subcommand)]
pub(crate) enum RecoverStep {
    Status(RecoverStatus),
    Admit(RecoverAdmit),
    Label(RecoverLabel),
    Open(RecoverOpen),
    Undo(RecoverUndo),
}

/// Say what is open, since when and by whom, and what each step would do
///
/// Exit status: 0 nothing is open, 1 something is, 2 error.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  kubectl netintent recover status
  kubectl netintent recover status -o json | jq .services")]
pub(crate) struct RecoverStatus {
    #[command(flatten)]
    pub(crate) output: Output<RecoverFormat>,

    #[command(flatten)]
    pub(crate) connection: Connection,
}

/// A format of `recover status`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum RecoverFormat {
    Table,
    Json,
}

/// Let new pods and workloads in while nobody answers: they start without labels
///
/// It sets the failure policy of the entries that label new pods and judge new workloads from Fail to Ignore, and writes down
/// on the webhook configurations what was before. The guard is never touched: nobody gains a label of netintent by it.
/// Meanwhile nobody refuses a workload whose calls nobody has approved; it gets no label, and so is let in nowhere.
///
/// Exit status: 0 done, or nothing to do, 2 error.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  kubectl netintent recover admit --dry-run
  kubectl netintent recover admit --yes")]
pub(crate) struct RecoverAdmit {
    #[command(flatten)]
    pub(crate) change: RecoverChange,
}

/// Give the pods of a namespace the labels that approvals give them, and take away all others
///
/// The labels are worked out from the cluster as it is, as the webhook would. They are written as yourself in the group
/// netintent:recover, by impersonation: you need the right to impersonate yourself and that group, and to patch pods/status.
/// If you lack it, the message names the commands that give it.
///
/// Exit status: 0 done, or nothing to do, 2 error, or not all could be labelled.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  kubectl netintent recover label shop --dry-run       # how each pod's labels would change
  kubectl netintent recover label shop
  kubectl netintent recover label shop --pod web-7c9f8d5b6-x2x4k")]
pub(crate) struct RecoverLabel {
    /// The namespace
    #[arg(value_name = "NAMESPACE", value_parser = super::namespace)]
    pub(crate) namespace: String,

    /// Only this pod (repeatable)
    #[arg(long = "pod", value_name = "NAME")]
    pub(crate) pods: Vec<String>,

    #[command(flatten)]
    pub(crate) change: RecoverChange,
}

/// Let everybody call a Service for a limited time
///
/// It adds a NetworkPolicy beside the others that lets everybody call the Service's ports, from outside of the cluster too.
/// Nothing runs that could close it in time: at its end it is closed by this command with --wait, else by `undo`, or by the
/// controller. The controller closes it at once when the webhook is back, however much time is left.
///
/// Exit status: 0 done, 2 error.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  kubectl netintent recover open bank/ledger --for 30m --dry-run
  kubectl netintent recover open bank/ledger bank/cards --for 2h
  kubectl netintent recover open bank/ledger --for 1h --wait       # stays, and closes it at the end, or on Ctrl-C")]
pub(crate) struct RecoverOpen {
    /// The Services: [NAMESPACE/]NAME, without a namespace in that of the context
    #[arg(value_name = "NAMESPACE/SERVICE", required = true, value_parser = service)]
    pub(crate) services: Vec<ServiceName>,

    /// For how long: 30m, 2h, at most 24h
    #[arg(long = "for", value_name = "DURATION", value_parser = span)]
    pub(crate) span: SignedDuration,

    /// Stay until then, and close them
    #[arg(long)]
    pub(crate) wait: bool,

    #[command(flatten)]
    pub(crate) change: RecoverChange,
}

/// Undo what is open, without the webhook: close Services, and have new pods and workloads wait for the webhook again
///
/// Failure policies are put back as they were written down, and only where nobody has changed them since. Labels that
/// `label` gave are approved, and stay.
///
/// Exit status: 0 done, or nothing to do, 2 error.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  kubectl netintent recover undo --dry-run
  kubectl netintent recover undo --yes")]
pub(crate) struct RecoverUndo {
    #[command(flatten)]
    pub(crate) change: RecoverChange,
}

/// How a step is done.
#[derive(Debug, Args)]
pub(crate) struct RecoverChange {
    #[command(flatten)]
    pub(crate) asked: Asked,

    #[command(flatten)]
    pub(crate) connection: Connection,
}

/// A Service as it is typed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ServiceName {
    /// Its namespace, if one is said.
    pub(crate) namespace: Option<String>,
    /// Its name.
    pub(crate) name: String,
}

fn service(text: &str) -> Result<ServiceName, String> {
    let (namespace, name) = match text.split_once('/') {
        Some((namespace, name)) => (Some(namespace), name),
        None => (None, text),
    };
    let fine = names::is_dns_label(name) && namespace.is_none_or(names::is_dns_label);
    fine.then(|| ServiceName { namespace: namespace.map(str::to_owned), name: name.to_owned() })
        .ok_or_else(|| "NAMESPACE/SERVICE was expected, such as bank/ledger".to_owned())
}

fn span(text: &str) -> Result<SignedDuration, String> {
    let parsed = text.parse::<SignedDuration>().ok().filter(SignedDuration::is_positive);
    let parsed = parsed.ok_or_else(|| "a duration was expected, such as 30m or 2h".to_owned())?;
    if parsed > LONGEST {
        return Err(format!("it is too long: at most {}h", LONGEST.as_hours()));
    }
    Ok(parsed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_have_an_end() {
        for (text, minutes) in [("30m", 30), ("2h", 120), ("1h30m", 90), ("24h", 1440)] {
            assert_eq!(span(text), Ok(SignedDuration::from_mins(minutes)), "{text}");
        }
        for text in ["", "0s", "-1h", "25h", "2", "1d", "soon"] {
            assert!(span(text).is_err(), "{text}");
        }
    }

    #[test]
    fn services_are_names() {
        let name =
            |namespace: Option<&str>| ServiceName { namespace: namespace.map(str::to_owned), name: "ledger".into() };
        assert_eq!((service("ledger"), service("bank/ledger")), (Ok(name(None)), Ok(name(Some("bank")))));
        for text in ["", "a/b/c", "bank/", "/ledger", "../x", "bank/led?ger"] {
            assert!(service(text).is_err(), "{text}");
        }
    }
}
