//! `docs/cli.md` is the help of every command. `UPDATE=1` writes it anew.

use std::error::Error;
use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;
use std::{env, fs};

type Result<T = ()> = std::result::Result<T, Box<dyn Error>>;

const HEADER: &str = "\
# Command line

<!-- Made from the commands' help: UPDATE=1 cargo test -p kubectl-netintent --test reference -->

`kubectl netintent COMMAND`. `-h` prints a short help, `--help` what stands here.
";

fn help(command: &[&str]) -> Result<String> {
    let output = Command::new(env!("CARGO_BIN_EXE_kubectl-netintent"))
        .args(command)
        .arg("--help")
        .env("COLUMNS", "100")
        .env_remove("CLICOLOR_FORCE")
        .output()?;
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
    Ok(String::from_utf8(output.stdout)?)
}

/// The commands that a help names.
fn commands(help: &str) -> impl Iterator<Item = &str> {
    let section = help.split_once("\nCommands:\n").map_or("", |(_, rest)| rest);
    let section = section.split_once("\n\n").map_or(section, |(section, _)| section);
    let names = section.lines().filter(|line| line.starts_with("  ") && !line.starts_with("   "));
    names.filter_map(|line| line.split_whitespace().next()).filter(|name| *name != "help")
}

#[test]
fn reference_is_the_help_of_every_command() -> Result {
    let top = help(&[])?;
    let mut text = format!("{HEADER}\n```text\n{}\n```\n", plain(&top));
    let mut count = 0;
    for command in commands(&top) {
        let help = help(&[command])?;
        assert!(help.contains("\nExamples:\n"), "`{command} --help` has no examples");
        write!(text, "\n## {command}\n\n```text\n{}\n```\n", plain(&help))?;
        count += 1;
    }
    assert!(count >= 5, "{top}");
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/cli.md");
    if env::var_os("UPDATE").is_some() {
        fs::write(&path, &text)?;
    }
    snapbox::assert_data_eq!(fs::read_to_string(&path)?, snapbox::Data::text(text).raw());
    Ok(())
}

/// Without blanks at the ends of lines.
fn plain(help: &str) -> String {
    help.trim_end().lines().map(str::trim_end).collect::<Vec<_>>().join("\n")
}
