//! Colour, and pipes.

use std::io::Read as _;
use std::process::Stdio;

use snapbox::cmd::Command;

use crate::run::{command, root, said};

const ESCAPE: char = '\u{1b}';

fn demo(args: &[&str]) -> Command {
    command(&root()).args(args).args(["-f", "manifests/demo"])
}

const COMMANDS: &[&[&str]] =
    &[&["list"], &["list", "-o", "wide"], &["explain", "shop/frontend", "bank/cards"], &["list", "--declared"]];

#[test]
fn no_colour_where_there_is_no_terminal() {
    for args in COMMANDS {
        let said = said(demo(args));
        assert!(!said.stdout.contains(ESCAPE) && !said.stderr.contains(ESCAPE), "{args:?}: {said:?}");
    }
}

#[test]
fn colour_always_colours_and_never_does_not() {
    for args in COMMANDS {
        let always = said(demo(args).args(["--color", "always"]));
        assert!(always.stdout.contains(ESCAPE), "{args:?}: {always:?}");
        // Who asks for colour on the command line means it, whatever the environment says.
        let insisted = said(demo(args).args(["--color", "always"]).env("NO_COLOR", "1"));
        assert_eq!(insisted.stdout, always.stdout, "{args:?}");
        let never = said(demo(args).args(["--color=never"]).env("CLICOLOR_FORCE", "1"));
        assert!(!never.stdout.contains(ESCAPE) && !never.stderr.contains(ESCAPE), "{args:?}: {never:?}");
        assert_eq!(without_colour(&always.stdout), never.stdout, "{args:?}: colour changes more than the colour");
    }
}

#[test]
fn the_environment_decides_where_the_command_line_does_not() {
    let forced = said(demo(&["list"]).env("CLICOLOR_FORCE", "1"));
    assert!(forced.stdout.contains(ESCAPE), "{forced:?}");
    let refused = said(demo(&["list"]).env("CLICOLOR_FORCE", "1").env("NO_COLOR", "1"));
    assert!(!refused.stdout.contains(ESCAPE), "{refused:?}");
}

#[test]
fn errors_are_coloured_by_the_same_rule() {
    let wrong = |args: &[&str]| said(command(&root()).args(["list", "-f", "-"]).args(args).stdin("a: [\n")).stderr;
    assert!(!wrong(&[]).contains(ESCAPE), "{}", wrong(&[]));
    assert!(wrong(&["--color", "always"]).contains(ESCAPE), "{}", wrong(&["--color", "always"]));
}

#[test]
fn data_formats_are_never_coloured() {
    for format in ["json", "yaml", "name"] {
        for args in [&["list"][..], &["explain", "shop/frontend", "bank/cards"]] {
            let said = said(demo(args).args(["-o", format, "--color", "always"]));
            assert!(!said.stdout.contains(ESCAPE), "{format}: {}", said.stdout);
        }
    }
}

/// The text without `ESC [ … m`.
fn without_colour(text: &str) -> String {
    let mut parts = text.split("\u{1b}[");
    let mut plain = parts.next().unwrap().to_owned();
    parts.for_each(|part| plain.push_str(part.split_once('m').unwrap().1));
    plain
}

/// Whoever reads ten bytes and closes the pipe has read enough.
#[test]
fn a_closed_pipe_is_no_error() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("many.yaml");
    // More than a pipe and the buffer before it hold: 120 workloads are open to each other.
    let pod = |n: usize| {
        format!("---\n{{apiVersion: v1, kind: Pod, metadata: {{name: p{n}}}, spec: {{containers: [{{name: c}}]}}}}\n")
    };
    std::fs::write(&file, (0..120).map(pod).collect::<String>()).unwrap();
    for format in ["json", "yaml", "name", "table", "wide", "markdown"] {
        let mut child = std::process::Command::new(snapbox::cmd::cargo_bin!("kubectl-netintent"))
            .args(["list", "-o", format, "-f"])
            .arg(&file)
            .env_clear()
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut pipe = child.stdout.take().unwrap();
        let mut ten = [0; 10];
        pipe.read_exact(&mut ten).unwrap();
        drop(pipe);
        let output = child.wait_with_output().unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!((output.status.code(), stderr.as_str()), (Some(0), ""), "{format}");
    }
}

/// A disk that is full is an error.
#[cfg(target_os = "linux")]
#[test]
fn what_cannot_be_written_is_an_error() {
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let mut child = std::process::Command::new(snapbox::cmd::cargo_bin!("kubectl-netintent"));
    child.args(["list", "-f", "manifests/demo"]).env_clear().current_dir(root());
    let output = child.stdout(full).stderr(Stdio::piped()).spawn().unwrap().wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(stderr, "error: cannot write the output: No space left on device (os error 28)\n");
}
