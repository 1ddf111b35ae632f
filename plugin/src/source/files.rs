//! Which files a `-f` means, and their bytes.

use std::ffi::OsStr;
use std::fs;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use netintent::names::printable;

use super::cannot_read;
use crate::error::{Error, Result};

/// The largest file that is read, in bytes.
pub(crate) const MAX_FILE: u64 = 256 << 20;

/// A file in memory.
#[derive(Clone, Debug)]
pub(crate) struct File {
    /// Its path as the user would write it; `<stdin>` for standard input.
    pub(crate) name: String,
    /// What is in it.
    pub(crate) bytes: Arc<Vec<u8>>,
}

/// The files behind the paths, in their order; those of a folder in order of their paths.
pub(super) fn collect(paths: &[String]) -> Result<Vec<File>> {
    let mut files = Vec::new();
    for path in paths {
        if path == "-" {
            files.push(stdin()?);
            continue;
        }
        if path.starts_with("http://") || path.starts_with("https://") {
            let shown = printable(path);
            let help = format!("fetch it first: curl -sSfL {shown} | kubectl netintent … -f -");
            return Err(Error::with_help(format!("{shown} is a URL, and only files are read"), help));
        }
        let metadata = fs::metadata(path).map_err(|e| cannot_read(path, &e))?;
        if !metadata.is_dir() {
            files.push(read(Path::new(path))?);
            continue;
        }
        let mut found = Vec::new();
        walk(Path::new(path), &mut found)?;
        found.sort();
        if found.is_empty() {
            let help = "files that end in .yaml, .yml or .json are read, in all subfolders".to_owned();
            return Err(Error::with_help(format!("no manifest in folder {}", printable(path)), help));
        }
        for file in found {
            files.push(read(&file)?);
        }
    }
    Ok(files)
}

/// Whether a file in a folder is a manifest by its name. A kustomization is the recipe for manifests, and none itself.
pub(crate) fn is_manifest(path: &Path) -> bool {
    let part = |part: Option<&OsStr>| part.unwrap_or_default().to_string_lossy().to_ascii_lowercase();
    let (name, extension) = (part(path.file_stem()), part(path.extension()));
    matches!(extension.as_str(), "yaml" | "yml" | "json") && name != "kustomization" && !name.is_empty()
}

fn walk(folder: &Path, found: &mut Vec<PathBuf>) -> Result<()> {
    let entries = fs::read_dir(folder).map_err(|e| cannot_read(&folder.display().to_string(), &e))?;
    for entry in entries {
        let entry = entry.map_err(|e| cannot_read(&folder.display().to_string(), &e))?;
        let path = entry.path();
        let hidden = entry.file_name().to_string_lossy().starts_with('.');
        let kind = entry.file_type().map_err(|e| cannot_read(&path.display().to_string(), &e))?;
        if kind.is_dir() && !hidden {
            walk(&path, found)?;
        } else if !kind.is_dir() && !hidden && is_manifest(&path) {
            // A link to a folder could lead round in circles; one to a file is read.
            if fs::metadata(&path).is_ok_and(|m| m.is_dir()) {
                continue;
            }
            found.push(path);
        }
    }
    Ok(())
}

fn read(path: &Path) -> Result<File> {
    let name = path.display().to_string();
    let file = fs::File::open(path).map_err(|e| cannot_read(&name, &e))?;
    let size = file.metadata().map_or(0, |m| m.len());
    let bytes = limited(file, &name, size)?;
    Ok(File { name, bytes: Arc::new(bytes) })
}

fn stdin() -> Result<File> {
    let name = "<stdin>".to_owned();
    let bytes = limited(io::stdin().lock(), &name, 0)?;
    Ok(File { name, bytes: Arc::new(bytes) })
}

/// Reads to the end, but no more than the limit: a device or pipe has no size to ask for.
fn limited(reader: impl io::Read, name: &str, expected: u64) -> Result<Vec<u8>> {
    if expected > MAX_FILE {
        return Err(too_large(name));
    }
    let mut bytes = Vec::with_capacity(usize::try_from(expected).unwrap_or_default() + 1);
    reader.take(MAX_FILE + 1).read_to_end(&mut bytes).map_err(|e| cannot_read(name, &e))?;
    if bytes.len() as u64 > MAX_FILE { Err(too_large(name)) } else { Ok(bytes) }
}

fn too_large(name: &str) -> Error {
    let message = format!("{} has more than {} MiB, the most that is read", printable(name), MAX_FILE >> 20);
    Error::with_help(message, "split it into several files".to_owned())
}
