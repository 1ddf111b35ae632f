//! A terminal of a test's own, on which a program runs as if somebody sat there.

use std::fs::{File, OpenOptions};
use std::io::{Read as _, Write as _};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::process::{Child, Command, ExitStatus, Stdio};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::OFlags;
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};

use crate::Error;

/// How long a program may say nothing.
const PATIENCE: Timespec = Timespec { tv_sec: 60, tv_nsec: 0 };

/// A program on a terminal, and all that it has written there.
#[derive(Debug)]
pub struct Terminal {
    ours: File,
    child: Child,
    written: Vec<u8>,
}

impl Terminal {
    /// Runs a command on a terminal of so many columns.
    ///
    /// # Errors
    ///
    /// If the system gives no terminal, or the command cannot be run.
    pub fn run(command: &mut Command, columns: u16) -> Result<Self, Error> {
        let open = || -> std::io::Result<(File, File)> {
            let ours = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC)?;
            grantpt(&ours)?;
            unlockpt(&ours)?;
            tcsetwinsize(&ours, Winsize { ws_row: 40, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 })?;
            let name = ptsname(&ours, Vec::new())?;
            let flags = i32::try_from(OFlags::NOCTTY.bits()).unwrap_or_default();
            let path = std::ffi::OsStr::from_bytes(name.as_bytes());
            let theirs = OpenOptions::new().read(true).write(true).custom_flags(flags).open(path)?;
            Ok((ours.into(), theirs))
        };
        let (ours, theirs) = open().map_err(Error::io("open a terminal"))?;
        let file = || theirs.try_clone().map(Stdio::from).map_err(Error::io("open a terminal"));
        command.stdin(file()?).stdout(file()?).stderr(file()?).env("TERM", "xterm-256color");
        let child = command.spawn().map_err(Error::io("run a program on a terminal"))?;
        // Neither this nor the command may hold it open when the program has ended.
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        Ok(Self { ours, child, written: Vec::new() })
    }

    /// Reads until this is written, and gives all that was.
    ///
    /// # Errors
    ///
    /// If the program ends before.
    pub fn until(&mut self, text: &str) -> Result<String, Error> {
        loop {
            let written = String::from_utf8_lossy(&self.written).into_owned();
            if written.contains(text) {
                return Ok(written);
            }
            if !self.read()? {
                return Err(Error::Client { what: format!("it ended without `{text}`: {written}") });
            }
        }
    }

    /// Types a line.
    ///
    /// # Errors
    ///
    /// If the terminal is gone.
    pub fn types(&mut self, line: &str) -> Result<(), Error> {
        self.ours.write_all(format!("{line}\n").as_bytes()).map_err(Error::io("type on a terminal"))
    }

    /// Waits for the end, and gives all that was written.
    ///
    /// # Errors
    ///
    /// If the terminal can't be read.
    pub fn ends(mut self) -> Result<(ExitStatus, String), Error> {
        while self.read()? {}
        let status = self.child.wait().map_err(Error::io("wait for a program"))?;
        Ok((status, String::from_utf8_lossy(&self.written).into_owned()))
    }

    /// Reads something; false at the end.
    fn read(&mut self) -> Result<bool, Error> {
        let mut buffer = [0; 4096];
        let mut ready = [PollFd::new(&self.ours, PollFlags::IN)];
        let polled =
            poll(&mut ready, Some(&PATIENCE)).map_err(|error| Error::io("wait for a terminal")(error.into()))?;
        if polled == 0 {
            let written = String::from_utf8_lossy(&self.written);
            return Err(Error::Client { what: format!("for {} s it writes nothing: {written}", PATIENCE.tv_sec) });
        }
        match self.ours.read(&mut buffer) {
            Ok(0) => Ok(false),
            Ok(count) => {
                self.written.extend_from_slice(&buffer[..count]);
                Ok(true)
            }
            // What Linux says once nobody has the other end.
            Err(error) if error.raw_os_error() == Some(rustix::io::Errno::IO.raw_os_error()) => Ok(false),
            Err(error) => Err(Error::io("read a terminal")(error)),
        }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // It may have ended by itself.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}
