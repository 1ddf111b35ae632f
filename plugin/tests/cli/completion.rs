//! Completion by kubectl's convention for plugins: words in, what the last may become out.

use std::os::unix::fs::symlink;

use snapbox::cmd::Command;

use crate::run::{root, said};

/// What the last of the words may become, and how to go on.
fn complete(words: &[&str]) -> (Vec<String>, String) {
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("kubectl_complete-netintent");
    symlink(snapbox::cmd::cargo_bin!("kubectl-netintent"), &program).unwrap();
    let said = said(Command::new(&program).env_clear().current_dir(root()).args(words));
    assert_eq!((said.status, said.stderr.as_str()), (0, ""), "{words:?}");
    let mut lines: Vec<String> = said.stdout.lines().map(str::to_owned).collect();
    let how = lines.pop().unwrap_or_default();
    let values = lines.iter().map(|line| line.split('\t').next().unwrap_or_default().to_owned());
    (values.collect(), how)
}

#[test]
fn commands_and_flags_are_completed() {
    let (found, how) = complete(&["ex"]);
    assert_eq!((found, how.as_str()), (vec!["explain".to_owned()], ":4"));
    let (found, _) = complete(&["explain", "--request"]);
    assert_eq!(found, ["--request-timeout"]);
    let (found, _) = complete(&["list", "-o", "js"]);
    assert_eq!(found, ["json"]);
    let (found, _) = complete(&[""]);
    assert!(found.contains(&"explain".to_owned()) && found.contains(&"check".to_owned()), "{found:?}");
}

/// Whatever arguments a command has: asked without a cluster, each answers in silence.
#[test]
fn every_command_can_be_completed() {
    let (all, _) = complete(&[""]);
    let (steps, _) = complete(&["recover", ""]);
    assert!(all.len() > 12 && steps.len() > 4, "{all:?} {steps:?}");
    for step in &steps {
        complete(&["recover", step, ""]);
    }
    for command in &all {
        complete(&[command, ""]);
        complete(&[command, "-"]);
    }
}

#[test]
fn names_come_from_the_files_that_are_given() {
    let demo = ["-f", "manifests/demo"];
    let of = |words: &[&str]| complete(&[&[words[0]], &demo[..], &words[1..]].concat());
    let (found, how) = of(&["explain", "shop/"]);
    assert_eq!(found, ["shop/cart", "shop/cart-cache", "shop/frontend", "shop/report"]);
    assert_eq!(how, ":4");
    // Of other namespaces first the name, which is not all.
    let (found, how) = of(&["explain", "ba"]);
    assert_eq!((found, how.as_str()), (vec!["bank/".to_owned()], ":6"));
    let (found, _) = of(&["explain", "fr", "-n", "shop"]);
    assert_eq!(found, ["shop"], "the last word is what is completed");
    let (found, _) = of(&["explain", "-n", "shop", "fr"]);
    assert_eq!(found, ["frontend"]);
    let (found, _) = of(&["explain", "shop/frontend", "bank/l"]);
    assert_eq!(found, ["bank/ledger", "bank/ledger-db"]);
    let (found, how) = of(&["explain", "shop/frontend", "bank/ledger:"]);
    assert_eq!((found, how.as_str()), (vec!["bank/ledger:rpc".to_owned(), "bank/ledger:metrics".to_owned()], ":4"));
    let (found, _) = of(&["list", "--to", "bank/c"]);
    assert_eq!(found, ["bank/cards"]);
    let (found, _) = of(&["render", "-n", "pl"]);
    assert_eq!(found, ["platform"]);
}

#[test]
fn what_has_a_mode_is_completed_and_modes_are() {
    let demo = ["-f", "manifests/demo"];
    let of = |words: &[&str]| complete(&[&[words[0]], &demo[..], &words[1..]].concat()).0;
    assert_eq!(of(&["mode", "ba"]), ["bank"]);
    assert_eq!(of(&["mode", "bank/c"]), ["bank/cards"]);
    assert_eq!(of(&["mode", "bank", "s"]), ["shadow"]);
    assert_eq!(of(&["mode", "bank", "o"]), ["off"]);
}

#[test]
fn files_are_left_to_the_shell_and_without_a_cluster_there_is_nothing() {
    assert_eq!(complete(&["list", "-f", "manif"]), (Vec::new(), ":0".to_owned()));
    assert_eq!(complete(&["explain", "sh"]), (Vec::new(), ":4".to_owned()));
    assert_eq!(complete(&["explain", "-f", "no/such/file", "sh"]), (Vec::new(), ":4".to_owned()));
    assert_eq!(complete(&["explain", "-f", "-", "sh"]), (Vec::new(), ":4".to_owned()), "nobody types it in");
    assert_eq!(complete(&["no-such-command", "sh"]).0, [""; 0]);
}
