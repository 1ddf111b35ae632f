//! Somebody who may read the cluster, and is given what it takes by the commands that they are told.

use std::process::Command;

use netintent_tests::Kubectl;
use netintent_tests::objects::path;
use serde_json::json;

use super::{Night, labelled, pods};
use crate::Result;
use crate::plugin::until_said;

pub(super) fn needs_rights_that_are_named(night: &Night) -> Result {
    let (installed, admin) = (&night.installed, night.installed.admin());
    let rules = json!([{"apiGroups": ["*"], "resources": ["*"], "verbs": ["get", "list"]}]);
    let role = json!({"metadata": {"name": "reader"}, "rules": rules});
    assert!(admin.post("/apis/rbac.authorization.k8s.io/v1/clusterroles", &role)?.is_success());
    admin.kubectl().text(["create", "clusterrolebinding", "reader", "--clusterrole=reader", "--group=on call"])?;
    let joe = installed.plane().user("joe", "on call")?;
    // A pod that has lost its label, as one that was made tonight.
    let pod = pods(installed, "shop")?.remove(0);
    let pod = format!("{}/{}", path("Pod", "shop"), pod["metadata"]["name"].as_str().unwrap_or_default());
    netintent_tests::objects::merge(admin, &pod, &json!({"metadata": {"labels": {super::LABEL: null}}}))?;
    let count = labelled(&pods(installed, "shop")?);

    let label = ["recover", "label", "shop", "--yes"];
    let refused = until_said(installed, joe.kubectl(), &label, |said| said.status == Some(2))?;
    assert!(refused.err.contains("not permitted") && refused.err.contains("impersonate"), "{refused:?}");
    assert_eq!(labelled(&pods(installed, "shop")?), count);
    let commands: Vec<&str> =
        refused.err.lines().filter_map(|line| line.trim().strip_prefix("kubectl create ")).collect();
    assert_eq!(commands.len(), 8, "{refused:?}");
    for command in commands {
        shell(admin.kubectl(), command)?;
    }
    // The API server hears of new rights a moment later.
    let done = until_said(installed, joe.kubectl(), &label, |said| said.status == Some(0))?;
    assert!(done.out.contains("+ ledger.bank.to.netintent.dev/rpc") || done.err.contains("nothing to do"), "{done:?}");
    assert_eq!(labelled(&pods(installed, "shop")?), count + 1);
    Ok(())
}

/// Runs what a user would paste into a shell.
fn shell(kubectl: &Kubectl, command: &str) -> Result {
    let of = kubectl.command(["create"]);
    let program = of.get_program().to_string_lossy().into_owned();
    let mut shell = Command::new("sh");
    shell.arg("-c").arg(format!("'{program}' create {command}"));
    for (key, value) in of.get_envs() {
        if let Some(value) = value {
            shell.env(key, value);
        }
    }
    let output = shell.output()?;
    if output.status.success() { Ok(()) } else { Err(format!("{command}: {output:?}").into()) }
}
