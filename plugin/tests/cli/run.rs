//! Runs the binary as nothing but its arguments and its input decide, and compares with what is kept.

use std::path::{Path, PathBuf};

use snapbox::assert::{Assert, DEFAULT_ACTION_ENV};
use snapbox::cmd::Command;
use snapbox::data::DataFormat;
use snapbox::{Data, IntoData as _};

/// What a run said.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) status: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// The root of the repository: paths in the output read as a user would write them there.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// The folder of the snapshots.
pub(crate) fn snapshots() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/snapshots")
}

/// The binary, with an empty environment but for the width that help is wrapped to.
pub(crate) fn command(folder: &Path) -> Command {
    Command::new(snapbox::cmd::cargo_bin!("kubectl-netintent")).env_clear().env("COLUMNS", "100").current_dir(folder)
}

/// Runs it in a folder.
pub(crate) fn run_in(folder: &Path, args: &[&str]) -> Said {
    said(command(folder).args(args))
}

/// Runs it in the root of the repository.
pub(crate) fn run(args: &[&str]) -> Said {
    run_in(&root(), args)
}

/// Runs it on a manifest that comes by standard input.
pub(crate) fn run_on(manifest: &str, args: &[&str]) -> Said {
    said(command(&root()).args(args).args(["-f", "-"]).stdin(manifest.to_owned()))
}

/// Runs a command to its end.
pub(crate) fn said(command: Command) -> Said {
    let output = command.output().unwrap();
    Said {
        status: output.status.code().expect("the binary died of a signal"),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

impl Said {
    /// The whole of it as one text.
    fn told(&self, args: &[&str]) -> String {
        let quoted = args.iter().map(|arg| if arg.contains([' ', '*']) { format!("'{arg}'") } else { (*arg).into() });
        let line = quoted.collect::<Vec<_>>().join(" ");
        let stream = |name: &str, text: &str| {
            if text.is_empty() { format!("--- nothing on {name}\n") } else { format!("--- {name}\n{text}") }
        };
        format!(
            "$ kubectl netintent {line}\n--- exit status {}\n{}{}",
            self.status,
            stream("stdout", &self.stdout),
            stream("stderr", &self.stderr)
        )
    }

    /// Compares with a snapshot; `SNAPSHOTS=overwrite` keeps what was said instead.
    pub(crate) fn check(&self, name: &str, args: &[&str]) {
        self.check_without(name, args, &[]);
    }

    /// The same where some words (a temporary folder) differ from run to run.
    pub(crate) fn check_without(&self, name: &str, args: &[&str], words: &[(&str, &str)]) {
        let mut told = self.told(args);
        for (word, instead) in words {
            told = told.replace(word, instead);
        }
        let kept = Data::read_from(&snapshots().join(format!("{name}.txt")), Some(DataFormat::Text)).raw();
        Assert::new().action_env(DEFAULT_ACTION_ENV).eq(told.into_data().raw(), kept);
    }
}
