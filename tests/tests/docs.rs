//! The documentation is true: every transcript in it is what a real kubectl prints, every manifest in it is read by the
//! plugin, and no block escapes. `TRYCMD=overwrite` writes the transcripts anew.

use std::error::Error;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::{env, fs};

use netintent_tests::{Kubectl, plugin_binary};

type Result<T = ()> = std::result::Result<T, Box<dyn Error>>;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Every Markdown file of the repository.
fn documents() -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut folders = vec![root()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            let (path, name) = (entry.path(), entry.file_name());
            if entry.file_type()?.is_dir() {
                // What Cargo builds and what git keeps is no part of it.
                let ours = !name.to_string_lossy().starts_with('.') && !path.join("CACHEDIR.TAG").exists();
                folders.extend(ours.then_some(path));
            } else if path.extension().is_some_and(|extension| extension == "md") {
                found.push(path);
            }
        }
    }
    found.sort();
    Ok(found)
}

/// A fenced block.
struct Block {
    path: PathBuf,
    line: usize,
    language: String,
    text: String,
}

impl Block {
    fn place(&self) -> String {
        format!("{}:{}", self.path.display(), self.line)
    }
}

/// The fenced blocks of all documents.
fn blocks() -> Result<Vec<Block>> {
    let mut blocks = Vec::new();
    for path in documents()? {
        let text = fs::read_to_string(&path)?;
        let mut open: Option<Block> = None;
        for (line, text) in (1..).zip(text.lines()) {
            let fence = text.trim_start().strip_prefix("```");
            match (fence, open.take()) {
                (Some(language), None) => {
                    // What is indented, as in a list, is not found by all who look for fences.
                    assert!(text.starts_with("```"), "{}:{line}: an indented fence", path.display());
                    let language = language.trim().to_owned();
                    open = Some(Block { path: path.clone(), line, language, text: String::new() });
                }
                (Some(_), Some(block)) => blocks.push(block),
                (None, Some(mut block)) => {
                    writeln!(block.text, "{text}")?;
                    open = Some(block);
                }
                (None, None) => {}
            }
        }
        assert!(open.is_none(), "{}: a fence is not closed", path.display());
    }
    Ok(blocks)
}

#[test]
fn transcripts_are_what_kubectl_prints() -> Result {
    let kubectl = Kubectl::alone()?.with_plugin(&plugin_binary()?)?;
    let command = kubectl.command([""; 0]);
    let cases = trycmd::TestCases::new();
    cases.register_bin("kubectl", PathBuf::from(command.get_program()));
    for (key, value) in command.get_envs() {
        if let (Some(key), Some(value)) = (key.to_str(), value.and_then(|value| value.to_str())) {
            cases.env(key, value);
        }
    }
    // What `approve` records of a git repository differs from one to the next: there is none.
    cases.env("GIT_DIR", "/none");
    // Commands run in the folder that the reader is in. No other test of this file hangs on it.
    env::set_current_dir(root())?;
    for path in documents()? {
        cases.case(path);
    }
    cases.run();
    Ok(())
}

/// A block of another language than these would be run by nobody, and so would one with an attribute.
#[test]
fn every_block_is_of_a_kind_that_is_tested() -> Result {
    let mut wrong = String::new();
    for block in blocks()? {
        let fine = match block.language.as_str() {
            "console" => {
                let mut commands = block.text.lines().filter_map(|line| line.strip_prefix("$ ")).peekable();
                commands.peek().is_some()
                    && block.text.starts_with("$ ")
                    && commands.all(|line| line.starts_with("kubectl "))
            }
            // Shell is for what a test cannot run: it builds, installs or runs the tests themselves. What operating.md has of it
            // is run by a test of its own.
            "sh" => {
                block.path.ends_with("docs/operating.md")
                    || block.text.lines().all(|line| !line.contains("kubectl netintent"))
            }
            "yaml" | "json" => true,
            // The texts of cli.md are the help of the commands, held to it by the plugin's own test; those of webhook.md
            // are what an API server answers, held to it by the tests of admission; those of live.md, modes.md and recovery.md, and
            // the README's, are run by the tests of a live cluster.
            "text" => {
                ["cli", "webhook", "live", "modes", "recovery"]
                    .iter()
                    .any(|page| block.path.ends_with(format!("docs/{page}.md")))
                    || block.path.ends_with("README.md")
            }
            _ => false,
        };
        if !fine {
            writeln!(wrong, "{}: no test knows this `{}` block", block.place(), block.language)?;
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
    Ok(())
}

/// The manifest that a block stands for: a part of pod metadata is made a Pod.
fn manifest(block: &str) -> String {
    match block.strip_prefix("metadata:\n") {
        Some(rest) if !block.contains("apiVersion:") => format!(
            "apiVersion: v1\nkind: Pod\nspec: {{containers: [{{name: a, image: a}}]}}\nmetadata:\n  name: example\n  namespace: shop\n{rest}"
        ),
        _ => block.to_owned(),
    }
}

#[test]
fn manifests_are_read_without_a_warning() -> Result {
    let plugin = plugin_binary()?;
    let mut count = 0;
    for block in blocks()?.iter().filter(|block| block.language == "yaml") {
        let mut child = Command::new(&plugin)
            .args(["list", "--mode", "*=enforce", "-o", "name", "-f", "-"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        child.stdin.take().ok_or("no stdin")?.write_all(manifest(&block.text).as_bytes())?;
        let output = child.wait_with_output()?;
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && said.is_empty(), "{}: {said}", block.place());
        count += 1;
    }
    assert!(count > 5, "{count} manifests were found");
    Ok(())
}

#[test]
fn json_is_json() -> Result {
    for block in blocks()?.iter().filter(|block| block.language == "json") {
        serde_json::from_str::<serde_json::Value>(&block.text)
            .map_err(|error| format!("{}: {error}", block.place()))?;
    }
    Ok(())
}

#[test]
fn readme_has_two_set_up_commands() -> Result {
    let readme = fs::read_to_string(root().join("README.md"))?;
    let section = readme.split_once("\n## Build and test\n").ok_or("no section Build and test")?.1;
    let section = section.split_once("\n## ").ok_or("no section after it")?.0;
    let commands: Vec<&str> = section
        .split("```sh\n")
        .skip(1)
        .filter_map(|block| block.split_once("```"))
        .flat_map(|(block, _)| block.lines())
        .collect();
    let ["cargo test --workspace"] = commands[1..] else { return Err(format!("{commands:?}").into()) };
    let args = commands[0]
        .strip_prefix("cargo run --release -p kubectl-netintent -- ")
        .ok_or("the first command does not run the plugin")?;
    let output = Command::new(plugin_binary()?).args(args.split(' ')).current_dir(root()).output()?;
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
    Ok(())
}

/// Links to files of the repository lead somewhere.
#[test]
fn links_lead_somewhere() -> Result {
    for path in documents()? {
        let text = fs::read_to_string(&path)?;
        let folder = path.parent().ok_or("no folder")?;
        for target in text.split("](").skip(1).filter_map(|rest| rest.split_once(')')).map(|(target, _)| target) {
            let file = target.split('#').next().unwrap_or_default();
            let fine = target.starts_with("https://") || file.is_empty() || folder.join(file).exists();
            assert!(fine, "{}: `{target}` leads nowhere", path.display());
        }
    }
    Ok(())
}
