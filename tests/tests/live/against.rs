//! `uninstall` while somebody works against it: the owner of one namespace stops nothing but what is theirs, and whoever may
//! set modes of namespaces is waited for, since callers would be cut.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use netintent::names;
use netintent_tests::{Error, Installed, User};
use serde_json::json;

use crate::Result;
use crate::plugin::{netintent, workload};

/// Does something again and again until it is over, and gives how often it was taken.
fn until_over(
    over: &AtomicBool,
    mut again: impl FnMut() -> std::result::Result<bool, Error>,
) -> std::result::Result<usize, Error> {
    let mut times = 0;
    while !over.load(Ordering::Relaxed) {
        times += usize::from(again()?);
        // Not as fast as it can: others use the API server too.
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(times)
}

/// A namespace that is set to `enforce` again and again by whoever may: its callers keep their labels and modes.
pub(crate) fn enforced_again(installed: &Installed) -> Result {
    let (admin, kubectl) = (installed.admin(), installed.admin().kubectl());
    let ours = ["get", "networkpolicies", "-A", "-o=name", "-l=app.kubernetes.io/managed-by=netintent"];
    let modes = ["get", "namespaces", "-o=name", "-l=netintent.dev/mode"];
    let (policies, managed) = (kubectl.text(ours)?, kubectl.text(modes)?);
    let enforced = kubectl.text(["get", "namespaces", "-o=name", "-l=netintent.dev/mode=enforce"])?;
    let over = AtomicBool::new(false);
    let enforce = json!({"metadata": {"labels": {"netintent.dev/mode": "enforce"}}});
    let (said, times) = std::thread::scope(|scope| {
        let again = scope.spawn(|| {
            until_over(&over, || Ok(admin.patch("/api/v1/namespaces/bank", "merge", &enforce)?.is_success()))
        });
        let said = netintent(kubectl, &["uninstall", "--apply", "--yes", "--timeout=2s"]);
        over.store(true, Ordering::Relaxed);
        (said, again.join())
    });
    let said = said?;
    assert!(times.is_ok_and(|times| times.is_ok_and(|times| times > 10)), "{said:?}");
    assert_eq!(said.status, Some(2), "{said:?}");
    let words = "error: somebody sets Namespace bank to enforce again, and its callers would be cut";
    assert!(said.err.contains(words) && !said.err.contains("without a mode\n"), "{said:?}");
    assert_eq!(kubectl.text(modes)?, managed);
    // What is set to enforce again is closed again.
    for namespace in enforced.lines() {
        kubectl.text(["label", "--overwrite", namespace, "netintent.dev/mode=enforce"])?;
    }
    installed.until("all is enforced again", || Ok((kubectl.text(ours)? == policies).then_some(())))?;
    Ok(())
}

/// Whoever has everything in a namespace, and nothing beyond: with a Service that is closed, and an Approval. Something of each
/// kind does not go.
pub(crate) fn owner_of_evil(installed: &Installed) -> Result<User> {
    let kubectl = installed.admin().kubectl();
    installed.namespace("evil", "shadow")?;
    kubectl.text(["create", "namespace", "later"])?;
    kubectl.text(["create", "role", "-n", "evil", "all", "--verb=*", "--resource=*.*"])?;
    kubectl.text(["create", "rolebinding", "-n", "evil", "all", "--role=all", "--user=mallory"])?;
    let mallory = installed.plane().user("mallory", "nobodies")?;
    mallory.kubectl().pipe(["apply", "-f", "-"], &workload("evil", "web", ""))?;
    let own = json!({"apiVersion": "netintent.dev/v1alpha1", "kind": "Approval",
        "metadata": {"namespace": "evil", "name": "own", "finalizers": ["example.invalid/hold"]},
        "spec": {"callers": ["./web"], "callees": ["web"]}});
    mallory.kubectl().pipe(["apply", "-f", "-"], &own.to_string())?;
    closes_again(&mallory)?;
    let hold = json!({"metadata": {"finalizers": ["example.invalid/hold"]}});
    installed.until("the Service is closed, and its policy held", || {
        Ok(mallory.patch(EVIL_POLICY, "merge", &hold)?.is_success().then_some(()))
    })?;
    Ok(mallory)
}

const EVIL_POLICY: &str = "/apis/networking.k8s.io/v1/namespaces/evil/networkpolicies/netintent-web";
const EVIL_APPROVAL: &str = "/apis/netintent.dev/v1alpha1/namespaces/evil/approvals/own";

fn closes_again(mallory: &User) -> std::result::Result<bool, Error> {
    let enforce = json!({"metadata": {"labels": {"netintent.dev/mode": "enforce"}}});
    Ok(mallory.patch("/api/v1/namespaces/evil/services/web", "merge", &enforce)?.is_success())
}

/// All but what one owner of a namespace holds goes, though they close their Service again as often as it is opened; and a mode
/// that somebody sets meanwhile goes as well.
pub(crate) fn goes_against(installed: &Installed, mallory: &User) -> Result {
    let (admin, kubectl) = (installed.admin(), installed.admin().kubectl());
    let over = AtomicBool::new(false);
    let (said, times, late) = std::thread::scope(|scope| {
        let again = scope.spawn(|| until_over(&over, || closes_again(mallory)));
        let late = scope.spawn(|| {
            installed.until("the modes are gone", || {
                Ok(admin.get("/api/v1/namespaces/bank")?.body["metadata"]["labels"][names::MODE]
                    .is_null()
                    .then_some(()))
            })?;
            let mode = json!({"metadata": {"labels": {"netintent.dev/mode": "shadow"}}});
            Ok::<_, Error>(admin.patch("/api/v1/namespaces/later", "merge", &mode)?.is_success())
        });
        let said = netintent(kubectl, &["uninstall", "--apply", "--yes", "--timeout=2s"]);
        over.store(true, Ordering::Relaxed);
        (said, again.join(), late.join())
    });
    let said = said?;
    assert!(times.is_ok_and(|times| times.is_ok_and(|times| times > 10)), "{said:?}");
    assert!(late.is_ok_and(|late| late.is_ok_and(|done| done)), "{said:?}");
    assert_eq!((said.status, said.out.as_str()), (Some(2), ""), "{said:?}");
    for words in [
        "stays: the mode of Service evil/web: somebody writes it again; ",
        "stays: NetworkPolicy evil/netintent-web: the finalizer example.invalid/hold holds it, and it selects no pod any more; ",
        "stays: Approval evil/own: the finalizer example.invalid/hold holds it, and so CustomResourceDefinition approvals.net",
        "done: namespace later is without a mode\n",
        "done: Deployment netintent-system/netintent is gone\n",
    ] {
        assert!(said.err.contains(words), "{words}: {said:?}");
    }
    assert!(!said.err.contains("error: ") && !said.err.contains("is uninstalled"), "{said:?}");
    let left =
        kubectl.text(["get", "networkpolicies", "-A", "-o=name", "-l=app.kubernetes.io/managed-by=netintent"])?;
    assert_eq!(left, "networkpolicy.networking.k8s.io/netintent-web\n");
    let pods = &admin.get(EVIL_POLICY)?.body["spec"]["podSelector"]["matchExpressions"];
    assert_eq!((&pods[0]["operator"], &pods[1]["operator"]), (&json!("Exists"), &json!("DoesNotExist")));
    assert_eq!(kubectl.text(["get", "namespaces", "-o=name", "-l=netintent.dev/mode"])?, "");
    let ours = ["get", "mutatingwebhookconfigurations,validatingwebhookconfigurations,deployments", "-A", "-o=name"];
    assert!(!kubectl.text(ours)?.contains("/netintent\n"));
    // Let go, they go.
    let free = json!({"metadata": {"finalizers": null}});
    for path in [EVIL_POLICY, EVIL_APPROVAL] {
        assert!(mallory.patch(path, "merge", &free)?.is_success(), "{path}");
    }
    Ok(())
}
