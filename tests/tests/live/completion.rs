//! kubectl itself asks for names of the cluster.

use crate::Result;
use crate::plugin::{shared, workload};
use netintent_tests::plugin_binary;

#[test]
fn kubectl_completes_names_of_the_cluster() -> Result {
    let installed = shared()?;
    let kubectl = installed.admin().kubectl();
    installed.namespace("complete-bank", "shadow")?;
    kubectl.pipe(["apply", "-f", "-"], &workload("complete-bank", "ledger", ""))?;
    kubectl.pipe(["apply", "-f", "-"], &workload("complete-bank", "lender", ""))?;
    let completing = kubectl.with_plugin(&plugin_binary()?)?;
    let complete = |words: &[&str]| completing.text(["__complete", "netintent"].iter().chain(words));
    for (words, expected) in [
        (&["explain", "complete-"][..], "complete-bank/\n:6\n"),
        (&["explain", "complete-bank/le"], "complete-bank/ledger\ncomplete-bank/lender\n:4\n"),
        (&["explain", "-n", "complete-bank", "led"], "ledger\n:4\n"),
        (&["explain", "complete-bank/lender", "complete-bank/ledger:"], "complete-bank/ledger:rpc\n:4\n"),
        (&["list", "--to", "complete-bank/len"], "complete-bank/lender\n:4\n"),
        (&["check", "-n", "complete-b"], "complete-bank\n:4\n"),
    ] {
        assert_eq!(complete(words)?, expected, "{words:?}");
    }
    // Whoever may read nothing gets no names, and no message among them.
    let nobody = installed.plane().user("complete-nobody", "nobodies")?;
    let nobody = nobody.kubectl().with_plugin(&plugin_binary()?)?;
    assert_eq!(nobody.text(["__complete", "netintent", "explain", "complete-bank/le"])?, ":4\n");
    Ok(())
}
