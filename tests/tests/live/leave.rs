//! `uninstall` where something stands in its way: no replica that answers, an interruption, and what is somebody else's.

use netintent_tests::{Installation, Installed, Kubectl};

use crate::Result;
use crate::install::nothing_is_marked;
use crate::inventory::{Inventory, inventory, touched, until_inventory};
use crate::plugin::{netintent, workload};

/// Policies as `render` prints them, and of somebody who selects by a derived label.
const RENDERED: &str = "{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {namespace: lv-shop, \
    name: netintent-web, labels: {app.kubernetes.io/managed-by: netintent}}, spec: {podSelector: {}, ingress: \
    [{from: [{namespaceSelector: {matchLabels: {netintent.dev/mode: enforce}}}]}]}}";
const BY_LABEL: &str = "{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {namespace: lv-shop, \
    name: by-label}, spec: {podSelector: {matchLabels: {ledger.lv-bank.to.netintent.dev/rpc: allowed}}}}";

/// A caller with its label, and a callee with its policy, and then nobody who looks after them.
fn abandoned() -> Result<Installed> {
    let installed = Installed::start_by(&Installation { controller: true, ..own() }, |plane| {
        let said = netintent(plane.admin(), &["install", "--apply", "--wait=false"])?;
        assert_eq!(said.status, Some(0), "{said:?}");
        Ok(())
    })?;
    let kubectl = installed.admin().kubectl();
    installed.namespace("lv-shop", "shadow")?;
    installed.namespace("lv-bank", "shadow")?;
    kubectl.pipe(["apply", "-f", "-"], &workload("lv-bank", "ledger", ""))?;
    kubectl.pipe(["apply", "-f", "-"], &workload("lv-bank", "open", ""))?;
    let approval = "{apiVersion: netintent.dev/v1alpha1, kind: Approval, metadata: {namespace: lv-bank, name: web}, \
        spec: {callers: [lv-shop/web], callees: [ledger]}}";
    kubectl.pipe(["apply", "-f", "-"], approval)?;
    kubectl.pipe(["apply", "-f", "-"], &workload("lv-shop", "web", "lv-bank/ledger"))?;
    kubectl.text(["label", "service", "-n", "lv-bank", "open", "netintent.dev/mode=off"])?;
    kubectl.text(["label", "--overwrite", "namespace", "lv-shop", "lv-bank", "netintent.dev/mode=enforce"])?;
    let label = ["get", "pods", "-A", "-o=name", "-l=ledger.lv-bank.to.netintent.dev/all.ports"];
    installed.until("the policies and the label are there", || {
        let policies = kubectl.text(["get", "networkpolicies", "-A", "-o=name"])?;
        let all = ["netintent-ledger\n", "netintent-web\n"].iter().all(|name| policies.contains(name));
        Ok((all && !kubectl.text(label)?.is_empty()).then_some(()))
    })?;
    installed.replicas().iter().for_each(netintent_tests::Webhook::kill);
    Ok(installed)
}

fn own() -> Installation {
    Installation { certificates: netintent_tests::Certificates::Own, ..Installation::default() }
}

/// What stops it is said before anything is changed.
fn others_policies_stop_it(kubectl: &Kubectl) -> Result {
    kubectl.text(["delete", "networkpolicy", "-n", "lv-shop", "netintent-web"])?;
    for (policy, name) in [(RENDERED, "netintent-web"), (BY_LABEL, "by-label")] {
        kubectl.pipe(["apply", "-f", "-"], policy)?;
        let before = inventory(kubectl)?;
        let said = netintent(kubectl, &["uninstall", "--apply", "--yes"])?;
        assert_eq!(said.status, Some(2), "{said:?}");
        assert!(said.err.contains("nothing was changed") && said.err.contains(&format!("lv-shop/{name}")), "{said:?}");
        let fix = format!("kubectl delete networkpolicy -n lv-shop {name}");
        assert!(said.err.contains(&fix), "{said:?}");
        let said = netintent(kubectl, &["uninstall", "--apply", "--dry-run", "--cut-others"])?;
        assert!(said.out.is_empty() && said.err.contains("lv-bank/netintent-ledger"), "{said:?}");
        assert!(said.err.contains("policies of others will let in nobody"), "{said:?}");
        assert_eq!(touched(&before, &inventory(kubectl)?), [] as [&str; 0]);
        kubectl.text(fix.split(' ').skip(1))?;
    }
    Ok(())
}

/// What `recover` has opened is closed by nobody who installs by the way.
fn recover_comes_first(kubectl: &Kubectl) -> Result {
    let said = netintent(kubectl, &["recover", "admit", "--yes"])?;
    assert_eq!(said.status, Some(0), "{said:?}");
    let before = inventory(kubectl)?;
    for more in [&["--wait=false"][..], &["--force-conflicts"], &["--dry-run=server"]] {
        let said = netintent(kubectl, &[&["install", "--apply"], more].concat())?;
        assert_eq!(said.status, Some(2), "{said:?}");
        for words in
            ["has opened new.derive.netintent.dev", "netintent.dev/recover", "netintent recover undo comes first"]
        {
            assert!(said.err.contains(words), "{words}: {said:?}");
        }
        assert_eq!(touched(&before, &inventory(kubectl)?), [] as [&str; 0]);
    }
    let said = netintent(kubectl, &["recover", "undo", "--yes"])?;
    assert_eq!(said.status, Some(0), "{said:?}");
    let said = netintent(kubectl, &["install", "--apply", "--wait=false"])?;
    assert!(said.status == Some(0) && said.err.contains("nothing was to be changed"), "{said:?}");
    Ok(())
}

/// What is before the labels of a pod: somebody else's policy, which stops it, and then a guard that nobody answers.
fn labels_are_held(installed: &Installed) -> Result {
    const FROZEN: &str = r#"
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata: {name: lv-frozen}
spec:
  matchConstraints:
    namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: lv-shop}}
    resourceRules: [{apiGroups: [""], apiVersions: [v1], operations: [UPDATE], resources: [pods]}]
  validations: [{expression: object.metadata.labels == oldObject.metadata.labels, message: labels are frozen}]
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata: {name: lv-frozen}
spec: {policyName: lv-frozen, validationActions: [Deny]}
"#;
    let kubectl = installed.admin().kubectl();
    let label = ["label", "pods", "-n", "lv-shop", "--all", "lv=a", "--dry-run=server"];
    let until_refused = |why: &str| {
        installed.until(&format!("a label is refused: {why}"), || {
            Ok(kubectl.text(label).err().filter(|error| error.to_string().contains(why)).map(drop))
        })
    };
    kubectl.pipe(["apply", "-f", "-"], FROZEN)?;
    until_refused("labels are frozen")?;
    let before = inventory(kubectl)?;
    let said = netintent(kubectl, &["uninstall", "--apply", "--yes"])?;
    assert_eq!(said.status, Some(2), "{said:?}");
    assert!(said.err.contains("error: nothing was changed: ") && said.err.contains("labels are frozen"), "{said:?}");
    assert_eq!(touched(&before, &inventory(kubectl)?), [] as [&str; 0]);
    kubectl.pipe(["delete", "-f", "-"], FROZEN)?;
    installed.until("a label is taken", || Ok(kubectl.text(label).ok()))?;

    // One that is asked about each change of a pod, as somebody may have made it.
    let names = ["get", "validatingwebhookconfiguration", "netintent", "-o=jsonpath={.webhooks[*].name}"];
    let names = kubectl.text(names)?;
    let at = names.split_whitespace().position(|name| name == "guard.netintent.dev").ok_or("no guard")?;
    let patch = format!("[{{\"op\": \"remove\", \"path\": \"/webhooks/{at}/matchConditions\"}}]");
    kubectl.text(["patch", "validatingwebhookconfiguration", "netintent", "--type=json", "-p", &patch])?;
    until_refused("failed calling webhook \"guard.netintent.dev\"")?;
    Ok(())
}

/// Somebody's policy that takes a Service as it is, and nothing that is changed of it once it is meant.
const KEPT: &str = r#"
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata: {name: lv-kept}
spec:
  matchConstraints:
    namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: lv-bank}}
    resourceRules: [{apiGroups: [""], apiVersions: [v1], operations: [UPDATE], resources: [services]}]
  validations: [{expression: request.dryRun, message: Services are kept}]
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata: {name: lv-kept}
spec: {policyName: lv-kept, validationActions: [Deny]}
"#;

/// Has a finalizer hold an object, or lets it go.
fn hold(kubectl: &Kubectl, object: [&str; 4], holds: bool) -> Result {
    let finalizers = if holds { r#"["example.invalid/hold"]"# } else { "null" };
    let patch = format!("{{\"metadata\": {{\"finalizers\": {finalizers}}}}}");
    kubectl.text(["patch"].iter().chain(&object).chain(&["--type=merge", "-p", &patch]))?;
    Ok(())
}

#[test]
fn without_the_webhook_and_interrupted_it_comes_to_its_end() -> Result {
    let installed = abandoned()?;
    let kubectl = installed.admin().kubectl();
    others_policies_stop_it(kubectl)?;
    recover_comes_first(kubectl)?;

    // Somebody's in netintent's namespace, and somebody's by the name of one of netintent's.
    kubectl.text(["create", "configmap", "-n", "netintent-system", "guest"])?;
    kubectl.text(["label", "clusterrole", "netintent-viewer", "app.kubernetes.io/name=other", "--overwrite"])?;
    let stray = RENDERED.replace("netintent-web", "stray").replace("netintent.dev/mode", "tier");
    kubectl.pipe(["apply", "-f", "-"], &stray)?;
    // Whoever may not do all of it does nothing.
    kubectl.text(["create", "clusterrolebinding", "lv-reader", "--clusterrole=lv-reader", "--user=lv-reader"])?;
    kubectl.text(["create", "clusterrole", "lv-reader", "--verb=get,list", "--resource=*.*"])?;
    let reader = installed.plane().user("lv-reader", "nobodies")?;
    let before = inventory(kubectl)?;
    let said = netintent(reader.kubectl(), &["uninstall", "--apply", "--yes"])?;
    assert_eq!(said.status, Some(2), "{said:?}");
    assert!(said.err.contains("nothing was changed: not permitted: namespaces \"lv-bank\" is forbidden"), "{said:?}");
    assert_eq!(touched(&before, &inventory(kubectl)?), [] as [&str; 0]);

    // What recover has opened goes as well.
    let said = netintent(kubectl, &["recover", "open", "lv-bank/ledger", "--for", "1h", "--yes"])?;
    assert_eq!(said.status, Some(0), "{said:?}");
    kubectl.text(["get", "networkpolicy", "-n", "lv-bank", "netintent.recover.ledger"])?;

    // Interrupted in the middle: something of its own that does not go. A policy that does not go selects no pod instead: the
    // one that closes a namespace, which would cut everybody once those that open something are gone.
    labels_are_held(&installed)?;
    let (deployment, policy) =
        (["-n", "netintent-system", "deployment", "netintent"], ["-n", "lv-shop", "networkpolicy", "netintent"]);
    hold(kubectl, deployment, true)?;
    kubectl.pipe(["apply", "-f", "-"], KEPT)?;
    let mut writes = 0;
    let mut write = || {
        writes += 1;
        kubectl.text(["annotate", "--overwrite", "service", "-n", "lv-bank", "open", &format!("lv={writes}")])
    };
    installed.until("Services are kept", || Ok(write().err().map(drop)))?;
    hold(kubectl, policy, true)?;
    let said = netintent(kubectl, &["uninstall", "--apply", "--yes", "--timeout=2s"])?;
    assert_eq!(said.status, Some(2), "{said:?}");
    for words in [
        "go once netintent's webhook is gone: the API server refuses: ",
        "done: NetworkPolicy lv-shop/netintent is held, and selects no pod\n",
        "still there after 2 s: Deployment netintent-system/netintent",
        "run the command again",
    ] {
        assert!(said.err.contains(words), "{words}: {said:?}");
    }
    let at = |text: &str| said.err.find(&format!("done: NetworkPolicy {text}")).ok_or_else(|| format!("{said:?}"));
    assert!(at("lv-shop/netintent is held")? < at("lv-bank/netintent-ledger is gone")?, "{said:?}");
    let selects = "-o=jsonpath={.spec.podSelector.matchExpressions[*].operator}";
    let selected = kubectl.text(["get"].iter().chain(&policy).chain(&[selects]))?;
    assert_eq!(selected, "Exists DoesNotExist");
    // As long as the program is there, what it may still write finds modes.
    let modes = |of: &str| kubectl.text(["get", "namespaces", &format!("-l=netintent.dev/mode{of}"), "-o=name"]);
    assert_eq!((modes("=enforce")?.as_str(), modes("=shadow")?.lines().count()), ("", 2));
    hold(kubectl, deployment, false)?;

    // The rest, but for what people have approved.
    let said = netintent(kubectl, &["uninstall", "--apply", "--yes", "--keep-approvals"])?;
    assert_eq!(said.status, Some(2), "something stays: {said:?}");
    for words in [
        "stays: what people have approved: 1 Approval",
        "stays, since it is not netintent's: 1 object: ClusterRole netintent-viewer",
        "stays, since netintent did not write it: 1 NetworkPolicy: lv-shop/stray",
        "stays: Namespace netintent-system, for what else is in it, 1 object: ConfigMap guest",
        "stays: NetworkPolicy lv-shop/netintent: the finalizer example.invalid/hold holds it, and it selects no pod any more",
        "stays: the mode of Service lv-bank/open: the API server refuses: ",
        "kubectl patch -n lv-shop networkpolicy netintent --type=merge -p '{\"metadata\":{\"finalizers\":null}}'",
    ] {
        assert!(said.err.contains(words), "{words}: {said:?}");
    }
    hold(kubectl, policy, false)?;
    kubectl.pipe(["delete", "-f", "-"], KEPT)?;
    installed.until("Services are no longer kept", || Ok(write().ok()))?;
    let kept = kubectl.text(["get", "approvals", "-n", "lv-bank", "-o=name"])?;
    assert_eq!(kept, "approval.netintent.dev/web\n");
    kubectl.text(["get", "configmap", "-n", "netintent-system", "guest"])?;
    kubectl.text(["get", "clusterrole", "netintent-viewer"])?;

    // Once the others are gone, nothing is left.
    kubectl.text(["delete", "configmap", "-n", "netintent-system", "guest"])?;
    kubectl.text(["delete", "clusterrole", "netintent-viewer", "lv-reader"])?;
    kubectl.text(["delete", "networkpolicy", "-n", "lv-shop", "stray"])?;
    let said = netintent(kubectl, &["uninstall", "--apply", "--yes"])?;
    assert_eq!(said.status, Some(0), "{said:?}");
    let left = |now: &Inventory| now.keys().filter(|key| key.contains("netintent")).cloned().collect::<Vec<_>>();
    until_inventory(&installed, "nothing of netintent's is left", left)?;
    nothing_is_marked(&installed)?;
    let declared = kubectl.text(["get", "deployment", "-n", "lv-shop", "web", "-o=yaml"])?;
    assert!(declared.contains("netintent.dev/calls: lv-bank/ledger"), "{declared}");
    let said = netintent(kubectl, &["uninstall", "--apply"])?;
    assert_eq!((said.status, said.err.as_str()), (Some(0), "nothing of netintent's is in this cluster\n"), "{said:?}");
    Ok(())
}
