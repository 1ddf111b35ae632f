//! Commands that should succeed, and what they print.

use std::ffi::OsStr;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::thread;

use crate::Error;

/// What the command prints; an exit code other than 0 is an error with all it wrote.
pub(crate) fn text(command: &mut Command) -> Result<String, Error> {
    let output = command.output().map_err(Error::path("run", Path::new(command.get_program())))?;
    success(command, &output)
}

/// The same with `input` on its stdin.
pub(crate) fn pipe(command: &mut Command, input: &str) -> Result<String, Error> {
    let program = Path::new(command.get_program()).to_owned();
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(Error::path("run", &program))?;
    let stdin = child.stdin.take();
    // A thread of its own, since the command may answer before it has read everything.
    let output = thread::scope(|scope| {
        // One that does not read its input says so by its exit code.
        scope.spawn(move || stdin.map(|mut stdin| stdin.write_all(input.as_bytes())));
        child.wait_with_output()
    })
    .map_err(Error::path("run", &program))?;
    success(command, &output)
}

/// stdout where the command succeeded, else an error with all it wrote.
fn success(command: &Command, output: &Output) -> Result<String, Error> {
    let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
    if output.status.success() {
        return Ok(stdout);
    }
    let program = Path::new(command.get_program()).file_name().unwrap_or(command.get_program());
    let words: Vec<_> = [program].into_iter().chain(command.get_args()).map(OsStr::to_string_lossy).collect();
    Err(Error::Command {
        command: words.join(" "),
        status: output.status.to_string(),
        output: stdout + &String::from_utf8_lossy(&output.stderr),
    })
}
