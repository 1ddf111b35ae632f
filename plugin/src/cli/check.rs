//! `check`, as it is asked.

#![allow(clippy::doc_markdown, reason = "these comments are the help that users read")]

use clap::{Args, ValueEnum};
use netintent::finding::Severity;

use super::{Input, Output};

/// Find mistakes: in intents, approvals, Services and NetworkPolicies
///
/// Every finding has a code; docs/findings.md and --explain say what each means. A finding that is meant so is accepted by
/// a comment on its line or above it, `# netintent:accept CODE: reason`, or for an object by the annotation
/// netintent.dev/accept with a line `CODE: reason`.
///
/// Exit status: 0 nothing found, 1 a finding of the severity of --fail-on or above, 2 an error.
#[derive(Debug, Args)]
#[command(mut_arg("output", |output| output.default_value("text")))]
#[command(after_help = "\
Examples:
  kubectl netintent check -f deploy/
  kubectl netintent check -f deploy/ --fail-on error -o github
  kubectl netintent check -f deploy/ --ignore unused-approval --ignore host-network
  kubectl netintent check --explain shared-pod-port")]
pub(crate) struct Check {
    /// The least severity that makes the exit status 1: info, warning, error or never
    #[arg(long, value_name = "SEVERITY", default_value = "warning", hide_possible_values = true)]
    pub(crate) fail_on: FailOn,

    /// Leave out findings of this code (repeatable)
    #[arg(long, value_name = "CODE")]
    pub(crate) ignore: Vec<String>,

    /// Say what a code means, and what to do about it
    #[arg(long, value_name = "CODE", exclusive = true)]
    pub(crate) explain: Option<String>,

    #[command(flatten)]
    pub(crate) input: Input,

    #[command(flatten)]
    pub(crate) output: Output<CheckFormat>,
}

/// From which severity on a check fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum FailOn {
    Info,
    Warning,
    Error,
    Never,
}

impl FailOn {
    /// The least severity; `None`: no finding fails.
    pub(crate) fn severity(self) -> Option<Severity> {
        match self {
            Self::Info => Some(Severity::Info),
            Self::Warning => Some(Severity::Warning),
            Self::Error => Some(Severity::Error),
            Self::Never => None,
        }
    }
}

/// A format of findings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum CheckFormat {
    Text,
    Table,
    Name,
    Json,
    Yaml,
    Markdown,
    Github,
    Sarif,
    Junit,
}

impl CheckFormat {
    /// Whether people read it, so that it may have colours.
    pub(crate) fn is_text(self) -> bool {
        matches!(self, Self::Text | Self::Table | Self::Markdown)
    }
}
