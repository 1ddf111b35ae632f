//! The program `kubectl netintent`.

use std::ffi::OsString;
use std::process::ExitCode;

/// Reading manifests is mostly allocation: this takes a third off a run, and more where libc is musl.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().collect();
    kubectl_netintent::run(&arguments)
}
