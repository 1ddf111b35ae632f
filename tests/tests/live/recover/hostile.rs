//! Somebody who may do everything in one namespace, while new pods are let in.

use netintent_tests::expected::reserved;
use netintent_tests::objects::path;
use serde_json::json;

use super::{KINDS, LABEL, Night, pod, pods, registration};
use crate::Result;
use crate::plugin::netintent;

pub(super) fn gains_nothing(night: &Night) -> Result {
    let (installed, admin) = (&night.installed, night.installed.admin().kubectl());
    let rules = json!([{"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}]);
    let role = json!({"metadata": {"name": "all"}, "rules": rules});
    let roles = "/apis/rbac.authorization.k8s.io/v1/namespaces/evil/roles";
    assert!(installed.admin().post(roles, &role)?.is_success());
    admin.text(["create", "rolebinding", "all", "-n", "evil", "--role=all", "--user=eve"])?;
    let eve = installed.plane().user("eve", "nobodies")?;
    night.done(&["recover", "admit", "--yes"])?;
    let collection = path("Pod", "evil");
    installed.until("a new pod is let in", || {
        let reply = eve.post(&collection, &pod("evil", "declares", "bank/ledger:rpc"))?;
        Ok(reply.is_success().then_some(()))
    })?;

    // By hand, in each way that there is: the guard is asked, and nobody answers.
    let label = json!({"metadata": {"labels": {LABEL: "allowed"}}});
    let mut forged = pod("evil", "forged", "bank/ledger:rpc");
    forged["metadata"]["labels"] = json!({LABEL: "allowed"});
    let attempts = [
        eve.post(&collection, &forged)?,
        eve.patch(&format!("{collection}/declares"), "merge", &label)?,
        eve.patch(&format!("{collection}/declares/status"), "merge", &label)?,
        eve.post(
            &format!("{collection}/declares/binding"),
            &json!({"apiVersion": "v1", "kind": "Binding", "metadata": {"name": "declares", "labels": {LABEL: "allowed"}},
                "target": {"kind": "Node", "name": "none"}}),
        )?,
    ];
    for reply in attempts {
        assert!(!reply.is_success() && reply.message().contains("guard.netintent.dev"), "{reply:?}");
    }
    // In the group, which nobody may say who was not given it.
    let patch = label.to_string();
    let args = [
        "patch",
        "pod",
        "-n",
        "evil",
        "declares",
        "--type=merge",
        "-p",
        &patch,
        "--as=eve",
        "--as-group=netintent:recover",
    ];
    let refused = eve.kubectl().output(args)?;
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(!refused.status.success() && said.contains("cannot impersonate"), "{said}");
    for kind in KINDS {
        let open = json!({"webhooks": [], "metadata": {"annotations": {"netintent.dev/recover": "{}"}}});
        assert_eq!(eve.patch(&registration(kind), "merge", &open)?.status, 403);
    }
    for args in [
        &["recover"][..],
        &["recover", "admit", "--yes"],
        &["recover", "label", "evil", "--yes"],
        &["recover", "open", "bank/ledger", "--for", "1h", "--yes"],
        &["recover", "undo", "--yes"],
    ] {
        let said = netintent(eve.kubectl(), args)?;
        assert!(said.status == Some(2) && !said.err.contains("done: "), "{args:?}: {said:?}");
    }
    // What an administrator writes by approvals has nothing for whoever nobody approved.
    let said = night.done(&["recover", "label", "evil", "--yes"])?;
    assert!(said.err.contains("nothing to do"), "{said:?}");
    for pod in pods(installed, "evil")? {
        assert!(reserved(&pod).is_empty(), "{pod:#}");
    }
    night.done(&["recover", "undo", "--yes"])?;
    Ok(())
}
