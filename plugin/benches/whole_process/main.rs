//! How long `kubectl netintent` takes, from start to exit, beside the time it takes to merely read the same files.
//!
//! ```text
//! cargo bench -p kubectl-netintent --bench whole_process                # one to two minutes
//! cargo bench -p kubectl-netintent --bench whole_process -- --large     # and a cluster of ten times the size
//! cargo bench -p kubectl-netintent --bench whole_process -- --rounds 5  # fewer runs of each command
//! ```
//!
//! The yardstick is a process of its own that runs one thread over every byte and turns it into YAML events: see
//! [`scan`]. Each run of a command follows directly on a run of its yardstick, and the ratio is the median of those
//! pairs' ratios, so that a machine that is busy for a while slows both.
//!
//! Criterion is not used here: it measures functions of one process, and can't tell how much memory another one took.

mod cases;
mod clusters;
mod report;
mod rounds;
mod run;
mod scan;

use std::error::Error;
use std::process::ExitCode;

/// The yardstick allocates as the program does: a difference between allocators is no difference between programs.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    // The benchmark is its own helper: what a child does takes nothing of the memory from which its next child starts.
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [scan::COMMAND, ref folders @ ..] => scan::run(folders)?,
        [clusters::COMMAND, variant, folder] => clusters::write(variant, folder)?,
        ref others => return benchmark(others),
    }
    Ok(ExitCode::SUCCESS)
}

/// Succeeds if every figure is within its limit.
fn benchmark(arguments: &[&str]) -> Result<ExitCode, Box<dyn Error>> {
    // `cargo bench` passes arguments of its own, and those meant for other benchmarks.
    let large = arguments.contains(&"--large");
    let after = arguments.iter().position(|argument| *argument == "--rounds").map(|at| at + 1);
    let rounds = match after.map(|at| arguments.get(at)) {
        None => rounds::DEFAULT,
        Some(count) => count.ok_or("--rounds: a number was expected")?.parse()?,
    };
    let folder = tempfile::tempdir()?;
    let clusters = clusters::Clusters::write_all(folder.path(), large)?;
    let cases = cases::all(&clusters)?;
    let mut rows = Vec::new();
    for case in &cases {
        let measured = rounds::measure(case, rounds)?;
        rows.push(report::Row::new(case, &measured));
    }
    let within = rows.iter().all(report::Row::is_within);
    report::print(&clusters, &rows)?;
    Ok(if within { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
