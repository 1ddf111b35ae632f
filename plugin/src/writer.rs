//! The one place that changes files: whole or not at all, and never over what somebody else wrote meanwhile.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use netintent::names::printable;

/// A file that is to change.
pub(crate) struct Target {
    /// Its name for messages.
    name: String,
    /// The file itself, behind all links.
    path: PathBuf,
    is_link: bool,
    /// What was read in it; `None` where there was no such file.
    before: Option<Vec<u8>>,
}

/// How many links may lead to one another.
const MOST_LINKS: u32 = 40;
/// How many temporary files that somebody left may stand in the way.
const MOST_LEFT: u32 = 100;

impl Target {
    /// The file at a path, in which `before` was read.
    ///
    /// # Errors
    /// Where it can't be written, as far as that can be told without trying.
    pub(crate) fn new(name: &str, before: Option<&[u8]>) -> Result<Self, String> {
        let shown = printable(name);
        let path = behind_links(Path::new(name)).map_err(|error| cannot(&shown, &error))?;
        match fs::metadata(&path) {
            Ok(metadata) if metadata.is_dir() => return Err(format!("cannot write {shown}: it is a folder")),
            Ok(metadata) if !metadata.is_file() => return Err(format!("cannot write {shown}: it is no regular file")),
            Ok(metadata) if metadata.permissions().readonly() => {
                return Err(format!("cannot write {shown}: it is read-only"));
            }
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                if !folder(&path).is_dir() {
                    return Err(format!("cannot write {shown}: there is no folder {}", folder(&path).display()));
                }
            }
            Err(error) => return Err(cannot(&shown, &error)),
        }
        Ok(Self { name: shown, is_link: path != Path::new(name), path, before: before.map(<[u8]>::to_vec) })
    }

    /// Puts a text in its place. A reader sees the old one or the new one, never a part.
    ///
    /// # Errors
    /// Where it can't be written, or is no longer what was read.
    pub(crate) fn write(&self, text: &str) -> Result<(), String> {
        let _lock = self.unchanged()?;
        let (temporary, file) = self.temporary().map_err(|error| cannot(&self.name, &error))?;
        let written = self.fill(file, text).and_then(|()| fs::rename(&temporary, &self.path));
        written.map_err(|error| {
            // What is left lying about is the smaller trouble.
            let _ = fs::remove_file(&temporary);
            cannot(&self.name, &error)
        })
    }

    /// Removes the file; what a link leads to is only emptied.
    ///
    /// # Errors
    /// As [`Target::write`].
    pub(crate) fn remove(&self) -> Result<(), String> {
        if self.is_link {
            return self.write("");
        }
        let _lock = self.unchanged()?;
        fs::remove_file(&self.path).map_err(|error| cannot(&self.name, &error))
    }

    /// Whether [`Target::remove`] removes it.
    pub(crate) fn is_removable(&self) -> bool {
        !self.is_link
    }

    /// Makes sure that the file is what was read, and that no other process of ours changes it as long as the lock is held.
    fn unchanged(&self) -> Result<Option<File>, String> {
        // Not every file system has locks: there, the moment from here to the rename is left to luck.
        let lock = File::open(folder(&self.path)).ok().filter(|folder| folder.lock().is_ok());
        let now = match fs::read(&self.path) {
            Ok(bytes) => Some(bytes),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(cannot(&self.name, &error)),
        };
        if now == self.before {
            return Ok(lock);
        }
        Err(format!("cannot write {}: somebody else changed it meanwhile: run the command again", self.name))
    }

    /// A file beside it, hidden and of no name that is read.
    fn temporary(&self) -> io::Result<(PathBuf, File)> {
        let name = self.path.file_name().unwrap_or_default().to_string_lossy();
        let mut number = 0;
        loop {
            let path = folder(&self.path).join(format!(".{name}.{}-{number}.tmp", std::process::id()));
            match OpenOptions::new().write(true).create_new(true).open(&path) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists && number < MOST_LEFT => number += 1,
                opened => return opened.map(|file| (path, file)),
            }
        }
    }

    fn fill(&self, mut file: File, text: &str) -> io::Result<()> {
        file.write_all(text.as_bytes())?;
        if self.before.is_some() {
            file.set_permissions(fs::metadata(&self.path)?.permissions())?;
        }
        file.sync_all()
    }
}

fn cannot(name: &str, error: &io::Error) -> String {
    format!("cannot write {name}: {error}")
}

fn folder(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// What a path leads to in the end, be there such a file or not.
fn behind_links(path: &Path) -> io::Result<PathBuf> {
    let mut path = path.to_owned();
    for _ in 0..MOST_LINKS {
        match fs::symlink_metadata(&path) {
            Ok(metadata) if metadata.is_symlink() => path = folder(&path).join(fs::read_link(&path)?),
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => return Ok(path),
        }
    }
    Err(io::Error::other("links lead round in circles"))
}
