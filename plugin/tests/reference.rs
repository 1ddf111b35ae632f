//! `docs/cli.md` is the help of every command, `docs/findings.md` what every code says of itself, `docs/objects.md` what the
//! custom resources say of their fields. `UPDATE=1` writes them anew.

use std::error::Error;
use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;
use std::{env, fs};

use netintent::finding::{Code, Severity};
use netintent::names;
use serde_json::Value;

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
        for step in commands(&help) {
            let help = self::help(&[command, step])?;
            assert!(help.contains("\nExamples:\n"), "`{command} {step} --help` has no examples");
            write!(text, "\n### {command} {step}\n\n```text\n{}\n```\n", plain(&help))?;
        }
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

const OBJECTS: &str = "\
# Objects

<!-- Made from the types: UPDATE=1 cargo test -p kubectl-netintent --test reference -->

The annotations and labels that mean something to netintent, and its custom resources. [Concepts](concepts.md) tells how
they work together; `kubectl explain approval.spec` tells the same of the fields, once their definitions are applied:

```sh
kubectl apply -k manifests/crd
```
";

/// Annotations and labels: the key, where it stands, what it says.
const KEYS: &[(&str, &str, &str)] = &[
    (names::CALLS, "annotation on a pod template, Pod or ServiceAccount", "What its pods call: the intents"),
    (names::CALLER, "annotation on a pod template or Pod", "The caller's name, in place of its controller's"),
    (names::MODE, "label on a Namespace or Service", "`off`, `shadow` or `enforce`"),
    (names::TYPE, "label on a Service", "Its type, for intents such as `@backend:rpc`"),
    (names::ACCEPT, "annotation on any object", "Findings of `check` that are meant so, a line `CODE: reason` each"),
    (names::AUTHOR, "annotation on an Approval", "Who wrote it, as `approve` found in git"),
    (names::COMMIT, "annotation on an Approval", "The commit that it was written on"),
    (
        names::APPROVED_BY,
        "annotation on an Approval, ClusterApproval or ClusterProhibition",
        "Who asked for what it says: the webhook writes it",
    ),
    (names::REVOKED, "annotation on an Approval or ClusterApproval", "Why it is to go though running pods use it"),
    (names::SERVICE, "annotation on a NetworkPolicy", "The Service that it is for: `render` writes it"),
    (names::MANAGED_BY, "label on a NetworkPolicy", "`netintent`, on those that `render` writes"),
    (names::OWNER, "annotation on a Service", "Who owns it, and is named where an approval lacks"),
    (names::CHAT, "annotation on a Service", "Where its owner can be asked"),
];

#[test]
fn objects_are_what_the_types_say() -> Result {
    let mut text =
        format!("{OBJECTS}\n## Annotations and labels\n\n| Key | Where | What it says |\n| --- | --- | --- |\n");
    for (key, place, what) in KEYS {
        writeln!(text, "| `{key}` | {place} | {what} |")?;
    }
    let derived = format!(
        "Labels whose prefix ends in `{}` or `{}` are derived from intents and approvals, with the value `{}`. They belong to \
         the webhook: nobody writes them by hand.",
        names::TO,
        names::BY_TYPE,
        names::ALLOWED
    );
    write!(text, "\n{}", textwrap(&derived))?;
    for definition in netintent::crd::definitions() {
        let definition = serde_json::to_value(&definition)?;
        let spec = &definition["spec"];
        let (kind, scope) = (spec["names"]["kind"].as_str(), spec["scope"].as_str());
        let (kind, scope) = (kind.ok_or("no kind")?, scope.ok_or("no scope")?);
        let version = &spec["versions"][0];
        let schema = &version["schema"]["openAPIV3Schema"];
        let group =
            format!("{}/{}", spec["group"].as_str().unwrap_or_default(), version["name"].as_str().unwrap_or_default());
        let scope = if scope == "Namespaced" { "in a namespace" } else { "of the whole cluster" };
        let described = schema["description"].as_str().ok_or_else(|| format!("{kind} has no description"))?;
        write!(text, "\n## {kind}\n\n{}", textwrap(&format!("`{group}`, {scope}. {}", sentence(described))))?;
        writeln!(text, "\n| Field | Type | What it is |\n| --- | --- | --- |")?;
        fields(&mut text, "spec", &schema["properties"]["spec"], true)?;
    }
    same("objects.md", text)
}

/// A line for a field, and for each that it has. The words of Kubernetes' own types are left to their documentation.
fn fields(text: &mut String, path: &str, schema: &Value, required: bool) -> Result {
    let item = &schema["items"];
    let r#type = match (schema["type"].as_str(), item["type"].as_str()) {
        (Some("array"), Some(item)) => format!("list of {item}s"),
        (Some(r#type), _) => match schema["format"].as_str() {
            Some(format) => format!("{type}, {format}"),
            None => r#type.to_owned(),
        },
        _ => return Err(format!("{path} has no type").into()),
    };
    let described = schema["description"].as_str().unwrap_or_default().replace('\n', " ").replace('|', "\\|");
    let needed = if required { "" } else { ", optional" };
    writeln!(text, "| `{path}` | {type}{needed} | {} |", described.trim_end_matches('.'))?;
    // A peer is one of networking.k8s.io/v1.
    if path.ends_with("from") {
        return Ok(());
    }
    let listed = |name: &str| schema["required"].as_array().is_some_and(|all| all.iter().any(|r| r == name));
    for (name, field) in schema["properties"].as_object().into_iter().flatten() {
        fields(text, &format!("{path}.{name}"), field, listed(name))?;
    }
    Ok(())
}

/// With a full stop.
fn sentence(text: &str) -> String {
    format!("{}.", text.replace('\n', " ").trim_end_matches('.'))
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
