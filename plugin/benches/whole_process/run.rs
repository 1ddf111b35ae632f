//! Runs a process to its end, and says what it took.

use std::error::Error;
use std::io::{self, Read as _};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use wait4::Wait4 as _;

/// The program under test.
const PROGRAM: &str = env!("CARGO_BIN_EXE_kubectl-netintent");

/// What to run: a program and its arguments.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    program: String,
    arguments: Vec<String>,
}

impl Line {
    /// `kubectl-netintent` with these arguments.
    pub(crate) fn netintent(arguments: &[&str]) -> Self {
        Self::new(PROGRAM.to_owned(), arguments)
    }

    /// The scan of these folders.
    pub(crate) fn scan(folders: &[&str]) -> Result<Self, Box<dyn Error>> {
        let own = std::env::current_exe()?;
        let own = own.to_str().ok_or("the benchmark's path is not UTF-8")?.to_owned();
        Ok(Self::new(own, &[&[super::scan::COMMAND], folders].concat()))
    }

    fn new(program: String, arguments: &[&str]) -> Self {
        Self { program, arguments: arguments.iter().map(|argument| (*argument).to_owned()).collect() }
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.args(&self.arguments).stdin(Stdio::null()).stderr(Stdio::null());
        command
    }

    /// Runs it; its output goes nowhere, so that a slow reader is not measured.
    pub(crate) fn run(&self) -> Result<Usage, Box<dyn Error>> {
        let start = Instant::now();
        let ended = self.command().stdout(Stdio::null()).spawn()?.wait4()?;
        let time = start.elapsed();
        // 1 is an answer too: denied, or different.
        if !matches!(ended.status.code(), Some(0 | 1)) {
            return Err(format!("{} {}: {}", self.program, self.arguments.join(" "), ended.status).into());
        }
        Ok(Usage { time, cpu: ended.rusage.utime + ended.rusage.stime, peak: ended.rusage.maxrss })
    }

    /// Runs it and counts the bytes of its output.
    pub(crate) fn output_size(&self) -> Result<u64, Box<dyn Error>> {
        let mut child = self.command().stdout(Stdio::piped()).spawn()?;
        let mut output = child.stdout.take().ok_or("no output")?;
        let count = io::copy(&mut output, &mut io::sink())?;
        child.wait()?;
        Ok(count)
    }

    /// Runs it and returns its output.
    pub(crate) fn output(&self) -> Result<String, Box<dyn Error>> {
        let mut child = self.command().stdout(Stdio::piped()).spawn()?;
        let mut text = String::new();
        child.stdout.take().ok_or("no output")?.read_to_string(&mut text)?;
        child.wait()?;
        Ok(text)
    }
}

/// What a run took.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Usage {
    /// From start to exit.
    pub(crate) time: Duration,
    /// Time on processors, all threads together.
    pub(crate) cpu: Duration,
    /// The most memory it had at once, in bytes.
    ///
    /// The kernel counts from before the program replaces its parent's image. The benchmark itself must stay small,
    /// then, or it would measure itself.
    pub(crate) peak: u64,
}
