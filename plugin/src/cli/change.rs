//! How something is changed: whether it is asked before, and whether it is only tried.

#![allow(clippy::doc_markdown, reason = "these comments are the help that users read")]

use clap::{Args, ValueEnum};

/// A change that is asked about.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct Asked {
    /// Do not ask
    #[arg(short, long)]
    pub(crate) yes: bool,

    #[command(flatten)]
    pub(crate) trial: Trial,
}

/// Whether it is only tried.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct Trial {
    /// Say what would change, and change nothing: client, or server, which asks the API server
    #[arg(long, value_name = "WHERE", num_args = 0..=1, require_equals = true, default_missing_value = "client")]
    #[arg(hide_possible_values = true)]
    pub(crate) dry_run: Option<DryRun>,
}

/// Who is asked what a change would do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum DryRun {
    /// Nobody.
    Client,
    /// The API server, with all that it asks.
    Server,
}
