//! `docs/cli.md` is the help of every command, `docs/findings.md` what every code says of itself. `UPDATE=1` writes them
//! anew.

use std::error::Error;
use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;
use std::{env, fs};

use netintent::finding::{Code, Severity};

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
    same("cli.md", text)
}

const FINDINGS: &str = "\
# Findings

<!-- Made from the codes: UPDATE=1 cargo test -p kubectl-netintent --test reference -->

What `kubectl netintent check` finds. [Checking](checking.md) tells how it is used, and how a finding is accepted that is
meant so. Codes are stable: scripts may rely on them.
";

#[test]
fn findings_are_what_every_code_says() -> Result {
    let mut text = format!("{FINDINGS}\n| Code | Severity | What it is |\n| --- | --- | --- |\n");
    let all = || Code::ALL.iter().map(|code| code.meaning());
    for code in all() {
        writeln!(text, "| [`{0}`](#{0}) | {1} | {2} |", code.name, code.severity, code.summary)?;
    }
    for code in all() {
        write!(text, "\n## {}\n\n", code.name)?;
        let severity = match code.severity {
            Severity::Info => "A remark",
            Severity::Warning => "A warning",
            Severity::Error => "An error",
        };
        let told = if code.told { " Every command warns of it." } else { "" };
        for paragraph in [format!("{}. {severity}.{told}", code.summary), code.why.to_owned(), code.fix.to_owned()] {
            writeln!(text, "{}", textwrap(&paragraph))?;
        }
        // One blank line ends a section.
        text.pop();
    }
    same("findings.md", text)
}

/// In lines of at most 120 characters.
fn textwrap(text: &str) -> String {
    let mut wrapped = String::new();
    let mut column = 0;
    for word in text.split(' ') {
        let width = word.chars().count();
        if column > 0 && column + 1 + width > 120 {
            wrapped.push('\n');
            column = 0;
        } else if column > 0 {
            wrapped.push(' ');
            column += 1;
        }
        wrapped.push_str(word);
        column += width;
    }
    wrapped.push('\n');
    wrapped
}

/// Compares with a file of the documentation.
fn same(name: &str, text: String) -> Result {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs").join(name);
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
