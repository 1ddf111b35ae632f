//! The same paths at a git revision, by the user's own git.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

use super::files::{File, MAX_FILE, is_manifest};
use crate::error::{Error, Result};

/// The files that the paths had at `revision`.
pub(super) fn collect(revision: &str, paths: &[String]) -> Result<Vec<File>> {
    let mut files = Vec::new();
    for path in paths {
        if path == "-" {
            return Err(Error::new("--base-rev needs paths with -f: standard input has no revision"));
        }
        let path = Path::new(path);
        // The folder that git runs in must exist, though the file may be gone; git's paths are relative to it.
        let folder = if path.is_dir() {
            path
        } else {
            path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."))
        };
        let commit = commit(folder, revision)?;
        let wanted = if path.is_dir() { ".".as_ref() } else { path.file_name().unwrap_or_default() };
        let listing = git(
            folder,
            ["ls-tree", "-r", "-z", commit.as_str(), "--"].iter().map(AsRef::as_ref).chain([wanted]),
            None,
        )?;
        let mut found = Vec::new();
        for record in listing.split(|b| *b == 0).filter(|r| !r.is_empty()) {
            let record = String::from_utf8_lossy(record);
            let Some((meta, name)) = record.split_once('\t') else { continue };
            let mut meta = meta.split(' ');
            let (mode, id) = (meta.next().unwrap_or_default(), meta.nth(1).unwrap_or_default());
            let hidden = name.split('/').any(|part| part.starts_with('.') && part != "..");
            // Neither a submodule nor a link has a manifest's text.
            // A file is read whatever its name; what lies in a folder, which may be gone by now, by its name.
            let named = wanted.to_str() == Some(name);
            if mode.starts_with("100") && !hidden && (named || is_manifest(Path::new(name))) {
                found.push((folder.join(name).display().to_string(), id.to_owned()));
            }
        }
        found.sort();
        files.extend(
            blobs(folder, &found)?
                .into_iter()
                .map(|(name, bytes)| File { name: format!("{name}@{revision}"), bytes: Arc::new(bytes) }),
        );
    }
    Ok(files)
}

/// Who git says is at work in a folder, and on which commit; neither without git, or outside of a repository.
pub(crate) fn author(folder: &Path) -> (Option<String>, Option<String>) {
    let ask = |args: &[&str]| {
        let out = git(folder, args.iter().map(AsRef::as_ref), None).ok()?;
        let text = String::from_utf8_lossy(&out).trim().to_owned();
        (!text.is_empty()).then_some(text)
    };
    if ask(&["rev-parse", "--git-dir"]).is_none() {
        return (None, None);
    }
    let author = match (ask(&["config", "user.name"]), ask(&["config", "user.email"])) {
        (Some(name), Some(email)) => Some(format!("{name} <{email}>")),
        (name, email) => name.or(email),
    };
    (author, ask(&["rev-parse", "--verify", "--quiet", "HEAD^{commit}"]))
}

fn commit(folder: &Path, revision: &str) -> Result<String> {
    let spec = format!("{revision}^{{commit}}");
    let args = ["rev-parse", "--verify", "--quiet", "--end-of-options", &spec];
    if let Ok(out) = git(folder, args.iter().map(AsRef::as_ref), None) {
        return Ok(String::from_utf8_lossy(&out).trim().to_owned());
    }
    // In a repository that git can read, a revision that it does not know is all that is left to fail.
    git(folder, ["rev-parse", "--git-dir"].iter().map(AsRef::as_ref), None)?;
    git(folder, ["count-objects"].iter().map(AsRef::as_ref), None)?;
    let help = "a branch, tag or commit was expected; in a shallow clone fetch it first".to_owned();
    Err(Error::with_help(format!("git knows no revision `{}`", netintent::names::printable(revision)), help))
}

/// The contents of blobs, in one call of git.
fn blobs(folder: &Path, wanted: &[(String, String)]) -> Result<Vec<(String, Vec<u8>)>> {
    if wanted.is_empty() {
        return Ok(Vec::new());
    }
    let ids: Vec<String> = wanted.iter().map(|(_, id)| format!("{id}\n")).collect();
    let out = git(folder, ["cat-file", "--batch"].iter().map(AsRef::as_ref), Some(ids.concat()))?;
    let mut rest = out.as_slice();
    let mut files = Vec::with_capacity(wanted.len());
    for (name, _) in wanted {
        let broken = || Error::new(format!("git did not give the content of {name}"));
        let end = rest.iter().position(|b| *b == b'\n').ok_or_else(broken)?;
        let header = String::from_utf8_lossy(&rest[..end]).into_owned();
        let size: u64 = header.rsplit(' ').next().and_then(|n| n.parse().ok()).ok_or_else(broken)?;
        if size > MAX_FILE {
            return Err(Error::new(format!("{name} has more than {} MiB, the most that is read", MAX_FILE >> 20)));
        }
        let size = usize::try_from(size).map_err(|_| broken())?;
        let content = rest.get(end + 1..end + 1 + size).ok_or_else(broken)?;
        files.push((name.clone(), content.to_vec()));
        rest = rest.get(end + 2 + size..).unwrap_or_default();
    }
    Ok(files)
}

fn git<'a>(folder: &Path, args: impl Iterator<Item = &'a std::ffi::OsStr>, input: Option<String>) -> Result<Vec<u8>> {
    let mut command = Command::new("git");
    command.arg("-C").arg(folder).args(args).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.stdin(if input.is_some() { Stdio::piped() } else { Stdio::null() });
    let cannot = |error: std::io::Error| {
        let help = (error.kind() == std::io::ErrorKind::NotFound).then(|| "install git, or use --base PATH".to_owned());
        Error::with_help(format!("cannot run git: {error}"), help)
    };
    let mut child = command.spawn().map_err(cannot)?;
    // Git writes while it reads: the input goes in beside the output coming out.
    let writer = input.zip(child.stdin.take()).map(|(text, mut pipe)| {
        std::thread::spawn(move || {
            // Git that ends early says why itself.
            let _ = pipe.write_all(text.as_bytes());
        })
    });
    let output = child.wait_with_output().map_err(cannot)?;
    if let Some(writer) = writer {
        let _ = writer.join();
    }
    if output.status.success() {
        return Ok(output.stdout);
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let said = said.trim().trim_start_matches("fatal: ");
    Err(Error::new(format!("git in {}: {}", folder.display(), netintent::names::printable(said))))
}
