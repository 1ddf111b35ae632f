//! Each command: read, ask the library, print.

mod approve;
mod check;
mod confirm;
mod diff;
mod effect;
mod explain;
mod install;
mod list;
mod mode;
mod place;
mod recover;
mod render;
mod revoke;
mod snapshot;
pub(crate) mod status;
pub(crate) mod uninstall;

use std::io::Write as _;

use clap::CommandFactory as _;

use crate::cli::{Cli, Command};
use crate::error::{Result, Status};
use crate::printer;

/// Runs the command.
pub(crate) fn run(cli: &Cli) -> Result<Status> {
    match &cli.command {
        Command::Explain(args) => explain::run(args),
        Command::List(args) => list::run(args),
        Command::Diff(args) => diff::run(args),
        Command::Check(args) => check::run(args),
        Command::Render(args) => render::run(args),
        Command::Approve(args) => approve::run(args),
        Command::Revoke(args) => revoke::run(args),
        Command::Mode(args) => mode::run(args),
        Command::Status(args) => status::run(args),
        Command::Recover(args) => recover::run(args),
        Command::Snapshot(args) => snapshot::run(args),
        Command::Install(args) => install::run(args),
        Command::Uninstall(args) => uninstall::run(args),
        Command::Completion(args) => {
            let mut script = Vec::new();
            clap_complete::generate(
                args.shell,
                &mut Cli::command().bin_name("kubectl-netintent"),
                "kubectl-netintent",
                &mut script,
            );
            let mut out = printer::stdout();
            out.write_all(&script)?;
            out.flush()?;
            Ok(Status::Yes)
        }
        Command::Version => {
            let mut out = printer::stdout();
            writeln!(out, "netintent {}", env!("CARGO_PKG_VERSION"))?;
            out.flush()?;
            Ok(Status::Yes)
        }
    }
}
