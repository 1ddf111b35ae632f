//! The program as it is started: what it says of itself, and of what it can't start with.

use std::process::{Command, Output};

fn run(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_netintent-webhook"));
    // No cluster of whoever runs the test.
    command
        .args(arguments)
        .env("KUBECONFIG", "/none")
        .env_remove("KUBERNETES_SERVICE_HOST")
        .env_remove("NETINTENT_LOG");
    command.output().expect("the program can be run")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn it_tells_its_version_and_its_options() {
    let output = run(&["--version"]);
    assert_eq!(text(&output.stdout), format!("netintent-webhook {}\n", env!("CARGO_PKG_VERSION")));
    let help = text(&run(&["--help"]).stdout);
    let page = include_str!("../../docs/webhook.md");
    for option in
        ["--listen", "--observe", "--certificates", "--namespace", "--name", "--linger", "--log", "--log-text"]
    {
        assert!(help.contains(option) && page.contains(&format!("`{option}`")), "{option}");
    }
}

#[test]
fn without_a_certificate_it_says_which_file_is_missing() {
    let output = run(&["--certificates=/none", "--log-text"]);
    assert_eq!(output.status.code(), Some(1));
    let said = text(&output.stderr);
    assert!(said.contains("cannot read /none/tls.crt"), "{said}");
    // A log is for machines unless asked for otherwise.
    let said = text(&run(&["--certificates=/none"]).stderr);
    assert!(said.lines().all(|line| line.starts_with('{') && line.ends_with('}')), "{said}");
}

/// A word that is misspelt silences nothing, and a name that is none does not get as far as a certificate.
#[test]
fn values_are_looked_at() {
    for (option, said) in [
        ("--log=warning", "[possible values: off, error, warn, info, debug, trace]"),
        ("--name=not a name", "a DNS name or an IP address was expected"),
    ] {
        let output = run(&[option]);
        assert_eq!(output.status.code(), Some(2));
        assert!(text(&output.stderr).contains(said), "{}", text(&output.stderr));
    }
}

#[test]
fn an_option_that_there_is_not_is_a_slip() {
    let output = run(&["--certificate=/none"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("--certificates"), "{}", text(&output.stderr));
}
