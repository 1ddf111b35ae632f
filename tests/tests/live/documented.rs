//! The commands of docs/live.md and docs/modes.md do what they say, in their order.

use netintent_tests::{Installation, Installed};

use crate::Result;
use crate::equal::{DEMO, apply, until_pods_are_there};
use crate::plugin::until_said;

const READING: &str = include_str!("../../../docs/live.md");
const MODES: &str = include_str!("../../../docs/modes.md");

#[test]
fn the_commands_of_the_pages_exit_as_they_say() -> Result {
    let installed = Installed::start_with(&Installation { controller: true, ..Installation::default() })?;
    apply(&installed, &[DEMO], &["shop", "bank", "platform"])?;
    until_pods_are_there(&installed)?;
    // The first leaves the cluster as it found it.
    assert_eq!(run(&installed, READING)?, 10);
    assert_eq!(run(&installed, MODES)?, 12);
    Ok(())
}

/// Runs the commands of a page.
fn run(installed: &Installed, page: &str) -> Result<usize> {
    let kubectl = installed.admin().kubectl();
    let block =
        page.split_once("```text\n").and_then(|(_, rest)| rest.split_once("```")).map_or("", |(block, _)| block);
    let mut count = 0;
    for line in block.lines() {
        let (command, status) = line.split_once(" # ").ok_or(line)?;
        let words: Vec<String> =
            command.split_whitespace().skip(3).map(|word| word.replace("manifests/demo", DEMO)).collect();
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let status: i32 = status.trim().parse()?;
        // The controller follows within seconds.
        until_said(installed, kubectl, &words, |said| said.status == Some(status))?;
        count += 1;
    }
    Ok(count)
}
