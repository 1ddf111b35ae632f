//! The same paths at a git revision, by the user's own git.

use std::ffi::OsString;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

use netintent::names::printable;

use super::cannot_read;
use super::files::File;
use crate::error::{Error, Result};
use crate::git::{Asked, Listed, ObjectId, commit_of, contents, contents_of, list_of, listed, wanted};

/// The files that the paths had at `revision`.
pub(super) fn collect(revision: &str, paths: &[String]) -> Result<Vec<File>> {
    let mut files = Vec::new();
    for path in paths {
        if path == "-" {
            return Err(Error::new("--base-rev needs paths with -f: standard input has no revision"));
        }
        let asked = Asked::about(Path::new(path), Path::new(path).is_dir())
            .ok_or_else(|| cannot_read(path, &std::io::ErrorKind::NotFound.into()))?;
        let commit = commit(&asked.folder, revision)?;
        let mut found = listed(&git(&asked.folder, &list_of(&commit, &asked), None)?, &asked);
        for file in &mut found {
            file.name = asked.folder.join(&file.name).display().to_string();
        }
        found.sort_by(|a, b| a.name.cmp(&b.name));
        let contents = blobs(&asked.folder, &found)?;
        files.extend(
            found
                .into_iter()
                .zip(contents)
                .map(|(file, bytes)| File { name: format!("{}@{revision}", file.name), bytes: Arc::new(bytes) }),
        );
    }
    Ok(files)
}

/// Who git says is at work in a folder, and on which commit; neither without git, or outside of a repository.
pub(crate) fn author(folder: &Path) -> (Option<String>, Option<String>) {
    let ask = |args: &[&str]| {
        let args: Vec<OsString> = args.iter().map(OsString::from).collect();
        let out = git(folder, &args, None).ok()?;
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

fn commit(folder: &Path, revision: &str) -> Result<ObjectId> {
    if let Ok(out) = git(folder, &commit_of(revision), None)
        && let Some(id) = ObjectId::parse(String::from_utf8_lossy(&out).trim())
    {
        return Ok(id);
    }
    // In a repository that git can read, a revision that it does not know is all that is left to fail.
    git(folder, &["rev-parse", "--git-dir"].map(OsString::from), None)?;
    git(folder, &["count-objects".into()], None)?;
    let help = "a branch, tag or commit was expected; in a shallow clone fetch it first".to_owned();
    Err(Error::with_help(format!("git knows no revision `{}`", printable(revision)), help))
}

/// The contents of files, in one call of git.
fn blobs(folder: &Path, files: &[Listed]) -> Result<Vec<Vec<u8>>> {
    if files.is_empty() {
        return Ok(Vec::new());
    }
    let out = git(folder, &contents_of(), Some(wanted(files)))?;
    contents(&out, files).map_err(Error::new)
}

fn git(folder: &Path, args: &[OsString], input: Option<String>) -> Result<Vec<u8>> {
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
    Err(Error::new(format!("git in {}: {}", folder.display(), printable(said))))
}
