//! The plugin as its users run it: through kubectl, which finds it on the PATH.

use std::error::Error;
use std::path::Path;
use std::process::Output;

use netintent_tests::{Kubectl, plugin_binary};

type Result<T = ()> = std::result::Result<T, Box<dyn Error>>;

const DEMO: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../manifests/demo");
const PLAIN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../manifests/plain");

/// `kubectl netintent` with these arguments.
fn netintent(args: &[&str]) -> Result<Output> {
    let kubectl = Kubectl::alone()?.with_plugin(&plugin_binary()?)?;
    Ok(kubectl.output(["netintent"].iter().chain(args))?)
}

/// The exit status, stdout and stderr.
fn said(output: &Output) -> (Option<i32>, String, String) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

#[test]
fn version() -> Result {
    let (status, out, err) = said(&netintent(&["version"])?);
    assert_eq!((status, out, err), (Some(0), format!("netintent {}\n", env!("CARGO_PKG_VERSION")), String::new()));
    Ok(())
}

#[test]
fn kubectl_lists_the_plugin() -> Result {
    let kubectl = Kubectl::alone()?.with_plugin(&plugin_binary()?)?;
    let list = kubectl.text(["plugin", "list"])?;
    let ours = |line: &str| Path::new(line.trim()).file_name().is_some_and(|name| name == "kubectl-netintent");
    assert!(list.lines().any(ours), "{list}");
    Ok(())
}

#[test]
fn explain_exits_with_the_verdict() -> Result {
    let cases = [
        ("shop/frontend", "bank/ledger:rpc", 0, "allowed: declared and approved"),
        ("shop/frontend", "bank/cards:8443", 1, "denied"),
        ("shop/frontend", "bank/ledger", 1, "in part"),
    ];
    for (caller, callee, expected, word) in cases {
        let (status, out, err) = said(&netintent(&["explain", caller, callee, "-f", DEMO])?);
        assert_eq!((status, err.as_str()), (Some(expected), ""), "{caller} {callee}: {out}");
        assert!(out.lines().next().is_some_and(|line| line.contains(word)), "{out}");
        // Nothing but the exit status.
        let quiet = said(&netintent(&["explain", "-q", caller, callee, "-f", DEMO])?);
        assert_eq!(quiet, (Some(expected), String::new(), String::new()));
    }
    Ok(())
}

#[test]
fn list_prints_connections() -> Result {
    let (status, out, err) = said(&netintent(&["list", "-o", "name", "--to", "store/orders", "-f", PLAIN])?);
    assert_eq!((status, err.as_str()), (Some(0), ""));
    assert_eq!(out, "store/deployment/storefront -> store/deployment/orders\n");
    Ok(())
}

#[test]
fn diff_exits_as_kubectl_diff_does() -> Result {
    let (status, out, err) = said(&netintent(&["diff", "--base", DEMO, "-f", DEMO])?);
    assert_eq!((status, out.as_str(), err.as_str()), (Some(0), "", "No differences.\n"));
    let more = ["diff", "--base", DEMO, "-f", DEMO, "-f", PLAIN, "--mode", "store=off", "-o", "name"];
    let (status, out, err) = said(&netintent(&more)?);
    assert_eq!((status, err.as_str()), (Some(1), ""));
    assert!(out.contains("+ store/deployment/storefront -> store/deployment/orders\n"), "{out}");
    Ok(())
}

#[test]
fn errors_exit_with_2_and_print_nothing_on_stdout() -> Result {
    let cases: [(&[&str], &str); 6] = [
        (&["explain", "shop/fronted", "bank/ledger", "-f", DEMO], "did you mean `frontend`?"),
        (&["explain", "shop/frontend"], "required arguments were not provided"),
        (&["list", "-f", "no/such/folder"], "there is no such file or folder"),
        (&["list"], "no cluster is configured, and no file is given"),
        (&["diff", "--base", "no/such/folder", "-f", DEMO], "there is no such file or folder"),
        (&["explian"], "explain"),
    ];
    for (args, word) in cases {
        let (status, out, err) = said(&netintent(args)?);
        assert_eq!((status, out.as_str()), (Some(2), ""), "{args:?}: {err}");
        assert!(err.contains(word), "{args:?}: {err}");
    }
    Ok(())
}

#[test]
fn standard_input_goes_through() -> Result {
    let kubectl = Kubectl::alone()?.with_plugin(&plugin_binary()?)?;
    let pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: {containers: [{name: a, image: a}]}\n";
    let out = kubectl.pipe(["netintent", "list", "-o", "name", "-f", "-"], pod)?;
    assert_eq!(out, "outside -> default/pod/a\ndefault/pod/a -> outside\n");
    Ok(())
}
