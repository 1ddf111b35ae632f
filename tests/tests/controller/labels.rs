//! The labels of running pods follow what is declared, approved and forbidden, without a restart.

use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use netintent_tests::Installed;
use serde_json::json;

use crate::Result;
use crate::cluster::{items, namespaces, only_pod, reserved, settles, shared, until_labels};
use crate::objects::{approval, create, delete, deployment, merge, path, revoke, service, set_mode};

/// How soon what is approved or revoked is so: "within seconds".
const SOON: Duration = Duration::from_secs(5);

/// A caller in a namespace in `shadow`, a callee in one in `enforce`, and nothing approved.
fn set_up(installed: &Installed, shop: &str, bank: &str) -> Result<String> {
    namespaces(installed, &[(shop, "shadow"), (bank, "enforce")])?;
    let admin = installed.admin();
    create(admin, &service(bank, "ledger"))?;
    create(admin, &deployment(shop, "web", &format!("{bank}/ledger:rpc")))?;
    let (uid, labels) = only_pod(installed, shop)?;
    assert!(labels.is_empty(), "{labels:?}");
    Ok(uid)
}

#[test]
fn labels_of_running_pods_follow() -> Result {
    let installed = shared()?;
    let (shop, bank, admin) = ("follow-shop", "follow-bank", installed.admin());
    let uid = set_up(installed, shop, bank)?;
    let key = &*format!("ledger.{bank}.to.netintent.dev/rpc");
    let until = |what: &str, labels: &[&str]| until_labels(installed, shop, what, labels);

    let began = Instant::now();
    create(admin, &approval(bank, "web", &["follow-shop/web"], &["ledger:rpc"]))?;
    until("approved", &[key])?;
    assert!(began.elapsed() < SOON, "approved: {:?}", began.elapsed());
    let began = Instant::now();
    revoke(admin, bank, "web")?;
    until("revoked", &[])?;
    assert!(began.elapsed() < SOON, "revoked: {:?}", began.elapsed());

    let mut short = approval(bank, "short", &["follow-shop/*"], &["ledger:rpc"]);
    let ends = Timestamp::now() + SignedDuration::from_secs(4);
    short["spec"]["expiresAt"] = format!("{ends:.0}").into();
    create(admin, &short)?;
    until("approved for a short time", &[key])?;
    until("expired", &[])?;
    let late = Timestamp::now().duration_since(ends);
    assert!(late >= SignedDuration::from_secs(-1), "it was taken before its end: {late:?}");
    delete(admin, &format!("{}/short", path("Approval", bank)))?;

    create(admin, &approval(bank, "web", &["follow-shop/web"], &["ledger:rpc", "ledger:admin"]))?;
    until("approved again", &[key])?;
    let prohibition = json!({"apiVersion": "netintent.dev/v1alpha1", "kind": "ClusterProhibition",
        "metadata": {"name": "follow"}, "spec": {"callers": ["follow-shop/*"], "callees": ["follow-bank/ledger:rpc"]}});
    create(admin, &prohibition)?;
    until("prohibited", &[])?;
    delete(admin, &format!("{}/follow", path("ClusterProhibition", "")))?;
    until("no longer prohibited", &[key])?;

    let account = format!("{}/default", path("ServiceAccount", shop));
    let calls = |calls: &str| json!({"metadata": {"annotations": {"netintent.dev/calls": calls}}});
    merge(admin, &account, &calls("follow-bank/ledger:admin"))?;
    let second = &*format!("ledger.{bank}.to.netintent.dev/admin");
    until("the ServiceAccount declares one more", &[key, second])?;
    merge(admin, &account, &calls(""))?;
    until("it declares it no more", &[key])?;

    set_mode(admin, shop, "off")?;
    until("the namespace has left", &[])?;
    set_mode(admin, shop, "enforce")?;
    until("it is back", &[key])?;
    assert_eq!(only_pod(installed, shop)?.0, uid, "nothing was restarted");
    settles(installed, "in the end", &[shop, bank])
}

/// Labels that are too much are taken away, whatever put them there; an approval touches the pods of its callers alone.
#[test]
fn only_what_is_touched_is_written() -> Result {
    let installed = shared()?;
    let (shop, bank, admin) = ("touched-shop", "touched-bank", installed.admin());
    set_up(installed, shop, bank)?;
    for name in ["api", "jobs"] {
        create(admin, &deployment(shop, name, &format!("{bank}/ledger:rpc")))?;
    }
    installed.until("there are three pods", || Ok((items(installed, "Pod", shop)?.len() == 3).then_some(())))?;
    let versions = || -> Result<Vec<(String, String)>> {
        let text = |pod: &serde_json::Value, key: &str| pod["metadata"][key].as_str().unwrap_or_default().to_owned();
        let pods = items(installed, "Pod", shop)?;
        let others = pods.iter().filter(|pod| pod["metadata"]["labels"]["app"] != "web");
        Ok(others.map(|pod| (text(pod, "name"), text(pod, "resourceVersion"))).collect())
    };
    // A pod that was made a moment ago changes until Kubernetes is done with it.
    settles(installed, "nothing is approved", &[shop, bank])?;
    let before = versions()?;
    create(admin, &approval(bank, "web", &["touched-shop/web"], &["ledger:rpc"]))?;
    installed.until("the caller's pod has its label", || {
        let pods = items(installed, "Pod", shop)?;
        let web = pods.iter().find(|pod| pod["metadata"]["labels"]["app"] == "web");
        Ok(web.filter(|pod| !reserved(pod).is_empty()).map(drop))
    })?;
    assert_eq!(versions()?, before);
    settles(installed, "one is approved", &[shop, bank])
}

/// A pod that came to a label while the webhook could be passed by, in a namespace that takes no part.
#[test]
fn unmanaged_namespaces_keep_no_reserved_labels() -> Result {
    let installed = shared()?;
    let (away, admin) = ("unmanaged", installed.admin());
    namespaces(installed, &[(away, "off")])?;
    create(admin, &deployment(away, "web", ""))?;
    let (uid, _) = only_pod(installed, away)?;
    let pod = items(installed, "Pod", away)?.pop().ok_or("no pod")?;
    let name = pod["metadata"]["name"].as_str().unwrap_or_default();
    let label = json!({"metadata": {"labels": {"ledger.bank.to.netintent.dev/rpc": "allowed"}}}).to_string();
    let patch = ["patch", "pod", "-n", away, name, "-p", &label, "--as=admin", "--as-group=system:masters"];
    let kubectl = admin.kubectl();
    kubectl.text(patch.iter().copied().chain(["--as-group=netintent:recover"]))?;
    until_labels(installed, away, "it has no right to one", &[])?;
    assert_eq!(only_pod(installed, away)?.0, uid);
    Ok(())
}
