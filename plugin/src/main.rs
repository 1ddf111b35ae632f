//! `kubectl netintent`: lists, diffs and explains who may call whom, and renders the policies that enforce it.
//!
//! Data flows one way: [`source`] reads manifests into a snapshot, a function of the library answers, [`render`] prints
//! through the one [`printer`]. What commands change in files, the one [`writer`] writes.

mod cli;
mod commands;
mod error;
mod printer;
mod render;
mod source;
mod writer;

use std::process::ExitCode;

use clap::Parser as _;
use netintent::names::printable;

/// Reading manifests is mostly allocation: this takes a third off a run, and more where libc is musl.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let cli = match cli::Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return printer::usage(&tame(error)),
    };
    cli.color.write_global();
    match commands::run(&cli) {
        Ok(status) => status.into(),
        Err(error) => error.report(),
    }
}

/// The same error about arguments without control characters: a script may have taken them from anywhere.
fn tame(error: clap::Error) -> clap::Error {
    let arguments = std::env::args_os().map(|argument| printable(&argument.to_string_lossy()));
    cli::Cli::try_parse_from(arguments).err().unwrap_or(error)
}
