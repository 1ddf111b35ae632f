//! A server in a process of its own, and what the kernel says of it.

use std::ffi::OsStr;
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::Result;
use crate::servers::{COMMAND, Kind};

/// Runs the benchmark as its own helper, to its end.
pub(crate) fn run(arguments: &[&OsStr]) -> Result {
    let status = Command::new(std::env::current_exe()?).args(arguments).status()?;
    if status.success() { Ok(()) } else { Err(format!("{arguments:?}: {status}").into()) }
}

/// A server that ends with its standard input, and so with this process.
#[derive(Debug)]
pub(crate) struct Server {
    child: Child,
    port: u16,
}

/// Resident memory, in bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Memory {
    /// Now.
    pub(crate) now: u64,
    /// The most there was.
    pub(crate) peak: u64,
}

impl Server {
    /// Starts it, and waits until it listens.
    pub(crate) fn start(kind: Kind, folder: &Path) -> Result<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        command.args([COMMAND, kind.name()]).arg(folder);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let mut line = String::new();
        BufReader::new(child.stdout.take().ok_or("no output")?).read_line(&mut line)?;
        let port = line.trim().parse().map_err(|_| format!("{} did not start", kind.name()))?;
        Ok(Self { child, port })
    }

    /// Where it listens.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// How long it was on processors so far, all of its threads together. None of them ends before it does.
    pub(crate) fn cpu(&self) -> Result<Duration> {
        let mut sum = 0;
        for thread in fs::read_dir(format!("/proc/{}/task", self.child.id()))? {
            let text = fs::read_to_string(thread?.path().join("schedstat"))?;
            sum += text.split(' ').next().ok_or("not /proc/PID/task/TID/schedstat")?.parse::<u64>()?;
        }
        Ok(Duration::from_nanos(sum))
    }

    /// How much memory it has.
    pub(crate) fn memory(&self) -> Result<Memory> {
        let text = fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let kib = |key: &str| -> Result<u64> {
            let line = text.lines().find_map(|line| line.strip_prefix(key)).ok_or_else(|| format!("no {key}"))?;
            Ok(line.trim().trim_end_matches(" kB").parse::<u64>()? * 1024)
        };
        Ok(Memory { now: kib("VmRSS:")?, peak: kib("VmHWM:")? })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        // It was told to end; there is nobody to tell that it did not.
        let _ = self.child.wait();
    }
}
