//! The table of odd manifest files, and what kubectl and the API server say of each.
//!
//! `odd/verdicts.tsv` has one line per file: its name, `accepted` or `refused`, words of
//! kubectl's output (or `-`), and for a refusal whether what is refused can change who may
//! connect to whom (`connectivity`) or not (`other`). `odd/verdicts-1.33.tsv` has the files
//! for which an older server says something else. The test `odd_files` holds both tables
//! against the real server, so other tests may take them as the truth.
//!
//! The verdict is that of client-side `kubectl apply` on an object that does not exist yet:
//! `kubectl create` and `kubectl apply --server-side` differ on nulls, as those files say.

use std::fs;
use std::path::{Path, PathBuf};

use crate::Error;
use crate::tools::crate_folder;

/// One odd file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Odd {
    /// The file.
    pub path: PathBuf,
    /// Whether `kubectl apply --dry-run=server` takes it.
    pub accepted: bool,
    /// Words that kubectl's output contains, where spaces stand for any white space;
    /// empty if it says nothing worth noting.
    pub reason: String,
    /// Whether a refusal is about something that decides who may connect to whom.
    pub connectivity: bool,
}

/// The folder that holds the files and the tables.
pub fn folder() -> PathBuf {
    crate_folder("odd")
}

/// Reads the table: what the pinned release says as it comes.
///
/// # Errors
///
/// If it cannot be read or has a line that is not as described above.
pub fn table() -> Result<Vec<Odd>, Error> {
    read("verdicts.tsv")
}

/// Reads the exceptions: the files of which a server says something else that runs with
/// [`OLDER`], the defaults of Kubernetes 1.33 to 1.35.
///
/// # Errors
///
/// As [`table`].
pub fn exceptions() -> Result<Vec<Odd>, Error> {
    read("verdicts-1.33.tsv")
}

/// The settings of kube-apiserver's validation that have changed since Kubernetes 1.33.
pub const OLDER: &str = "--feature-gates=StrictIPCIDRValidation=false,RelaxedServiceNameValidation=false";

fn read(name: &str) -> Result<Vec<Odd>, Error> {
    let folder = folder();
    let file = folder.join(name);
    let text = fs::read_to_string(&file).map_err(Error::path("read", &file))?;
    text.lines()
        .enumerate()
        .filter(|(_, line)| !line.is_empty() && !line.starts_with('#'))
        .map(|(index, line)| {
            parse(&folder, line).map_err(|what| Error::Table { file: file.clone(), line: index + 1, what })
        })
        .collect()
}

fn parse(folder: &Path, line: &str) -> Result<Odd, String> {
    let columns: Vec<&str> = line.split('\t').collect();
    let [name, verdict, reason, about] = columns[..] else {
        return Err(format!("{} columns instead of 4, separated by tabs", columns.len()));
    };
    let (accepted, connectivity) = match (verdict, about) {
        ("accepted", "-") => (true, false),
        ("refused", "connectivity") => (false, true),
        ("refused", "other") => (false, false),
        _ => return Err(format!("`{verdict}` with `{about}`")),
    };
    let reason = if reason == "-" { String::new() } else { reason.to_owned() };
    Ok(Odd { path: folder.join(name), accepted, reason, connectivity })
}
