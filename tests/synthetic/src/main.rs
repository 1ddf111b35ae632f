//! Writes the manifests of a synthetic cluster into a directory.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, ValueEnum};
use netintent_synthetic::{Mode, Shape, synthesize};

/// Writes realistic manifests of a synthetic Kubernetes cluster; the same flags always write the same bytes.
///
/// For something to diff, run it twice: once as it is, once with --change, into two directories.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    /// Services, each with a workload behind it
    #[arg(long, default_value_t = 1_500)]
    services: usize,
    /// Intents of one caller for one callee; wildcards come on top
    #[arg(long, default_value_t = 9_300)]
    intents: usize,
    /// Managed namespaces
    #[arg(long, default_value_t = 40)]
    namespaces: usize,
    /// The same seed gives the same cluster
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// The label `netintent.dev/mode` of every managed namespace
    #[arg(long, value_enum, default_value_t = ModeFlag::Enforce)]
    mode: ModeFlag,
    /// Share of intents that no approval covers
    #[arg(long, default_value_t = 0.01, value_parser = share)]
    unapproved: f64,
    /// Share of intents that differ from the cluster without this flag
    #[arg(long, default_value_t = 0.0, value_parser = share)]
    change: f64,
    /// How many files to spread the documents over; without it, one per namespace and one for the cluster
    #[arg(long)]
    files: Option<usize>,
    /// Where to write; created where missing, other files in it are left alone
    dir: PathBuf,
}

#[derive(Clone, Copy, ValueEnum)]
enum ModeFlag {
    Enforce,
    Shadow,
    Off,
}

fn share(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(share) if (0.0..=1.0).contains(&share) => Ok(share),
        _ => Err("expected a number from 0 to 1".to_owned()),
    }
}

fn write(arguments: &Arguments) -> std::io::Result<()> {
    let files = synthesize(&Shape {
        services: arguments.services,
        intents: arguments.intents,
        namespaces: arguments.namespaces,
        seed: arguments.seed,
        mode: match arguments.mode {
            ModeFlag::Enforce => Mode::Enforce,
            ModeFlag::Shadow => Mode::Shadow,
            ModeFlag::Off => Mode::Off,
        },
        unapproved: arguments.unapproved,
        change: arguments.change,
        files: arguments.files,
    });
    std::fs::create_dir_all(&arguments.dir)?;
    for file in files {
        std::fs::write(arguments.dir.join(file.name), file.text)?;
    }
    Ok(())
}

fn main() -> ExitCode {
    match write(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Nothing is left to do if standard error is gone too.
            let _ = writeln!(std::io::stderr(), "error: {error}");
            ExitCode::from(2)
        }
    }
}
