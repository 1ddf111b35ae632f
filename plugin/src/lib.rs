//! `kubectl netintent`: lists, diffs and explains who may call whom, checks manifests, renders policies and writes approvals.
//!
//! Data flows one way: `source` reads manifests into a snapshot, a function of the library answers, `render` prints
//! through the one `printer`. What commands change in files, the one `writer` writes.
//!
//! This is the program. Tests of other crates use how it reads its arguments ([`cli`]), and what it asks git ([`git`]).

pub mod cli;
mod cluster;
mod commands;
mod completion;
mod error;
pub mod git;
mod printer;
mod render;
mod source;
mod writer;

use std::ffi::OsString;
use std::process::ExitCode;

/// Does what the arguments say, the program's own name first.
pub fn run(arguments: &[OsString]) -> ExitCode {
    if arguments.first().is_some_and(|program| completion::is_asked(program)) {
        return completion::run(arguments);
    }
    let cli = match cli::parse(arguments) {
        Ok(cli) => cli,
        Err(error) => return printer::usage(&error),
    };
    cli.color.write_global();
    match commands::run(&cli) {
        Ok(status) => status.into(),
        Err(error) => error.report(),
    }
}
