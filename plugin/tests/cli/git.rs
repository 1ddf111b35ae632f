//! `diff --base-rev`, with a real repository.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::run::{Said, command, said};

/// Runs git without what the machine's owner has configured.
fn git(folder: &Path, args: &[&str]) {
    let path = std::env::var_os("PATH").unwrap();
    let mut command = Command::new("git");
    command.arg("-C").arg(folder).args(args).env_clear().env("PATH", path).env("GIT_CONFIG_GLOBAL", "/dev/null");
    for who in ["AUTHOR", "COMMITTER"] {
        command.env(format!("GIT_{who}_NAME"), "a").env(format!("GIT_{who}_EMAIL"), "a@example.com");
    }
    let output = command.output().unwrap();
    assert!(output.status.success(), "git {args:?}: {}", String::from_utf8_lossy(&output.stderr));
}

fn run(folder: &Path, args: &[&str]) -> Said {
    said(command(folder).args(args).env("PATH", std::env::var_os("PATH").unwrap()))
}

fn repository() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    git(folder.path(), &["init", "-q", "-b", "main"]);
    let manifests = folder.path().join("deploy/deep er");
    fs::create_dir_all(&manifests).unwrap();
    let pod = |name: &str| {
        format!("{{apiVersion: v1, kind: Pod, metadata: {{name: {name}}}, spec: {{containers: [{{name: c}}]}}}}\n")
    };
    fs::write(manifests.join("one.yaml"), pod("one")).unwrap();
    fs::write(folder.path().join("deploy/README.md"), "no manifest").unwrap();
    git(folder.path(), &["add", "."]);
    git(folder.path(), &["commit", "-q", "-m", "one"]);
    git(folder.path(), &["tag", "first"]);
    fs::write(manifests.join("two\nlines.yaml"), pod("two")).unwrap();
    folder
}

#[test]
fn a_revision_is_the_state_before() {
    let repository = repository();
    for (folder, path) in [("", "deploy"), ("", "."), ("deploy/deep er", "."), ("deploy", "deep er/")] {
        for revision in ["HEAD", "main", "first"] {
            let args = ["diff", "--base-rev", revision, "-f", path, "-o", "name"];
            let said = run(&repository.path().join(folder), &args);
            let expected = "+ outside -> default/pod/two\n+ default/pod/one -> default/pod/two\n\
                            + default/pod/two -> default/pod/one\n+ default/pod/two -> outside\n";
            assert_eq!((said.status, said.stdout.as_str(), said.stderr.as_str()), (1, expected, ""), "{args:?}");
        }
    }
    // Of a single file that has not changed.
    let said = run(repository.path(), &["diff", "--base-rev", "HEAD", "-f", "deploy/deep er/one.yaml"]);
    assert_eq!((said.status, said.stdout.as_str(), said.stderr.as_str()), (0, "", "No differences.\n"));
}

#[test]
fn a_revision_that_there_is_not() {
    let repository = repository();
    let said = run(repository.path(), &["diff", "--base-rev", "nope", "-f", "deploy"]);
    let expected = "error: git knows no revision `nope`\n\
                    help: a branch, tag or commit was expected; in a shallow clone fetch it first\n";
    assert_eq!((said.status, said.stdout.as_str(), said.stderr.as_str()), (2, "", expected));
    // What looks like an option of git is none.
    let said = run(repository.path(), &["diff", "--base-rev=--all", "-f", "deploy"]);
    assert_eq!((said.status, said.stdout.as_str()), (2, ""));
    assert!(said.stderr.starts_with("error: git knows no revision `--all`\n"), "{}", said.stderr);
}

#[test]
fn a_folder_outside_of_any_repository() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("a.yaml"), "{apiVersion: v1, kind: Namespace, metadata: {name: a}}").unwrap();
    let said = run(folder.path(), &["diff", "--base-rev", "HEAD", "-f", "."]);
    let expected = "error: git in .: not a git repository (or any of the parent directories): .git\n";
    assert_eq!((said.status, said.stdout.as_str(), said.stderr.as_str()), (2, "", expected));
}

#[test]
fn without_git() {
    let repository = repository();
    let said = said(command(repository.path()).args(["diff", "--base-rev", "HEAD", "-f", "."]).env("PATH", ""));
    let expected = "error: cannot run git: No such file or directory (os error 2)\n\
                    help: install git, or use --base PATH\n";
    assert_eq!((said.status, said.stdout.as_str(), said.stderr.as_str()), (2, "", expected));
}

#[test]
fn standard_input_has_no_revision() {
    let repository = repository();
    let said = run(repository.path(), &["diff", "--base-rev", "HEAD", "-f", "-"]);
    let expected = "error: --base-rev needs paths with -f: standard input has no revision\n";
    assert_eq!((said.status, said.stdout.as_str(), said.stderr.as_str()), (2, "", expected));
}

/// A file is compared with itself, whatever its name: not with what git takes the name for, and though it is hidden.
#[test]
fn a_name_is_only_a_name() {
    let repository = repository();
    let pod = "{apiVersion: v1, kind: Pod, metadata: {name: other}, spec: {containers: [{name: c}]}}\n";
    let names = [":(top)x.yaml", ":x.yaml", ":!x.yaml", ".x.yaml", "-x.yaml", "*.yaml", "x"];
    fs::write(repository.path().join("x.yaml"), "{apiVersion: v1, kind: Namespace, metadata: {name: a}}\n").unwrap();
    for name in names {
        fs::write(repository.path().join(name), pod).unwrap();
    }
    git(repository.path(), &["add", "."]);
    git(repository.path(), &["commit", "-q", "-m", "names"]);
    for name in names {
        let said = run(repository.path(), &["diff", "--base-rev", "HEAD", &format!("--filename={name}")]);
        assert_eq!((said.status, said.stderr.as_str()), (0, "No differences.\n"), "{name}");
    }
}

#[test]
fn what_is_neither_a_commit_nor_a_path() {
    let repository = repository();
    // Git knows it, as what to leave out.
    let said = run(repository.path(), &["diff", "--base-rev=^HEAD", "-f", "deploy"]);
    assert_eq!(said.status, 2);
    assert!(said.stderr.starts_with("error: git knows no revision `^HEAD`\n"), "{}", said.stderr);
    let said = run(repository.path(), &["diff", "--base-rev", "HEAD", "-f", "gone/.."]);
    assert_eq!(said.stderr, "error: cannot read gone/..: there is no such file or folder\n");
}
