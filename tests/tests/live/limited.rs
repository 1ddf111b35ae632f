//! Users who may not read everything: what can be known is said, and nothing else.

use netintent_tests::User;

use crate::Result;
use crate::plugin::{netintent, shared, until_said, workload};

/// Somebody who may read one namespace, as `view` lets them.
pub(crate) fn viewer(name: &str, namespace: &str) -> Result<User> {
    let installed = shared()?;
    let kubectl = installed.admin().kubectl();
    let user = format!("--user={name}");
    kubectl.text(["create", "rolebinding", name, "-n", namespace, "--clusterrole=view", &user])?;
    let rule = "--resource=approvals.netintent.dev,networkpolicies.networking.k8s.io";
    kubectl.text(["create", "role", name, "-n", namespace, "--verb=get,list", rule])?;
    kubectl.text([
        "create",
        "rolebinding",
        &format!("{name}-more"),
        "-n",
        namespace,
        &format!("--role={name}"),
        &user,
    ])?;
    Ok(installed.plane().user(name, "nobodies")?)
}

#[test]
fn who_may_read_one_namespace_is_told_what_is_known_of_it() -> Result {
    let installed = shared()?;
    let admin = installed.admin().kubectl();
    installed.namespace("lim-bank", "enforce")?;
    installed.namespace("lim-shop", "enforce")?;
    admin.pipe(["apply", "-f", "-"], &workload("lim-bank", "ledger", ""))?;
    admin.pipe(["apply", "-f", "-"], &workload("lim-bank", "cards", ""))?;
    let approval = "{apiVersion: netintent.dev/v1alpha1, kind: Approval, metadata: {namespace: lim-bank, name: own}, \
        spec: {callers: [./teller, lim-shop/web], callees: [ledger]}}";
    admin.pipe(["apply", "-f", "-"], approval)?;
    admin.pipe(["apply", "-f", "-"], &workload("lim-bank", "teller", "ledger"))?;
    admin.pipe(["apply", "-f", "-"], &workload("lim-shop", "web", "lim-bank/ledger"))?;
    // Everybody who may read all agrees that it is allowed.
    until_said(installed, admin, &["explain", "lim-bank/teller", "lim-bank/ledger"], |said| said.status == Some(0))?;
    until_said(installed, admin, &["explain", "lim-shop/web", "lim-bank/ledger"], |said| said.status == Some(0))?;

    let user = viewer("lim-viewer", "lim-bank")?;
    let kubectl = user.kubectl();
    // Within the namespace all is known.
    let said = netintent(kubectl, &["explain", "teller", "ledger", "-n", "lim-bank"])?;
    assert_eq!(said.status, Some(0), "{said:?}");
    assert!(said.err.contains("not permitted to be read") && said.err.contains("ClusterApprovals"), "{said:?}");
    let said = netintent(kubectl, &["explain", "teller", "cards", "-n", "lim-bank"])?;
    assert_eq!(said.status, Some(1), "{said:?}");
    // Of another namespace nothing is: no verdict, and not even whether there is such a workload.
    let said = netintent(kubectl, &["explain", "lim-shop/web", "lim-bank/ledger", "-n", "lim-bank"])?;
    assert_eq!((said.status, said.out.as_str()), (Some(2), ""), "{said:?}");
    assert!(said.err.contains("cannot tell: `lim-shop/web` is not among what could be read"), "{said:?}");

    // Nor what has an address that is nobody's in this namespace.
    let address = |name: &str, namespace: &str| {
        admin.text(["get", "service", name, "-n", namespace, "-o=jsonpath={.spec.clusterIP}"])
    };
    let (near, far) = (address("cards", "lim-bank")?, address("web", "lim-shop")?);
    let explain = |more: &[&str]| netintent(kubectl, &[&["explain", "-n", "lim-bank", "teller"], more].concat());
    let said = explain(&[&near])?;
    assert!(said.status == Some(1) && said.out.contains("Service lim-bank/cards"), "{said:?}");
    let said = explain(&[&far])?;
    assert!(said.status == Some(2) && said.out.contains("may be of what could not be read"), "{said:?}");
    assert_eq!(explain(&[&far, "-q"])?.status, Some(2));
    let said = netintent(kubectl, &["explain", "-n", "lim-bank", &far, "teller", "-q"])?;
    assert_eq!((said.status, said.out.as_str()), (Some(2), ""), "{said:?}");
    let said = netintent(kubectl, &["explain", "-n", "lim-bank", "tellr", "ledger"])?;
    assert!(said.status == Some(2) && said.err.contains("did you mean `teller`?"), "{said:?}");

    let said = netintent(kubectl, &["list", "-n", "lim-bank", "-o", "json"])?;
    assert_eq!(said.status, Some(2), "not all of it could be read: {said:?}");
    let list = said.json();
    let ends = |end: &str| -> Vec<&str> {
        let items = list["items"].as_array().into_iter().flatten();
        items.filter_map(|item| item[end]["namespace"].as_str()).collect()
    };
    assert!(ends("source").iter().chain(&ends("destination")).all(|namespace| *namespace == "lim-bank"), "{list}");
    assert!(!ends("source").is_empty(), "{list}");
    let unread: Vec<&str> =
        list["unread"].as_array().into_iter().flatten().filter_map(|u| u["what"].as_str()).collect();
    for what in ["Pods outside of lim-bank", "NetworkPolicies outside of lim-bank", "ClusterApprovals"] {
        assert!(unread.contains(&what), "{unread:?}");
    }
    // Of what is there already, and could not be read, nobody can say that it comes.
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("web.yaml");
    std::fs::write(&file, workload("lim-shop", "web", ""))?;
    let file = file.display().to_string();
    let said = netintent(kubectl, &["diff", "-n", "lim-bank", "-f", &file, "-o", "name"])?;
    assert_eq!(said.status, Some(2), "{said:?}");
    assert!(!said.out.is_empty() && said.out.lines().all(|line| line.starts_with("? ")), "{said:?}");

    let said = netintent(kubectl, &["check", "-n", "lim-bank", "-o", "json"])?;
    assert_eq!(said.status, Some(2), "{said:?}");
    let codes: Vec<String> = said.json()["items"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|item| item["code"].as_str().map(str::to_owned))
        .collect();
    for guess in ["ungranted-label", "unlabelled-pod", "missing-policy", "leftover-policy", "refused-intent"] {
        assert!(!codes.iter().any(|code| code == guess), "{guess}: {said:?}");
    }
    Ok(())
}

#[test]
fn policies_that_cannot_be_read_make_no_verdict() -> Result {
    let installed = shared()?;
    let admin = installed.admin().kubectl();
    installed.namespace("blind", "off")?;
    admin.pipe(["apply", "-f", "-"], &workload("blind", "a", ""))?;
    admin.pipe(["apply", "-f", "-"], &workload("blind", "b", ""))?;
    until_said(installed, admin, &["explain", "blind/a", "blind/b"], |said| said.out.contains("pods:"))?;
    // All but policies.
    let pods = "--resource=pods,services,namespaces,serviceaccounts,deployments.apps,replicasets.apps";
    admin.text(["create", "clusterrole", "blind", "--verb=get,list", pods])?;
    admin.text(["create", "clusterrolebinding", "blind", "--clusterrole=blind", "--user=blind-user"])?;
    let user = installed.plane().user("blind-user", "nobodies")?;
    let said = netintent(user.kubectl(), &["explain", "blind/a", "blind/b", "-o", "json"])?;
    assert_eq!(said.status, Some(2), "{said:?}");
    let explanation = said.json();
    assert_eq!(explanation["allowed"], serde_json::Value::Null, "{explanation}");
    assert!(explanation["summary"].as_str().is_some_and(|text| text.contains("NetworkPolicies")), "{explanation}");
    let chain = explanation["chain"].to_string();
    assert!(chain.contains("no policy that could be read selects it") && !chain.contains("is open"), "{chain}");
    let said = netintent(user.kubectl(), &["list", "-n", "blind"])?;
    assert_eq!(said.status, Some(2), "{said:?}");
    assert!(said.out.contains("(cannot tell)"), "{said:?}");
    Ok(())
}

#[test]
fn who_may_not_read_the_callee_has_the_webhook_asked() -> Result {
    let installed = shared()?;
    let admin = installed.admin().kubectl();
    for (namespace, mode) in [("ask-bank", "enforce"), ("ask-shop", "enforce"), ("ask-shadow", "shadow")] {
        installed.namespace(namespace, mode)?;
    }
    let service = |namespace: &str, name: &str| workload(namespace, name, "");
    let approval = "{apiVersion: netintent.dev/v1alpha1, kind: Approval, metadata: {namespace: ask-bank, name: web}, \
        spec: {callers: [ask-shop/web], callees: ['ledger:rpc']}}";
    admin.pipe(
        ["apply", "-f", "-"],
        &[
            service("ask-bank", "ledger"),
            service("ask-bank", "cards"),
            service("ask-shadow", "log"),
            approval.to_owned(),
        ]
        .join("---\n"),
    )?;
    admin.pipe(["apply", "-f", "-"], &workload("ask-shop", "web", "ask-bank/ledger:rpc, ask-shadow/log"))?;
    until_said(installed, admin, &["explain", "ask-shop/web", "ask-bank/ledger"], |said| said.status == Some(0))?;

    let user = viewer("ask-viewer", "ask-shop")?;
    let explain = |callee: &str, more: &[&str]| {
        let args = [&["explain", "web", callee, "-n", "ask-shop"], more].concat();
        netintent(user.kubectl(), &args)
    };
    // Without the right to create pods nothing more is known.
    let said = explain("ask-bank/ledger:rpc", &[])?;
    assert_eq!(said.status, Some(2), "{said:?}");
    assert!(
        said.out.contains("the webhook can't be asked by a dry run of a pod") && said.out.contains("create"),
        "{said:?}"
    );

    admin.text(["create", "rolebinding", "ask-edit", "-n", "ask-shop", "--clusterrole=edit", "--user=ask-viewer"])?;
    let said = explain("ask-bank/ledger:rpc", &[])?;
    assert_eq!(said.status, Some(2), "what the network lets through is not known: {said:?}");
    assert!(said.out.contains("cannot tell"), "{said:?}");
    let granted = "the webhook grants ask-shop/web ask-bank/ledger:rpc: pods get the label ledger.ask-bank.to.netintent.dev/rpc=allowed";
    assert!(said.out.contains(granted), "{said:?}");
    // Of a port that is not declared it is said that nothing is granted.
    let said = explain("ask-bank/ledger", &[])?;
    assert!(said.status == Some(2) && said.out.contains(granted), "{said:?}");
    let alone = "of ask-bank/ledger ask-shop/web declares ask-bank/ledger:rpc alone: what else it has is not granted";
    assert!(said.out.contains(alone), "{said:?}");
    // What it declares itself is told, and not judged.
    let said = netintent(user.kubectl(), &["list", "--declared", "-n", "ask-shop"])?;
    assert!(said.err.contains("ask-shop/web declares ask-bank/ledger:rpc, of which not all"), "{said:?}");
    let said = netintent(user.kubectl(), &["check", "-n", "ask-shop"])?;
    assert!(!said.out.contains("there is no Service"), "{said:?}");
    let said = explain("ask-bank/cards", &[])?;
    assert_eq!(said.status, Some(2), "{said:?}");
    for text in [
        "ask-shop/web declares nothing that covers ask-bank/cards",
        "the webhook refuses it: ask-shop/web may not call ask-bank/cards: nobody has approved it",
        "kubectl netintent approve ask-shop/web --to ask-bank/cards",
        "    kind: Approval",
    ] {
        assert!(said.out.contains(text), "{text}: {}", said.out);
    }
    // In shadow it only warns.
    let said = explain("ask-shadow/log", &["-o", "json"])?;
    let explanation = said.json();
    assert_eq!((said.status, &explanation["allowed"]), (Some(2), &serde_json::Value::Null), "{said:?}");
    assert_eq!(explanation["destination"]["name"], "log");
    let chain = explanation["chain"].to_string();
    assert!(chain.contains("the webhook warns: ask-shop/web may not call ask-shadow/log"), "{chain}");
    // It was a dry run.
    assert_eq!(admin.text(["get", "pods", "-n", "ask-shop", "-o=name"])?.lines().count(), 1);
    Ok(())
}

#[test]
fn who_owns_the_callee_approves_and_revokes_whatever_else_may_be_read() -> Result {
    let installed = shared()?;
    let admin = installed.admin().kubectl();
    for namespace in ["own-bank", "own-shop"] {
        installed.namespace(namespace, "shadow")?;
    }
    admin.pipe(["apply", "-f", "-"], &workload("own-bank", "ledger", ""))?;
    admin.pipe(["apply", "-f", "-"], &workload("own-shop", "web", "own-bank/ledger:rpc"))?;
    for namespace in ["own-bank", "own-shop"] {
        admin.text(["label", "--overwrite", "namespace", namespace, "netintent.dev/mode=enforce"])?;
    }
    let explain = ["explain", "own-shop/web", "own-bank/ledger:rpc"];
    until_said(installed, admin, &explain, |said| said.status == Some(1))?;

    // Somebody who has approvals of one namespace, and may read nothing else at all.
    let binding = |name: &str, verbs: &str| -> Result {
        let (role, user) = (format!("--role={name}"), "--user=own-approver");
        let verbs = format!("--verb={verbs}");
        admin.text(["create", "role", name, "-n", "own-bank", &verbs, "--resource=approvals.netintent.dev"])?;
        admin.text(["create", "rolebinding", name, "-n", "own-bank", &role, user])?;
        Ok(())
    };
    binding("own-approver", "get,list,create")?;
    let user = installed.plane().user("own-approver", "nobodies")?;
    let approve = ["approve", "own-shop/web", "--to", "own-bank/ledger:rpc"];
    let with = |more: &[&'static str]| netintent(user.kubectl(), &[&approve[..], more].concat());
    let printed = with(&[])?;
    assert!(printed.status == Some(0) && printed.out.contains("kind: Approval"), "{printed:?}");
    let said = with(&["--apply"])?;
    assert_eq!((said.status, said.out.as_str()), (Some(0), ""), "{said:?}");
    for text in [
        "cannot tell whether own-shop/web exists",
        "cannot tell whether Service own-bank/ledger exists",
        "created Approval own-bank/own-shop.web.calls.ledger.rpc",
        "cannot tell what opens: ",
    ] {
        assert!(said.err.contains(text), "{text}: {said:?}");
    }
    until_said(installed, admin, &explain, |said| said.status == Some(0))?;
    let again = with(&["--apply"])?;
    assert!(again.status == Some(0) && again.err.contains("already approved by Approval own-bank/"), "{again:?}");

    // The caller's owner may neither approve nor know what is approved.
    let other = viewer("own-viewer", "own-shop")?;
    let revoke = ["revoke", "own-shop/web", "--to", "own-bank/ledger:rpc", "--apply", "--yes"];
    let said = netintent(other.kubectl(), &[&approve[..], &["--apply"]].concat())?;
    assert!(said.status == Some(2) && said.err.contains("cannot create resource"), "{said:?}");
    let said = netintent(other.kubectl(), &revoke)?;
    assert_eq!(said.status, Some(2), "{said:?}");
    assert!(said.err.contains("error: cannot tell whether anything approves own-shop/web"), "{said:?}");
    // Nor is it known that their namespace is not there.
    let said = netintent(other.kubectl(), &["list", "-n", "own-bnak"])?;
    assert!(said.status == Some(2) && !said.err.contains("no namespace"), "{said:?}");

    binding("own-revoker", "patch,delete")?;
    let said = netintent(user.kubectl(), &revoke)?;
    assert_eq!(said.status, Some(0), "{said:?}");
    assert!(said.err.contains("cannot tell what closes: ") && !said.err.contains("closes nothing"), "{said:?}");
    assert!(said.err.contains("cannot tell whether a wider approval lets it through still"), "{said:?}");
    until_said(installed, admin, &explain, |said| said.status == Some(1))?;
    Ok(())
}
