//! The commands of docs/live.md do what they say, in their order.

use netintent_tests::{Installation, Installed};

use crate::Result;
use crate::equal::{DEMO, apply, until_pods_are_there};
use crate::plugin::until_said;

const PAGE: &str = include_str!("../../../docs/live.md");

#[test]
fn the_commands_of_the_page_exit_as_it_says() -> Result {
    let installed = Installed::start_with(&Installation { controller: true, ..Installation::default() })?;
    apply(&installed, &[DEMO], &["shop", "bank", "platform"])?;
    until_pods_are_there(&installed)?;
    let kubectl = installed.admin().kubectl();
    let block =
        PAGE.split_once("```text\n").and_then(|(_, rest)| rest.split_once("```")).map_or("", |(block, _)| block);
    let mut count = 0;
    for line in block.lines() {
        let (command, status) = line.split_once(" # ").ok_or(line)?;
        let words: Vec<String> =
            command.split_whitespace().skip(3).map(|word| word.replace("manifests/demo", DEMO)).collect();
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let status: i32 = status.trim().parse()?;
        // The controller follows within seconds.
        until_said(&installed, kubectl, &words, |said| said.status == Some(status))?;
        count += 1;
    }
    assert_eq!(count, 10);
    Ok(())
}
