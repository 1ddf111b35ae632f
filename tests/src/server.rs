//! A server process that never outlives the test process.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::Write as _;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::Error;

/// Runs the server, sends it the signals that standard input names, a line each, and, once
/// that ends, kills it by its process id. Standard input is a pipe that the test process
/// holds: it ends on drop, and also when the test process panics, aborts or is killed. The
/// server's data are thrown away, so it is not asked to end in order, which takes an API
/// server a minute.
const WATCH: &str = r#"
exec 3<&0 </dev/null
told=$1
shift
"$@" 3<&- &
child=$!
echo "$child" >"$told.new" && mv "$told.new" "$told"
{ while read -r signal <&3; do kill -s "$signal" "$child"; done; kill -KILL "$child"; } 2>/dev/null &
watcher=$!
exec 3<&-
wait "$child"
code=$?
kill -KILL "$watcher" 2>/dev/null
exit "$code"
"#;

/// How long a program may take to be started.
const STARTS: Duration = Duration::from_secs(10);
/// How often is looked whether it has come true.
const POLL: Duration = Duration::from_millis(20);
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
        // One of the same log may have run before.
        let _ = fs::remove_file(told(log));
        let err = out.try_clone().map_err(Error::path("write", log))?;
        let watch = Command::new("sh")
            .args(["-c", WATCH, "watch"])
            .arg(told(log))
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

    /// Sends a signal, such as `TERM`, to the program itself.
    ///
    /// # Errors
    ///
    /// If it has ended.
    pub fn signal(&mut self, name: &str) -> Result<(), Error> {
        let pipe = self.watch.stdin.as_mut();
        let pipe = pipe.ok_or_else(|| Error::Client { what: format!("{} has no watcher", self.name) })?;
        writeln!(pipe, "{name}").map_err(Error::io(format!("send {name} to {}", self.name)))
    }

    /// Waits until it has ended by itself, and says how. What a signal ended has the exit code that a shell gives it.
    ///
    /// # Errors
    ///
    /// If it does not end in time; the error shows its log.
    pub fn wait(&mut self, patience: Duration) -> Result<ExitStatus, Error> {
        let began = Instant::now();
        loop {
            if let Some(status) = self.ended()? {
                return Ok(status);
            }
            if began.elapsed() > patience {
                let what = format!("{} has not ended within {patience:?}", self.name);
                return Err(Error::Server { what, logs: self.tail() });
            }
            thread::sleep(POLL);
        }
    }

    /// The program's process id.
    ///
    /// # Errors
    ///
    /// If it has not been started.
    pub fn id(&self) -> Result<u32, Error> {
        let path = told(&self.log);
        let began = Instant::now();
        loop {
            match fs::read_to_string(&path) {
                Ok(text) => {
                    let wrong = |_| Error::Client { what: format!("{} holds no process id", path.display()) };
                    return text.trim().parse().map_err(wrong);
                }
                // The shell is only just starting it.
                Err(_) if began.elapsed() < STARTS => thread::sleep(POLL),
                Err(error) => return Err(Error::path("read", &path)(error)),
            }
        }
    }

    /// The most memory that the program had at once, in bytes, as the kernel counts it.
    ///
    /// # Errors
    ///
    /// If it has ended.
    pub fn peak_memory(&self) -> Result<u64, Error> {
        let path = PathBuf::from(format!("/proc/{}/status", self.id()?));
        let text = fs::read_to_string(&path).map_err(Error::path("read", &path))?;
        let kib = text.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB")?.parse().ok());
        let kib: u64 = kib.ok_or_else(|| Error::Client { what: format!("no VmHWM in {}", path.display()) })?;
        Ok(kib * 1024)
    }

    /// How long the program was on processors so far, all of its threads together.
    ///
    /// # Errors
    ///
    /// If it has ended.
    pub fn processor_time(&self) -> Result<Duration, Error> {
        let path = PathBuf::from(format!("/proc/{}/stat", self.id()?));
        let text = fs::read_to_string(&path).map_err(Error::path("read", &path))?;
        // In hundredths of a second, of this program and of the kernel for it. Its name may have spaces, and is in brackets.
        let times = text.rsplit_once(") ").map(|(_, rest)| rest.split(' ').skip(11).take(2).map(str::parse::<u64>));
        let ticks: Option<Vec<u64>> = times.and_then(|times| times.collect::<Result<_, _>>().ok());
        let ticks = ticks.ok_or_else(|| Error::Client { what: format!("no times in {}", path.display()) })?;
        Ok(Duration::from_millis(10 * ticks.iter().sum::<u64>()))
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

/// Where the watcher writes the program's process id.
fn told(log: &Path) -> PathBuf {
    log.with_extension("pid")
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.watch.stdin.take());
        // It was killed: how it ended says nothing.
        let _ = self.watch.wait();
    }
}
