//! A folder that goes when the test process does.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::{env, fs, io};

use crate::Error;

/// Waits until the test process is gone, then removes the folder. The servers that write
/// into it end at the same moment, hence the second try.
const SWEEP: &str = r#"read -r _; rm -rf -- "$1" 2>/dev/null || { sleep 1; rm -rf -- "$1"; }"#;

/// A temporary folder, removed on drop and also when the process ends without dropping,
/// as it does for statics. Set `NETINTENT_KEEP` to keep it for a look at the logs.
#[derive(Debug)]
pub struct Scratch {
    path: PathBuf,
    sweeper: Option<Child>,
}

impl Scratch {
    /// Makes a new folder, readable by this user alone.
    ///
    /// # Errors
    ///
    /// If the folder cannot be made.
    pub fn new() -> Result<Self, Error> {
        let folder = tempfile::Builder::new()
            .prefix("netintent-")
            .tempdir()
            .map_err(Error::path("make a folder in", &env::temp_dir()))?;
        let path = folder.keep();
        if env::var_os("NETINTENT_KEEP").is_some() {
            return Ok(Self { path, sweeper: None });
        }
        let sweeper = sweeper(&path).map_err(Error::io("run sh"))?;
        Ok(Self { path, sweeper: Some(sweeper) })
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The folder `name` in it, made if need be.
    ///
    /// # Errors
    ///
    /// If the folder cannot be made.
    pub fn folder(&self, name: &str) -> Result<PathBuf, Error> {
        let path = self.path.join(name);
        fs::create_dir_all(&path).map_err(Error::path("make the folder", &path))?;
        Ok(path)
    }

    /// Writes the file `name` in it.
    ///
    /// # Errors
    ///
    /// If the file cannot be written.
    pub fn file(&self, name: &str, text: impl AsRef<[u8]>) -> Result<PathBuf, Error> {
        let path = self.path.join(name);
        fs::write(&path, text).map_err(Error::path("write", &path))?;
        Ok(path)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if let Some(mut sweeper) = self.sweeper.take() {
            drop(sweeper.stdin.take());
            // What is left over is a temporary folder: nothing to fail for.
            let _ = sweeper.wait();
        }
    }
}

/// Starts the shell that removes `path` once its standard input ends.
fn sweeper(path: &Path) -> io::Result<Child> {
    use std::os::unix::process::CommandExt;
    Command::new("sh")
        .args(["-c", SWEEP, "sweep"])
        .arg(path)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()
}
