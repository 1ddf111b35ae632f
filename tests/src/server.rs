//! A server process that never outlives the test process.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};

use crate::Error;

/// Runs the server and, once standard input ends, kills it by its process id. Standard
/// input is a pipe that the test process holds: it ends on drop, and also when the test
/// process panics, aborts or is killed. The server's data are thrown away, so it is not
/// asked to end in order, which takes an API server a minute.
const WATCH: &str = r#"
exec 3<&0 </dev/null
"$@" 3<&- &
child=$!
{ read -r _ <&3; kill -KILL "$child"; } 2>/dev/null &
watcher=$!
exec 3<&-
wait "$child"
code=$?
kill -KILL "$watcher" 2>/dev/null
exit "$code"
"#;

/// How much of a log is shown when something failed.
const TAIL: usize = 40;

/// A running server; it ends on drop or with the test process, whichever is first.
#[derive(Debug)]
pub struct Server {
    name: String,
    log: PathBuf,
    watch: Child,
}

impl Server {
    /// Starts `program`, with its output in `log`.
    ///
    /// # Errors
    ///
    /// If the log cannot be written or no shell can be run. A program that cannot be run
    /// shows as one that [`ended`](Self::ended), with the reason in its log.
    pub fn spawn<A: AsRef<OsStr>>(
        program: &Path,
        args: impl IntoIterator<Item = A>,
        log: &Path,
    ) -> Result<Self, Error> {
        let name = program.file_name().unwrap_or(program.as_os_str()).to_string_lossy();
        let out = File::create(log).map_err(Error::path("write", log))?;
        let err = out.try_clone().map_err(Error::path("write", log))?;
        let watch = Command::new("sh")
            .args(["-c", WATCH, "watch"])
            .arg(program)
            .args(args)
            .stdin(Stdio::piped())
            .stdout(out)
            .stderr(err)
            // A Ctrl-C at the terminal ends the test process, and that ends the server.
            .process_group(0)
            .spawn()
            .map_err(Error::io("run sh"))?;
        Ok(Self { name: name.into_owned(), log: log.to_owned(), watch })
    }

    /// The program's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How it ended, if it did.
    ///
    /// # Errors
    ///
    /// If the system does not say.
    pub fn ended(&mut self) -> Result<Option<ExitStatus>, Error> {
        self.watch.try_wait().map_err(Error::io(format!("wait for {}", self.name)))
    }

    /// The whole log.
    pub fn log(&self) -> String {
        match fs::read(&self.log) {
            Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
            Err(error) => format!("cannot read {}: {error}", self.log.display()),
        }
    }

    /// The end of the log, headed by the server's name.
    pub fn tail(&self) -> String {
        let log = self.log();
        let lines: Vec<&str> = log.lines().collect();
        let shown = &lines[lines.len().saturating_sub(TAIL)..];
        format!(
            "--- the end of the log of {} (NETINTENT_KEEP=1 keeps all of it in {})\n{}\n",
            self.name,
            self.log.display(),
            shown.join("\n")
        )
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.watch.stdin.take());
        // It was killed: how it ended says nothing.
        let _ = self.watch.wait();
    }
}
